/// The one place that calls SQLite: a connection and its prepared statements, as safe types. Knows no schema.
/// Invariants: a `Connection` is used by one thread at a time (`Store` hands it out); every handle is finalised or closed
/// exactly once; statements are finalised before their connection closes; pointers bound without a copy come from a
/// `PinnedBytes`, whose owner clears the bindings before the bytes go away; column pointers do not outlive a step; what a
/// connection is stopped by lives as long as it.
import CSQLite
import Platform

/// Why a connection is opened.
enum OpenPurpose {
    case read, write, create, memory
    /// Nobody changes the file while it is open: neither locks nor the write-ahead log are looked at (uri.html, "immutable").
    case readImmutable

    var flags: Int32 {
        let common = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE
        return switch self {
        case .read: common | SQLITE_OPEN_READONLY
        case .readImmutable: common | SQLITE_OPEN_READONLY | SQLITE_OPEN_URI
        case .write: common | SQLITE_OPEN_READWRITE
        case .create: common | SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE
        case .memory: common | SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_MEMORY
        }
    }
}

@safe final class Connection: @unchecked Sendable {
    /// What messages call the file.
    let path: String
    private let handle: OpaquePointer
    private let busyTimeoutMs: Int32
    /// Pages in the write-ahead log after this connection's last commit; SQLite's hook writes it.
    private let logPages: UnsafeMutablePointer<Int32>
    private var idle: [String: Statement] = [:]
    private var isOpen = true
    /// The size of a reading connection's page cache; nil for others.
    var readerCacheKiB: Int?
    let isImmutable: Bool
    /// Keeps writers away from an immutable file, where there is a lock to keep them by.
    var lock: FileLock?
    private var cancellation: Cancellation?
    /// Steps of SQLite's machine between two looks at `cancellation`: less than a millisecond, and a look costs nothing beside.
    private static let stepsBetweenLooks: Int32 = 1_000
    /// Pages copied between two looks.
    private static let pagesBetweenLooks: Int32 = 256

    /// - Parameter shown: what messages call the file, where that is not its path.
    init(path: String, as shown: String? = nil, for purpose: OpenPurpose, busyTimeoutMs: Int32) throws(StorageError) {
        guard sqlite3_threadsafe() != 0 else {
            throw .unusableSQLite(reason: "it was built for a single thread; install the system's libsqlite3")
        }
        // "./" keeps names such as ":memory:" and "file:" ordinary.
        let name = switch purpose {
        case .memory: ":memory:"
        case .readImmutable: (path.hasPrefix("/") ? "file://" : "file:./") + percentEncoded(path) + "?immutable=1"
        default: path.hasPrefix("/") ? path : "./" + path
        }
        var opened: OpaquePointer?
        let code = unsafe sqlite3_open_v2(name, &opened, purpose.flags, nil)
        guard let handle = unsafe opened, code == SQLITE_OK else {
            let error = unsafe storageError(code, opened, path: shown ?? path, operation: "open")
            unsafe sqlite3_close_v2(opened)  // a failed open hands out a handle all the same
            throw error
        }
        self.path = shown ?? path
        isImmutable = purpose == .readImmutable
        unsafe self.handle = handle
        self.busyTimeoutMs = busyTimeoutMs
        unsafe logPages = .allocate(capacity: 1)
        unsafe logPages.initialize(to: 0)
        unsafe sqlite3_busy_timeout(handle, busyTimeoutMs)
        harden()
        unsafe sqlite3_wal_hook(handle, { context, _, _, pages in
            unsafe context?.assumingMemoryBound(to: Int32.self).pointee = pages
            return SQLITE_OK
        }, logPages)
    }

    deinit {
        close()
        unsafe logPages.deallocate()
    }

    /// Closes the file now, where the moment matters (a lock must outlive it); the connection is not used again.
    func close() {
        guard isOpen else { return }
        isOpen = false
        idle.removeAll()
        unsafe sqlite3_close_v2(handle)
        lock = nil
    }

