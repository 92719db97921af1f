/// A file of queries answered in blocks: a JSON line per query, or a matrix of ids. Part of `causeway search`.
import Causeway

struct BatchSearch {
    /// Queries held in memory at once; an exact scan serves a block in one pass over the stored vectors.
    private static let blockMax = 1_024
    /// The same with token sets, which are tens of times as large.
    private static let tokenBlockMax = 64

    let collection: EmbeddingCollection
    let request: SearchRequest
    let context: Context

    func run(_ path: String) throws {
        let file = try QueryFile(path: path)
        let tokens = try request.queryTokens.map { try QueryTokenFile($0, count: file.count) }
        let blockMax = tokens == nil ? Self.blockMax : Self.tokenBlockMax
        let results = context.results(["query", "rank", "id", "item", .init(request.options.metric.key)])
        let matrix = try request.output.map { try IDMatrixWriter(path: $0, columns: request.options.k) }
        let progress = context.progress("search", unit: "queries", total: file.count)
        var latencies: [Double] = []
        var wall = 0.0
        var told: Set<String> = []
        for start in stride(from: 0, to: file.count, by: blockMax) {
            let vectors = try file.vectors(rows: start, count: min(blockMax, file.count - start))
            let queries = try vectors.enumerated().map { index, vector in
                Query.vector(vector, tokens: try tokens?.tokens(of: start + index), from: request.source)
            }
            let clock = ContinuousClock()
            let begin = clock.now
            let answers = try collection.search(
                queries, in: request.target, options: request.options, threads: request.threads)
            wall += (clock.now - begin).seconds
            latencies += answers.map(\.explanation.totalSeconds)
            for (index, answer) in answers.enumerated() {
                if told.insert(answer.explanation.plan + answer.explanation.notes.joined()).inserted {
                    SearchCommand.tell(answer.explanation, context)
                }
                if let matrix {
                    try matrix.append(answer.hits.map(\.id))
                } else {
                    try print(answer, query: start + index, results)
                }
            }
            progress.update(start + queries.count)
        }
        progress.finish()
        try matrix?.finish()
        if matrix == nil { try results.finish() }
        if request.timing { context.warn(Timing(latencies, wall: wall, threads: request.threads).json.compact) }
    }

    private func print(_ answer: SearchAnswer, query: Int, _ results: ResultPrinter) throws {
        guard context.format == .table else { return try results.add(answer.json(explain: request.explain, query: query)) }
        for (rank, hit) in answer.hits.enumerated() {
            try results.add([
                "query": .integer(query), "rank": .integer(rank + 1), "id": .text(hit.id), "item": .text(hit.item),
                answer.metric.key: .real(hit.score),
            ])
        }
    }
}

/// How fast searches were: `--timing`.
struct Timing {
    let latencies: [Double]
    let wall: Double
    let threads: Int

    init(_ latencies: [Double], wall: Double, threads: Int) {
        self.latencies = latencies.sorted()
        self.wall = wall
        self.threads = threads
    }

    private func percentile(_ share: Double) -> JSONValue {
        guard !latencies.isEmpty else { return .null }
        return .real(rounded(latencies[min(Int(share * Double(latencies.count)), latencies.count - 1)] * 1000))
    }

    var json: JSONValue {
        [
            "queries": .integer(latencies.count), "seconds": .real(rounded(wall)),
            "queriesPerSecond": .real((Double(latencies.count) / max(wall, 1e-9) * 10).rounded() / 10),
            "p50Ms": percentile(0.5), "p99Ms": percentile(0.99), "threads": .integer(threads),
        ]
    }
}
