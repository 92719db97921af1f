/// Entropic transport by Sinkhorn iterations in the log domain, ended by Newton's. See TransportSolver for the optimum.
import Foundation

package struct SinkhornSettings: Sendable, Equatable {
    /// Strength of the entropy, in units of the cost; judge it against the spread of the costs, not their size. At 0 the
    /// answer is the optimum.
    package var epsilon: Double
    /// Largest total deviation of the marginals, as a share of all mass; values are off by about as much of the spread.
    package var tolerance = 1e-9
    /// Reaching it is an error, never a value.
    package var iterationsMax = 100_000

    package init(epsilon: Double, tolerance: Double = 1e-9, iterationsMax: Int = 100_000) {
        precondition(epsilon >= 0 && tolerance > 0, "epsilon and tolerance are positive")
        (self.epsilon, self.tolerance, self.iterationsMax) = (epsilon, tolerance, iterationsMax)
    }

    /// Epsilon as a share of the spread (largest less least) of these costs.
    package static func relative(_ share: Double, to costs: CostMatrix) -> SinkhornSettings {
        let range = costs.range
        return SinkhornSettings(epsilon: share * (range.upperBound - range.lowerBound))
    }
}

package struct SinkhornValue: Sendable, Equatable {
    /// ⟨P, C⟩ of the entropic plan: an upper bound of the optimum once the marginals are met.
    package var linearCost: Double
    /// ⟨P, C⟩ + ε·KL(P ‖ a⊗b) (Feydy et al. 2019).
    package var entropicDual: Double
    /// The plan is P = a·b·exp((f + g − C)/ε); in units of the cost. Empty where the answer is the optimum or next to the
    /// product.
    package var rowPotentials: [Double] = []
    package var columnPotentials: [Double] = []
    package var iterations = 0
}

extension CostMatrix {
    /// Least and largest cost.
    package var range: ClosedRange<Double> {
        var (least, largest) = (self[0, 0], self[0, 0])
        for row in 0..<rows {
            for column in 0..<columns {
                least = min(least, self[row, column])
                largest = max(largest, self[row, column])
            }
        }
        return least...largest
    }
}

/// Entropic transport with weights that sum to 1: f = −ε·LSE((g − C)/ε + ln b) and its mirror until the marginals agree.
///
/// These iterations crawl where the plan nearly falls apart into blocks that little mass connects, as it does for two tokens
/// against two at 5 % of their spread. So after a while each is led by a Newton step for the dual: see `NewtonStep`. A small
/// epsilon is come down to by halves, each a good start for the next. An epsilon too small to be told from none at this
/// tolerance gives the optimum, of which the entropic values are then within tolerance · spread. A large epsilon gives values
/// next to those of the product a⊗b: beside potentials that hold ε, the costs would have lost their digits.
/// - Complexity: O(mn) an iteration, and O(mn·min + min³) led by Newton: tens of them.
package func sinkhorn(
    _ costs: CostMatrix, rowWeights a: [Double], columnWeights b: [Double], _ settings: SinkhornSettings
) throws(TransportError) -> SinkhornValue {
    precondition(a.count == costs.rows && b.count == costs.columns, "weights of another shape")
    let range = costs.range, spread = range.upperBound - range.lowerBound
    // KL(P ‖ a⊗b) is at most the entropy of the smaller side.
    if settings.epsilon * log(Double(min(a.count, b.count))) <= settings.tolerance * spread {
        return optimum(costs, a, b)
    }
    if spread <= productShare * settings.epsilon {
        return nextToProduct(costs, a, b, settings.epsilon, above: range.lowerBound)
    }
    let potentials = try EntropicPotentials(costs, a, b, above: range.lowerBound)
    var stage = EntropicStage.first(for: settings.epsilon, spread: spread)
    potentials.begin(stage.epsilon)
    var (iterations, error) = (0, Double.infinity)
    while iterations < settings.iterationsMax {
        iterations += 1
        stage.iterations += 1
        let tolerance = stage.halvings == 0 ? settings.tolerance : EntropicStage.tolerance
        error = potentials.iterate(toward: tolerance, led: stage.iterations > potentials.newtonAfter)
        guard error <= tolerance else { continue }
        if stage.halvings == 0 { return potentials.value(iterations: iterations) }
        stage = stage.next
        potentials.begin(stage.epsilon)
    }
    throw .notConverged(iterations: settings.iterationsMax, marginalError: error)
}

private func optimum(_ costs: CostMatrix, _ a: [Double], _ b: [Double]) -> SinkhornValue {
    let masses = TransportMasses(rowWeights: a, rowCount: a.count, columnWeights: b, columnCount: b.count)
    guard case .optimal(let cost) = TransportSolver().solve(costs, masses) else {
        preconditionFailure("abandoned without a limit")
    }
    return SinkhornValue(linearCost: cost, entropicDual: cost)
}