    /// What a hostile file may not do to us: storage.md, "Open every database like this".
    private func harden() {
        let settings: [(Int32, Int32)] = [
            (SQLITE_DBCONFIG_DEFENSIVE, 1), (SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0), (SQLITE_DBCONFIG_ENABLE_TRIGGER, 0),
            (SQLITE_DBCONFIG_ENABLE_VIEW, 0), (SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0),
            (SQLITE_DBCONFIG_DQS_DML, 0), (SQLITE_DBCONFIG_DQS_DDL, 0), (SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1),
        ]
        for (verb, value) in settings { _ = unsafe causeway_sqlite_db_config(handle, verb, value) }
        let limits: [(Int32, Int32)] = [
            (SQLITE_LIMIT_LENGTH, 300 << 20), (SQLITE_LIMIT_SQL_LENGTH, 1 << 20), (SQLITE_LIMIT_COLUMN, 100),
            (SQLITE_LIMIT_EXPR_DEPTH, 500), (SQLITE_LIMIT_COMPOUND_SELECT, 8), (SQLITE_LIMIT_ATTACHED, 1),
            (SQLITE_LIMIT_VARIABLE_NUMBER, 32_766), (SQLITE_LIMIT_LIKE_PATTERN_LENGTH, Int32(StorageLimits.patternBytesMax)),
            (SQLITE_LIMIT_TRIGGER_DEPTH, 1), (SQLITE_LIMIT_WORKER_THREADS, 0),
        ]
        for (category, value) in limits { _ = unsafe sqlite3_limit(handle, category, value) }
    }

    /// From here on a statement or copy under way throws `.interrupted` once `cancellation` is set. Call once at most.
    func stop(by cancellation: Cancellation) {
        precondition(self.cancellation == nil)
        self.cancellation = cancellation
        unsafe sqlite3_progress_handler(handle, Self.stepsBetweenLooks, { context in
            guard let context = unsafe context else { return 0 }
            return unsafe Unmanaged<Cancellation>.fromOpaque(context).takeUnretainedValue().isCancelled ? 1 : 0
        }, Unmanaged.passUnretained(cancellation).toOpaque())
    }

    /// Lets the close fold the log into the database and remove it; only under the writers' lock.
    func foldLogOnClose() { _ = unsafe causeway_sqlite_db_config(handle, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0) }

    var pagesInLog: Int { unsafe Int(logPages.pointee) }
    var changes: Int { unsafe Int(sqlite3_changes(handle)) }
    var isInTransaction: Bool { unsafe sqlite3_get_autocommit(handle) == 0 }

    /// Runs one or more statements without bindings or results.
    func execute(_ sql: String) throws(StorageError) {
        precondition(isOpen)
        let code = unsafe sqlite3_exec(handle, sql, nil, nil, nil)
        guard code == SQLITE_OK else { throw failure(code, operation(of: sql)) }
    }

    /// A prepared statement, from the cache when it is idle there; hand it back with `give`.
    func take(_ sql: String) throws(StorageError) -> Statement {
        precondition(isOpen)
        if let statement = idle.removeValue(forKey: sql) { return statement }
        var prepared: OpaquePointer?
        let code = unsafe sqlite3_prepare_v3(handle, sql, -1, UInt32(SQLITE_PREPARE_PERSISTENT), &prepared, nil)
        guard code == SQLITE_OK, let prepared = unsafe prepared else { throw failure(code, operation(of: sql)) }
        return unsafe Statement(prepared, sql: sql, on: self)
    }

    /// Resets a statement, forgets its bindings, and keeps it for the next `take` (the cache holds 64).
    func give(_ statement: Statement) {
        statement.clear()
        if idle.count < 64 { idle[statement.sql] = statement }
    }

    /// Copies pages of the write-ahead log into the database. Truncation falls back to a passive copy in silence
    /// when readers are in the way; `log`, the pages it still has, and `remaining`, those not copied, tell. Waits for nobody, as
    /// all writers wait for whoever checkpoints.
    func checkpoint(truncating: Bool) throws(StorageError) -> (log: Int, remaining: Int) {
        unsafe sqlite3_busy_timeout(handle, 0)
        defer { unsafe sqlite3_busy_timeout(handle, busyTimeoutMs) }
        var log: Int32 = 0
        var copied: Int32 = 0
        let mode = truncating ? SQLITE_CHECKPOINT_TRUNCATE : SQLITE_CHECKPOINT_PASSIVE
        let code = unsafe sqlite3_wal_checkpoint_v2(handle, nil, mode, &log, &copied)
        guard code == SQLITE_OK || code & 0xFF == SQLITE_BUSY else { throw failure(code, "checkpoint") }
        if log <= 0 || log == copied { unsafe logPages.pointee = 0 }
        return (Int(max(log, 0)), Int(max(log - copied, 0)))
    }

