/// One run of the solver where all masses are one: each row is assigned a column. Its memory belongs to TransportSolver.
/// No cells are listed and no tree outlives its path: it takes two thirds of the time of TransportSearch.

struct AssignmentSearch {
    let costs: CostMatrix
    private let memory: TransportMemory

    init(_ costs: CostMatrix, _ memory: TransportMemory) {
        precondition(costs.rows == costs.columns, "an assignment of unequal numbers")
        (self.costs, self.memory) = (costs, memory)
    }

    func run(limit: Double) -> TransportOutcome {
        let count = Double(costs.rows)
        let threshold = limit.isFinite ? (limit + TransportSolver.slack(limit)) * count : .infinity
        costs.openingDuals(memory, rounds: costs.rows < 48 ? 1 : 2)  // measured: a round costs little where searches are long
        let dualValue = costs.assign(memory, threshold: threshold)
        if dualValue > threshold { return .exceeds(lowerBound: dualValue / count) }
        var sum = 0.0
        forEachPair { sum += costs[$0, $1] }
        return .optimal(sum / count)
    }

    func forEachPair(_ body: (_ row: Int, _ column: Int) -> Void) {
        for row in 0..<costs.rows { body(row, Int(memory.homes[row])) }
    }
}
