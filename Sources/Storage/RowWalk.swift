/// Finds ascending rows with one cursor of one statement: steps over small gaps, seeks over large ones. Knows no table.

/// The statement selects the row first, takes the least row as its only parameter, and returns rows ascending.
/// Rows may be asked for in any order; ascending is fast.
struct RowWalk {
    private let statement: Statement
    private let stepsMax: Int64
    /// Where the cursor stands; nil before the first row and after the last.
    private var current: Int64?
    /// The row last asked for: none lies between it and `current`.
    private var asked = Int64.max

    /// - Parameter stepsMax: gaps up to this are stepped over. For rows of one page: stepping over one costs about a fifth of a
    ///   seek, which restarts the statement and descends from the root. Where rows are long, 1: SQLite reads the blobs of
    ///   every row it steps on, and only the very next one is nearer by a step.
    init(_ statement: Statement, stepsMax: Int64 = 5) { (self.statement, self.stepsMax) = (statement, stepsMax) }

    /// True when the row is there; the statement's columns are then its.
    mutating func find(_ row: RowID) throws(StorageError) -> Bool {
        let row = row.rawValue
        defer { asked = row }
        if let current, asked <= row {
            if row <= current { return row == current }
            // A damaged row may have any number.
            let (gap, isHuge) = row.subtractingReportingOverflow(current)
            if !isHuge, gap <= stepsMax { return try step(to: row) }
        }
        statement.reset()
        statement.bind(1, row)
        return try step(to: row)
    }

    private mutating func step(to row: Int64) throws(StorageError) -> Bool {
        current = nil  // also after a step that fails: the next row is then sought anew
        repeat {
            guard try statement.step() else { return false }
        } while statement.int(0) < row
        current = statement.int(0)
        return current == row
    }
}
