/// A database: one SQLite file that holds collections of embeddings, and beside it the graph files made from them.
/// This file opens it and hands out its parts; searching, ingesting and indexing are in their folders.
import Platform
import Storage
import Synchronization

/// An open database. Safe to share between threads. Every call is synchronous; those that only read, but for `check`, see one
/// consistent state, and those that write as well take steps of which each sees one.
///
/// ```swift
/// let database = try Database(path: "photos.db")
/// let photos = database.collection("photos")
/// try photos.insert([Embedding(id: "1", vector: [0.1, 0.9])], into: "image")
/// ```
public final class Database: Sendable {
    public enum Access: Sendable {
        /// The file must exist, and stays what it is. SQLite needs its `-wal` and `-shm` beside it also for reading, and makes
        /// them where it may; they stay until a writer is the last to close.
        case readOnly
        /// The file must exist.
        case readWrite
        /// The file is made when it is missing.
        case create
    }

    private let store: Store
    private let isClosed = Atomic<Bool>(false)
    let files: GenerationFiles
    let indexes: IndexCache
    let vectors = VectorCache()
    let fileSystem: any FileSystem
    /// Nil where the program looks after the indexes itself, and where nothing is written.
    let keeper: IndexKeeper?

    /// Opens a database.
    /// - Parameter lockWait: seconds to wait for other writers before `.locked` is thrown, and for locks that other programs
    ///   hold in SQLite; 0 or more, infinity waits for ever.
    /// - Parameter upkeep: who keeps the indexes up with what this program writes.
    /// - Parameter cancellation: ends what is under way, whether or not it takes a progress handler.
    /// - Throws: `CausewayError`: `.notADatabase`, `.newerFormat`, `.olderFormat` (read-only: any other access brings the file
    ///   up to date), `.damaged`, `.failed` (no such file or directory, no permission), `.locked`; `.diskFull` where the file is
    ///   made or brought up to date; `.invalidArgument` for a wait that is none.
    public convenience init(
        path: String, access: Access = .create, lockWait: Double = 5, upkeep: IndexUpkeep = .automatic,
        cancellation: Cancellation? = nil
    ) throws {
        try self.init(
            path: path, access: access, lockWait: lockWait, upkeep: upkeep, expectedDimension: nil,
            fileSystem: PosixFileSystem(), cancellation: cancellation)
    }

    package init(
        path: String, access: Access, lockWait: Double, upkeep: IndexUpkeep = .automatic, expectedDimension: Int?,
        fileSystem: any FileSystem, cancellation: Cancellation? = nil
    ) throws {
        var options = StoreOptions()
        options.lockWait = .seconds(try ArgumentBounds.seconds(lockWait))
        options.expectedDimension = expectedDimension
        options.cancellation = cancellation?.flag
        let mode: Store.Access = switch access {
        case .readOnly: .readOnly
        case .readWrite: .readWrite
        case .create: .create
        }
        self.fileSystem = fileSystem
        store = try translatingErrors { try Store(path: path, access: mode, options: options, fileSystem: fileSystem) }
        files = GenerationFiles(
            databasePath: store.location, databaseID: store.uuid, fileSystem: fileSystem.creating(like: store.location))
        indexes = IndexCache(files: files, store: store)
        keeper = upkeep == .automatic && access != .readOnly ? IndexKeeper() : nil
    }

    public var path: String { store.path }

    /// A collection by name. It need not exist yet: the first write makes it, and reading one that is missing throws.
    public func collection(_ name: String) -> EmbeddingCollection { EmbeddingCollection(database: self, name: name) }

    /// The collections there are, by name.
    public func collections() throws -> [EmbeddingCollection] {
        try read { try $0.collections().map { EmbeddingCollection(database: self, name: $0.name) } }
    }

    /// Ends upkeep of the indexes that is under way, waits for a transaction under way, and lets go of connections, mapped
    /// graphs and vectors. A read under way in another thread goes on to its end, and lets go then. From here on every call
    /// throws `.closed`; closing again does nothing. A database whose last reference goes is closed too, after upkeep under way.
    public func close() {
        keeper?.close()
        isClosed.store(true, ordering: .releasing)
        release()
    }

    // MARK: For the other files of this module

    /// Every use of the store. What `body` took up after the closing goes at its end.
    func use<Result>(_ body: (Store) throws -> Result) throws -> Result {
        guard !isClosed.load(ordering: .acquiring) else { throw CausewayError.closed(path: path) }
        defer { if isClosed.load(ordering: .acquiring) { release() } }
        return try translatingErrors { try body(store) }
    }

    /// Lets go of what is held for the next call.
    private func release() {
        store.close()
        indexes.removeAll()
        vectors.removeAll()
    }

    /// What ends all that is under way.
    var cancellation: Platform.Cancellation? { store.options.cancellation }

    func read<Result>(_ body: (Reader) throws -> Result) throws -> Result {
        try use { try $0.read(body) }
    }

    func read<Result>(together count: Int, _ body: (Readers) throws -> Result) throws -> Result {
        try use { try $0.read(together: count, body) }
    }

    func write<Result>(_ body: (Writer) throws -> Result) throws -> Result {
        try use { try $0.write(body) }
    }

    /// `write` that waits for other writers as long as `progress` lets it: for what was long in the making.
    func write<Result>(waitingWith progress: ProgressHandler?, _ body: (Writer) throws -> Result) throws -> Result {
        try use { store in
            try store.write(waitingWhile: { progress?(Progress(waitingFor: "another writer")) ?? true }, body)
        }
    }
}
