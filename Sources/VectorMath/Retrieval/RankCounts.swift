/// Counts, for the right answers of many queries, the candidates that are better under one or several metrics: float32 settles
/// nearly all of them, float64 the rest, so that the ranks are those of exact scores. Reads nothing from anywhere.
import Platform
import Synchronization

/// Feed all right answers first, then every candidate once.
package final class RankCounts: Sendable {
    private struct Answer: Sendable {
        var position: Int32
        /// Among equal scores the smaller place comes first.
        var place: Int32
        var scores: [Double]
        var thresholds: [RankThreshold]
        var better: [Int]
    }

    /// Of one query; touched by one thread at a time.
    private final class AnswerList: Sendable { let value = Mutex<[Answer]>([]) }

    private static let queriesPerTile = 512

    private let metrics: [VectorMetric]
    private let dimension: Int
    /// n×d.
    private let queries: [Float]
    private let squares: [Double]
    private let answers: [AnswerList]

    /// - queries: of one dimension. Memory: the queries once, and 100 bytes an answer and metric.
    package init(metrics: [VectorMetric], queries: [[Float]], dimension: Int) {
        precondition(dimension > 0 && queries.allSatisfy { $0.count == dimension }, "queries of several dimensions")
        (self.metrics, self.dimension) = (metrics, dimension)
        self.queries = queries.flatMap { $0 }
        squares = squaredLengths(self.queries, dimension: dimension)
        answers = queries.map { _ in AnswerList() }
    }

    /// A right answer of a query, with its place among all candidates in the order of ids.
    package func addAnswer(of query: Int, at position: Int32, place: Int32, _ vector: Span<Float>) {
        let scorers = scorers(query)
        let scores = scorers.map { $0.score(vector) }
        let thresholds = zip(metrics, scores).map {
            RankThreshold($0, score: $1, querySquaredLength: squares[query], dimension: dimension)
        }
        answers[query].value.withLock {
            $0.append(
                Answer(
                    position: position, place: place, scores: scores, thresholds: thresholds,
                    better: [Int](repeating: 0, count: metrics.count)))
        }
    }

    /// Counts a block of candidates, n×d, given by their positions and the places of all positions.
    /// - Complexity: O(queries × candidates × dimension × kernels), three kernels at most.
    package func count(_ candidates: [Float], at positions: [Int32], places: [Int32], threads: Int) {
        precondition(candidates.count == positions.count * dimension, "a position a candidate is needed")
        guard !positions.isEmpty, !answers.isEmpty else { return }
        let lengths = squaredLengths(candidates, dimension: dimension)
        let terms = metrics.map { CandidateTerms($0, squaredLengths: lengths, dimension: dimension) }
        let share = (answers.count + threads - 1) / max(threads, 1)
        let size = min(max(share, 1), Self.queriesPerTile)
        Parallel.forEach((answers.count + size - 1) / size, threads: threads) { tile, _ in
            let rows = tile * size..<min((tile + 1) * size, self.answers.count)
            self.count(Block(values: candidates, positions: positions, places: places, terms: terms), rows)
        }
    }

    /// Per metric and query the 1-based ranks of its right answers, ascending.
    package func ranks() -> [[[Int]]] {
        metrics.indices.map { slot in
            answers.map { box in box.value.withLock { $0.map { $0.better[slot] + 1 }.sorted() } }
        }
    }

    private struct Block: Sendable {
        var values: [Float]
        var positions: [Int32]
        var places: [Int32]
        var terms: [CandidateTerms]
    }

    private func count(_ block: Block, _ rows: Range<Int>) {
        let n = block.positions.count
        let scratch = PairKernel.Scratch()
        var raw = [Float](repeating: 0, count: rows.count * n)
        var doubtful = [UInt32](repeating: 0, count: n)
        for form in PairScoreForm.allCases {
            let slots = metrics.indices.filter { PairScoreForm(metrics[$0]) == form }
            guard !slots.isEmpty else { continue }
            PairKernel.scores(form, queries, rows: rows, block.values, dimension: dimension, into: &raw, scratch)
            for query in rows {
                answers[query].value.withLock { answers in
                    for index in answers.indices {
                        for slot in slots {
                            let found = PairKernel.countBetter(
                                raw, row: query - rows.lowerBound, block.terms[slot], answers[index].thresholds[slot],
                                doubtful: &doubtful)
                            answers[index].better[slot] += found.better
                            guard found.doubtful > 0 else { continue }
                            answers[index].better[slot] += settle(
                                doubtful, found.doubtful, block, query, slot, answers[index])
                        }
                    }
                }
            }
        }
    }

    /// How many of the doubtful candidates come before the answer, by exact scores.
    private func settle(
        _ doubtful: [UInt32], _ count: Int, _ block: Block, _ query: Int, _ slot: Int, _ answer: Answer
    ) -> Int {
        let metric = metrics[slot], own = answer.scores[slot]
        var scorer: VectorScorer?
        var better = 0
        for entry in 0..<count {
            let index = Int(doubtful[entry])
            guard block.positions[index] != answer.position else { continue }
            let exact = scorer ?? VectorScorer(metric, query: Array(queries[query * dimension..<(query + 1) * dimension]))
            scorer = exact
            let score = exact.score(block.values.span.extracting(index * dimension..<(index + 1) * dimension))
            if metric.isBetter(score, than: own) {
                better += 1
            } else if score == own, block.places[Int(block.positions[index])] < answer.place {
                better += 1
            }
        }
        return better
    }

    private func scorers(_ query: Int) -> [VectorScorer] {
        let vector = Array(queries[query * dimension..<(query + 1) * dimension])
        return metrics.map { VectorScorer($0, query: vector) }
    }
}