    /// Copies this database page by page into `destination`, synchronised by SQLite. One snapshot, where this connection is in a
    /// transaction.
    func copy(into destination: Connection) throws(StorageError) {
        guard let backup = unsafe sqlite3_backup_init(destination.handle, "main", handle, "main") else {
            throw unsafe destination.failure(sqlite3_errcode(destination.handle), "backup")
        }
        var stepped = SQLITE_OK
        while stepped == SQLITE_OK {
            let isStopped = cancellation?.isCancelled == true
            stepped = unsafe isStopped ? SQLITE_INTERRUPT : sqlite3_backup_step(backup, Self.pagesBetweenLooks)
        }
        let code = unsafe sqlite3_backup_finish(backup)
        guard stepped == SQLITE_DONE, code == SQLITE_OK else {
            throw destination.failure(stepped == SQLITE_DONE ? code : stepped, "backup")
        }
    }

    /// For work on rows that SQLite has no part in, and does not stop.
    func throwIfStopped() throws(StorageError) {
        if cancellation?.isCancelled == true { throw .interrupted(operation: "reading") }
    }

    func failure(_ code: Int32, _ operation: String) -> StorageError {
        unsafe storageError(code, handle, path: path, operation: operation)
    }

}

/// What a statement does, in words: statements are no business of whoever reads the message.
private func operation(of sql: String) -> String {
    switch sql.prefix(while: { $0.isLetter }) {
    case "INSERT", "UPDATE", "DELETE": "writing"
    case "BEGIN": "beginning a transaction"
    case "COMMIT": "committing"
    case "ROLLBACK": "rolling back"
    case "VACUUM": "compacting"
    case "REINDEX": "rebuilding indexes"
    case "CREATE", "ALTER", "DROP": "changing tables"
    case "PRAGMA": "opening"
    default: "reading"
    }
}

private func percentEncoded(_ path: String) -> String {
    path.utf8.map { byte in
        let scalar = Unicode.Scalar(byte)
        let isPlain = scalar.isASCII && (scalar.properties.isAlphabetic || "0123456789/._-".utf8.contains(byte))
        return isPlain ? String(scalar) : "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16)
    }.joined()
}

/// SQLite's primary result codes to our errors; the extended code is kept.
private func storageError(_ code: Int32, _ handle: OpaquePointer?, path: String, operation: String) -> StorageError {
    // Without a handle (out of memory) there is only the code's own text.
    let message = unsafe String(cString: handle == nil ? sqlite3_errstr(code) : sqlite3_errmsg(handle))
    switch code & 0xFF {
    case SQLITE_FULL: return .full(path: path, operation: operation)
    case SQLITE_CORRUPT: return .corrupt(path: path, what: message)
    case SQLITE_NOTADB: return .notADatabase(path: path)
    case SQLITE_BUSY, SQLITE_LOCKED: return .busy(path: path, operation: operation)
    case SQLITE_READONLY, SQLITE_PERM: return .readOnly(path: path, operation: operation)
    case SQLITE_INTERRUPT: return .interrupted(operation: operation)
    case SQLITE_IOERR: return .inputOutput(path: path, operation: operation, code: Int(code), message: message)
    case SQLITE_CANTOPEN:
        let hint = " (the file and its -wal and -shm must be readable, and their directory writable)"
        return .inputOutput(path: path, operation: operation, code: Int(code), message: message + hint)
    default: return .sqlite(path: path, code: Int(code), message: message, operation: operation)
    }
}

/// A prepared statement. Columns count from 0, parameters from 1, as in SQLite.
@safe final class Statement {
    let sql: String
    private let handle: OpaquePointer
    private unowned let connection: Connection

    fileprivate init(_ handle: OpaquePointer, sql: String, on connection: Connection) {
        unsafe self.handle = handle
        self.sql = sql
        self.connection = connection
    }

    deinit { unsafe sqlite3_finalize(handle) }

    /// True on a row, false at the end.
    func step() throws(StorageError) -> Bool {
        let code = unsafe sqlite3_step(handle)
        if code == SQLITE_ROW { return true }
        if code == SQLITE_DONE { return false }
        unsafe sqlite3_reset(handle)
        throw connection.failure(code, operation(of: sql))
    }

    /// Runs to the end and makes ready for the next bindings.
    func run() throws(StorageError) {
        while try step() {}
        reset()
    }

    func reset() { unsafe sqlite3_reset(handle) }

    func clear() {
        unsafe sqlite3_reset(handle)
        unsafe sqlite3_clear_bindings(handle)
    }

    // Binding can only fail by running out of memory or by misuse; a value of wrong size is caught here.
    private func check(_ code: Int32) { precondition(code == SQLITE_OK, "SQLite refused a binding") }

    func bind(_ parameter: Int32, _ value: Int64) { check(unsafe sqlite3_bind_int64(handle, parameter, value)) }
    func bind(_ parameter: Int32, _ value: Double) { check(unsafe sqlite3_bind_double(handle, parameter, value)) }
    func bindNull(_ parameter: Int32) { check(unsafe sqlite3_bind_null(handle, parameter)) }

