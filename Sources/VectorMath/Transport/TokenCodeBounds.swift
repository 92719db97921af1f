/// What the codes of a stored token set say of its distance to a query without its tokens: certified bounds. No values.

/// Bounds of one query's candidates; one thread at a time. Each bound holds for the value that `TransportRanking` or
/// `NearestTokens` computes from the tokens themselves, rounding included, so that what it rules out is ruled out.
package final class TokenCodeBounds {
    package enum Content: Equatable {
        /// The bytes bound nothing.
        case unknown
        /// No token has both weight and, under cosine, length.
        case none
        case tokens
    }

    private let query: CodedTokens
    /// Lower bounds of the ground costs between the tokens of the set taken (rows, dropped ones left out) and the query's.
    package let costs = CostMatrix()
    private let scratch = BoundScratch()
    private var dots = WorkArray<Int32>(0, filledWith: 0)
    private var weights: [Double]?
    private var equal: TransportMasses?

    /// Nil where the query's tokens cannot be coded.
    package init?(_ cloud: TokenCloud) {
        guard let query = CodedTokens(cloud) else { return nil }
        self.query = query
    }

    /// Takes a candidate's coded token set, of the query's dimension; the bounds below are then its. O(mnd) of integers.
    package func take(_ bytes: Span<UInt8>) -> Content {
        guard let candidate = query.lowerCosts(of: bytes, into: costs, dots: &dots) else { return .unknown }
        guard candidate.count > 0 else { return .none }
        weights = nil
        let zeros = query.cloud.ground == .cosine ? candidate.zeros : []
        guard candidate.weights != nil || !zeros.isEmpty else { return .tokens }
        // As TokenCloud drops tokens; what it refuses is for it to refuse.
        if let weights = candidate.weights, weights.contains(where: { !($0 >= 0) || $0 == .infinity }) { return .unknown }
        var drops = candidate.weights.map { $0.map { $0 == 0 } } ?? Array(repeating: false, count: candidate.count)
        for token in zeros { drops[token] = true }
        let kept = drops.indices.filter { !drops[$0] }
        guard !kept.isEmpty else { return .none }
        costs.keepRows(kept)
        weights = candidate.weights.map { weights in kept.map { Double(weights[$0]) } }
        return .tokens
    }

    /// At most the optimal mean cost of transport. O(mn).
    package func transport() -> Double { TransportBounds(costs, masses(), scratch: scratch).best }

    /// At least MaxSim.
    package func maxSim() -> Double { nearest().maxSimSum }

    /// At most the Chamfer value with the sets' weights.
    package func chamfer() -> Double {
        let query = query.cloud
        return nearest().chamfer(
            rowWeights: query.weights == nil ? nil : query.normalisedWeights,
            columnWeights: weights.map(normalised))
    }

    /// The query's tokens as rows, as where values are computed.
    private func nearest() -> NearestTokens { NearestTokens(costs).transposed }

    /// Those of equal weights are kept, since most candidates have as many tokens as the one before.
    private func masses() -> TransportMasses {
        let query = query.cloud
        if weights == nil, let equal, equal.rows.count == costs.rows { return equal }
        let masses = TransportMasses(
            rowWeights: weights, rowCount: costs.rows, columnWeights: query.weights, columnCount: query.count)
        if weights == nil { equal = masses }
        return masses
    }
}
