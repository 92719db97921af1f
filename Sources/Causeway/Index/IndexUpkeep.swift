/// Keeping indexes up with what changes, without being asked. Decides when to look, not what is to be done: that is
/// IndexFreshness's.
import Dispatch
import Platform
import Storage
import Synchronization

/// Who takes into the indexes what was inserted, replaced and deleted since they were built. Until then it is searched beside
/// them, or walked past: answers are the same, and slower the more there is.
public enum IndexUpkeep: Sendable {
    /// The database does, on a thread of its own and for one modality at a time, soon after enough has changed. A process that
    /// ends in between loses nothing.
    case automatic
    /// The program does, by `maintainIndexes` or `buildIndex`.
    case manual
}

extension EmbeddingCollection {
    /// Merges into the indexes that exist what changed, where it has come to slow searches down: a tenth of an index's rows
    /// deleted, or as many new as a quarter of it or 8,192. Costs a copy of the graph and an insertion for each new row; it is
    /// built from nothing instead once half of its rows have come by merges. The recall table is measured anew when it is stale.
    /// - Returns: what was done; empty where nothing was due.
    /// - Throws: as `buildIndex`.
    @discardableResult
    public func maintainIndexes(threads: Int? = nil, progress: ProgressHandler? = nil) throws -> [IndexReport] {
        let due = try database.read { reader in
            try reader.modalities(of: record(in: reader).id).filter { modality in
                guard let generation = try reader.generation(of: modality.id),
                    case .success(let graph) = database.files.open(generation, of: modality)
                else { return false }  // one that cannot be used is for `buildIndex`: damage should be seen
                return try reader.freshness(of: generation, in: modality.id, inGraph: graph.count).slowsSearches
            }
        }
        guard !due.isEmpty else { return [] }
        return try buildIndex(modalities: due.map(\.name), options: IndexOptions(threads: threads), progress: progress)
    }
}

/// Looks after the indexes of one open database in the background.
final class IndexKeeper: Sendable {
    /// A look costs a read of what changed since the graph was built, so not every row deserves one.
    private static let changesBetweenLooks = 1_024

    private let changes = Mutex<[String: Int]>([:])
    private let cancellation = Cancellation()
    private let queue = DispatchQueue(label: "index upkeep", qos: .utility)

    /// Told of every committed change. Returns at once.
    func noteChanges(_ count: Int, of collection: EmbeddingCollection) {
        let isDue = changes.withLock { changes in
            changes[collection.name, default: 0] += count
            guard changes[collection.name, default: 0] >= Self.changesBetweenLooks else { return false }
            changes[collection.name] = 0
            return true
        }
        guard isDue, !cancellation.isCancelled else { return }
        queue.async { [cancellation] in
            if cancellation.isCancelled { return }
            // What fails here, such as a full disk, fails again and aloud where the program asks for it; searches say
            // meanwhile how far the index is behind.
            _ = try? collection.maintainIndexes { _ in !cancellation.isCancelled }
        }
    }

    /// Waits until what has been noted is done.
    func wait() { queue.sync {} }

    /// Stops what is under way and waits for its end.
    func close() {
        cancellation.cancel()
        queue.sync {}
    }
}
