/// How one query fared against all its candidates. Sees scores only, not vectors.
/// Order: better score first; equal scores in candidate order (callers list candidates by id); NaN after everything.
import Platform

package struct QueryOutcome: Sendable, Equatable {
    /// 1 is the best place.
    package let firstRank: Int
    /// Mean over the relevant candidates of (relevant so far)/(rank).
    package let averagePrecision: Double
    package let relevantCount: Int
    package let candidateCount: Int

    package var reciprocalRank: Double { 1 / Double(firstRank) }

    package init(firstRank: Int, averagePrecision: Double, relevantCount: Int, candidateCount: Int) {
        precondition(firstRank >= 1 && relevantCount >= 1 && candidateCount >= relevantCount, "an impossible outcome")
        self.firstRank = firstRank
        self.averagePrecision = averagePrecision
        self.relevantCount = relevantCount
        self.candidateCount = candidateCount
    }

    /// Judges one query; nil when it has no relevant candidate (it then counts in no average).
    /// - relevant: indices into `scores`, in any order, without repetition. O(n) for few of them, else O(n·log r).
    package init?(scores: [Double], relevant: [Int], higherIsBetter: Bool) {
        guard !relevant.isEmpty else { return nil }
        let ranks = relevantRanks(scores: scores, relevant: relevant, higherIsBetter: higherIsBetter)
        var precision = 0.0
        for (i, rank) in ranks.enumerated() { precision += Double(i + 1) / Double(rank) }
        self.init(
            firstRank: ranks[0], averagePrecision: precision / Double(ranks.count), relevantCount: ranks.count,
            candidateCount: scores.count)
    }
}

/// The ranks (from 1, ascending) of the relevant candidates.
package func relevantRanks(scores: [Double], relevant: [Int], higherIsBetter: Bool) -> [Int] {
    let sign = higherIsBetter ? 1.0 : -1.0
    func key(_ index: Int) -> Double { scores[index].isNaN ? -.infinity : sign * scores[index] }
    let targets = relevant.map { (key: key($0), index: $0) }.sorted { ($1.key, $0.index) < ($0.key, $1.index) }
    // beaten[i]: candidates that come before target i but not before target i − 1.
    var beaten = [Int](repeating: 0, count: targets.count + 1)
    let worst = targets[targets.count - 1].key
    for index in scores.indices {
        let own = key(index)
        if own < worst { continue }
        var low = 0, high = targets.count
        while low < high {
            let middle = (low + high) / 2, target = targets[middle]
            let isAhead = own > target.key || (own == target.key && index < target.index)
            if isAhead { high = middle } else { low = middle + 1 }
        }
        beaten[low] += 1
    }
    var ahead = 0
    return targets.indices.map { i in
        ahead += beaten[i]
        return ahead + 1
    }
}
