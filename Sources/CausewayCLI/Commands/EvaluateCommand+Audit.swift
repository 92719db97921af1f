/// `causeway evaluate --approximate`: the index against the exact search. Part of `causeway evaluate`.
import Causeway

extension EvaluateCommand {
    static func audit(
        _ collection: EmbeddingCollection, _ options: EvaluationOptions, _ arguments: ParsedArguments, _ context: Context
    ) throws {
        var wanted = IndexAuditOptions()
        (wanted.metrics, wanted.at, wanted.seed, wanted.threads) = (options.metrics, options.at, options.seed, options.threads)
        if let queries = options.queries { wanted.queries = queries }
        wanted.filter = arguments.textIfGiven("where")
        let (handler, finish) = context.progressHandler(unit: "queries")
        defer { finish() }
        let audit = try collection.auditIndex(
            from: arguments.text("from"), to: arguments.text("to"), options: wanted, progress: handler)
        finish()
        guard context.format == .table else { return try context.print(audit.json) }
        let filter = audit.filter.map {
            ", \($0.matches) of them (\(rounded($0.selectivity * 100, decimals: 2)) %) by the filter"
        } ?? ""
        try context.output.writeLine(
            "\(audit.from) to \(audit.to): \(audit.queries) queries among \(audit.embeddings)\(filter); against the exact search")
        let results = context.results([
            "metric", "k", "recall", "p5", "minimum", .init("vectorsRead", title: "vectors read"), "ms",
            .init("worst", title: "worst queries"),
        ])
        for metric in audit.metrics {
            for recall in metric.recalls {
                try results.add([
                    "metric": .text(metric.metric.name), "k": .integer(recall.k), "recall": .real(recall.mean.value),
                    "p5": .real(recall.fifthPercentile), "minimum": .real(recall.minimum),
                    "vectorsRead": .integer(Int(recall.vectorsRead.rounded())), "ms": .real(recall.milliseconds),
                    "worst": .text(recall.worst.map(\.id).joined(separator: " ")),
                ])
            }
        }
        try results.finish()
    }
}

extension IndexAudit {
    /// The keys of `evaluate`, with recall counted against the exact search, and what only an audit has beside them.
    var json: JSONValue {
        var members = [
            JSONMember("from", .text(from)), JSONMember("to", .text(to)), JSONMember("queries", .integer(queries)),
            JSONMember("items", .integer(items)), JSONMember("embeddings", .integer(embeddings)),
            JSONMember("approximate", true), JSONMember("against", "exact"),
        ]
        if let filter {
            members.append(JSONMember("filter", [
                "where": .text(filter.text), "matches": .integer(filter.matches), "selectivity": .real(filter.selectivity),
            ]))
        }
        members.append(JSONMember("metrics", .array(metrics.map(\.json))))
        return .object(members)
    }
}

extension IndexAudit.MetricResult {
    fileprivate var json: JSONValue {
        func byK(_ value: (IndexAudit.Recall) -> JSONValue) -> JSONValue {
            .object(recalls.map { JSONMember("recall@\($0.k)", value($0)) })
        }
        var members = [JSONMember("metric", .text(metric.name))]
        members += recalls.map { JSONMember("recall@\($0.k)", .real($0.mean.value)) }
        members += [
            JSONMember("interval95", byK { [.real($0.mean.low), .real($0.mean.high)] }),
            JSONMember("p5", byK { .real($0.fifthPercentile) }), JSONMember("minimum", byK { .real($0.minimum) }),
            JSONMember("worst", byK { recall in
                .array(recall.worst.map { ["id": .text($0.id), "recall": .real($0.recall)] })
            }),
            JSONMember("nodesVisited", byK { .real(rounded($0.nodesVisited)) }),
            JSONMember("vectorsRead", byK { .real(rounded($0.vectorsRead)) }),
            JSONMember("ms", byK { .real(rounded($0.milliseconds)) }), JSONMember("plan", byK { .text($0.plan) }),
        ]
        return .object(members)
    }
}
