/// Averages over many query outcomes with bootstrap intervals: recall@k, median rank, MRR, MAP.
import Platform

/// A figure and its 95 % interval (percentile bootstrap over queries; queries are taken as independent).
package struct Estimate: Sendable, Equatable, Codable {
    package var value: Double
    package var low: Double
    package var high: Double

    package init(value: Double, low: Double, high: Double) {
        (self.value, self.low, self.high) = (value, low, high)
    }
}

package struct RetrievalSummary: Sendable, Equatable, Codable {
    package struct Recall: Sendable, Equatable, Codable {
        package var k: Int
        /// Share of queries with at least one relevant candidate among the best k (the usual figure for image–text pairs; with
        /// several right answers it is a hit rate, not the share of the right answers found).
        package var hits: Estimate
    }
    package var queries: Int
    /// Queries without a relevant candidate; they are in no figure.
    package var skipped: Int
    package var recall: [Recall]
    /// Of the first relevant candidate, from 1; the mean of the middle two for an even number of queries.
    package var medianRank: Estimate
    /// Mean of 1/rank of the first relevant candidate.
    package var meanReciprocalRank: Estimate
    package var meanAveragePrecision: Estimate

    package func recall(at k: Int) -> Double? { recall.first { $0.k == k }?.hits.value }
}

/// Collects outcomes one query at a time; 24 bytes a query.
package struct RetrievalAccumulator: Sendable {
    package private(set) var outcomes: [QueryOutcome] = []
    package private(set) var skipped = 0

    package init() {}

    package mutating func add(_ outcome: QueryOutcome?) {
        if let outcome { outcomes.append(outcome) } else { skipped += 1 }
    }

    package mutating func add(contentsOf other: RetrievalAccumulator) {
        outcomes.append(contentsOf: other.outcomes)
        skipped += other.skipped
    }

    /// nil when no query had a relevant candidate. O(queries · resamples), a tenth of a second for 10,000 × 1,000.
    package func summary(
        at ks: [Int] = [1, 5, 10], resamples: Int = 1_000, seed: UInt64 = 0, threads: Int = Parallel.processorCount
    ) -> RetrievalSummary? {
        guard !outcomes.isEmpty else { return nil }
        let sorted = SortedOutcomes(outcomes, ks: ks)
        let plain = sorted.figures { _ in 1 }
        let draws = parallelMap(resamples, threads: threads, default: plain) { index in
            var random = SeededRandom(seed: seed, stream: index)
            var counts = [Int32](repeating: 0, count: sorted.count)
            for _ in 0..<sorted.count { counts[random.index(below: sorted.count)] += 1 }
            return sorted.figures { Int(counts[$0]) }
        }
        func estimate(_ figure: (Figures) -> Double) -> Estimate { interval(figure(plain), draws.map(figure)) }
        return RetrievalSummary(
            queries: sorted.count, skipped: skipped,
            recall: ks.enumerated().map { i, k in .init(k: k, hits: estimate { $0.recall[i] }) },
            medianRank: estimate { $0.medianRank }, meanReciprocalRank: estimate { $0.reciprocal },
            meanAveragePrecision: estimate { $0.precision })
    }
}

/// The value with the 2.5 and 97.5 percentiles of its resampled values; the value itself where there are none.
package func interval(_ value: Double, _ resampled: [Double]) -> Estimate {
    guard !resampled.isEmpty else { return Estimate(value: value, low: value, high: value) }
    let sorted = resampled.sorted()
    func percentile(_ p: Double) -> Double {
        let at = p * Double(sorted.count - 1), below = Int(at)
        let above = min(below + 1, sorted.count - 1)
        return sorted[below] + (at - Double(below)) * (sorted[above] - sorted[below])
    }
    return Estimate(value: value, low: percentile(0.025), high: percentile(0.975))
}

private struct Figures: Sendable {
    var recall: [Double]
    var medianRank: Double
    var reciprocal: Double
    var precision: Double
}

/// Outcomes by rank, so that every figure of a weighted resample is one pass without sorting.
private struct SortedOutcomes: Sendable {
    let count: Int
    private let ranks: [Int]
    private let reciprocals: [Double]
    private let precisions: [Double]
    /// For each k, how many outcomes have a rank of at most k.
    private let bounds: [Int]

    init(_ outcomes: [QueryOutcome], ks: [Int]) {
        let sorted = outcomes.sorted { ($0.firstRank, $0.averagePrecision) < ($1.firstRank, $1.averagePrecision) }
        count = sorted.count
        ranks = sorted.map(\.firstRank)
        reciprocals = sorted.map(\.reciprocalRank)
        precisions = sorted.map(\.averagePrecision)
        bounds = ks.map { k in sorted.count { $0.firstRank <= k } }
    }

    /// Figures with outcome i taken weight(i) times; the weights sum to `count`.
    func figures(weight: (Int) -> Int) -> Figures {
        var cumulative = 0, reciprocal = 0.0, precision = 0.0, lower = 0, upper = 0
        var hits = [Double](repeating: 0, count: bounds.count)
        for i in 0..<count {
            let w = weight(i)
            if cumulative <= (count - 1) / 2 && cumulative + w > (count - 1) / 2 { lower = ranks[i] }
            if cumulative <= count / 2 && cumulative + w > count / 2 { upper = ranks[i] }
            cumulative += w
            reciprocal += Double(w) * reciprocals[i]
            precision += Double(w) * precisions[i]
            for (b, bound) in bounds.enumerated() where i < bound { hits[b] += Double(w) }
        }
        let n = Double(count)
        return Figures(
            recall: hits.map { $0 / n }, medianRank: Double(lower + upper) / 2, reciprocal: reciprocal / n,
            precision: precision / n)
    }
}

/// What guessing would reach: the probability that the best k of a random order hold one of `relevant` among `candidates`.
package func chanceOfHit(at k: Int, relevant: Int, candidates: Int) -> Double {
    guard relevant > 0, candidates > 0 else { return 0 }
    var miss = 1.0
    for i in 0..<min(k, candidates) {
        miss *= Double(max(candidates - relevant - i, 0)) / Double(candidates - i)
    }
    return 1 - miss
}
