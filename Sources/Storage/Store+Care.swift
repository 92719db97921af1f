/// What the database's keeper does with the file as a whole: facts, a copy, a rewrite. Looks at no row.
import Foundation
import Platform

package struct StorageInfo: Sendable, Equatable {
    package var path: String
    package var uuid: [UInt8]
    package var formatVersion: Int
    package var pageSize: Int
    package var pageCount: Int
    /// Pages that `compact` would give back.
    package var freePages: Int
    /// The newest change.
    package var sequence: ChangeSequence
    package var sqliteVersion: String
    /// Whether this SQLite is free of the WAL-reset bug (https://sqlite.org/wal.html); the writers' lock guards us anyway.
    package var sqliteHasWALResetFix: Bool
}

extension SQLiteLibrary {
    /// Fixed in 3.51.3, and in 3.50.7 and 3.44.6 of the older branches.
    package static func hasWALResetFix(version: Int) -> Bool {
        version >= 3_051_003 || (3_050_007..<3_051_000).contains(version) || (3_044_006..<3_045_000).contains(version)
    }
}

extension Store {
    package func info() throws -> StorageInfo { try read { try info(in: $0) } }

    package func info(in reader: Reader) throws -> StorageInfo {
        let connection = reader.connection
        return StorageInfo(
            path: path, uuid: uuid, formatVersion: Int(try connection.integer("PRAGMA user_version")),
            pageSize: Int(try connection.integer("PRAGMA page_size")),
            pageCount: Int(try connection.integer("PRAGMA page_count")),
            freePages: Int(try connection.integer("PRAGMA freelist_count")),
            sequence: ChangeSequence(
                rawValue: try connection.integer("SELECT value FROM setting WHERE name = 'sequence'")),
            sqliteVersion: SQLiteLibrary.version,
            sqliteHasWALResetFix: SQLiteLibrary.hasWALResetFix(version: SQLiteLibrary.versionNumber))
    }

    /// Copies one snapshot of the database to a new file, beside running readers and writers. The copy is on disk, whole,
    /// under its name when this returns, and absent when this throws. Graph files are not copied, so the copy names none:
    /// it would otherwise borrow those of its source, which change.
    /// - Throws: `.alreadyExists`, `.leftoverLog`; nothing is ever overwritten.
    package func backup(to destination: String) throws { try copy(to: destination, isExact: false) }

    /// Whether a copy may have that name.
    package func isFree(_ destination: String) -> Bool {
        !fileSystem.exists(destination) && fileSystem.leftoverLog(of: destination) == nil
    }

    /// - isExact: also which graph files are in force.
    func copy(to destination: String, isExact: Bool) throws {
        guard !fileSystem.exists(destination) else { throw StorageError.alreadyExists(path: destination) }
        try fileSystem.refuseLeftoverLog(of: destination)
        let (directory, name) = splitPath(destination)
        let temporary = "\(directory)/.\(name).\(UInt64.random(in: 0 ... .max))"
        var isReserved = false
        do {
            try fileSystem.createExclusively(temporary).close()
            try read { reader in
                // SQLite's own journal and fsync protect the copy: FULL waits for the disk before it reports the end.
                let copy = try Connection(
                    path: temporary, as: destination, for: .create, busyTimeoutMs: options.busyTimeoutMs)
                try copy.execute("PRAGMA synchronous = FULL; PRAGMA fullfsync = ON")
                try reader.connection.copy(into: copy)
                guard !isExact else { return }
                try copy.execute("DELETE FROM generation")
                // The copy is in the mode of its source, a write-ahead log: closing folds it in and removes it.
                _ = try copy.checkpoint(truncating: true)
                copy.foldLogOnClose()
                copy.close()
            }
            // The name is taken as an empty file first, which fails where there is one: only that is replaced.
            try fileSystem.createExclusively(destination).close()
            isReserved = true
            try fileSystem.rename(temporary, to: destination)
            isReserved = false
            try fileSystem.synchronizeDirectory(directory)
        } catch {
            if isReserved { try? fileSystem.remove(destination) }
            for suffix in ["", "-journal", "-wal", "-shm"] where fileSystem.exists(temporary + suffix) {
                try? fileSystem.remove(temporary + suffix)
            }
            guard var error = error as? FileError else { throw error }
            // Nobody asked for the temporary.
            if error.path == temporary { (error.operation, error.path) = ("write", destination) }
            throw error.isTaken ? StorageError.alreadyExists(path: destination) : .file(error)
        }
    }

    /// Forgets the deletions that need not be remembered, rewrites the database without free pages (VACUUM), then empties the
    /// log. Needs as much free disk again, and as much for SQLite's temporary files (where `SQLITE_TMPDIR` or `TMPDIR` says);
    /// memory stays below 100 MiB whatever the size. Readers go on; the log stays where one is in the way for all of
    /// `options.lockWait`.
    /// - Throws: `.locked`, `.full`; the database then has all it had.
    package func compact() throws {
        try write { writer in
            for collection in try writer.collections() {
                for modality in try writer.modalities(of: collection.id) { try writer.forgetDeletions(of: modality.id) }
            }
        }
        try exclusively { connection in
            // It reads and writes each page once. Its temporary database counts the pages of its own cache as if they had 4 KiB.
            try connection.execute("PRAGMA cache_size = -8192")
            defer { try? connection.execute("PRAGMA cache_size = -\(options.writerCacheKiB)") }
            try connection.execute("VACUUM")
        }
        // Readers are waited for between turns, so that no writer waits for them too.
        let deadline = ContinuousClock.now + options.lockWait
        while try exclusively({ try $0.checkpoint(truncating: true).log }) > 0, ContinuousClock.now < deadline {
            Thread.sleep(forTimeInterval: 0.05)
        }
    }
}
