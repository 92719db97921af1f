/// The built-in metrics on token sets with their parameters, and their canonical names. Computes nothing (see TokenScorer).
import VectorMath

/// What is reported of an entropic transport.
struct SinkhornForm: Sendable, Hashable {
    enum Value: String, CaseIterable, Sendable {
        /// The mean cost of the entropic plan: at least the optimum.
        case cost
        /// Its entropic dual value.
        case dual
        /// Debiased: 0 for equal sets under Euclidean costs.
        case divergence
    }

    var ground = GroundCost.euclidean
    var value = Value.cost
    /// In units of the cost; nil means `spreadShare` of the spread of the costs of each pair.
    var epsilon: Double?

    static let spreadShare = 0.05
    /// Values are good to about six digits, which ranks; a tighter tolerance costs iterations.
    static let tolerance = 1e-6
}

enum TokenMetric: Sendable, Hashable {
    /// Order 1: the optimum of the ground cost. Order 2, ground Euclidean or cosine: √ of the optimum of squared distances
    /// (cosine: of unit tokens, whose squared distance is twice the cosine cost).
    case wasserstein(order: Int, ground: GroundCost)
    case sinkhorn(SinkhornForm)
    case maxSim
    case chamfer(GroundCost)
    case sliced(order: Int, directions: Int)
    case gaussian

    static let directionsDefault = 64
    static let directionsMax = 4_096

    var isSimilarity: Bool { self == .maxSim }

    /// The costs that token clouds are made for. Under cosine, zero tokens drop out of a cloud.
    var ground: GroundCost {
        switch self {
        case .wasserstein(1, let ground): ground
        case .wasserstein(_, let ground): ground == .cosine ? .cosine : .squaredEuclidean
        case .sinkhorn(let form): form.ground
        case .maxSim: .cosine
        case .chamfer(let ground): ground
        case .sliced, .gaussian: .euclidean
        }
    }

    /// True where exact lazy ranking by bounds applies: the value grows with the optimum of a transport problem.
    var isTransport: Bool {
        if case .wasserstein = self { true } else { false }
    }

    /// True where the codes of a token set bound its value: see TokenCodeBounds.
    var isBoundedByCodes: Bool {
        switch self {
        case .wasserstein, .maxSim, .chamfer: true
        case .sinkhorn, .sliced, .gaussian: false
        }
    }

    /// The metric's value for an optimal mean cost under `ground`. Increasing.
    func value(ofOptimum cost: Double) -> Double {
        switch self {
        case .wasserstein(2, .cosine): (2 * max(cost, 0)).squareRoot()
        case .wasserstein(2, _): max(cost, 0).squareRoot()
        default: cost
        }
    }

    var name: String {
        switch self {
        case .wasserstein(1, let ground): ground == .euclidean ? "wasserstein" : "wasserstein:\(ground.rawValue)"
        case .wasserstein(_, let ground): ground == .cosine ? "wasserstein2:cosine" : "wasserstein2"
        case .sinkhorn(let form): form.name
        case .maxSim: "max-sim"
        case .chamfer(let ground): ground == .cosine ? "chamfer" : "chamfer:\(ground.rawValue)"
        case .sliced(let order, let directions):
            "sliced-wasserstein" + (order == 1 ? "" : ":order=\(order)")
                + (directions == Self.directionsDefault ? "" : ":directions=\(directions)")
        case .gaussian: "gaussian-wasserstein"
        }
    }
}

extension SinkhornForm {
    var name: String {
        "sinkhorn" + (ground == .euclidean ? "" : ":\(ground.rawValue)") + (value == .cost ? "" : ":\(value.rawValue)")
            + (epsilon.map { ":epsilon=\($0)" } ?? "")
    }
}
