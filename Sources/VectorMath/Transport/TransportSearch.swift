/// One run of the transport solver: start, shortest augmenting paths, duals. Its memory belongs to TransportSolver.

struct TransportSearch {
    let costs: CostMatrix
    private(set) var masses: TransportMasses
    private let memory: TransportMemory
    var flows: FlowTable
    private let rows: Int, columns: Int

    /// Σ mass × dual, in units of mass: a lower bound of the optimum at every step.
    private var dualValue = 0.0
    /// The dual value at which the run is abandoned.
    private var threshold = Double.infinity
    private var tree: TransportTree

    init(_ costs: CostMatrix, _ masses: TransportMasses, _ memory: TransportMemory) {
        (self.costs, self.masses, self.memory) = (costs, masses, memory)
        (rows, columns, flows) = (costs.rows, costs.columns, memory.flows)
        tree = TransportTree(costs, memory)
    }

    mutating func run(limit: Double) -> TransportOutcome {
        let total = Double(masses.total)
        reduce()
        threshold = limit.isFinite ? (limit + TransportSolver.slack(limit)) * total : .infinity
        if dualValue > threshold { return .exceeds(lowerBound: dualValue / total) }
        if let coarse = masses.coarse {
            startFrom(coarse)
        } else {
            takeMasses()
            shipTightCells()
        }
        shipRest()
        if dualValue > threshold { return .exceeds(lowerBound: dualValue / total) }
        return .optimal(planCost() / total)
    }

    // MARK: Start

    /// Feasible duals: from columns' near the optimal ones, each row's least rest, then each column's.
    private mutating func reduce() {
        memory.seenInSearch.fill(rows, with: 0)
        costs.openingDuals(memory, rounds: 1)
        costs.reduceRows(memory.columnDuals, minima: memory.rowDuals, places: memory.rowPlaces)
        costs.reduceColumns(memory.rowDuals, minima: memory.columnDuals, places: memory.columnPlaces)
        for padding in columns..<costs.stride { memory.columnDuals[padding] = 0 }
        dualValue = valueOfDuals()
    }

    private func valueOfDuals() -> Double {
        var value = 0.0
        for row in 0..<rows { value += memory.rowDuals[row] * Double(masses.rows[row]) }
        for column in 0..<columns { value += memory.columnDuals[column] * Double(masses.columns[column]) }
        return value
    }

    private mutating func takeMasses() {
        flows.reset(columns: columns)
        for row in 0..<rows { memory.supply[row] = masses.rows[row] }
        for column in 0..<columns { memory.demand[column] = masses.columns[column] }
    }

    /// The least cell of a row stays tight under the column reduction, and so does that of a column.
    private mutating func shipTightCells() {
        for row in 0..<rows { shipTight(row, Int(memory.rowPlaces[row]), isNew: true) }
        for column in 0..<columns { shipTight(Int(memory.columnPlaces[column]), column, isNew: false) }
    }

    /// Solves the problem with coarse masses first, where larger parts move at once, and begins with its duals and cells:
    /// measured 1.5 times faster at 77 by 50 and 50 by 16 equal weights.
    private mutating func startFrom(_ coarse: TransportMasses) {
        let (fine, fineThreshold) = (masses, threshold)
        (masses, threshold) = (coarse, .infinity)
        takeMasses()
        shipTightCells()
        shipRest()
        var cells: [(row: Int, column: Int)] = []
        cells.reserveCapacity(rows + columns)
        forEachFlow { row, column, _ in cells.append((row, column)) }
        (masses, threshold) = (fine, fineThreshold)
        takeMasses()
        for cell in cells { shipTight(cell.row, cell.column, isNew: true) }
        dualValue = valueOfDuals()
    }

    private mutating func shipRest() {
        for row in 0..<rows {
            if dualValue > threshold { return }
            if memory.supply[row] > 0 { shipAll(from: row) }
        }
    }

    private mutating func shipTight(_ row: Int, _ column: Int, isNew: Bool) {
        let mass = min(memory.supply[row], memory.demand[column])
        guard mass > 0 else { return }
        if isNew {
            flows.insert(mass, row: row, column: column)
        } else {
            flows.add(mass, row: row, column: column)
        }
        memory.supply[row] -= mass
        memory.demand[column] -= mass
    }

    // MARK: Shortest augmenting paths

    /// Grows shortest paths from a row with supply, shipping to every column with demand that they reach,
    /// until the supply is used up.
    private mutating func shipAll(from source: Int) {
        memory.openDuals.copy(costs.stride, from: memory.columnDuals)
        memory.distances.fill(costs.stride, with: .infinity)
        tree.clear()
        tree.number += 1  // so that rows need not be unmarked after each search
        scan(source, height: 0)
        while true {
            let reach = grow(from: source)
            updateDuals(reach)
            if memory.supply[source] == 0 || dualValue > threshold { return }
            keepIntactTree(source)
        }
    }

