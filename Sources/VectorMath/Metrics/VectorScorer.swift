/// Exact scores of one query vector under one metric. Knows no index, no storage and no token sets.

/// Scores float32 candidates against a query, accumulating in float64: within 1e-12 relative of float64 arithmetic
/// for well-conditioned sums, without overflow up to the largest float32. A candidate's score is the same bits
/// alone, anywhere in a block and on every instruction set. Values are assumed finite; that is checked on ingest.
package struct VectorScorer: Sendable {
    package let metric: VectorMetric
    package var dimension: Int { query.count }

    /// The query widened once, so that blocks convert candidates only.
    let query: [Double]
    let normSquared: Double

    package init(_ metric: VectorMetric, query: [Float]) {
        self.metric = metric
        self.query = query.map(Double.init)
        normSquared = dotProduct(query, query)
    }

    /// The value of one candidate of the query's dimension. O(d).
    package func score(_ candidate: Span<Float>) -> Double {
        precondition(candidate.count == dimension, "a candidate of \(candidate.count) values for dimension \(dimension)")
        var score = 0.0
        scoreBlock(candidate, count: 1) { score = $1 }
        return score
    }

    /// Appends the values of n candidates, an n×d row-major block. O(nd).
    package func score(_ block: Span<Float>, into scores: inout [Double]) {
        guard dimension > 0 else { return precondition(block.count == 0, "candidates for an empty query") }
        precondition(block.count % dimension == 0, "a block of \(block.count) values is no multiple of \(dimension)")
        scores.reserveCapacity(scores.count + block.count / dimension)
        scoreBlock(block, count: block.count / dimension) { scores.append($1) }
    }
}
