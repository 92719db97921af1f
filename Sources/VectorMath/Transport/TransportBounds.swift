/// Lower bounds of the transport optimum that read the cost matrix a few times. None is the optimum itself.

/// Each is at most the optimum. The reductions dominate the relaxations they start from; `best` is the largest.
package struct TransportBounds: Sendable, Equatable {
    /// Relaxed transport (Kusner et al. 2015): each row to its nearest column, column masses ignored.
    package var relaxedRows: Double
    /// Each column from its nearest row.
    package var relaxedColumns: Double
    /// Dual value after reducing rows, then columns: the solver's own start.
    package var rowsThenColumns: Double
    package var columnsThenRows: Double
    package var best: Double { max(max(relaxedRows, relaxedColumns), max(rowsThenColumns, columnsThenRows)) }

    /// Costs ≥ 0 or not; two passes over the matrix for each order. O(mn).
    package init(_ costs: CostMatrix, _ masses: TransportMasses, scratch: BoundScratch = BoundScratch()) {
        precondition(masses.rows.count == costs.rows && masses.columns.count == costs.columns, "masses of another shape")
        scratch.fit(rows: costs.rows, stride: costs.stride)
        let total = Double(masses.total)
        let (rowDuals, columnDuals) = (scratch.rowDuals, scratch.columnDuals)
        costs.reduceRows(nil, minima: rowDuals, places: scratch.rowPlaces)
        relaxedRows = weighted(rowDuals, masses.rows) / total
        costs.reduceColumns(rowDuals, minima: columnDuals, places: scratch.columnPlaces)
        rowsThenColumns = relaxedRows + weighted(columnDuals, masses.columns) / total
        costs.reduceColumns(nil, minima: columnDuals, places: scratch.columnPlaces)
        relaxedColumns = weighted(columnDuals, masses.columns) / total
        // Padding costs are infinite, and so are their minima: infinity less infinity would be no number.
        for padding in costs.columns..<costs.stride { columnDuals[padding] = 0 }
        costs.reduceRows(columnDuals, minima: rowDuals, places: scratch.rowPlaces)
        columnsThenRows = relaxedColumns + weighted(rowDuals, masses.rows) / total
    }
}

/// Memory for bounds, reused from one candidate to the next; one thread at a time.
package final class BoundScratch {
    fileprivate private(set) var rowDuals = WorkArray<Double>(0, filledWith: 0)
    fileprivate private(set) var columnDuals = WorkArray<Double>(0, filledWith: 0)
    fileprivate private(set) var rowPlaces = WorkArray<Int64>(0, filledWith: 0)
    fileprivate private(set) var columnPlaces = WorkArray<Int64>(0, filledWith: 0)

    package init() {}

    fileprivate func fit(rows: Int, stride: Int) {
        if rows > rowDuals.capacity {
            rowDuals = WorkArray(rows, filledWith: 0)
            rowPlaces = WorkArray(rows, filledWith: 0)
        }
        if stride > columnDuals.capacity {
            columnDuals = WorkArray(stride, filledWith: 0)
            columnPlaces = WorkArray(stride, filledWith: 0)
        }
    }
}

private func weighted(_ values: WorkArray<Double>, _ masses: [Int64]) -> Double {
    var sum = 0.0
    for index in masses.indices { sum += values[index] * Double(masses[index]) }
    return sum
}
