/// Repairing a database: what cannot be read is taken out and named, what can be derived is made again.
import Platform
import Storage

/// What a repair did, or would do.
public struct RepairReport: Sendable, Equatable {
    public struct Step: Sendable, Equatable {
        public var place: String
        public var problem: String
        public var action: String
    }

    /// Empty for a sound database.
    public var steps: [Step]
    /// Damage that is still there.
    public var remaining: [CheckFinding]
    /// The copy of the database as it was; nil when none was made.
    public var copy: String?

    public init(steps: [Step] = [], remaining: [CheckFinding], copy: String? = nil) {
        (self.steps, self.remaining, self.copy) = (steps, remaining, copy)
    }
}

extension Database {
    /// Brings a database whose damage `check(deep: true)` reports back to a sound state, in one transaction. Embeddings whose
    /// vector does not match its checksum are removed, and each is listed; every other stays bit for bit. Token sets,
    /// metadata, models and default metrics that cannot be read are removed alone. Counters, indexes and filters are made again;
    /// graphs that are damaged or missing are dropped, and so are measurements that cannot be, until `buildIndex`. Where the
    /// file's own pages cannot be read, nothing is changed, and that damage remains.
    /// - Parameter dryRun: changes nothing, and reports what would be done.
    /// - Parameter keepsCopy: before anything is changed, the database is copied to "<path>-before-repair" (or, if that exists,
    ///   "-before-repair-2" and so on). Unreadable bytes are copied as they are.
    /// - Throws: `.locked`, `.diskFull`.
    /// - Complexity: O(bytes of the database).
    public func repair(dryRun: Bool = false, keepsCopy: Bool = true) throws -> RepairReport {
        try use { store in
            let copy = keepsCopy ? freeCopyPath(store) : nil
            let done: Storage.RepairReport
            do {
                done = try store.repair(dryRun: dryRun, copy: copy, also: takeOutMeaningless, and: dropUnusableGraphs)
            } catch StorageError.corrupt(_, let what) {
                return RepairReport(remaining: [CheckFinding(.unreadable(what))])
            }
            if !dryRun && !done.repairs.isEmpty { try removeOrphanedGraphs() }
            return RepairReport(
                steps: done.repairs.map { .init(place: $0.place, problem: $0.problem, action: $0.action) },
                remaining: done.remaining.map(CheckFinding.init), copy: done.copy)
        }
    }

    /// Beside the database itself, wherever a link to it lies.
    private func freeCopyPath(_ store: Store) -> String {
        let first = store.location + "-before-repair"
        var name = first
        var number = 2
        while !store.isFree(name) {
            name = "\(first)-\(number)"
            number += 1
        }
        return name
    }

    private func dropUnusableGraphs(_ writer: Writer) throws -> [Repair] {
        var repairs: [Repair] = []
        for collection in try writer.collections() {
            for modality in try writer.soundModalities(of: collection.id) {
                let findings = try checkIndex(of: modality, collection.name, in: writer, true)
                guard let first = findings.first else { continue }
                try writer.dropGeneration(of: modality.id)
                repairs.append(
                    Repair(
                        place: first.place, problem: first.problem,
                        action: "index dropped; `causeway index build` makes it again"))
            }
        }
        return repairs
    }
}
