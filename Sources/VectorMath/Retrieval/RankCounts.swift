/// Counts, for the right answers of many queries, the candidates that are better under one or several metrics: float32 settles
/// nearly all of them, float64 the rest, so that the ranks are those of exact scores. Reads nothing from anywhere.
import Platform
import Synchronization

/// A right answer with its 1-based rank.
package struct RankedAnswer: Sendable, Equatable {
    package var position: Int32
    package var rank: Int
}

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
    /// Answers of a query from which on its candidates are sieved for all of them before each is counted.
    private static let sievedMin = 8

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

    /// Per metric and query its right answers, in the order in which they were added.
    package func ranks() -> [[[RankedAnswer]]] {
        metrics.indices.map { slot in
            answers.map { box in
                box.value.withLock { $0.map { RankedAnswer(position: $0.position, rank: $0.better[slot] + 1) } }
            }
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
                    for slot in slots { count(block, raw, row: query - rows.lowerBound, query, slot, &answers, &doubtful) }
                }
            }
        }
    }

    /// Of one query by one metric, whose float32 scores are a row of `raw`.
    private func count(
        _ block: Block, _ raw: [Float], row: Int, _ query: Int, _ slot: Int, _ answers: inout [Answer],
        _ doubtful: inout [UInt32]
    ) {
        let thresholds = answers.map { $0.thresholds[slot] }
        var scores = FloatScores(raw: raw, row: row, terms: block.terms[slot])
        if thresholds.count >= Self.sievedMin { scores.sieve(thresholds, &doubtful) }
        var exact = ExactScores(metric: metrics[slot], query: vector(query))
        for index in answers.indices {
            let found = PairKernel.countBetter(
                scores.raw, row: scores.row, scores.terms, thresholds[index], doubtful: &doubtful)
            answers[index].better[slot] += found.better
            guard found.doubtful > 0 else { continue }
            let candidates = doubtful[..<found.doubtful].lazy.map { scores.candidate(Int($0)) }
            answers[index].better[slot] += exact.before(answers[index], slot, candidates, of: block)
        }
    }

    /// Float32 scores of one query with the candidates of a block, or with some of them.
    private struct FloatScores {
        var raw: [Float]
        var row: Int
        var terms: CandidateTerms
        private var candidates: [UInt32]?

        init(raw: [Float], row: Int, terms: CandidateTerms) { (self.raw, self.row, self.terms) = (raw, row, terms) }

        func candidate(_ index: Int) -> Int { candidates.map { Int($0[index]) } ?? index }

        /// Leaves only what is not below all thresholds beyond doubt.
        mutating func sieve(_ thresholds: [RankThreshold], _ room: inout [UInt32]) {
            guard var least = thresholds.min(by: { $0.value < $1.value }) else { return }
            for threshold in thresholds {
                least.base = max(least.base, threshold.base)
                least.factor = max(least.factor, threshold.factor)
            }
            let n = terms.scale.count
            let kept = Array(room[..<PairKernel.listContenders(raw, row: row, terms, least, into: &room)])
            raw = kept.map { raw[row * n + Int($0)] }
            row = 0
            terms = terms.of(kept)
            candidates = kept
        }
    }

    /// Of one query and metric with the candidates of a block, each computed when it is first wanted: where candidates lie close
    /// together, they are in doubt for many answers.
    private struct ExactScores {
        let metric: VectorMetric
        let query: ArraySlice<Float>
        private lazy var scorer = VectorScorer(metric, query: Array(query))
        private var known: [Double?] = []

        init(metric: VectorMetric, query: ArraySlice<Float>) { (self.metric, self.query) = (metric, query) }

        /// How many of some candidates come before an answer.
        mutating func before(_ answer: Answer, _ slot: Int, _ candidates: some Sequence<Int>, of block: Block) -> Int {
            let own = answer.scores[slot]
            var before = 0
            for candidate in candidates where block.positions[candidate] != answer.position {
                let score = score(candidate, of: block.values)
                if metric.isBetter(score, than: own) {
                    before += 1
                } else if score == own, block.places[Int(block.positions[candidate])] < answer.place {
                    before += 1
                }
            }
            return before
        }

        private mutating func score(_ candidate: Int, of values: [Float]) -> Double {
            let d = query.count
            if known.isEmpty { known = Array(repeating: nil, count: values.count / d) }
            if let score = known[candidate] { return score }
            let score = scorer.score(values.span.extracting(candidate * d..<(candidate + 1) * d))
            known[candidate] = score
            return score
        }
    }

    private func vector(_ query: Int) -> ArraySlice<Float> { queries[query * dimension..<(query + 1) * dimension] }

    private func scorers(_ query: Int) -> [VectorScorer] { metrics.map { VectorScorer($0, query: Array(vector(query))) } }
}
