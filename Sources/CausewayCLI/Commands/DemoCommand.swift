/// `causeway demo`: a corpus of two modalities made from a seed, taken through everything, with the commands to do it by hand.
import Causeway
import Foundation

package enum DemoCommand: Command {
    package static let description = CommandDescription(
        "demo", topic: .help, summary: "Make a corpus, ingest, index, search both ways, evaluate, and leave it to play with",
        positionals: [
            PositionalDescription(
                "DIR", .optional, kind: .directory, help: "where to leave it; ./demo, or ./demo-2 and so on, when left out")
        ],
        options: [
            .value("pairs", "N", kind: .integer(100...1_000_000), default: "5000", help: "how many photos with captions"),
            .value("seed", "S", kind: .integer(0...Int.max), default: "7", help: "what the corpus follows from"),
        ],
        examples: ["causeway demo", "causeway demo /var/tmp/demo --pairs 20000"])

    package static func run(_ arguments: ParsedArguments, _ context: Context) throws {
        let directory = arguments.texts("DIR").first ?? freeDirectory()
        let seed = UInt64(arguments.integer("seed"))
        let (handler, finish) = context.progressHandler(unit: "embeddings")  // before there is a directory to clear again
        defer { finish() }
        let demo = Demo(
            directory: directory, pairs: arguments.integer("pairs"), seed: seed, context: context,
            cancellation: context.cancellation, progress: handler)
        let place = try DemoDirectory(directory)
        do {
            try demo.run()
        } catch {
            place.clear()
            guard demo.cancellation.isCancelled else { throw error }
            throw CommandFailure(.interrupted, "interrupted", remedy: "nothing is left of the demo in \(directory)")
        }
    }
}

/// `demo`, or the first of `demo-2`, `demo-3`… that is not there, so that the command can be given again.
private func freeDirectory() -> String {
    var name = "demo"
    var number = 2
    while FileManager.default.fileExists(atPath: name) {
        name = "demo-\(number)"
        number += 1
    }
    return name
}

private struct Demo {
    let directory: String
    let pairs: Int
    let seed: UInt64
    let context: Context
    let cancellation: Cancellation
    let progress: ProgressHandler

    private var databasePath: String { directory + "/" + DemoDirectory.databaseName }

    func run() throws {
        let corpus = try DemoCorpus(count: pairs, seed: seed, cancellation: cancellation)
        try say("A corpus of \(pairs) photos and their captions, seed \(seed): two encoders of \(DemoCorpus.dimension) "
            + "dimensions, whose clouds lie apart.")
        try corpus.write(to: directory)
        let database = try Database(path: databasePath, access: .create, upkeep: .manual, cancellation: cancellation)
        defer { database.close() }
        let photos = database.collection("photos")
        try ingest(photos)
        try index(photos)
        try searchBothWays(photos, corpus)
        try evaluate(photos)
        try report(photos)
        try say("")
        try say("Everything is in \(databasePath) (and the files it was made from beside it). Go on with:")
        try command("info \(databasePath)")
        try command("search \(databasePath) --collection photos --from text --to image --id caption-8 "
            + "--where \"topic = 'harbour' OR year >= 2020\" --explain")
        try command("check \(databasePath) --deep")
    }

    private func ingest(_ photos: EmbeddingCollection) throws {
        for (modality, title) in [("image", "photos"), ("text", "captions")] {
            var files = MatrixFiles(["\(directory)/\(modality).npy"])
            files.ids = "\(directory)/\(modality)-ids.txt"
            files.items = "\(directory)/items.txt"
            files.metadata = "\(directory)/metadata.jsonl"
            try command("ingest \(databasePath) --collection photos --modality \(modality) \(files.paths[0]) "
                + "--ids \(files.ids!) --items \(files.items!) --metadata \(files.metadata!) --model demo")
            let report = try photos.ingest(files, into: modality, options: IngestOptions(producer: "demo"), progress: progress)
            try say("  \(report.inserted) \(title) in \(duration(report.seconds))")
        }
    }

    private func index(_ photos: EmbeddingCollection) throws {
        try command("index build \(databasePath)")
        for report in try photos.buildIndex(progress: progress) {
            try say("  \(report.modality): \(report.embeddings) embeddings, "
                + "\(report.bytes / max(report.embeddings, 1)) bytes each, in \(duration(report.seconds)); "
                + "recall table measured in \(duration(report.tuningSeconds))")
        }
    }

    private func searchBothWays(_ photos: EmbeddingCollection, _ corpus: DemoCorpus) throws {
        for (from, to, id) in [("text", "image", "caption-8"), ("image", "text", "photo-8")] {
            try say("")
            try command("search \(databasePath) --collection photos --from \(from) --to \(to) --id \(id) -k 5")
            try say("  the query shows: \(corpus.items[8].topic)")
            let answer = try photos.search(.embedding(id: id, from: from), in: to, options: SearchOptions(k: 5))
            for hit in answer.hits {
                let number = Int(hit.item.drop { !$0.isNumber }) ?? 0
                try say("  \(rounded(hit.score, decimals: 3))  \(hit.id)  \(corpus.items[number].topic)"
                    + (number == 8 ? "   <- its own pair" : ""))
            }
        }
    }

    private func evaluate(_ photos: EmbeddingCollection) throws {
        for (from, to) in [("text", "image"), ("image", "text")] {
            try say("")
            try command("evaluate \(databasePath) --collection photos --from \(from) --to \(to) --metrics cosine,manhattan")
            let evaluation = try photos.evaluate(
                from: from, to: to, options: EvaluationOptions(metrics: [.cosine, .manhattan]), progress: progress)
            for metric in evaluation.metrics {
                let recalls = metric.recall.map { "recall@\($0.k) \(rounded($0.figure.value, decimals: 3))" }
                try say("  \(metric.metric): \(recalls.joined(separator: ", ")), median rank \(Int(metric.medianRank.value))")
            }
        }
    }

    /// Measures the gap and leaves both pages.
    private func report(_ photos: EmbeddingCollection) throws {
        let pages = (gap: directory + "/gap.html", evaluation: directory + "/evaluation.html")
        try say("")
        try command("gap \(databasePath) --collection photos --between image text --sample 1000 --report \(pages.gap)")
        var options = ModalityGapOptions()
        (options.sampleMax, options.transportSampleMax) = (500, 200)
        let gap = try photos.gap(between: "image", and: "text", options: options, progress: progress)
        for measure in gap.measures where ["centroid-gap", "energy-distance", "separability"].contains(measure.name) {
            try say("  \(measure.name): \(rounded(measure.value, decimals: 3)), centred \(rounded(measure.centred, decimals: 3))")
        }
        try writeReport(gapPage(gap, photos.picture(between: "image", and: "text"), collection: photos.name), to: pages.gap)
        let wanted = EvaluationOptions(metrics: [.cosine, .manhattan], queries: 1_000)
        let evaluation = try photos.evaluate(from: "text", to: "image", options: wanted, progress: progress)
        try writeReport(evaluationPage(evaluation, of: photos, wanted), to: pages.evaluation)
        try say("  pages to open: \(pages.gap), \(pages.evaluation)")
    }

    private func say(_ line: String) throws {
        if cancellation.isCancelled { throw CausewayError.cancelled }
        try context.output.writeLine(line)
        try context.output.flush()
    }

    private func command(_ line: String) throws { try say("$ causeway " + line) }
}