/// Spreads up to this share of epsilon: what is left out then is about its square of the spread.
private let productShare = 1e-5

/// To first order in 1/ε the plan is a⊗b·(1 − c/ε), c being the costs less the means of their row and column; so its mean cost is
/// less than that of the product by the mean square of c over ε, and the dual value by half of that. O(mn).
private func nextToProduct(
    _ costs: CostMatrix, _ a: [Double], _ b: [Double], _ epsilon: Double, above least: Double
) -> SinkhornValue {
    let rowMeans = a.indices.map { i in b.indices.reduce(0) { $0 + b[$1] * (costs[i, $1] - least) } }
    let columnMeans = b.indices.map { j in a.indices.reduce(0) { $0 + a[$1] * (costs[$1, j] - least) } }
    let mean = zip(a, rowMeans).reduce(0) { $0 + $1.0 * $1.1 }
    var square = 0.0
    for i in a.indices {
        for j in b.indices {
            let rest = costs[i, j] - least - rowMeans[i] - columnMeans[j] + mean
            square += a[i] * b[j] * rest * rest
        }
    }
    let step = square / epsilon
    return SinkhornValue(linearCost: least + (mean - step), entropicDual: least + (mean - step / 2))
}

/// One of the epsilons on the way down to the one asked for.
private struct EntropicStage {
    /// Of the marginals, before the last.
    static let tolerance = 1e-2
    /// Epsilons down to this share of the spread need no way down.
    private static let directShare = 0.05

    var epsilon: Double
    /// Left to do.
    var halvings: Int
    var iterations = 0

    static func first(for epsilon: Double, spread: Double) -> EntropicStage {
        let halvings = Int(max(0, log2(directShare * spread / epsilon).rounded(.up)))
        return EntropicStage(epsilon: epsilon * exp2(Double(halvings)), halvings: halvings)
    }

    var next: EntropicStage { EntropicStage(epsilon: epsilon / 2, halvings: halvings - 1) }
}

/// The potentials of an entropic problem, in units of ε, and their updates. The longer side is that of the rows.
private final class EntropicPotentials {
    private let costs: CostMatrix
    private let least: Double
    /// Costs above the least: their size must not hide their differences.
    private let scaled = CostMatrix()
    private let isTransposed: Bool
    private var epsilon = 0.0
    private let a: [Double], b: [Double]
    private let logA: [Double], logB: [Double]
    private var f: [Double]
    private var g: [Double]
    /// What the next update makes of g: exact column marginals.
    private var next: [Double]
    /// Potentials with the logarithms of the weights added, as the kernels take them.
    private let rowDuals, columnDuals: WorkArray<Double>
    private let minima, sums: WorkArray<Double>
    private let places: WorkArray<Int64>

    init(_ costs: CostMatrix, _ a: [Double], _ b: [Double], above least: Double) throws(TransportError) {
        isTransposed = a.count < b.count
        (self.costs, self.least, self.a, self.b) = (costs, least, isTransposed ? b : a, isTransposed ? a : b)
        (logA, logB) = (self.a.map(log), self.b.map(log))
        try scaled.reshape(rows: self.a.count, columns: self.b.count)
        f = [Double](repeating: 0, count: self.a.count)
        g = [Double](repeating: 0, count: self.b.count)
        next = g
        rowDuals = WorkArray(scaled.rows, filledWith: 0)
        columnDuals = WorkArray(scaled.stride, filledWith: 0)
        let longest = max(scaled.rows, scaled.stride)
        minima = WorkArray(longest, filledWith: 0)
        sums = WorkArray(longest, filledWith: 0)
        places = WorkArray(longest, filledWith: 0)
    }

    /// Goes over to another epsilon; the potentials stay, in units of the cost.
    func begin(_ epsilon: Double) {
        for j in g.indices { g[j] *= self.epsilon / epsilon }
        self.epsilon = epsilon
        for i in 0..<scaled.rows {
            for j in 0..<scaled.columns { scaled.set(excess(i, j) / epsilon, row: i, paddedColumn: j) }
            for j in scaled.columns..<scaled.stride { scaled.set(.infinity, row: i, paddedColumn: j) }
        }
    }

    private func excess(_ i: Int, _ j: Int) -> Double { (isTransposed ? costs[j, i] : costs[i, j]) - least }

    /// A Newton step costs about as much as so many plain iterations: no more is lost than was to be gained.
    var newtonAfter: Int { g.count / 4 + 2 }

    /// One iteration, after a Newton step where it is led by one.
    /// - Returns: the total deviation of the column marginals that it found; the row marginals were exact.
    func iterate(toward tolerance: Double, led: Bool) -> Double {
        update()
        let lacking = b.indices.map { b[$0] - b[$0] * exp(g[$0] - next[$0]) }
        let error = lacking.reduce(0) { $0 + abs($1) }
        if led && error > tolerance {
            let step = NewtonStep(links: links, lacking: lacking)
            for j in g.indices { g[j] += step.values[j] }
            update()
        }
        swap(&g, &next)
        return error
    }

