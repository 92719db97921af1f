/// Counts of values in bins of equal width, for the report's pictures.

package struct Histogram: Sendable, Equatable, Codable {
    package let low: Double
    package let high: Double
    package let counts: [Int]

    /// Values outside `range` count in the first or last bin; non-finite values are left out. The range defaults to the
    /// values' own.
    package init(_ values: [Double], bins: Int, range: ClosedRange<Double>? = nil) {
        precondition(bins > 0, "a histogram needs a bin")
        let finite = values.filter(\.isFinite)
        var low = range?.lowerBound ?? finite.min() ?? 0
        var high = range?.upperBound ?? finite.max() ?? 1
        if !(high > low) { (low, high) = (low - 0.5, low + 0.5) }
        var counts = [Int](repeating: 0, count: bins)
        for value in finite {
            let at = (value - low) / (high - low) * Double(bins)
            counts[Int(min(max(at, 0), Double(bins - 1)))] += 1
        }
        (self.low, self.high, self.counts) = (low, high, counts)
    }
}
