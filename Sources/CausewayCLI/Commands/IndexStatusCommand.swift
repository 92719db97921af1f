/// `causeway index status` and `index tune`: what the indexes are, and how wide a search must be for a recall.
import Causeway

package enum IndexStatusCommand: Command {
    package static let description = CommandDescription(
        "index", "status", topic: .index, summary: "Show the indexes, their state and their recall tables",
        positionals: [.database()], options: [.anyCollection, .anyModality],
        examples: ["causeway index status photos.db --format json"], printsResults: true)

    package static func run(_ arguments: ParsedArguments, _ context: Context) throws {
        let database = try arguments.database(.readOnly)
        let results = context.results([
            "collection", "modality", "state", "embeddings", "changedSince", "deletedSince", "bytes", "detail",
        ])
        for collection in try arguments.collections(of: database) {
            let names = try arguments.textIfGiven("modality").map { [$0] } ?? collection.modalities().map(\.name)
            for name in names { try results.add(collection.indexStatus(of: name).json(collection: collection.name)) }
        }
        try results.finish()
    }
}

package enum IndexTuneCommand: Command {
    package static let description = CommandDescription(
        "index", "tune", topic: .index, summary: "Measure the width, or the candidates, that reach a recall",
        discussion: [
            "Searches with held-out stored embeddings of modality M1 in M2 and compares with the exact answer. The rows are "
                + "stored, and `search --recall` uses them.",
            "With --metric NAME of a metric on token sets: how many of the nearest by cosine must be compared so that the "
                + "best by NAME are among them. Needs no index.",
        ],
        positionals: [.database()],
        options: [
            .collection,
            .value("from", "M1", isRequired: true, help: "the modality of the queries"),
            .value("to", "M2", isRequired: true, help: "the modality searched"),
            .value("recall", "R", kind: .real(0.01...0.999), default: "0.95", help: "the recall to reach"),
            .value("k", "N", kind: .integer(1...1_000), default: "10", help: "of the best how many"),
            .value(
                "metric", "NAME", kind: .suggested(Metric.names),
                help: "the best by which metric; the collection's own, or cosine, when left out"),
            .threads,
        ],
        examples: [
            "causeway index tune photos.db --collection photos --from text --to image --recall 0.95",
            "causeway index tune photos.db --collection photos --from text --to image --metric wasserstein --recall 0.99",
        ],
        printsResults: true)

    package static func run(_ arguments: ParsedArguments, _ context: Context) throws {
        let collection = try arguments.database(.readWrite).collection(arguments.text("collection"))
        let (handler, finish) = context.progressHandler(unit: "rows")
        defer { finish() }
        let (from, to, recall) = (arguments.text("from"), arguments.text("to"), arguments.real("recall"))
        let tuning = try collection.tuneIndex(
            from: from, to: to, recall: recall, k: arguments.integer("k"), metric: arguments.metricIfGiven,
            threads: arguments.integerIfGiven("threads"), progress: handler)
        finish()
        guard let tuning else {
            throw CommandFailure(
                .failed, "nothing measured reaches a recall of \(recall) from \(from) to \(to)",
                remedy: "see with `causeway index status` what is reached, search with --exact, or, for a metric on vectors, "
                    + "build the index with --quality high")
        }
        try context.print(tuning.json)
    }
}

extension Tuning {
    var json: JSONValue {
        [
            "from": .text(from), "metric": .text(metric), "k": .integer(k), "recall": .real(recallTarget),
            "width": .integer(width), "candidates": .integer(candidates), "mean": .real(meanRecall),
            "p5": .real(fifthPercentile), "minimum": .real(minimum), "lowerBound": .real(lowerBound),
            "stale": .bool(isStale),
        ]
    }
}

extension IndexStatus {
    func json(collection: String? = nil) -> JSONValue {
        var members: [JSONMember] = collection.map { [JSONMember("collection", .text($0))] } ?? []
        members += [
            JSONMember("modality", .text(modality)), JSONMember("state", .text(state.rawValue)),
            JSONMember("embeddings", .integer(embeddings)), JSONMember("embeddingsInGraph", .integer(embeddingsInGraph)),
            JSONMember("changedSince", .integer(changedSince)), JSONMember("deletedSince", .integer(deletedSince)),
            JSONMember("bytes", .integer(bytes)),
        ]
        if let detail { members.append(JSONMember("detail", .text(detail))) }
        if let file { members.append(JSONMember("file", .text(file))) }
        if let generation { members.append(JSONMember("generation", .integer(generation))) }
        if let quality { members.append(JSONMember("quality", .text(quality.rawValue))) }
        if !crossModal.isEmpty { members.append(JSONMember("crossModal", .array(crossModal.map(\.json)))) }
        if !tunings.isEmpty { members.append(JSONMember("tunings", .array(tunings.map(\.json)))) }
        return .object(members)
    }
}
