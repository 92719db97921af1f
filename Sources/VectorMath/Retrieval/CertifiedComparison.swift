/// What float32 may decide about an exact score: thresholds with the error bound of their metric. Computes no scores.
///
/// A sum of d products or differences in float32, added in any order, is off by at most γ = d·u/(1 − d·u) of the sum of their
/// magnitudes, u = 2⁻²⁴ (Higham 2002, §3.1). The bounds here are a quarter wider, for the few operations around the sum. What
/// lies further from a threshold is on the side it seems to be on; the rest is left to float64.

/// Which float32 kernel a metric's order can be read from.
enum PairScoreForm: Sendable, CaseIterable {
    case dot, manhattan, chiSquare

    init(_ metric: VectorMetric) {
        switch metric {
        case .cosine, .dot, .euclidean: self = .dot
        case .manhattan: self = .manhattan
        case .chiSquare: self = .chiSquare
        }
    }
}

/// value[j] = scale[j]·raw[j] + shift[j], larger being better, of a block of candidates.
struct CandidateTerms: Sendable {
    var scale: [Float]
    var shift: [Float]
    /// What a threshold's `factor` multiplies.
    var slack: [Float]

    /// Those of some of the block's candidates.
    func of(_ candidates: [UInt32]) -> CandidateTerms {
        var some = self
        some.scale = candidates.map { scale[Int($0)] }
        some.shift = candidates.map { shift[Int($0)] }
        some.slack = candidates.map { slack[Int($0)] }
        return some
    }

    init(_ metric: VectorMetric, squaredLengths: [Double], dimension: Int) {
        let n = squaredLengths.count
        shift = [Float](repeating: 0, count: n)
        switch metric {
        case .cosine:
            // q·x/‖x‖; a product that underflows is off by up to the least number there is.
            scale = squaredLengths.map { $0 > 0 ? Float(1 / $0.squareRoot()) : 0 }
            slack = scale.map { $0 * Float(RankThreshold.underflow(dimension)) }
        case .dot:
            scale = [Float](repeating: 1, count: n)
            slack = squaredLengths.map { Float($0.squareRoot()) }
        case .euclidean:
            // ‖q‖² − ‖q − x‖² = 2q·x − ‖x‖²
            scale = [Float](repeating: 2, count: n)
            shift = squaredLengths.map { Float(-$0) }
            slack = squaredLengths.map { Float($0) }
        case .manhattan, .chiSquare:
            scale = [Float](repeating: -1, count: n)
            slack = shift
        }
    }
}

/// A right answer's exact score on the scale of `CandidateTerms`; a value within base + factor·slack of it is in doubt.
struct RankThreshold: Sendable {
    var value: Float
    var base: Float
    var factor: Float

    static func underflow(_ dimension: Int) -> Double { Double(dimension + 1) * 0x1p-149 }

    /// - querySquaredLength: ‖q‖².
    init(_ metric: VectorMetric, score: Double, querySquaredLength square: Double, dimension: Int) {
        let rounding = Double(dimension + 40) * 0x1p-24 * 1.25
        let exact: Double
        var (base, factor) = (0.0, 0.0)
        switch metric {
        case .cosine:
            exact = score * square.squareRoot()
            (base, factor) = (rounding * square.squareRoot(), 1)
        case .dot:
            exact = score
            (base, factor) = (Self.underflow(dimension), rounding * square.squareRoot())
        case .euclidean:
            exact = square - score * score
            (base, factor) = (2 * rounding * square + 2 * Self.underflow(dimension), 2 * rounding)
        case .manhattan:
            exact = -score
            base = 2.5 * rounding * score
        case .chiSquare:
            // A numerator below 2⁻¹²⁶ loses digits: then the term, at most |q − x|, is below 2⁻⁶³.
            exact = -score
            base = 2.5 * rounding * score + Double(dimension) * 0x1p-62
        }
        value = Float(exact)
        // The threshold's own rounding; beyond the range of Float nothing is certain.
        self.base = value.isFinite ? Float((base + abs(exact) * 0x1p-22) * (1 + 0x1p-20)) : .infinity
        self.factor = Float(factor * (1 + 0x1p-20))
    }
}
