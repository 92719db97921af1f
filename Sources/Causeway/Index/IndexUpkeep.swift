/// Keeping indexes up with what changes, without being asked. Decides when to look, not what is to be done: that is
/// IndexFreshness's.
import Dispatch
import Platform
import Storage
import Synchronization

/// Who takes into the indexes what was inserted, replaced and deleted since they were built. Until then it is searched beside
/// them, or walked past: answers are the same, and slower the more there is.
public enum IndexUpkeep: Sendable {
    /// The database does, on one thread of its own, which leaves the other processors to the program, and for one modality at a
    /// time. It looks whether enough has changed at the first change this program makes to a collection, and whenever it has made
    /// as many more as could have become enough, but at least 100. A process that ends in between loses nothing.
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
        try buildIndex(
            modalities: indexesBehind().due, options: IndexOptions(threads: threads), progress: progress)
    }

    /// Modalities whose indexes slow searches down, and how many changes could bring another one there; 0 without another.
    fileprivate func indexesBehind() throws -> (due: [String], changesLeft: Int) {
        try database.read { reader in
            var due: [String] = []
            var changesLeft: [Int] = []
            for modality in try reader.modalities(of: record(in: reader).id) {
                guard let generation = try reader.generation(of: modality.id),
                    case .success(let graph) = database.files.open(generation, of: modality)
                else { continue }  // one that cannot be used is for `buildIndex`: damage should be seen
                let freshness = try reader.freshness(of: generation, in: modality.id, inGraph: graph.count)
                if freshness.slowsSearches { due.append(modality.name) } else { changesLeft.append(freshness.changesLeft) }
            }
            return (due, changesLeft.min() ?? 0)
        }
    }
}

/// Looks after the indexes of one open database in the background.
final class IndexKeeper: Sendable {
    /// A look costs a read of what changed since the graph was built, so not every row deserves one.
    private static let changesMin = 100
    /// What failed, such as for want of room on the disk, is likely to fail again.
    private static let changesAfterFailure = 1_024

    /// Of a collection: the changes noted since the last look, and how many deserve the next; nil while there is one.
    private struct Watch {
        var changes = 0
        var needed: Int? = 1

        /// Whether a look is due, which then begins.
        mutating func begin() -> Bool {
            guard let needed, changes >= needed else { return false }
            self = Watch(needed: nil)
            return true
        }
    }

    private let watches = Mutex<[String: Watch]>([:])
    private let cancellation = Platform.Cancellation()
    private let queue = DispatchQueue(label: "index upkeep", qos: .utility)

    /// Told of every committed change. Returns at once.
    func noteChanges(_ count: Int, of collection: EmbeddingCollection) {
        update(collection) { $0.changes += count }
    }

    /// Changes the watch over a collection, and looks where that makes it due.
    private func update(_ collection: EmbeddingCollection, _ body: (inout Watch) -> Void) {
        let begins = watches.withLock { watches in
            var watch = watches[collection.name] ?? Watch()
            body(&watch)
            defer { watches[collection.name] = watch }
            return watch.begin()
        }
        guard begins else { return }
        queue.async { [self] in
            let needed = look(at: collection)
            update(collection) { $0.needed = needed }
        }
    }

    /// Does what is due. Returns how many changes deserve the next look.
    private func look(at collection: EmbeddingCollection) -> Int {
        guard !cancellation.isCancelled else { return Self.changesAfterFailure }
        do {
            let behind = try collection.indexesBehind()
            guard !behind.due.isEmpty else { return max(behind.changesLeft, Self.changesMin) }
            let options = IndexOptions(threads: 1)
            try collection.buildIndex(modalities: behind.due, options: options) { [cancellation] _ in !cancellation.isCancelled }
            return Self.changesMin
        } catch {
            // What fails here fails again and aloud where the program asks for it; searches say meanwhile how far the index
            // is behind.
            return Self.changesAfterFailure
        }
    }

    /// Stops what is under way and waits for its end.
    func close() {
        cancellation.cancel()
        queue.sync {}
    }
}
