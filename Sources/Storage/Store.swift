/// One database file: many readers, one writer. Hands out snapshots and transactions; knows no table (Reader and Writer do).
///
/// Writers, in this process and others, take turns by a mutex and a `flock` on "<path>-lock" that spans the transaction and
/// the checkpoint after it: SQLite before 3.51.3 can corrupt a write-ahead log that two processes checkpoint at once
/// ("WAL-reset bug", https://sqlite.org/wal.html). Readers never checkpoint. Before either lock is a gate, a lock that whoever
/// waits for the turn holds and nobody keeps: a writer that comes back at once, as an ingest does, stands behind who waited.
import Foundation
import Platform
import Synchronization

package struct StoreOptions: Sendable {
    /// How long `write` waits for its turn before it throws `.locked`, and whoever needs a lock of SQLite's own (recovery,
    /// foreign tools) before it throws `.busy`.
    package var lockWait: Duration = .seconds(10)
    /// Chooses the page size of a new database.
    package var expectedDimension: Int?
    /// The log is copied into the database when it is longer than this.
    package var checkpointBytes = 64 << 20
    /// Page caches, in KiB.
    package var writerCacheKiB = 65_536
    package var readerCacheKiB = 16_384
    /// Asks for the end of what is under way, which then throws `.interrupted` and leaves nothing half done.
    package var cancellation: Cancellation?

    package init() {}

    /// `lockWait` for SQLite, at most 11 days.
    var busyTimeoutMs: Int32 { Int32(min(max(lockWait / .milliseconds(1), 0), 1e9)) }

    /// 16 KiB pages; 32 KiB for 1024 and above 1536, where vectors fit them with less loss (FORMAT.md, § Pages).
    var pageSize: Int {
        guard let dimension = expectedDimension else { return 16_384 }
        return dimension == 1024 || dimension > 1536 ? 32_768 : 16_384
    }
}

