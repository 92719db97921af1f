/// The value of one query against one candidate under any metric on token sets, built in or the user's own, and under the
/// user's own metrics on vectors. Ranks nothing and reads no storage. Built-in metrics on vectors have VectorScorer.
import VectorMath

/// A query ready for many candidates. Safe to share; each thread makes its own scorer.
struct MetricQuery: Sendable {
    enum Form: Sendable {
        case tokens(TokenMetric, PackedTokens)
        case sliced(order: Int, SlicedTokens)
        case gaussian(GaussianTokens)
        case customTokens(any TokenComparison, TokenSet)
        case customVector(any VectorComparison, [Float])
    }

    let metric: Metric
    let form: Form

    init(_ metric: Metric, _ operand: MetricOperand) {
        self.metric = metric
        form = switch (metric.kind, operand) {
        case (.tokens(let kind), .cloud(let cloud)): .tokens(kind, PackedTokens(cloud))
        case (.tokens(.sliced(let order, _)), .sliced(let tokens)): .sliced(order: order, tokens)
        case (.tokens, .gaussian(let tokens)): .gaussian(tokens)
        case (.customTokens(let comparison), .tokens(let set)): .customTokens(comparison, set)
        case (.customVectors(let comparison), .vector(let vector)): .customVector(comparison, vector)
        default: preconditionFailure("an operand of another metric than \(metric)")
        }
    }

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
        case (.sliced(let order, let tokens), .sliced(let other)):
            return slicedTransport(tokens, other, order: order).distance
        case (.gaussian(let tokens), .gaussian(let other)):
            return try ModalityGap.gaussianWasserstein(tokens, other, limit: limit)
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
        case .sliced, .gaussian: preconditionFailure("operands of their own")
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
