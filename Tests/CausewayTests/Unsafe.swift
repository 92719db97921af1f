/// The one file of these tests that calls SQLite: what a foreign tool, or a bad disk, would do to a database.
/// Invariant: every handle is closed before the function returns.
import CSQLite
import Foundation
import Testing

/// Runs SQL on a file with plain SQLite, which is told to let everything pass.
func execute(_ sql: String, on path: String) throws {
    var database: OpaquePointer?
    try #require(unsafe sqlite3_open(path, &database) == SQLITE_OK)
    defer { unsafe sqlite3_close(database) }
    let code = unsafe sqlite3_exec(database, "PRAGMA ignore_check_constraints = ON; " + sql, nil, nil, nil)
    let message = unsafe String(cString: sqlite3_errmsg(database))
    try #require(code == SQLITE_OK, "\(sql): \(message)")
}

/// The first number of a query.
func number(_ sql: String, on path: String) throws -> Int {
    var database: OpaquePointer?
    try #require(unsafe sqlite3_open(path, &database) == SQLITE_OK)
    defer { unsafe sqlite3_close(database) }
    var statement: OpaquePointer?
    try #require(unsafe sqlite3_prepare_v2(database, sql, -1, &statement, nil) == SQLITE_OK)
    defer { unsafe sqlite3_finalize(statement) }
    try #require(unsafe sqlite3_step(statement) == SQLITE_ROW)
    return unsafe Int(sqlite3_column_int64(statement, 0))
}

/// A named pipe, which nobody reads or writes.
func makePipe(_ path: String) throws { try #require(unsafe mkfifo(path, 0o600) == 0) }
