/// Exact scores of many queries wherever they may reach a bar: float32 sieves whole blocks of candidates, float64 scores what
/// passes. Keeps no ranking.

/// Used by one thread at a time.
package final class SievedScorers {
    /// A tile's float32 scores of 256 candidates stay within a second-level cache.
    private static let queriesPerTile = 512

    private let scorers: VectorScorers
    private let scratch = PairKernel.Scratch()
    private var raw: [Float] = []
    private var contenders: [UInt32] = []

    /// - queries: of one dimension, which is above zero.
    package init(_ metric: VectorMetric, queries: some Sequence<[Float]>, dimension: Int) {
        var scorers = VectorScorers(metric, dimension: dimension)
        for query in queries { scorers.append(query) }
        self.scorers = scorers
    }

    /// Scores a block of candidates, n×d, but for those that are certainly worse than their query's bar.
    /// - bars: by query; nil while everything is wanted.
    /// - body: is given query, candidate and score, the same bits as a `VectorScorer`'s; candidates ascend within a query.
    /// - Complexity: O(queries · n · d) in float32, and O(d) in float64 for each score that is given.
    package func score(
        _ block: [Float], bars: [Double?], _ body: (_ query: Int, _ candidate: Int, _ score: Double) -> Void
    ) {
        precondition(bars.count == scorers.count, "a bar a query is needed")
        let dimension = scorers.dimension
        let lengths = squaredLengths(block, dimension: dimension), n = lengths.count
        let terms = CandidateTerms(scorers.metric, squaredLengths: lengths, dimension: dimension)
        makeRoom(n)
        for start in stride(from: 0, to: bars.count, by: Self.queriesPerTile) {
            let tile = start..<min(start + Self.queriesPerTile, bars.count)
            PairKernel.scores(
                PairScoreForm(scorers.metric), scorers.queries, rows: tile, block, dimension: dimension, into: &raw, scratch)
            for query in tile {
                for entry in 0..<contend(query, row: query - start, terms, bars[query]) {
                    let candidate = Int(contenders[entry])
                    let values = block.span.extracting(candidate * dimension..<(candidate + 1) * dimension)
                    body(query, candidate, scorers.score(query, values))
                }
            }
        }
    }

    /// Lists the candidates that a query's exact scores are needed of; returns how many.
    private func contend(_ query: Int, row: Int, _ terms: CandidateTerms, _ bar: Double?) -> Int {
        guard let bar else {
            for candidate in terms.scale.indices { contenders[candidate] = UInt32(candidate) }
            return terms.scale.count
        }
        let threshold = RankThreshold(
            scorers.metric, score: bar, querySquaredLength: scorers.normsSquared[query], dimension: scorers.dimension)
        return PairKernel.listContenders(raw, row: row, terms, threshold, into: &contenders)
    }

    private func makeRoom(_ n: Int) {
        let scores = n * min(scorers.count, Self.queriesPerTile)
        if raw.count < scores { raw = [Float](repeating: 0, count: scores) }
        if contenders.count < n { contenders = [UInt32](repeating: 0, count: n) }
    }
}
