/// Exact scores of one query vector under one metric. Knows no index, no storage and no token sets.

/// Scores float32 candidates against a query, accumulating in float64: within 1e-12 relative of float64 arithmetic
/// for well-conditioned sums, without overflow up to the largest float32. A candidate's score is the same bits
/// alone, anywhere in a block and on every instruction set. Values are assumed finite; that is checked on ingest.
package struct VectorScorer: Sendable {
    package let metric: VectorMetric
    package var dimension: Int { query.count }

    let query: [Float]
    let normSquared: Double

    package init(_ metric: VectorMetric, query: [Float]) {
        self.metric = metric
        self.query = query
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

/// Exact scores of many queries under one metric, each against candidates of its own: `VectorScorer` for queries that lie one
/// after the other in memory.
package struct VectorScorers: Sendable {
    package let metric: VectorMetric
    package let dimension: Int
    /// n × d
    var queries: [Float] = []
    var normsSquared: [Double] = []
    package var count: Int { normsSquared.count }

    package init(_ metric: VectorMetric, dimension: Int) {
        (self.metric, self.dimension) = (metric, dimension)
    }

    package mutating func append(_ query: [Float]) {
        precondition(query.count == dimension, "a query of \(query.count) values for dimension \(dimension)")
        queries.append(contentsOf: query)
        normsSquared.append(dotProduct(query, query))
    }

    /// The value of a candidate for one of the queries, the same bits as a `VectorScorer`'s. O(d).
    package func score(_ query: Int, _ candidate: Span<Float>) -> Double {
        precondition(candidate.count == dimension, "a candidate of \(candidate.count) values for dimension \(dimension)")
        return scoreOne(query, candidate)
    }

    /// Asks for a query's memory, which `score` will read: worth it where much else was read since.
    package func prefetch(_ query: Int) { prefetchQuery(query) }
}
