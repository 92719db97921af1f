/// The probability that a hit is a true match, from scores of known matches and known mismatches.
/// Logistic: Platt 1999 with his smoothed targets. Isotonic: pool adjacent violators (Zadrozny and Elkan 2002).
import Foundation

package struct MatchCalibration: Sendable, Equatable, Codable {
    package enum Form: String, Sendable, Codable, CaseIterable { case logistic, isotonic }

    package let form: Form
    /// Logistic: probability = 1/(1 + exp(−(slope·score + intercept))). A better score never has a lower probability: where
    /// the scores say the opposite the slope is 0.
    package let slope: Double
    package let intercept: Double
    /// Isotonic: probability levels[i] at scores knots[i], linear between; constant outside.
    package let knots: [Double]
    package let levels: [Double]

    /// - prior: share of matches among the hits to be judged; nil takes the share among the scores given, so give mismatches
    ///   as they occur among hits (best wrong candidates), not random pairs, or state the prior.
    /// - returns: nil unless both kinds have a finite score and the scores are not all equal.
    package init?(matched: [Double], mismatched: [Double], form: Form, higherIsBetter: Bool = true, prior: Double? = nil) {
        let positive = matched.filter(\.isFinite), negative = mismatched.filter(\.isFinite)
        guard !positive.isEmpty, !negative.isEmpty, Set(positive + negative).count > 1 else { return nil }
        let share = Double(positive.count) / Double(positive.count + negative.count)
        let wanted = min(max(prior ?? share, 1e-9), 1 - 1e-9)
        let weights = (positive: wanted / share, negative: (1 - wanted) / (1 - share))
        var points = positive.map { Point(score: $0, label: 1, weight: weights.positive) }
        points += negative.map { Point(score: $0, label: 0, weight: weights.negative) }
        self.form = form
        switch form {
        case .logistic:
            let fitted = Self.fitLogistic(points)
            let isOrdered = higherIsBetter ? fitted.slope >= 0 : fitted.slope <= 0
            // The loss is convex: with a slope of the wrong sign the best of the right sign is none at all.
            (slope, intercept) = isOrdered ? fitted : (0, Self.constantIntercept(points))
            (knots, levels) = ([], [])
        case .isotonic:
            (slope, intercept) = (0, 0)
            (knots, levels) = Self.fitIsotonic(points, higherIsBetter: higherIsBetter)
        }
    }

    /// The logistic form, as it was fitted before.
    package init(slope: Double, intercept: Double) {
        (form, self.slope, self.intercept) = (.logistic, slope, intercept)
        (knots, levels) = ([], [])
    }

    /// The logistic form, as an earlier version may have stored it: where worse scores were said to be likelier matches, what
    /// is left is the share of matches.
    package init(slope: Double, intercept: Double, matches: Int, mismatches: Int, higherIsBetter: Bool) {
        let stored = MatchCalibration(slope: slope, intercept: intercept)
        self = stored.isOrdered(higherIsBetter: higherIsBetter)
            ? stored : .constant(matches: matches, mismatches: mismatches)
    }

    /// One probability for all scores: the share of matches, by the targets of the logistic form.
    package static func constant(matches: Int, mismatches: Int) -> MatchCalibration {
        let points = [(1.0, matches), (0.0, mismatches)].map { Point(score: 0, label: $0, weight: 1, count: Double(max($1, 0))) }
        return MatchCalibration(slope: 0, intercept: constantIntercept(points))
    }

    /// Whether no better score has a lower probability.
    package func isOrdered(higherIsBetter: Bool) -> Bool {
        form == .isotonic || (higherIsBetter ? slope >= 0 : slope <= 0)
    }

    /// In [0, 1]; NaN scores have probability 0.
    package func probability(_ score: Double) -> Double {
        if score.isNaN { return 0 }
        if form == .logistic { return 1 / (1 + exp(-(slope * score + intercept))) }
        guard let first = knots.first, let last = knots.last else { return 0 }
        if score <= first { return levels[0] }
        if score >= last { return levels[levels.count - 1] }
        var low = 0, high = knots.count - 1
        while high - low > 1 {
            let middle = (low + high) / 2
            if knots[middle] <= score { low = middle } else { high = middle }
        }
        let share = (score - knots[low]) / (knots[high] - knots[low])
        return levels[low] + share * (levels[high] - levels[low])
    }

    /// - count: how many such points it stands for.
    private struct Point { var score: Double, label: Double, weight: Double, count = 1.0 }

    /// Platt's targets for the two labels.
    private static func targets(_ points: [Point]) -> (high: Double, low: Double) {
        let positives = points.reduce(0) { $0 + $1.label * $1.count }
        let negatives = points.reduce(0) { $0 + $1.count } - positives
        return ((positives + 1) / (positives + 2), 1 / (negatives + 2))
    }

    /// The log-odds of the weighted mean target: the best fit without a slope.
    private static func constantIntercept(_ points: [Point]) -> Double {
        let (high, low) = targets(points)
        let total = points.reduce(0) { $0 + $1.weight * $1.count }
        guard total > 0 else { return 0 }
        let share = points.reduce(0) { $0 + $1.weight * $1.count * ($1.label == 1 ? high : low) } / total
        return log(share / (1 - share))
    }

    /// Newton's method on the standardised score, targets (n₊+1)/(n₊+2) and 1/(n₋+2), halving steps that do not descend.
    private static func fitLogistic(_ points: [Point]) -> (slope: Double, intercept: Double) {
        let mean = points.reduce(0) { $0 + $1.score } / Double(points.count)
        let deviation = (points.reduce(0) { $0 + ($1.score - mean) * ($1.score - mean) } / Double(points.count)).squareRoot()
        let (high, low) = targets(points)
        let samples = points.map { (z: ($0.score - mean) / deviation, target: $0.label == 1 ? high : low, weight: $0.weight) }
        func loss(_ a: Double, _ b: Double) -> Double {
            samples.reduce(0) { total, s in
                let u = a * s.z + b
                return total + s.weight * (max(u, 0) - u * s.target + log1p(exp(-abs(u))))
            }
        }
        var a = 0.0, b = 0.0, current = loss(0, 0)
        for _ in 0..<100 {
            var ga = 0.0, gb = 0.0, haa = 1e-12, hab = 0.0, hbb = 1e-12
            for s in samples {
                let p = 1 / (1 + exp(-(a * s.z + b))), d = s.weight * (p - s.target), h = s.weight * p * (1 - p)
                ga += d * s.z; gb += d
                haa += h * s.z * s.z; hab += h * s.z; hbb += h
            }
            let determinant = max(haa * hbb - hab * hab, 1e-18)
            let da = (hbb * ga - hab * gb) / determinant, db = (haa * gb - hab * ga) / determinant
            var step = 1.0
            while step > 1e-10, loss(a - step * da, b - step * db) > current { step /= 2 }
            let next = loss(a - step * da, b - step * db)
            guard next < current - 1e-13 * abs(current) else { break }
            a -= step * da; b -= step * db
            current = next
        }
        return (a / deviation, b - a * mean / deviation)
    }

    private static func fitIsotonic(_ points: [Point], higherIsBetter: Bool) -> (knots: [Double], levels: [Double]) {
        let sorted = points.sorted { higherIsBetter ? $0.score < $1.score : $0.score > $1.score }
        var pools: [(sum: Double, weight: Double, first: Double, last: Double)] = []
        for point in sorted {
            var pool = (sum: point.label * point.weight, weight: point.weight, first: point.score, last: point.score)
            while let before = pools.last, before.last == pool.first || before.sum / before.weight >= pool.sum / pool.weight {
                pool = (before.sum + pool.sum, before.weight + pool.weight, before.first, pool.last)
                pools.removeLast()
            }
            pools.append(pool)
        }
        var knots: [Double] = [], levels: [Double] = []
        for pool in higherIsBetter ? pools : pools.reversed() {
            let ends = [min(pool.first, pool.last), max(pool.first, pool.last)]
            for end in ends where knots.last != end {
                knots.append(end)
                levels.append(pool.sum / pool.weight)
            }
        }
        return (knots, levels)
    }
}
