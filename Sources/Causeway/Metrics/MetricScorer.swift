/// The value of one query against one candidate under any metric on token sets, built in or the user's own, and under the
/// user's own metrics on vectors. Ranks nothing and reads no storage. Built-in metrics on vectors have VectorScorer.
import Storage
import VectorMath

/// What a metric compares, checked once: a vector, tokens ready for costs, or tokens as a user's metric takes them.
enum MetricOperand: Sendable {
    case vector([Float])
    case cloud(TokenCloud)
    case tokens(TokenSet)
}

extension Metric {
    /// - Throws: `TransportError` for tokens without content, such as only zero vectors under cosine.
    func operand(_ tokens: Storage.TokenSet, side: TransportSide) throws(TransportError) -> MetricOperand {
        switch kind {
        case .tokens(let metric): return .cloud(try TokenCloud(tokens, ground: metric.ground, side: side))
        case .customTokens, .customVectors, .vectors:
            guard tokens.count > 0 else { throw .emptyTokenSet(side) }
            // Stored tokens have been checked.
            if side == .query { _ = try TokenCloud(tokens, ground: .euclidean, side: side) }
            return .tokens(TokenSet(tokens))
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

/// A query ready for many candidates. Safe to share; each thread makes its own scorer.
struct MetricQuery: Sendable {
    enum Form: Sendable {
        case tokens(TokenMetric, PackedTokens)
        case customTokens(any TokenComparison, TokenSet)
        case customVector(any VectorComparison, [Float])
    }

    let metric: Metric
    let form: Form
    /// The directions of a sliced metric, and the query's tokens along them.
    let slices: (directions: SliceDirections, tokens: SlicedTokens)?

    /// - Throws: `.badInput` for tokens without content; dimensions are the caller's to check.
    init(_ metric: Metric, vector: [Float], tokens: Storage.TokenSet?) throws {
        self.metric = metric
        var slices: (SliceDirections, SlicedTokens)?
        switch metric.kind {
        case .vectors: preconditionFailure("\(metric) has VectorScorer")
        case .customVectors(let comparison): form = .customVector(comparison, vector)
        case .customTokens(let comparison):
            guard let tokens else { throw TransportError.emptyTokenSet(.query) }
            guard case .tokens(let set) = try metric.operand(tokens, side: .query) else { preconditionFailure("another form") }
            form = .customTokens(comparison, set)
        case .tokens(let kind):
            guard let tokens else { throw TransportError.emptyTokenSet(.query) }
            guard case .cloud(let cloud) = try metric.operand(tokens, side: .query) else { preconditionFailure("another form") }
            if case .sliced(_, let count) = kind {
                let directions = SliceDirections(count: count, dimension: cloud.dimension, seed: Self.directionSeed)
                slices = (directions, try SlicedTokens(cloud, directions))
            }
            form = .tokens(kind, PackedTokens(cloud))
        }
        self.slices = slices
    }

    /// One seed for all queries and databases, so that values can be compared between them.
    private static let directionSeed: UInt64 = 0x736C_6963_6573

    /// What bounds candidates by their codes; nil where the metric has no such bound, or these tokens cannot be coded.
    var codeBounds: (codes: TokenCodeBounds, metric: TokenMetric)? {
        guard case .tokens(let metric, let tokens) = form, metric.isBoundedByCodes else { return nil }
        return TokenCodeBounds(tokens.cloud).map { ($0, metric) }
    }

    /// The query's tokens, where exact lazy ranking applies.
    var transport: (metric: TokenMetric, tokens: PackedTokens)? {
        if case .tokens(let metric, let tokens) = form, metric.isTransport { (metric, tokens) } else { nil }
    }
}

/// Scores candidates of one query; one thread at a time.
final class MetricScorer {
    private let query: MetricQuery
    private let costs = CostMatrix()
    private let transport: TokenTransport?

    init(_ query: MetricQuery) {
        self.query = query
        transport = query.transport.map { TokenTransport($0.tokens) }
    }

    /// The metric's value, or nil where it is certainly a distance above `limit`.
    /// - Throws: `.failed` where an iteration does not converge or a user's metric gives no number.
    func value(_ candidate: MetricOperand, limit: Double = .infinity) throws -> Double? {
        switch (query.form, candidate) {
        case (.tokens(let metric, let tokens), .cloud(let cloud)):
            return try value(metric, tokens, cloud, limit)
        case (.customTokens(let comparison, let tokens), .tokens(let other)):
            return try checked(comparison.value(query: tokens, candidate: other))
        case (.customVector(let comparison, let vector), .vector(let other)):
            return try checked(comparison.value(query: vector.span, candidate: other.span))
        default: preconditionFailure("an operand of another metric")
        }
    }

    private func checked(_ value: Double) throws(CausewayError) -> Double {
        guard !value.isNaN else {
            throw .failed(what: "metric \(query.metric) gave a value that is no number", remedy: "correct the metric")
        }
        return value
    }

    private func value(
        _ metric: TokenMetric, _ tokens: PackedTokens, _ cloud: TokenCloud, _ limit: Double
    ) throws -> Double? {
        switch metric {
        case .wasserstein:
            guard case .optimal(let cost)? = try transport?.solve(cloud, limit: metric.optimum(ofValue: limit)) else {
                return nil
            }
            return metric.value(ofOptimum: cost)
        case .maxSim:
            try costs.fill(rows: tokens, columns: cloud)
            return NearestTokens(costs).maxSimSum
        case .chamfer:
            try costs.fill(rows: tokens, columns: cloud)
            return NearestTokens(costs).chamfer(
                rowWeights: tokens.cloud.weights == nil ? nil : tokens.cloud.normalisedWeights,
                columnWeights: cloud.weights == nil ? nil : cloud.normalisedWeights)
        case .sinkhorn(let form): return try sinkhornValue(form, tokens.cloud, cloud)
        case .sliced(let order, _):
            guard let slices = query.slices else { preconditionFailure("a sliced metric without directions") }
            return slicedTransport(slices.tokens, try SlicedTokens(cloud, slices.directions), order: order).distance
        case .gaussian: return try ModalityGap.gaussianWasserstein(tokens.cloud, cloud)
        }
    }

    private func sinkhornValue(_ form: SinkhornForm, _ query: TokenCloud, _ candidate: TokenCloud) throws -> Double {
        try costs.fillExactly(rows: query, columns: candidate)
        var settings = SinkhornSettings.relative(SinkhornForm.spreadShare, to: costs)
        if let epsilon = form.epsilon { settings = SinkhornSettings(epsilon: epsilon) }
        settings.tolerance = SinkhornForm.tolerance
        if form.value == .divergence { return try sinkhornDivergence(query, candidate, settings) }
        let found = try sinkhorn(
            costs, rowWeights: query.normalisedWeights, columnWeights: candidate.normalisedWeights, settings)
        return form.value == .cost ? found.linearCost : found.entropicDual
    }
}

extension TokenMetric {
    /// The optimum that has a value: the inverse of `value(ofOptimum:)`. Rounding is within the solver's slack.
    func optimum(ofValue value: Double) -> Double {
        switch self {
        case .wasserstein(2, .cosine): value * value / 2
        case .wasserstein(2, _): value * value
        default: value
        }
    }
}
