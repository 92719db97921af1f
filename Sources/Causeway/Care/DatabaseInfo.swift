/// What a database is: format, libraries, sizes, collections and their indexes.
import Storage
import Platform

public struct DatabaseInfo: Sendable {
    public struct CollectionInfo: Sendable {
        public var name: String
        /// The metric of searches that name none; nil means cosine, or that this version knows no metric of the name.
        public var defaultMetric: Metric?
        /// As it is stored; "cosine" where none is.
        public var defaultMetricName: String
        public var modalities: [Modality]
        public var indexes: [IndexStatus]
    }

    public var path: String
    /// 32 hexadecimal digits, made when the database was.
    public var uuid: String
    public var formatVersion: Int
    public var bytes: Int
    public var pageSize: Int
    public var sqliteVersion: String
    /// Whether this SQLite has the fix of the WAL-reset bug (3.51.3, 3.50.7, 3.44.6). Without it the lock beside the database
    /// is what keeps two writing processes apart.
    public var sqliteHasWALResetFix: Bool
    /// The instruction set of the kernels, e.g. "avx512-vnni".
    public var instructionSet: String
    public var collections: [CollectionInfo]

    /// Of the graph files in force.
    public var indexBytes: Int { collections.reduce(0) { $0 + $1.indexes.reduce(0) { $0 + $1.bytes } } }
}

extension Database {
    /// - Complexity: O(collections × modalities).
    public func info() throws -> DatabaseInfo {
        try use { store in
            try store.read { reader in
                let facts = try store.info(in: reader)
                return DatabaseInfo(
                    path: path, uuid: store.uuid.map { byte in
                        let digits = String(byte, radix: 16)
                        return digits.count == 1 ? "0" + digits : digits
                    }.joined(),
                    formatVersion: facts.formatVersion, bytes: facts.pageCount * facts.pageSize, pageSize: facts.pageSize,
                    sqliteVersion: facts.sqliteVersion, sqliteHasWALResetFix: facts.sqliteHasWALResetFix,
                    instructionSet: instructionSetName(),
                    collections: try reader.collections().map { try collection($0.name).info(of: $0, in: reader) })
            }
        }
    }

    /// Copies the database as of now to a new file, consistent and on disk when this returns. It has no index:
    /// build one there.
    /// - Throws: `.failed` when `path` exists, or the log of a database that was there: SQLite would play it into the copy.
    public func backup(to path: String) throws { try use { try $0.backup(to: path) } }

    /// Gives back the space of deleted embeddings: graphs that still hold some are merged with what changed, outdated ones
    /// removed, deletions that no graph need be told of forgotten, and the database file is written anew inside SQLite. It gets
    /// smaller when no reader of what was before is left: after `lockWait` the log beside it stays as large as it is.
    /// - Throws: `.cancelled`, with what was done so far kept; `.locked`, `.diskFull`.
    public func compact(progress: ProgressHandler? = nil) throws {
        try use { store in
            var options = IndexOptions()
            options.mergesEverything = true
            for collection in try collections() {
                let stale = try collection.modalities().map(\.name).filter { try collection.indexStatus(of: $0).deletedSince > 0 }
                try collection.buildIndex(modalities: stale, options: options, progress: progress)
            }
            try store.compact()
            try removeOrphanedGraphs()
        }
    }

    /// Removes graph files that no generation names: of builds that were cut off, or have been replaced. Leaves them to another
    /// process that is writing some.
    func removeOrphanedGraphs() throws {
        guard let lock = try files.lockIfFree() else { return }
        defer { withExtendedLifetime(lock) {} }
        let names = try read { try $0.generationFileNames() }
        files.removeOrphans(keeping: names)
    }
}

extension EmbeddingCollection {
    fileprivate func info(of record: CollectionRecord, in reader: Reader) throws -> DatabaseInfo.CollectionInfo {
        let modalities = try reader.modalities(of: record.id)
        return DatabaseInfo.CollectionInfo(
            name: name, defaultMetric: record.defaultMetric.flatMap { try? Metric(named: $0) },
            defaultMetricName: record.defaultMetric ?? Metric.cosine.name,
            modalities: try modalities.map { try Modality($0, in: reader) },
            indexes: try modalities.map { try indexStatus(of: $0, in: reader) })
    }
}
