/// Opening, creating and migrating a database file, and the lock that writers take turns by. Holds no connection.
import Foundation
import Platform

struct Opening {
    /// As it was given, for messages.
    let path: String
    /// Where that led when the store was opened, as SQLite follows links: the log and the lock lie beside this.
    let location: String
    let access: Store.Access
    let options: StoreOptions
    let fileSystem: any FileSystem

    /// A verified reader, after the file has been made or brought up to date where `access` allows it.
    func reader() throws(StorageError) -> Connection {
        if !fileSystem.exists(location) {
            guard access == .create else { throw .notFound(path: path) }
            try prepare()
        }
        var connection = try connectReader()
        switch try Schema.state(of: connection) {
        case .current: break
        case .empty:
            guard access == .create else { throw .notADatabase(path: path) }
            try prepare()
            connection = try connectReader()
        case .older(let version):
            guard access != .readOnly else {
                throw .olderFormat(path: path, found: version, needed: Schema.version)
            }
            try prepare()
            connection = try connectReader()
        }
        try Schema.verify(connection)
        return connection
    }

    /// Creates or migrates under the writers' lock; looks again first, as another process may have been faster.
    private func prepare() throws(StorageError) {
        let lock = try lockWriters(until: ContinuousClock.now + options.lockWait)
        defer { withExtendedLifetime(lock) {} }
        let isNew = !fileSystem.exists(location)
        // SQLite would delete it, and with it the commits of a database that was only moved away.
        if isNew { try fileSystem.refuseLeftoverLog(of: location) }
        let connection = try Connection(
            path: location, as: path, for: isNew ? .create : .write, busyTimeoutMs: options.busyTimeoutMs)
        switch try Schema.state(of: connection) {
        case .current: break
        case .older(let version):
            try configure(connection)
            try Schema.migrate(connection, from: version, uuid: [])
        case .empty:
            try connection.execute("PRAGMA page_size = \(options.pageSize)")
            try configure(connection)
            try Schema.migrate(connection, from: 0, uuid: Opening.newIdentity())
            try synchronizeDirectory()
        }
        _ = try connection.checkpoint(truncating: true)
        connection.foldLogOnClose()
        connection.close()
    }

    private func synchronizeDirectory() throws(StorageError) {
        do throws(FileError) {
            try fileSystem.synchronizeDirectory(splitPath(location).directory)
        } catch {
            throw .file(error)
        }
    }

    /// A random (version 4) UUID.
    private static func newIdentity() -> [UInt8] {
        var bytes = (0..<16).map { _ in UInt8.random(in: 0...255) }
        bytes[6] = bytes[6] & 0x0F | 0x40
        bytes[8] = bytes[8] & 0x3F | 0x80
        return bytes
    }

    func connectReader() throws(StorageError) -> Connection {
        do throws(StorageError) {
            return try connectReader(for: .read)
        } catch {
            guard error.mayBeDirectory else { throw error }
            return try connectImmutableReader(insteadOf: error)
        }
    }

    /// A write-ahead log needs an index beside it, which cannot be made in a directory that may not be written. SQLite then
    /// reads a database only as immutable, as if there were no log (wal.html, "Read-Only Databases"). That is right while the
    /// log is empty and nobody writes: a shared lock sees to it, and where there is no lock file, `verifyUnchanged`.
    private func connectImmutableReader(insteadOf error: StorageError) throws(StorageError) -> Connection {
        let lock = try lockReading()
        guard hasEmptyLog else {
            throw .unwritableDirectory(path: path, why: "its write-ahead log holds commits")
        }
        do throws(StorageError) {
            let connection = try connectReader(for: .readImmutable)
            connection.lock = lock
            return connection
        } catch let problem {
            throw problem.mayBeDirectory ? error : problem
        }
    }

