/// A file of queries answered in blocks: a JSON line per query, or a matrix of ids. Part of `causeway search`.
import Causeway
import Foundation

struct BatchSearch {
    /// Queries held in memory at once: their exact stages share one ordered pass over the rows they need.
    private static let blockMax = 8_192
    private static let blockBytesMax = 32 << 20
    /// The first block of scans; while one takes less than `blockSeconds` the next is twice as large, as an interruption waits
    /// for a block. Other searches begin with the largest: the more queries share reads, the fewer there are.
    private static let firstBlock = 256
    private static let blockSeconds = 1.0
    /// Fewer with token sets, which are tens of times as large.
    private static let tokenBlockMax = 64

    let collection: EmbeddingCollection
    let request: SearchRequest
    let context: Context

    func run(_ path: String) throws {
        let cancellation = context.cancellation  // before there is a file to take away again
        let file = try QueryFile(path: path)
        let tokens = try request.queryTokens.map { try QueryTokenFile($0, count: file.count) }
        let results = context.results(["query", "rank", "id", "item", .init(request.metric.key)])
        let matrix = try request.output.map { try IDMatrixWriter(path: $0, rows: file.count, columns: request.options.k) }
        let progress = context.progress("search", unit: "queries", total: file.count)
        var timing = Timing(threads: request.threads)
        var told: Set<String> = []
        let inMemory = Self.blockBytesMax / (4 * max(file.dimension, 1))
        let blockMax = min(tokens == nil ? Self.blockMax : Self.tokenBlockMax, inMemory)
        var block = try request.batch ?? max(1, isScan() ? min(blockMax, Self.firstBlock) : blockMax)
        var start = 0
        while start < file.count {
            if cancellation.isCancelled { throw CausewayError.cancelled }
            let begin = ContinuousClock.now
            let vectors = try file.vectors(rows: start, count: min(block, file.count - start))
            let queries = try vectors.enumerated().map { index, vector in
                Query.vector(vector, tokens: try tokens?.tokens(of: start + index), from: request.source)
            }
            if request.timing && start == 0 {
                // Opening the index is not a search: it is measured by itself, as the time to a first answer.
                _ = try collection.search(queries[0], in: request.target, options: request.options)
            }
            let answers = try timing.measure {
                try collection.search(queries, in: request.target, options: request.options, threads: request.threads)
            }
            for (index, answer) in answers.enumerated() {
                SearchCommand.tell(answer.explanation, context, told: &told)
                if let matrix {
                    try matrix.append(answer.hits.map(\.id))
                } else {
                    try print(answer, query: start + index, results)
                }
            }
            start += queries.count
            progress.update(start)
            let isQuick = (ContinuousClock.now - begin).seconds < Self.blockSeconds
            if request.batch == nil && isQuick { block = max(1, min(blockMax, 2 * block)) }
        }
        progress.finish()
        try matrix?.finish()
        if matrix == nil { try results.finish() }
        if request.timing { context.warn(timing.json.compact) }
    }

    /// Whether every query is compared with every row: asked for, or for want of an index.
    private func isScan() throws -> Bool {
        guard request.options.effort != .exact else { return true }
        return try ![.current, .stale].contains(collection.indexStatus(of: request.target).state)
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

/// How fast searches were and what they cost: `--timing`.
struct Timing {
    private let threads: Int
    /// Seconds a query: of the call for a query alone, otherwise its own stages and its share of those it shared.
    private var latencies: [Double] = []
    private var wall = 0.0
    /// Processor seconds of all threads.
    private var processor = 0.0
    private var codesCompared = 0
    private var reranked = 0

    init(threads: Int) { self.threads = threads }

    /// Runs and counts some searches.
    mutating func measure(_ search: () throws -> [SearchAnswer]) rethrows -> [SearchAnswer] {
        try measure(\.explanation, search)
    }

    mutating func measure<Answer>(
        _ explanation: (Answer) -> Explanation, _ search: () throws -> [Answer]
    ) rethrows -> [Answer] {
        let time = ContinuousClock()
        let (begin, ticks) = (time.now, clock())
        let answers = try search()
        let seconds = (time.now - begin).seconds
        processor += Double(clock() - ticks) / Double(CLOCKS_PER_SEC)
        wall += seconds
        latencies += answers.count == 1 ? [seconds] : answers.map { explanation($0).totalSeconds }
        for answer in answers {
            codesCompared += explanation(answer).codesCompared
            reranked += explanation(answer).reranked
        }
        return answers
    }

    /// Latencies by nearest rank; counts a query.
    var json: JSONValue {
        let sorted = latencies.sorted()
        let queries = Double(max(sorted.count, 1))
        func percentile(_ share: Double) -> JSONValue {
            sorted.isEmpty ? .null : .real(rounded(sorted[min(Int(share * queries), sorted.count - 1)] * 1000))
        }
        func each(_ count: Int) -> JSONValue { .real((Double(count) / queries * 10).rounded() / 10) }
        return [
            "queries": .integer(sorted.count), "seconds": .real(rounded(wall)),
            "queriesPerSecond": .real((Double(sorted.count) / max(wall, 1e-9) * 10).rounded() / 10),
            "p50Ms": percentile(0.5), "p99Ms": percentile(0.99), "threads": .integer(threads),
            "processorSeconds": .real(rounded(processor)), "codesCompared": each(codesCompared), "reranked": each(reranked),
        ]
    }
}
