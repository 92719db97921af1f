/// Finds ascending rows with one cursor of one statement: steps over small gaps, seeks over large ones. Knows no table.

/// The statement selects the row first, takes the least row as its only parameter, and returns rows ascending.
/// Rows may be asked for in any order; ascending is fast.
struct RowWalk {
    /// Stepping over a row costs about a fifth of a seek, which restarts the statement and descends from the root.
    private static let stepsMax: Int64 = 5

    private let statement: Statement
    /// Where the cursor stands; nil before the first row and after the last.
    private var current: Int64?
    /// The row last asked for: none lies between it and `current`.
    private var asked = Int64.max

    init(_ statement: Statement) { self.statement = statement }

    /// True when the row is there; the statement's columns are then its.
    mutating func find(_ row: RowID) throws(StorageError) -> Bool {
        let row = row.rawValue
        defer { asked = row }
        if let current, asked <= row {
            if row <= current { return row == current }
            if row - current <= Self.stepsMax { return try step(to: row) }
        }
        statement.reset()
        statement.bind(1, row)
        return try step(to: row)
    }

    private mutating func step(to row: Int64) throws(StorageError) -> Bool {
        repeat {
            guard try statement.step() else {
                current = nil
                return false
            }
            current = statement.int(0)
        } while current.map { $0 < row } ?? false
        return current == row
    }
}