    /// Nil where there is no lock file.
    private func lockReading() throws(StorageError) -> FileLock? {
        let deadline = ContinuousClock.now + options.lockWait
        while true {
            do throws(FileError) {
                if let lock = try fileSystem.lock(location + "-lock", .shared) { return lock }
            } catch {
                if error.isMissing { return nil }
                throw .unwritableDirectory(path: path, why: "its lock file may not be read")
            }
            guard ContinuousClock.now < deadline else { throw .locked(path: path) }
            Thread.sleep(forTimeInterval: 0.01)
        }
    }

    private var hasEmptyLog: Bool { fileSystem.isEmpty(location + "-wal") }

    /// Every writer makes a lock file first and leaves it.
    func verifyUnchanged(_ connection: Connection) throws(StorageError) {
        guard connection.isImmutable, connection.lock == nil else { return }
        guard !fileSystem.exists(location + "-lock"), hasEmptyLog else { throw .locked(path: path) }
    }

    private func connectReader(for purpose: OpenPurpose) throws(StorageError) -> Connection {
        let connection = try Connection(path: location, as: path, for: purpose, busyTimeoutMs: options.busyTimeoutMs)
        try connection.execute("""
            PRAGMA query_only = ON; PRAGMA cell_size_check = ON; PRAGMA mmap_size = 0; PRAGMA temp_store = MEMORY;
            PRAGMA cache_size = -\(options.readerCacheKiB)
            """)
        connection.readerCacheKiB = options.readerCacheKiB
        if let cancellation = options.cancellation { connection.stop(by: cancellation) }
        return connection
    }

    func connectWriter() throws(StorageError) -> Connection {
        let connection = try Connection(path: location, as: path, for: .write, busyTimeoutMs: options.busyTimeoutMs)
        try configure(connection)
        if let cancellation = options.cancellation { connection.stop(by: cancellation) }
        return connection
    }

    /// Durability and integrity of a writing connection. The log is never checkpointed by SQLite itself: our hook took the
    /// place of its automatic checkpoint (and `PRAGMA wal_autocheckpoint` would take the hook's). What compacting and repairing
    /// need beside the database is as large as it is, and goes to a file.
    private func configure(_ connection: Connection) throws(StorageError) {
        guard try connection.string("PRAGMA journal_mode = WAL") == "wal" else {
            throw .readOnly(path: path, operation: "switching to a write-ahead log")
        }
        try connection.execute("""
            PRAGMA synchronous = FULL; PRAGMA fullfsync = ON; PRAGMA checkpoint_fullfsync = ON;
            PRAGMA foreign_keys = ON; PRAGMA cell_size_check = ON; PRAGMA mmap_size = 0; PRAGMA temp_store = FILE;
            PRAGMA cache_size = -\(options.writerCacheKiB)
            """)
    }

    /// The lock that spans every commit and checkpoint; released with the last reference. Taken through the gate before it.
    func lockWriters(until deadline: ContinuousClock.Instant) throws(StorageError) -> FileLock {
        let gate = try lock(location + "-gate", until: deadline)
        defer { withExtendedLifetime(gate) {} }
        return try lock(location + "-lock", until: deadline)
    }

    /// Pauses between two looks at a lock: short beside a transaction, which waits for the disk.
    private static let pauseSeconds = 0.0005...0.004

    private func lock(_ name: String, until deadline: ContinuousClock.Instant) throws(StorageError) -> FileLock {
        var pause = Self.pauseSeconds.lowerBound
        while true {
            do throws(FileError) {
                if let lock = try fileSystem.lock(name, .exclusive) { return lock }
            } catch {
                throw error.isMissing ? .missingDirectory(path: path)
                    : error.code == EACCES || error.code == EROFS
                    ? .readOnly(path: path, operation: "locking for writing") : .file(error)
            }
            if options.cancellation?.isCancelled == true { throw .interrupted(operation: "waiting for another writer") }
            guard ContinuousClock.now < deadline else { throw .locked(path: path) }
            Thread.sleep(forTimeInterval: pause)
            pause = min(pause * 2, Self.pauseSeconds.upperBound)
        }
    }
}
