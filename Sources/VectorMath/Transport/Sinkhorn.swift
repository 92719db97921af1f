/// Entropic transport by Sinkhorn iterations in the log domain. Approximate by design: see TransportSolver for the optimum.
import Foundation

package struct SinkhornSettings: Sendable, Equatable {
    /// Strength of the entropy, in units of the cost; judge it against the spread of the costs, not their size.
    package var epsilon: Double
    /// Largest total deviation of the column marginals, as a share of all mass.
    package var tolerance = 1e-9
    /// Reaching it is an error, never a value.
    package var iterationsMax = 100_000

    package init(epsilon: Double, tolerance: Double = 1e-9, iterationsMax: Int = 100_000) {
        precondition(epsilon > 0 && tolerance > 0, "epsilon and tolerance are positive")
        (self.epsilon, self.tolerance, self.iterationsMax) = (epsilon, tolerance, iterationsMax)
    }

    /// Epsilon as a share of the spread (largest less least) of these costs.
    package static func relative(_ share: Double, to costs: CostMatrix) -> SinkhornSettings {
        SinkhornSettings(epsilon: share * max(costs.spread, .leastNormalMagnitude))
    }
}

package struct SinkhornValue: Sendable, Equatable {
    /// ⟨P, C⟩ of the entropic plan: an upper bound of the optimum once the marginals are met.
    package var linearCost: Double
    /// ⟨P, C⟩ + ε·KL(P ‖ a⊗b) (Feydy et al. 2019).
    package var entropicDual: Double
    package var iterations: Int
}

extension CostMatrix {
    /// Largest less least cost.
    package var spread: Double {
        var (least, largest) = (Double.infinity, -Double.infinity)
        for row in 0..<rows {
            for column in 0..<columns {
                least = min(least, self[row, column])
                largest = max(largest, self[row, column])
            }
        }
        return largest - least
    }
}

/// Entropic transport with weights that sum to 1: f = −ε·LSE((g − C)/ε + ln b) and its mirror until the marginals agree.
/// O(mn) an iteration; the number of iterations grows with spread/ε.
package func sinkhorn(
    _ costs: CostMatrix, rowWeights a: [Double], columnWeights b: [Double], _ settings: SinkhornSettings
) throws(TransportError) -> SinkhornValue {
    precondition(a.count == costs.rows && b.count == costs.columns, "weights of another shape")
    let epsilon = settings.epsilon
    var f = [Double](repeating: 0, count: a.count), g = [Double](repeating: 0, count: b.count)
    let (logA, logB) = (a.map(log), b.map(log))
    var error = Double.infinity
    for iteration in 1...max(1, settings.iterationsMax) {
        for i in f.indices { f[i] = -epsilon * logSumExp(g.count) { (g[$0] - costs[i, $0]) / epsilon + logB[$0] } }
        // g[j] moves by exactly ε·ln(marginal/b), so the marginals of the old g come for free.
        error = 0
        for j in g.indices {
            let next = -epsilon * logSumExp(f.count) { (f[$0] - costs[$0, j]) / epsilon + logA[$0] }
            error += b[j] * abs(exp((g[j] - next) / epsilon) - 1)
            g[j] = next
        }
        if error <= settings.tolerance {
            return sinkhornValue(costs, a, b, f, g, epsilon, iterations: iteration)
        }
    }
    throw .notConverged(iterations: settings.iterationsMax, marginalError: error)
}

private func sinkhornValue(
    _ costs: CostMatrix, _ a: [Double], _ b: [Double], _ f: [Double], _ g: [Double], _ epsilon: Double, iterations: Int
) -> SinkhornValue {
    var linear = 0.0
    for i in a.indices {
        for j in b.indices { linear += a[i] * b[j] * exp((f[i] + g[j] - costs[i, j]) / epsilon) * costs[i, j] }
    }
    var dual = 0.0
    for i in a.indices { dual += a[i] * f[i] }
    for j in b.indices { dual += b[j] * g[j] }
    return SinkhornValue(linearCost: linear, entropicDual: dual, iterations: iterations)
}

/// ln Σ exp(term(k)), shifted by the largest term.
private func logSumExp(_ count: Int, _ term: (Int) -> Double) -> Double {
    var largest = -Double.infinity
    for k in 0..<count { largest = max(largest, term(k)) }
    guard largest > -.infinity else { return largest }
    var sum = 0.0
    for k in 0..<count { sum += exp(term(k) - largest) }
    return largest + log(sum)
}

/// The dual value of transport from a set to itself. Alternating updates crawl there; the mean of the old potential and
/// its update keeps both sides equal and converges in a few dozen iterations (Feydy et al. 2019, §3.1).
func sinkhornSelfDual(
    _ costs: CostMatrix, weights a: [Double], _ settings: SinkhornSettings
) throws(TransportError) -> Double {
    precondition(costs.rows == costs.columns && a.count == costs.rows, "a set against itself has a square matrix")
    let epsilon = settings.epsilon
    let logA = a.map(log)
    var f = [Double](repeating: 0, count: a.count)
    var error = Double.infinity
    for _ in 1...max(1, settings.iterationsMax) {
        let updated = f.indices.map { i in
            -epsilon * logSumExp(f.count) { (f[$0] - costs[i, $0]) / epsilon + logA[$0] }
        }
        error = 0
        for i in f.indices {
            error += a[i] * abs(exp((f[i] - updated[i]) / epsilon) - 1)
            f[i] = (f[i] + updated[i]) / 2
        }
        if error <= settings.tolerance {
            var dual = 0.0
            for i in f.indices { dual += 2 * a[i] * f[i] }
            return dual
        }
    }
    throw .notConverged(iterations: settings.iterationsMax, marginalError: error)
}

/// Sinkhorn divergence: dual(x, y) − ½ dual(x, x) − ½ dual(y, y), ≥ 0 and 0 for equal sets under the Euclidean costs.
package func sinkhornDivergence(
    _ x: TokenCloud, _ y: TokenCloud, _ settings: SinkhornSettings
) throws(TransportError) -> Double {
    let costs = CostMatrix()
    try costs.fillExactly(rows: x, columns: y)
    let between = try sinkhorn(
        costs, rowWeights: x.normalisedWeights, columnWeights: y.normalisedWeights, settings)
    var within = 0.0
    for cloud in [x, y] {
        try costs.fillExactly(rows: cloud, columns: cloud)
        within += try sinkhornSelfDual(costs, weights: cloud.normalisedWeights, settings)
    }
    return between.entropicDual - within / 2
}
