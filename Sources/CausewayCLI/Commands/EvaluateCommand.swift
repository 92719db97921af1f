/// `causeway evaluate`: how well metrics find the pairs that the collection holds.
import Causeway

package enum EvaluateCommand: Command {
    package static let description = CommandDescription(
        "evaluate", topic: .crossModal, summary: "Measure how well metrics find the pairs of a collection",
        discussion: [
            "Ranks exactly, for every embedding of M1, those of M2 with the same item; several right answers are allowed. "
                + "recall@k is the share of queries with a right answer among the best k. Intervals are 95 %, by bootstrap.",
        ],
        positionals: [.database()],
        options: [
            .collection,
            .value("from", "M1", isRequired: true, help: "the modality of the queries"),
            .value("to", "M2", isRequired: true, help: "the modality searched"),
            .value("metrics", "A,B", kind: .suggested(Metric.names), default: "cosine", help: "the metrics, side by side"),
            .value("at", "K,K", kind: .integers(1...1_000_000), default: "1,5,10", help: "the k of recall@k"),
            .value("queries", "N", kind: .integer(1...Int.max), help: "at most this many queries, drawn by the seed"),
            .seed, .threads,
        ],
        examples: ["causeway evaluate photos.db --collection photos --from text --to image --metrics cosine,manhattan"],
        printsResults: true)

    package static func run(_ arguments: ParsedArguments, _ context: Context) throws {
        let collection = try arguments.database(.readOnly).collection(arguments.text("collection"))
        var options = EvaluationOptions(
            metrics: try arguments.list("metrics").map { try Metric(named: $0) }, at: arguments.integers("at"),
            queries: arguments.integerIfGiven("queries"), seed: UInt64(arguments.integer("seed")))
        if let threads = arguments.integerIfGiven("threads") { options.threads = threads }
        let (handler, finish) = context.progressHandler(unit: "embeddings")
        defer { finish() }
        let evaluation = try collection.evaluate(
            from: arguments.text("from"), to: arguments.text("to"), options: options, progress: handler)
        finish()
        try print(evaluation, context)
    }

    /// A table of figures with their intervals, or the object as JSON.
    static func print(_ evaluation: Evaluation, _ context: Context) throws {
        guard context.format == .table else { return try context.print(evaluation.json) }
        try context.output.writeLine(
            "\(evaluation.from) to \(evaluation.to): \(evaluation.queries) queries among \(evaluation.items)")
        let recalls = evaluation.metrics.first?.recall.map { "recall@\($0.k)" } ?? []
        let results = context.results(
            (["metric"] + recalls + ["median rank", "MRR", "MAP"]).map { ResultPrinter.Column($0) })
        for metric in evaluation.metrics {
            var members = [JSONMember("metric", .text(metric.metric.name))]
            members += metric.recall.map { JSONMember("recall@\($0.k)", .text($0.figure.words)) }
            members += [
                JSONMember("median rank", .text(metric.medianRank.words)),
                JSONMember("MRR", .text(metric.meanReciprocalRank.words)),
                JSONMember("MAP", .text(metric.meanAveragePrecision.words)),
            ]
            try results.add(.object(members))
        }
        try results.finish()
    }
}

extension Evaluation.Figure {
    /// `0.312 (0.298–0.327)`
    fileprivate var words: String { "\(short(value)) (\(short(low))–\(short(high)))" }

    private func short(_ number: Double) -> String {
        number >= 100 ? String(Int(number.rounded())) : String((number * 1000).rounded() / 1000)
    }

    fileprivate var interval: JSONValue { [.real(low), .real(high)] }
}

extension Evaluation {
    var json: JSONValue {
        [
            "from": .text(from), "to": .text(to), "queries": .integer(queries), "items": .integer(items),
            "metrics": .array(metrics.map(\.json)),
        ]
    }
}

extension Evaluation.MetricResult {
    fileprivate var json: JSONValue {
        var members = [JSONMember("metric", .text(metric.name))]
        members += recall.map { JSONMember("recall@\($0.k)", .real($0.figure.value)) }
        members += [
            JSONMember("medianRank", .real(medianRank.value)), JSONMember("mrr", .real(meanReciprocalRank.value)),
            JSONMember("map", .real(meanAveragePrecision.value)),
        ]
        var intervals = recall.map { JSONMember("recall@\($0.k)", $0.figure.interval) }
        intervals += [
            JSONMember("medianRank", medianRank.interval), JSONMember("mrr", meanReciprocalRank.interval),
            JSONMember("map", meanAveragePrecision.interval),
        ]
        members.append(JSONMember("interval95", .object(intervals)))
        return .object(members)
    }
}
