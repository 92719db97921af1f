/// Evaluates whole matrices of unit rows at once: dot products of all queries with all candidates, block by block.
import Platform

/// For each query the relevant candidates: those that carry the query's item. Indices ascend.
package struct Relevance: Sendable {
    package let byQuery: [[Int]]

    package init(queryItems: [Int], candidateItems: [Int]) {
        var holders: [Int: [Int]] = [:]
        for (index, item) in candidateItems.enumerated() { holders[item, default: []].append(index) }
        byQuery = queryItems.map { holders[$0] ?? [] }
    }
}

/// Outcomes of all queries under the dot product (cosine for unit rows). Memory: one block of 256 queries × candidates.
package func evaluateDotProducts(
    queries: Matrix<Float>, candidates: Matrix<Float>, relevance: Relevance, threads: Int = Parallel.processorCount
) -> RetrievalAccumulator {
    precondition(queries.rows == relevance.byQuery.count && queries.columns == candidates.columns, "shapes differ")
    var accumulator = RetrievalAccumulator()
    for first in stride(from: 0, to: queries.rows, by: 256) {
        let block = Array(first..<min(first + 256, queries.rows))
        let scores = queries.gathering(block).timesTranspose(candidates, threads: threads)
        let outcomes = parallelMap(block.count, threads: threads, default: QueryOutcome?.none) { i in
            QueryOutcome(
                scores: scores.row(i).map { Double($0) }, relevant: relevance.byQuery[first + i], higherIsBetter: true)
        }
        for outcome in outcomes { accumulator.add(outcome) }
    }
    return accumulator
}

/// Mean reciprocal rank alone, for choosing between settings.
func meanReciprocalRank(
    queries: Matrix<Float>, candidates: Matrix<Float>, relevance: Relevance, threads: Int
) -> Double {
    let outcomes = evaluateDotProducts(queries: queries, candidates: candidates, relevance: relevance, threads: threads).outcomes
    guard !outcomes.isEmpty else { return 0 }
    return outcomes.reduce(0) { $0 + $1.reciprocalRank } / Double(outcomes.count)
}