    private func update() {
        for j in g.indices { columnDuals[j] = g[j] + logB[j] }
        scaled.reduceRows(columnDuals, minima: minima, places: places)
        scaled.exponentialSumsOfRows(columnDuals, minima: minima, sums: sums)
        for i in f.indices {
            f[i] = minima[i] - log(sums[i])
            rowDuals[i] = f[i] + logA[i]
        }
        scaled.reduceColumns(rowDuals, minima: minima, places: places)
        scaled.exponentialSumsOfColumns(rowDuals, minima: minima, sums: sums)
        for j in g.indices { next[j] = minima[j] - log(sums[j]) }
    }

    /// Σᵢ PᵢⱼPᵢₖ/aᵢ at j·n + k, for k < j.
    private var links: [Double] {
        let n = b.count
        var links = [Double](repeating: 0, count: n * n)
        var row = [Double](repeating: 0, count: n)
        for i in a.indices {
            let root = a[i].squareRoot()
            for j in 0..<n { row[j] = root * b[j] * exp(f[i] + g[j] - scaled[i, j]) }
            for j in 0..<n { for k in 0..<j { links[j * n + k] += row[j] * row[k] } }
        }
        return links
    }

    func value(iterations: Int) -> SinkhornValue {
        var linear = 0.0
        for i in a.indices {
            for j in b.indices { linear += a[i] * b[j] * exp(f[i] + g[j] - scaled[i, j]) * excess(i, j) }
        }
        var dual = 0.0
        for i in a.indices { dual += a[i] * f[i] }
        for j in b.indices { dual += b[j] * g[j] }
        let (rows, columns) = (f.map { $0 * epsilon + least }, g.map { $0 * epsilon })
        return SinkhornValue(
            linearCost: linear + least, entropicDual: dual * epsilon + least,
            rowPotentials: isTransposed ? columns.map { $0 + least } : rows,
            columnPotentials: isTransposed ? rows.map { $0 - least } : columns, iterations: iterations)
    }
}

/// A step up the dual as a function of the column potentials alone, the row potentials being the best for them.
///
/// Its Hessian is a graph Laplacian: Σᵢ PᵢⱼPᵢₖ/aᵢ ≥ 0 links columns j and k. Eliminating nodes without a
/// subtraction (Grassmann, Taksar and Heyman 1985) keeps every digit, however weak the links that make plain iterations crawl.
/// Along a direction of range R the third derivative is at most R times the second (a softmax's cumulants), so that
/// ln(1 + R)/R of the step always climbs, by the most that can be promised; near the top that is all of it.
private struct NewtonStep {
    /// Links weaker than this are none; steps stay finite.
    private static let linkMin = 1e-200

    /// What is added to the column potentials, in units of ε.
    let values: [Double]

    /// - Parameters:
    ///   - links: of node j to node k < j at j·n + k.
    ///   - lacking: what the marginal of each column lacks; they sum to 0.
    init(links: [Double], lacking: [Double]) {
        let n = lacking.count
        var (links, lacking) = (links, lacking)
        var degrees = [Double](repeating: 0, count: n)
        for node in stride(from: n - 1, to: 0, by: -1) {
            let own = node * n
            var degree = 0.0
            for other in 0..<node { degree += links[own + other] }
            degree = max(degree, Self.linkMin)
            for other in 0..<node {
                let share = links[own + other] / degree
                guard share > 0 else { continue }
                lacking[other] += share * lacking[node]
                for third in 0..<other { links[other * n + third] += share * links[own + third] }
            }
            degrees[node] = degree
        }
        var step = [Double](repeating: 0, count: n)
        for node in 1..<n {
            var sum = lacking[node]
            for other in 0..<node { sum += links[node * n + other] * step[other] }
            step[node] = sum / degrees[node]
        }
        let range = (step.max() ?? 0) - (step.min() ?? 0)
        let share = range > 0 ? log1p(range) / range : 1
        values = step.map { $0 * share }
    }
}

/// Sinkhorn divergence: dual(x, y) − ½ dual(x, x) − ½ dual(y, y), ≥ 0 and 0 for equal sets under the Euclidean costs.
package func sinkhornDivergence(
    _ x: TokenCloud, _ y: TokenCloud, _ settings: SinkhornSettings
) throws(TransportError) -> Double {
    func dual(_ x: TokenCloud, _ y: TokenCloud) throws(TransportError) -> Double {
        let costs = CostMatrix()
        try costs.fillExactly(rows: x, columns: y)
        return try sinkhorn(
            costs, rowWeights: x.normalisedWeights, columnWeights: y.normalisedWeights, settings
        ).entropicDual
    }
    return try dual(x, y) - (dual(x, x) + dual(y, y)) / 2
}