    func bind(_ parameter: Int32, _ text: String?) {
        guard var text else { return bindNull(parameter) }
        let code = text.withUTF8 { bytes in
            unsafe bytes.withMemoryRebound(to: CChar.self) { chars in
                let start = chars.baseAddress
                return unsafe sqlite3_bind_text(
                    handle, parameter, start ?? emptyText, Int32(chars.count), causeway_sqlite_transient())
            }
        }
        check(code)
    }

    func bind(_ parameter: Int32, blob: [UInt8]) {
        let code = unsafe blob.withUnsafeBytes { bytes in
            unsafe bytes.isEmpty
                ? sqlite3_bind_zeroblob(handle, parameter, 0)
                : sqlite3_bind_blob(handle, parameter, bytes.baseAddress, Int32(bytes.count), causeway_sqlite_transient())
        }
        check(code)
    }

    /// Binds UTF-8 without a copy.
    func bind(_ parameter: Int32, text range: Range<Int>, of bytes: PinnedBytes) {
        let start = unsafe bytes.address(of: range).assumingMemoryBound(to: CChar.self)
        check(unsafe sqlite3_bind_text(handle, parameter, start, Int32(range.count), causeway_sqlite_static()))
    }

    /// Binds a blob without a copy.
    func bind(_ parameter: Int32, blob range: Range<Int>, of bytes: PinnedBytes) {
        let start = unsafe bytes.address(of: range)
        check(unsafe sqlite3_bind_blob(handle, parameter, start, Int32(range.count), causeway_sqlite_static()))
    }

    func int(_ column: Int32) -> Int64 { unsafe sqlite3_column_int64(handle, column) }
    func double(_ column: Int32) -> Double { unsafe sqlite3_column_double(handle, column) }
    func isNull(_ column: Int32) -> Bool { unsafe sqlite3_column_type(handle, column) == SQLITE_NULL }

    func text(_ column: Int32) -> String? {
        guard let start = unsafe sqlite3_column_text(handle, column) else { return nil }
        let count = unsafe Int(sqlite3_column_bytes(handle, column))
        return unsafe String(decoding: UnsafeBufferPointer(start: start, count: count), as: UTF8.self)
    }

    /// The column's bytes, valid within `body`.
    func withBlob<R, E>(_ column: Int32, _ body: (Span<UInt8>) throws(E) -> R) throws(E) -> R {
        let start = unsafe sqlite3_column_blob(handle, column)?.assumingMemoryBound(to: UInt8.self)
        let count = unsafe start == nil ? 0 : Int(sqlite3_column_bytes(handle, column))
        return try unsafe body(UnsafeBufferPointer(start: start, count: count).span)
    }

    func blob(_ column: Int32) -> [UInt8] {
        let start = unsafe sqlite3_column_blob(handle, column)
        let count = unsafe start == nil ? 0 : Int(sqlite3_column_bytes(handle, column))
        return unsafe [UInt8](UnsafeRawBufferPointer(start: start, count: count))
    }
}

/// SQLite takes a null pointer for NULL, also with length 0: an empty text needs an address.
nonisolated(unsafe) private let emptyText: UnsafePointer<CChar> = {
    let byte = UnsafeMutablePointer<CChar>.allocate(capacity: 1)
    unsafe byte.initialize(to: 0)
    return unsafe UnsafePointer(byte)
}()

/// Bytes that stay where they are while `with` runs; never empty.
@safe struct PinnedBytes {
    private let bytes: UnsafeRawBufferPointer

    static func with<R>(_ array: [UInt8], _ body: (PinnedBytes) throws(StorageError) -> R) throws(StorageError) -> R {
        precondition(!array.isEmpty)
        // withUnsafeBytes rethrows untyped; the typed error travels beside it.
        let result: Result<R, StorageError> = unsafe array.withUnsafeBytes { bytes in
            let pinned = unsafe PinnedBytes(bytes: bytes)
            do throws(StorageError) { return .success(try body(pinned)) } catch { return .failure(error) }
        }
        return try result.get()
    }

    fileprivate func address(of range: Range<Int>) -> UnsafeRawPointer {
        let size = unsafe bytes.count
        precondition(range.lowerBound >= 0 && range.upperBound <= size && range.count <= Int(Int32.max))
        return unsafe bytes.baseAddress! + range.lowerBound
    }
}

/// The SQLite library in use.
package enum SQLiteLibrary {
    package static var version: String { unsafe String(cString: sqlite3_libversion()) }
    package static var versionNumber: Int { Int(sqlite3_libversion_number()) }
}
