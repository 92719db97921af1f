/// What metrics compare, made ready once however many values it enters: queries' and candidates' sides alike. Compares nothing.
import Storage
import VectorMath

/// What a metric compares, checked and made ready once: a vector, tokens ready for costs or for one of the relatives of
/// transport, or tokens as a user's metric takes them.
enum MetricOperand: Sendable {
    case vector([Float])
    case cloud(TokenCloud)
    case sliced(SlicedTokens)
    case gaussian(GaussianTokens)
    case tokens(TokenSet)
}

/// Makes operands of a metric for tokens of one dimension.
struct MetricOperands: Sendable {
    let metric: Metric
    /// Of a sliced metric.
    private let directions: SliceDirections?

    /// - Parameter dimension: of the tokens; nil where there are none, or none to slice.
    init(_ metric: Metric, dimension: Int?) {
        self.metric = metric
        if case .tokens(.sliced(_, let count)) = metric.kind, let dimension {
            directions = SliceDirections(count: count, dimension: dimension, seed: Self.directionSeed)
        } else {
            directions = nil
        }
    }

    /// One seed for all queries and databases, so that values can be compared between them.
    private static let directionSeed: UInt64 = 0x736C_6963_6573

    /// - Throws: `TransportError` for tokens without content, such as only zero vectors under cosine.
    func operand(_ tokens: Storage.TokenSet, side: TransportSide) throws -> MetricOperand {
        switch metric.kind {
        case .tokens(let kind):
            let cloud = try TokenCloud(tokens, ground: kind.ground, side: side)
            switch kind {
            case .sliced:
                guard let directions else { preconditionFailure("tokens where there are none") }
                return .sliced(try SlicedTokens(cloud, directions))
            case .gaussian: return .gaussian(try GaussianTokens(cloud))
            default: return .cloud(cloud)
            }
        case .customTokens, .customVectors, .vectors:
            guard tokens.count > 0 else { throw TransportError.emptyTokenSet(side) }
            // Stored tokens have been checked.
            if side == .query { _ = try TokenCloud(tokens, ground: .euclidean, side: side) }
            return .tokens(TokenSet(tokens))
        }
    }

    /// - Throws: `TransportError` for tokens without content; dimensions are the caller's to check.
    func query(vector: [Float], tokens: Storage.TokenSet?) throws -> MetricQuery {
        guard metric.operand == .tokenSets else { return MetricQuery(metric, .vector(vector)) }
        guard let tokens else { throw TransportError.emptyTokenSet(.query) }
        return MetricQuery(metric, try operand(tokens, side: .query))
    }

    /// Nil for tokens without content; stored tokens have no other fault.
    func operandIfAny(_ tokens: Storage.TokenSet) throws -> MetricOperand? {
        do {
            return try operand(tokens, side: .candidate)
        } catch let error as TransportError {
            switch error {
            case .emptyTokenSet, .noContent, .zeroWeights: return nil
            default: throw error
            }
        }
    }
}

extension TokenCloud {
    init(_ tokens: Storage.TokenSet, ground: GroundCost, side: TransportSide) throws(TransportError) {
        try self.init(
            values: tokens.values, dimension: tokens.dimension, weights: tokens.weights.map { $0.map(Double.init) },
            ground: ground, side: side)
    }
}
