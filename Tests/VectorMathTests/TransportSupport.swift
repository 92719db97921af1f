// What the transport tests share: random sets, a brute-force oracle, and the proof that a solve is optimal.
import Testing
import VectorMath

extension SeededRandom {
    /// count × dimension, coordinates in [−1, 1).
    mutating func cloud(
        _ count: Int, _ dimension: Int, _ ground: GroundCost, weights: [Double]? = nil, side: TransportSide = .query
    ) throws -> TokenCloud {
        try TokenCloud(values: floats(count * dimension), dimension: dimension, weights: weights, ground: ground, side: side)
    }
}

/// Least cost over every assignment of unit masses, by enumeration: rows and columns repeated by their masses.
func enumeratedOptimum(_ costs: [[Double]], _ rows: [Int], _ columns: [Int]) -> Double {
    let left = rows.indices.flatMap { Array(repeating: $0, count: rows[$0]) }
    var rest = columns
    func least(from unit: Int) -> Double {
        guard unit < left.count else { return 0 }
        var best = Double.infinity
        for column in rest.indices where rest[column] > 0 {
            rest[column] -= 1
            best = min(best, costs[left[unit]][column] + least(from: unit + 1))
            rest[column] += 1
        }
        return best
    }
    return least(from: 0) / Double(left.count)
}

/// Solves and proves: the plan meets both marginals exactly and costs the value; the duals are feasible and sum to it.
@discardableResult
func provenOptimum(
    _ costs: CostMatrix, _ masses: TransportMasses, _ note: String, solver: TransportSolver = TransportSolver()
) -> Double {
    guard case .optimal(let value) = solver.solve(costs, masses) else {
        Issue.record("abandoned without a limit: \(note)")
        return .nan
    }
    var rows = [Int64](repeating: 0, count: costs.rows), columns = [Int64](repeating: 0, count: costs.columns)
    var planCost = 0.0, scale = 1.0
    for flow in solver.plan() {
        rows[flow.row] += flow.units
        columns[flow.column] += flow.units
        planCost += costs[flow.row, flow.column] * flow.share
        scale = max(scale, abs(costs[flow.row, flow.column]))
    }
    #expect(rows == masses.rows && columns == masses.columns, "marginals: \(note)")
    #expect(abs(planCost - value) <= 1e-12 * scale, "plan cost: \(note)")
    let certificate = solver.certificate()
    var excess = 0.0
    for i in 0..<costs.rows {
        for j in 0..<costs.columns { excess = max(excess, certificate.rows[i] + certificate.columns[j] - costs[i, j]) }
    }
    #expect(excess <= 1e-12 * scale, "dual feasibility: \(note)")
    #expect(abs(certificate.value - value) <= 1e-11 * scale, "duality gap \(certificate.value - value): \(note)")
    return value
}

/// The optimal mean cost of two token sets, in float64.
func exactCost(_ x: TokenCloud, _ y: TokenCloud) throws -> Double {
    let costs = CostMatrix()
    try costs.fillExactly(rows: x, columns: y)
    return provenOptimum(costs, pairMasses(x, y), "\(x.count) by \(y.count)")
}

func pairMasses(_ x: TokenCloud, _ y: TokenCloud) -> TransportMasses {
    TransportMasses(rowWeights: x.weights, rowCount: x.count, columnWeights: y.weights, columnCount: y.count)
}

/// The sliced distance of two clouds along the same directions.
func sliced(
    _ x: TokenCloud, _ y: TokenCloud, _ directions: SliceDirections, order: Int
) throws -> (distance: Double, perDirection: [Double]) {
    slicedTransport(try SlicedTokens(x, directions), try SlicedTokens(y, directions), order: order)
}
