/// The one test file that calls SQLite: what a foreign tool, or a bad disk, would do to a database.
/// Invariant: every handle is closed before the function returns.
import CSQLite
import Testing

/// Runs SQL on a file with plain SQLite.
func execute(_ sql: String, on path: String) throws {
    var database: OpaquePointer?
    try #require(unsafe sqlite3_open(path, &database) == SQLITE_OK)
    defer { unsafe sqlite3_close(database) }
    let code = unsafe sqlite3_exec(database, sql, nil, nil, nil)
    let message = unsafe String(cString: sqlite3_errmsg(database))
    try #require(code == SQLITE_OK, "\(sql): \(message)")
}

/// Runs `body` while plain SQLite is in the middle of a transaction that writes.
func withForeignTransaction(on path: String, _ body: () throws -> Void) throws {
    var database: OpaquePointer?
    try #require(unsafe sqlite3_open(path, &database) == SQLITE_OK)
    defer { unsafe sqlite3_close(database) }
    try #require(unsafe sqlite3_exec(database, "BEGIN IMMEDIATE", nil, nil, nil) == SQLITE_OK)
    try body()
}

/// The blobs in the first column of a query.
func blobs(_ sql: String, on path: String) throws -> [[UInt8]] {
    var database: OpaquePointer?
    try #require(unsafe sqlite3_open(path, &database) == SQLITE_OK)
    defer { unsafe sqlite3_close(database) }
    var statement: OpaquePointer?
    try #require(unsafe sqlite3_prepare_v2(database, sql, -1, &statement, nil) == SQLITE_OK)
    defer { unsafe sqlite3_finalize(statement) }
    var found: [[UInt8]] = []
    while unsafe sqlite3_step(statement) == SQLITE_ROW {
        let count = unsafe Int(sqlite3_column_bytes(statement, 0))
        let start = unsafe sqlite3_column_blob(statement, 0)?.assumingMemoryBound(to: UInt8.self)
        found.append(unsafe Array(UnsafeBufferPointer(start: start, count: count)))
    }
    return found
}