package final class Store: Sendable {
    package enum Access: Sendable {
        case readOnly
        /// An existing database only.
        case readWrite
        /// Made when missing.
        case create
    }

    /// As it was given.
    package let path: String
    /// The absolute path of the file it led to then, which is the one used: a link to a database shares its log, lock and graphs.
    package let location: String
    package let access: Access
    package let options: StoreOptions
    /// 16 bytes made at creation: the database's identity wherever it is copied.
    package let uuid: [UInt8]
    let fileSystem: any FileSystem
    private let idleReaders = Mutex<[Connection]>([])
    private let writer = Mutex<Connection?>(nil)
    /// Held while `writing` is waited for.
    private let gate = NSLock()
    /// Held for a whole write transaction.
    private let writing = NSLock()
    /// The thread that holds it.
    private let writingThread = Mutex<ObjectIdentifier?>(nil)

    /// Opens, creates or migrates a database, and verifies its identity and schema. Nothing is written to an existing,
    /// current database.
    package init(
        path: String, access: Access, options: StoreOptions = .init(), fileSystem: any FileSystem = PosixFileSystem()
    ) throws(StorageError) {
        do throws(FileError) { location = try resolvedPath(path) } catch { throw .file(error) }
        self.path = path
        self.access = access
        self.options = options
        // Its lock and copies are as private, or as shared, as the database.
        self.fileSystem = fileSystem.creating(like: location)
        let opening = Opening(path: path, location: location, access: access, options: options, fileSystem: self.fileSystem)
        let reader = try opening.reader()
        uuid = try Store.uuid(in: reader)
        if !reader.isImmutable { idleReaders.withLock { $0.append(reader) } }
    }

    deinit { close() }

    private static func uuid(in connection: Connection) throws(StorageError) -> [UInt8] {
        let statement = try connection.take("SELECT value FROM setting WHERE name = 'uuid'")
        defer { connection.give(statement) }
        guard try statement.step() else { throw .corrupt(path: connection.path, what: "its identity is missing") }
        let uuid = statement.blob(0)
        guard uuid.count == 16 else { throw .corrupt(path: connection.path, what: "its identity is not 16 bytes") }
        return uuid
    }

    private var opening: Opening {
        Opening(path: path, location: location, access: access, options: options, fileSystem: fileSystem)
    }

    /// - Throws: `.replaced` where another database lies there by now: what is read from the two must not mix.
    private func verified(_ connection: Connection) throws(StorageError) -> Connection {
        guard try Store.uuid(in: connection) == uuid else { throw .replaced(path: path) }
        return connection
    }

    /// Runs `body` on one consistent snapshot. Callable from many threads at once; the reader must not leave `body`.
    package func read<R>(_ body: (Reader) throws -> R) throws -> R {
        try refuseAfterCancellation()
        let connection = try idleReaders.withLock({ $0.popLast() }) ?? verified(opening.connectReader())
        try connection.execute("BEGIN")
        defer { finish(connection) }
        // The snapshot begins with the first read, so read something.
        _ = try connection.integer("PRAGMA user_version")
        let result = try body(Reader(connection))
        try opening.verifyUnchanged(connection)
        return result
    }

    /// Runs `body` on so many readers of one consistent snapshot, each for one thread at a time; on one reader where other
    /// programs change the database too fast for several to begin in one state.
    package func read<R>(together count: Int, _ body: (Readers) throws -> R) throws -> R {
        func gather(_ readers: [Reader]) throws -> R? {
            guard readers.count < count else { return try body(Readers(readers)) }
            return try read { reader in
                // Every embedding that comes, goes or changes takes a number, so one number is one state of them. Graphs,
                // measurements and token codes take none: readers may go by others, and then look at the same embeddings.
                if let first = readers.first, try first.sequence() != reader.sequence() { return nil }
                return try gather(readers + [reader])
            }
        }
        if count > 1 {
            for _ in 0..<8 { if let result = try gather([]) { return result } }
        }
        return try read { try body(Readers($0)) }
    }

    /// Nothing begins once an end has been asked for.
    private func refuseAfterCancellation() throws(StorageError) {
        if options.cancellation?.isCancelled == true { throw .interrupted(operation: "work on \(path)") }
    }

    private func finish(_ connection: Connection) {
        // An immutable connection keeps writers away: it is closed as soon as it has been used.
        if connection.isImmutable { return connection.close() }
        do throws(StorageError) {
            try connection.execute("COMMIT")
            idleReaders.withLock { if $0.count < 16 { $0.append(connection) } }
        } catch {
            // A connection that cannot end a read transaction is closed instead of kept.
        }
    }

    /// Runs `body` as one transaction, all or nothing: kept and on disk (fsync) when this returns, nothing of it kept when
    /// this throws, whatever the reason. Throws `.locked` when another writer does not finish in `options.lockWait`.
    /// The writer must not leave `body`; `write` within `write` is misuse.
    package func write<R>(_ body: (Writer) throws -> R) throws -> R { try write(within: options.lockWait, body) }

    /// `write` that waits for its turn for as long as `goesOn`, asked now and then, is true, and then throws `.interrupted`.
    package func write<R>(waitingWhile goesOn: () -> Bool, _ body: (Writer) throws -> R) throws -> R {
        while true {
            do {
                return try write(within: Self.waitBetweenQuestions, body)
            } catch StorageError.locked, StorageError.busy {
                guard goesOn() else { throw StorageError.interrupted(operation: "waiting for another writer") }
            }
        }
    }

    private static let waitBetweenQuestions = Duration.milliseconds(50)

    private func write<R>(within wait: Duration, _ body: (Writer) throws -> R) throws -> R {
        try exclusively(within: wait) { connection in
            try connection.execute("BEGIN IMMEDIATE")
            do {
                let writer = try Writer(writing: connection)
                let result = try body(writer)
                if let failure = writer.failure { throw failure }
                try connection.execute("COMMIT")
                checkpointIfLong(connection)
                return result
            } catch {
                if connection.isInTransaction { try connection.execute("ROLLBACK") }
                throw error
            }
        }
    }

    /// The writer's connection under the mutex and the writers' lock.
    /// - Parameter wait: nil means as the options say.
    func exclusively<R>(within wait: Duration? = nil, _ body: (Connection) throws -> R) throws -> R {
        try refuseAfterCancellation()
        guard access != .readOnly else {
            throw StorageError.readOnly(path: path, operation: "writing to a store opened for reading")
        }
        let wait = wait ?? options.lockWait
        let deadline = ContinuousClock.now + wait
        try takeTurn(within: wait)
        defer { endTurn() }
        let lock = try opening.lockWriters(until: deadline)
        defer { withExtendedLifetime(lock) {} }
        let connection = try writer.withLock({ $0 }) ?? verified(opening.connectWriter())
        writer.withLock { $0 = connection }
        return try body(connection)
    }

    private func takeTurn(within wait: Duration) throws(StorageError) {
        let thread = ObjectIdentifier(Thread.current)
        precondition(writingThread.withLock { $0 } != thread, "a write within a write would wait for itself")
        let deadline = Date(timeIntervalSinceNow: wait / .seconds(1))
        guard gate.lock(before: deadline) else { throw .locked(path: path) }
        defer { gate.unlock() }
        guard writing.lock(before: deadline) else { throw .locked(path: path) }
        writingThread.withLock { $0 = thread }
    }

    private func endTurn() {
        writingThread.withLock { $0 = nil }
        writing.unlock()
    }

    /// A failed checkpoint loses nothing (the log keeps the commits), so it must not fail the commit before it: the next
    /// write, or `check`, meets the cause again.
    private func checkpointIfLong(_ connection: Connection) {
        guard let pageSize = try? connection.integer("PRAGMA page_size") else { return }
        guard connection.pagesInLog * Int(pageSize) > options.checkpointBytes else { return }
        _ = try? connection.checkpoint(truncating: false)
    }

    /// Closes idle connections, after folding the log into the database where no other process is in the way: waits for none, but
    /// for a transaction of this store. A store that is used again opens again. Called by deinit.
    package func close() {
        idleReaders.withLock { $0.removeAll() }
        gate.withLock { writing.lock() }
        defer { writing.unlock() }
        guard let connection = writer.withLock({ slot in
            defer { slot = nil }
            return slot
        }) else { return }
        // Without the lock the log simply stays for the next writer.
        guard let lock = try? fileSystem.lock(location + "-lock", .exclusive) else { return }
        _ = try? connection.checkpoint(truncating: true)
        connection.foldLogOnClose()
        connection.close()
        withExtendedLifetime(lock) {}
    }
}
