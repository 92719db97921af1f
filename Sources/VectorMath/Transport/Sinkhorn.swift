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
    let potentials = EntropicPotentials(costs, a, b, settings.epsilon)
    var error = Double.infinity
    for iteration in 1...max(1, settings.iterationsMax) {
        potentials.updateRows()
        error = potentials.updateColumns()
        if error <= settings.tolerance { return potentials.value(iterations: iteration) }
    }
    throw .notConverged(iterations: settings.iterationsMax, marginalError: error)
}

/// The potentials of an entropic problem, in units of ε, and their updates.
private final class EntropicPotentials {
    private let costs: CostMatrix
    private let scaled: CostMatrix
    private let epsilon: Double
    private let a: [Double], b: [Double]
    private let logA: [Double], logB: [Double]
    private var f: [Double]
    private var g: [Double]
    /// Potentials with the logarithms of the weights added, as the kernels take them.
    private let rowDuals, columnDuals: WorkArray<Double>
    private let minima, sums: WorkArray<Double>
    private let places: WorkArray<Int64>

    init(_ costs: CostMatrix, _ a: [Double], _ b: [Double], _ epsilon: Double) {
        (self.costs, scaled, self.epsilon) = (costs, costs.scaled(by: 1 / epsilon), epsilon)
        (self.a, self.b, logA, logB) = (a, b, a.map(log), b.map(log))
        f = [Double](repeating: 0, count: a.count)
        g = [Double](repeating: 0, count: b.count)
        rowDuals = WorkArray(a.count, filledWith: 0)
        columnDuals = WorkArray(costs.stride, filledWith: 0)
        let longest = max(a.count, costs.stride)
        minima = WorkArray(longest, filledWith: 0)
        sums = WorkArray(longest, filledWith: 0)
        places = WorkArray(longest, filledWith: 0)
    }

    func updateRows() { f = rowUpdate(of: g) }

    /// −LSE over the columns of (potential − cost + ln b), for each row.
    func rowUpdate(of g: [Double]) -> [Double] {
        for j in g.indices { columnDuals[j] = g[j] + logB[j] }
        scaled.reduceRows(columnDuals, minima: minima, places: places)
        scaled.exponentialSumsOfRows(columnDuals, minima: minima, sums: sums)
        return a.indices.map { minima[$0] - log(sums[$0]) }
    }

    /// Returns the total deviation of the column marginals before the update: g[j] moves by exactly ln(marginal/b).
    func updateColumns() -> Double {
        for i in f.indices { rowDuals[i] = f[i] + logA[i] }
        scaled.reduceColumns(rowDuals, minima: minima, places: places)
        scaled.exponentialSumsOfColumns(rowDuals, minima: minima, sums: sums)
        var error = 0.0
        for j in g.indices {
            let next = minima[j] - log(sums[j])
            error += b[j] * abs(exp(g[j] - next) - 1)
            g[j] = next
        }
        return error
    }

    func value(iterations: Int) -> SinkhornValue {
        var linear = 0.0
        for i in a.indices {
            for j in b.indices { linear += a[i] * b[j] * exp(f[i] + g[j] - scaled[i, j]) * costs[i, j] }
        }
        var dual = 0.0
        for i in a.indices { dual += a[i] * f[i] }
        for j in b.indices { dual += b[j] * g[j] }
        return SinkhornValue(linearCost: linear, entropicDual: dual * epsilon, iterations: iterations)
    }
}

/// The dual value of transport from a set to itself. Alternating updates crawl there; the mean of the old potential and
/// its update keeps both sides equal and converges in a few dozen iterations (Feydy et al. 2019, §3.1).
func sinkhornSelfDual(
    _ costs: CostMatrix, weights a: [Double], _ settings: SinkhornSettings
) throws(TransportError) -> Double {
    precondition(costs.rows == costs.columns && a.count == costs.rows, "a set against itself has a square matrix")
    let potentials = EntropicPotentials(costs, a, a, settings.epsilon)
    var f = [Double](repeating: 0, count: a.count)
    var error = Double.infinity
    for _ in 1...max(1, settings.iterationsMax) {
        let updated = potentials.rowUpdate(of: f)
        error = 0
        for i in f.indices {
            error += a[i] * abs(exp(f[i] - updated[i]) - 1)
            f[i] = (f[i] + updated[i]) / 2
        }
        if error <= settings.tolerance {
            var dual = 0.0
            for i in f.indices { dual += 2 * a[i] * f[i] }
            return dual * settings.epsilon
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
