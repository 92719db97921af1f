/// A validated set of weighted tokens, ready for transport. Knows no other set and no storage.

/// The cost of moving one unit of mass from one token to another.
package enum GroundCost: String, CaseIterable, Sendable {
    /// 1 − x·y/(‖x‖‖y‖), in [0, 2]; no triangle inequality.
    case cosine
    /// ‖x − y‖; the optimum is W1.
    case euclidean
    /// ‖x − y‖²; the optimum is W2 squared.
    case squaredEuclidean = "sqeuclidean"
}

/// Tokens with what costs need of them. Tokens without weight, and under cosine without length, have dropped out.
package struct TokenCloud: Sendable {
    package let ground: GroundCost
    package let dimension: Int
    /// count × dimension, row-major, kept tokens only.
    package let values: [Float]
    /// Positive and finite, one for each kept token; nil means equal weights.
    package let weights: [Double]?
    /// The place of each kept token in the set given; nil when all were kept.
    package let kept: [Int]?
    /// Of each token ‖x‖, off by at most 2⁻²¹ of itself, as good as products of tokens are; behind these of each its cross.
    let facts: [Double]
    package let count: Int

    /// - Parameters:
    ///   - values: n × dimension, row-major.
    ///   - weights: one for each token, any positive total; nil for equal weights.
    package init(
        values: [Float], dimension: Int, weights: [Double]? = nil, ground: GroundCost, side: TransportSide
    ) throws(TransportError) {
        guard !values.isEmpty else { throw .emptyTokenSet(side) }
        guard dimension > 0, values.count % dimension == 0 else {
            throw .raggedTokens(side, values: values.count, dimension: dimension)
        }
        // A float32 square never overflows float64, so a norm is finite exactly when every component is.
        let (facts, nonFinite) = tokenFacts(values, dimension: dimension)
        let given = values.count / dimension
        if let nonFinite { throw .nonFiniteToken(side, index: nonFinite) }
        if let weights { try Self.check(weights, count: given, side: side) }
        self.ground = ground
        self.dimension = dimension
        let kept = Self.kept(facts[..<given], weights, ground)
        guard let kept else {
            (self.values, self.weights, self.kept, self.facts, count) = (values, weights, nil, facts, given)
            return
        }
        guard !kept.isEmpty else { throw .noContent(side) }
        var content: [Float] = []
        content.reserveCapacity(kept.count * dimension)
        for index in kept { content += values[index * dimension..<(index + 1) * dimension] }
        self.values = content
        self.weights = weights.map { weights in kept.map { weights[$0] } }
        self.kept = kept
        self.facts = kept.map { facts[$0] } + kept.map { facts[given + $0] }
        count = kept.count
    }

    /// The tokens with weight and, under cosine, length; nil when that is all.
    private static func kept(_ norms: ArraySlice<Double>, _ weights: [Double]?, _ ground: GroundCost) -> [Int]? {
        func drops(_ i: Int) -> Bool { (ground == .cosine && norms[i] == 0) || weights?[i] == 0 }
        guard ground == .cosine || weights != nil, norms.indices.contains(where: drops) else { return nil }
        return norms.indices.filter { !drops($0) }
    }

    private static func check(_ weights: [Double], count: Int, side: TransportSide) throws(TransportError) {
        guard weights.count == count else {
            throw .weightCountMismatch(side, tokens: count, weights: weights.count)
        }
        if let index = weights.firstIndex(where: { !$0.isFinite }) { throw .nonFiniteWeight(side, index: index) }
        if let index = weights.firstIndex(where: { $0 < 0 }) { throw .negativeWeight(side, index: index) }
        guard weights.contains(where: { $0 > 0 }) else { throw .zeroWeights(side) }
    }

    /// The place of kept token `index` in the set given.
    package func original(_ index: Int) -> Int { kept?[index] ?? index }

    /// The mean token (under cosine the mean direction), where it holds most of the tokens' squared length: products of the
    /// tokens as they are would then cancel in the costs. Of little use elsewhere, since taking it away costs time.
    var centre: [Float]? {
        let shareMin = 0.75
        var sum = [Double](repeating: 0, count: dimension)
        var squares = 0.0
        for token in 0..<count {
            let scale = ground == .cosine ? 1 / facts[token] : 1
            for (k, value) in values[token * dimension..<(token + 1) * dimension].enumerated() { sum[k] += scale * Double(value) }
            squares += scale * facts[token] * scale * facts[token]
        }
        let own = sum.reduce(0) { $0 + $1 * $1 } / Double(count)
        return own > 0 && own >= shareMin * squares ? sum.map { Float($0 / Double(count)) } : nil
    }

    /// Weights that sum to 1.
    package var normalisedWeights: [Double] {
        weights.map(normalised) ?? Array(repeating: 1 / Double(count), count: count)
    }
}

/// Positive weights made to sum to 1.
func normalised(_ weights: [Double]) -> [Double] {
    let largest = weights.max() ?? 1
    let total = weights.reduce(0) { $0 + $1 / largest }
    return weights.map { $0 / largest / total }
}
