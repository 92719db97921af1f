/// How two embeddings are compared: a name with its parameters, what it works on, and whether large or small is best.
/// Computes nothing itself: vectors are scored by VectorScorer, token sets by TokenScorer.
import VectorMath

/// A metric, by the name the command line uses.
///
/// | name | on | value |
/// |---|---|---|
/// | `cosine dot euclidean manhattan chi-square` | vectors | see the constants below |
/// | `wasserstein[:euclidean\|cosine\|sqeuclidean]` | token sets | least mean cost of moving one set to the other: W1 |
/// | `wasserstein2[:euclidean\|cosine]` | token sets | √ of the least mean squared distance: W2; `cosine`: of unit tokens |
/// | `sinkhorn[:GROUND][:cost\|dual\|divergence][:epsilon=E]` | token sets | the entropic relative of `wasserstein` |
/// | `max-sim` | token sets | similarity: Σ over query tokens of the best cosine; not symmetric |
/// | `chamfer[:GROUND]` | token sets | mean nearest cost of either side, added; cosine costs when left out |
/// | `sliced-wasserstein[:order=1\|2][:directions=N]` | token sets | mean of transports along seeded directions |
/// | `gaussian-wasserstein` | token sets | W2 of the Gaussians with the sets' means and covariances |
///
/// `wasserstein2:sqeuclidean` is another name of `wasserstein2`: the least mean of squared Euclidean costs is what W2 is the root
/// of. Token weights are used wherever the sets carry them, except by `max-sim`.
public struct Metric: Sendable, Hashable, CustomStringConvertible {
    /// What is compared.
    public enum Operand: String, Sendable { case vectors = "vectors", tokenSets = "token sets" }

    enum Kind: Sendable {
        case vectors(VectorMetric)
        case tokens(TokenMetric)
        case customVectors(any VectorComparison)
        case customTokens(any TokenComparison)
    }

    /// Canonical: parameters that are the defaults are left out, so that equal metrics have equal names.
    public let name: String
    /// True when large is best; otherwise the value is a distance.
    public let isSimilarity: Bool
    let kind: Kind

    init(_ metric: VectorMetric) {
        (name, isSimilarity, kind) = (metric.rawValue, metric.isSimilarity, .vectors(metric))
    }

    init(_ metric: TokenMetric) {
        (name, isSimilarity, kind) = (metric.name, metric.isSimilarity, .tokens(metric))
    }

    /// A comparison of vectors written by the user.
    /// - Throws: `.invalidArgument` for the name of a built-in metric.
    public init(_ comparison: some VectorComparison) throws(CausewayError) {
        try Self.refuseBuiltIn(comparison.name)
        (name, isSimilarity, kind) = (comparison.name, comparison.isSimilarity, .customVectors(comparison))
    }

    /// A comparison of token sets written by the user.
    /// - Throws: `.invalidArgument` for the name of a built-in metric.
    public init(_ comparison: some TokenComparison) throws(CausewayError) {
        try Self.refuseBuiltIn(comparison.name)
        (name, isSimilarity, kind) = (comparison.name, comparison.isSimilarity, .customTokens(comparison))
    }

    init(_ model: LearnedComparison) {
        (name, isSimilarity, kind) = (model.name, model.isSimilarity, .customVectors(model))
    }

    /// Metrics are told apart by their names, in results and in the table of what was measured.
    private static func refuseBuiltIn(_ name: String) throws(CausewayError) {
        let first = name.prefix { $0 != ":" }
        guard first.isEmpty || first == "learned" || names.contains(String(first)) else { return }
        throw .invalidArgument(
            reason: name.isEmpty ? "a metric of your own has no name" : "\(name) is the name of a built-in metric",
            remedy: "give the metric a name of its own")
    }

    public var operand: Operand {
        switch kind {
        case .vectors, .customVectors: .vectors
        case .tokens, .customTokens: .tokenSets
        }
    }

    public var description: String { name }

    public static func == (a: Metric, b: Metric) -> Bool { a.name == b.name }
    public func hash(into hasher: inout Hasher) { hasher.combine(name) }

    // MARK: On vectors

    /// x·y / (‖x‖‖y‖); 0 where a vector is zero.
    public static let cosine = Metric(VectorMetric.cosine)
    /// x·y
    public static let dot = Metric(VectorMetric.dot)
    /// ‖x − y‖
    public static let euclidean = Metric(VectorMetric.euclidean)
    /// Σ|x − y|
    public static let manhattan = Metric(VectorMetric.manhattan)
    /// Σ (x − y)² / (|x| + |y|), a term with 0/0 counting 0
    public static let chiSquare = Metric(VectorMetric.chiSquare)

    /// The five built-in metrics on vectors.
    public static let all = VectorMetric.allCases.map { Metric($0) }

    // MARK: On token sets, with their default parameters; others by name

    /// Exact optimal transport of order 1 under Euclidean ground cost.
    public static let wasserstein = Metric(TokenMetric.wasserstein(order: 1, ground: .euclidean))
    /// Exact optimal transport of order 2 under Euclidean ground distance.
    public static let wasserstein2 = Metric(TokenMetric.wasserstein(order: 2, ground: .euclidean))
    /// Entropic transport: the plan's mean cost, at an epsilon of 5 % of the spread of a pair's costs.
    public static let sinkhorn = Metric(TokenMetric.sinkhorn(SinkhornForm()))
    /// Late interaction: Σ over query tokens of the best cosine.
    public static let maxSim = Metric(TokenMetric.maxSim)
    /// Both directions of the mean nearest cosine cost.
    public static let chamfer = Metric(TokenMetric.chamfer(.cosine))
    /// The mean of W1 along 64 seeded directions.
    public static let slicedWasserstein = Metric(TokenMetric.sliced(order: 1, directions: TokenMetric.directionsDefault))
    /// W2 of the Gaussians that have the sets' means and covariances.
    public static let gaussianWasserstein = Metric(TokenMetric.gaussian)

    /// All built-in metrics on token sets.
    public static let allOnTokens: [Metric] = [
        .wasserstein, .wasserstein2, .sinkhorn, .maxSim, .chamfer, .slicedWasserstein, .gaussianWasserstein,
    ]

    /// All names without parameters, as `--metric` takes them.
    public static let names = (all + allOnTokens).map(\.name)

    // MARK: For the other files of this module

    /// The kernel of a built-in metric on vectors; nil for all others, which MetricSearch serves.
    var builtInVectorMetric: VectorMetric? {
        if case .vectors(let metric) = kind { metric } else { nil }
    }

    /// The kernel, where the caller has made sure that this is a built-in metric on vectors.
    var vectorMetric: VectorMetric {
        guard let metric = builtInVectorMetric else { preconditionFailure("\(name) is no built-in metric on vectors") }
        return metric
    }

    /// Whether the codes of stored token sets tell which of them cannot be among the best.
    var isBoundedByCodes: Bool {
        if case .tokens(let metric) = kind { metric.isBoundedByCodes } else { false }
    }

    func isBetter(_ a: Double, _ b: Double) -> Bool { isSimilarity ? a > b : a < b }
}
