/// What the recalls of a sample of queries say of all queries: the mean, its tail, and what may be promised. Measures nothing.

/// The mean hides the tail, so the tail is reported too.
package struct RecallSummary: Sendable, Equatable {
    package var mean: Double
    package var fifthPercentile: Double
    package var minimum: Double
    /// One-sided 95 % confidence bound of the mean recall of all queries such as these.
    package var lowerBound: Double

    package init(_ recalls: [Double]) {
        let n = Double(max(recalls.count, 1))
        let sorted = recalls.sorted()
        mean = recalls.reduce(0, +) / n
        fifthPercentile = sorted.isEmpty ? 0 : sorted[Int(0.05 * n)]
        minimum = sorted.first ?? 0
        lowerBound = Self.lowerBound(mean: mean, queries: recalls.count)
    }

    /// Of so many queries that each compare every row.
    static func everything(_ queries: Int) -> RecallSummary { RecallSummary(Array(repeating: 1, count: queries)) }
}

extension RecallSummary {
    /// The square of the quantile of the normal distribution that 95 % lie below.
    private static let quantileSquared = 1.644_853_626_951_472_2 * 1.644_853_626_951_472_2

    /// Wilson's score bound (Wilson 1927; Brown, Cai and DasGupta 2001 recommend it for few trials and for shares near 1) with
    /// the mean as the share. Recalls lie between 0 and 1, so their variance is at most mean × (1 − mean) (Bhatia and Davis
    /// 2000), that of queries which find all or nothing: whatever their distribution, the bound errs to the safe side. It says
    /// the least where a bound from the sample's own variance would say the most: when every query found everything.
    package static func lowerBound(mean: Double, queries: Int) -> Double {
        guard queries > 0 else { return 0 }
        let n = Double(queries), z2 = quantileSquared
        let spread = (z2 * (max(mean * (1 - mean), 0) / n + z2 / (4 * n * n))).squareRoot()
        return (mean + z2 / (2 * n) - spread) / (1 + z2 / n)
    }

    /// The largest recall that so many queries can show: what the bound is when each of them finds everything.
    package static func attainable(queries: Int) -> Double { lowerBound(mean: 1, queries: queries) }

    /// The fewest queries that can show a recall: 25 for 0.90, 52 for 0.95, 133 for 0.98, 268 for 0.99 and 539 for 0.995.
    package static func queriesNeeded(for recall: Double) -> Int {
        Int(exactly: (quantileSquared * recall / (1 - recall)).rounded(.up)) ?? .max
    }

    /// Twice as many, so that a few hits may be missed: a mean of 0.9985 shows 0.995, one of 0.997 shows 0.99.
    static func queriesWanted(for recall: Double) -> Int { min(queriesNeeded(for: recall), queriesMax / 2) * 2 }

    private static let queriesMax = 8_192
}