    /// Grows the tree until the supply is used up or a cell of the tree runs empty; returns the distance reached.
    private mutating func grow(from source: Int) -> Double {
        var last: (column: Int, distance: Double)?
        while let next = tree.grow(flows, after: last) {
            let emptied = augment(source, to: next.column)
            if emptied || memory.supply[source] == 0 { return next.distance }
            last = next
        }
        preconditionFailure("supply without demand: totals of the masses differ")
    }

    /// After a dual update every cell of the tree is tight. Whatever still hangs together after a cell ran empty stays
    /// settled at distance 0, so that the search need not find it again; the rest becomes open.
    private mutating func keepIntactTree(_ source: Int) {
        memory.openDuals.copy(costs.stride, from: memory.columnDuals)
        memory.distances.fill(costs.stride, with: .infinity)
        let (oldScanned, oldSettled) = (tree.scannedCount, tree.settledCount)
        tree.clear()
        for index in 0..<oldScanned {
            let row = Int(memory.scanned[index])
            if row == source || (memory.seenInSearch[row] == tree.number && isIntact(Int(memory.enteredThrough[row]))) {
                scan(row, height: 0)
            } else {
                memory.seenInSearch[row] = 0
            }
        }
        for index in 0..<oldSettled {
            let column = Int(memory.settled[index])
            if isIntact(column) { settle(column, distance: 0) }
        }
        for index in 0..<tree.settledCount {
            tree.enterRows(through: Int(memory.settled[index]), height: 0, flows)
        }
    }

    /// Whether the row that leads to a settled column is still in the tree.
    private func isIntact(_ column: Int) -> Bool {
        memory.seenInSearch[Int(memory.predecessors[column])] == tree.number
    }

    private mutating func scan(_ row: Int, height: Double) {
        memory.seenInSearch[row] = tree.number
        memory.heights[row] = height
        memory.scanned[tree.scannedCount] = Int32(row)
        memory.offsets[tree.scannedCount] = height - memory.rowDuals[row]
        tree.scannedCount += 1
    }

    /// Freezes a column: rounding must not let a later row lower it, which would make cycles.
    private mutating func settle(_ column: Int, distance: Double) {
        memory.settled[tree.settledCount] = Int32(column)
        memory.settledDistances[tree.settledCount] = distance
        tree.settledCount += 1
        memory.distances[column] = .infinity
        memory.openDuals[column] = -.infinity
    }

    /// Ships as much as the path to `end` allows; returns whether it emptied a cell, which breaks the tree.
    private mutating func augment(_ source: Int, to end: Int) -> Bool {
        var mass = min(memory.supply[source], memory.demand[end])
        var row = Int(memory.predecessors[end])
        while row != source {
            mass = min(mass, flows.mass(memory.enteredBy[row]))
            row = Int(memory.predecessors[Int(memory.enteredThrough[row])])
        }
        memory.supply[source] -= mass
        memory.demand[end] -= mass
        var emptied = false
        var column = end
        row = Int(memory.predecessors[end])
        while row != source {
            let before = Int(memory.enteredThrough[row])
            if flows.take(mass, from: memory.enteredBy[row], column: before) {
                emptied = true
                memory.seenInSearch[row] = 0
            }
            flows.add(mass, row: row, column: column)
            column = before
            row = Int(memory.predecessors[column])
        }
        flows.add(mass, row: source, column: column)
        return emptied
    }

    /// Makes every cell of the tree tight and keeps all others feasible.
    private mutating func updateDuals(_ reach: Double) {
        for index in 0..<tree.scannedCount {
            let row = Int(memory.scanned[index])
            let rise = reach - memory.heights[row]
            memory.rowDuals[row] += rise
            dualValue += rise * Double(masses.rows[row])
        }
        for index in 0..<tree.settledCount {
            let column = Int(memory.settled[index])
            let fall = reach - memory.settledDistances[index]
            memory.columnDuals[column] -= fall
            dualValue -= fall * Double(masses.columns[column])
        }
    }

    // MARK: Results

    func forEachFlow(_ body: (_ row: Int, _ column: Int, _ units: Int64) -> Void) {
        for column in 0..<columns {
            var node = flows.first(column)
            while node != FlowTable.none {
                body(flows.row(node), column, flows.mass(node))
                node = flows.next(node)
            }
        }
    }

    private func planCost() -> Double {
        var sum = 0.0
        forEachFlow { sum += costs[$0, $1] * Double($2) }
        return sum
    }
}
