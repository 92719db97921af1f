/// The exact transport problem: least total cost of moving the row masses to the column masses. Knows costs, not tokens.
///
/// Shortest augmenting paths (Jonker and Volgenant 1987 for assignment; Ahuja, Magnanti, Orlin, *Network Flows*, §9.7) over
/// whole-number masses: row-then-column reduction gives feasible duals, mass is shipped along tight cells, and each row's
/// rest goes along shortest paths under reduced costs. Every step keeps the duals feasible, so their value bounds the
/// optimum from below at any time. Masses are integers: marginals are met exactly and the work ends.
///
/// The reductions begin with column duals that are near the optimal ones: each row and column in turn takes the mean of its two
/// least rests, a Sinkhorn iteration with a mean in place of the soft minimum. Measured, a third of the rows of a reduction from
/// nothing are then left to search for, and the dual value is ten times nearer to the optimum. Where all masses are one, the
/// problem is an assignment and has a search of its own.

/// What a solve found.
package enum TransportOutcome: Equatable, Sendable {
    /// The least mean cost per unit of mass.
    case optimal(Double)
    /// Abandoned: the optimum is at least this, which is above the limit given.
    case exceeds(lowerBound: Double)
}

/// Mass sent from one row to one column.
package struct TransportFlow: Sendable, Equatable {
    package var row: Int
    package var column: Int
    /// Whole units of the problem's total.
    package var units: Int64
    /// The same as a share of all mass.
    package var share: Double
}

/// Dual values: rows[i] + columns[j] ≤ cost[i][j] everywhere. Their weighted sum is a lower bound of the optimum.
package struct TransportCertificate: Sendable {
    package var rows: [Double]
    package var columns: [Double]
    /// Mean dual value; equals the optimum up to rounding.
    package var value: Double

    fileprivate static let none = TransportCertificate(rows: [], columns: [], value: 0)
}

/// A solver with its memory, reused from one problem to the next; one thread at a time. Deterministic.
package final class TransportSolver {
    private var memory = TransportMemory(rows: 0, columns: 0)
    /// The last solve is one of these.
    private var search: TransportSearch?
    private var assignment: AssignmentSearch?

    package init() {}

    /// What rounding may add to a lower bound: within it a bound does not count as above the limit, so that problems
    /// whose optimum equals the limit are never abandoned.
    static func slack(_ limit: Double) -> Double { 1e-11 * max(1, abs(limit)) }

    /// Solves one problem. O((m + n)·m·n) at worst, much less when most mass moves along tight cells.
    /// - Parameter limit: stop as soon as the optimum is known to be above it.
    package func solve(
        _ costs: CostMatrix, _ masses: TransportMasses, limit: Double = .infinity
    ) -> TransportOutcome {
        precondition(masses.rows.count == costs.rows && masses.columns.count == costs.columns, "masses of another shape")
        if costs.rows > memory.rows || costs.stride > memory.stride {
            memory = TransportMemory(rows: max(costs.rows, memory.rows), columns: max(costs.stride, memory.stride))
        }
        if masses.isAssignment {
            let assignment = AssignmentSearch(costs, memory)
            (self.search, self.assignment) = (nil, assignment)
            return assignment.run(limit: limit)
        }
        var search = TransportSearch(costs, masses, memory)
        let outcome = search.run(limit: limit)
        memory.flows = search.flows
        (self.search, assignment) = (search, nil)
        return outcome
    }

    /// The plan of the last solve, which must have been optimal, by row and column. O(m + n + cells with mass).
    package func plan() -> [TransportFlow] {
        var plan: [TransportFlow] = []
        if let search {
            let total = Double(search.masses.total)
            search.forEachFlow { row, column, units in
                plan.append(TransportFlow(row: row, column: column, units: units, share: Double(units) / total))
            }
        } else if let assignment {
            let share = 1 / Double(assignment.costs.rows)
            assignment.forEachPair { plan.append(TransportFlow(row: $0, column: $1, units: 1, share: share)) }
        }
        return plan.sorted { ($0.row, $0.column) < ($1.row, $1.column) }
    }

    /// The duals of the last solve, made feasible to the last bit by one more column reduction. The matrix
    /// solved must still hold its costs. O(mn).
    package func certificate() -> TransportCertificate {
        guard let costs = search?.costs ?? assignment?.costs else { return .none }
        costs.reduceColumns(memory.rowDuals, minima: memory.columnDuals, places: memory.columnPlaces)
        let left = (0..<costs.rows).map { memory.rowDuals[$0] }
        let right = (0..<costs.columns).map { memory.columnDuals[$0] }
        var value = 0.0
        if let masses = search?.masses {
            for (dual, mass) in zip(left, masses.rows) { value += dual * Double(mass) }
            for (dual, mass) in zip(right, masses.columns) { value += dual * Double(mass) }
            value /= Double(masses.total)
        } else {
            value = (left.reduce(0, +) + right.reduce(0, +)) / Double(costs.rows)
        }
        return TransportCertificate(rows: left, columns: right, value: value)
    }
}

/// The solver's arrays; columns are padded to the stride of the cost matrix. A class: a search takes one reference to it,
/// where a copy would count twenty.
final class TransportMemory {
    let rowDuals, heights, offsets: WorkArray<Double>
    let columnDuals, openDuals, distances, settledDistances: WorkArray<Double>
    let rowPlaces, supply: WorkArray<Int64>
    let columnPlaces, demand: WorkArray<Int64>
    let scanned, enteredBy, enteredThrough, seenInSearch: WorkArray<Int32>
    let settled, predecessors: WorkArray<Int32>
    /// Of an assignment: the column of each row, the row of each column.
    let homes, owners: WorkArray<Int32>
    let rows: Int, stride: Int
    var flows: FlowTable
    private var narrow = WorkArray<Float>(0, filledWith: 0)

    init(rows: Int, columns stride: Int) {
        (self.rows, self.stride) = (rows, stride)
        rowDuals = WorkArray(rows, filledWith: 0)
        heights = WorkArray(rows, filledWith: 0)
        offsets = WorkArray(rows, filledWith: 0)
        columnDuals = WorkArray(stride, filledWith: 0)
        openDuals = WorkArray(stride, filledWith: 0)
        distances = WorkArray(stride, filledWith: 0)
        settledDistances = WorkArray(stride, filledWith: 0)
        rowPlaces = WorkArray(rows, filledWith: 0)
        scanned = WorkArray(rows, filledWith: 0)
        supply = WorkArray(rows, filledWith: 0)
        columnPlaces = WorkArray(stride, filledWith: 0)
        predecessors = WorkArray(stride, filledWith: 0)
        demand = WorkArray(stride, filledWith: 0)
        enteredBy = WorkArray(rows, filledWith: 0)
        enteredThrough = WorkArray(rows, filledWith: 0)
        seenInSearch = WorkArray(rows, filledWith: 0)
        settled = WorkArray(stride, filledWith: 0)
        homes = WorkArray(rows, filledWith: 0)
        owners = WorkArray(stride, filledWith: 0)
        flows = FlowTable(columns: stride, capacity: 2 * (rows + stride))
    }

    /// Room for the kernel that finds opening duals.
    func narrowCosts(_ size: Int) -> WorkArray<Float> {
        if size > narrow.capacity { narrow = WorkArray(undefined: size) }
        return narrow
    }
}
