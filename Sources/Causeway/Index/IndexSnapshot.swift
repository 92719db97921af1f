/// What a search needs of one modality's index at one moment: the graph, which of its labels are dead, and the rows beside it.
/// Not the truth: everything here is made again from SQLite and the generation file.
import Platform
import ProximityGraph
import Storage
import Synchronization

/// Immutable but for `beside`, which only grows: rows a snapshot's reader cannot see yet drop out at the exact stage.
final class IndexSnapshot: Sendable {
    let generation: GenerationRecord
    let graph: Graph
    /// The newest change this snapshot knows.
    let lastChange: ChangeSequence
    /// Labels deleted since the graph was built, ascending.
    let dead: [Int64]
    /// Labels that are not dead; nil when none is.
    let alive: LabelSet?
    /// Codes of the rows newer than the graph.
    let beside: FlatCodes

    init(
        generation: GenerationRecord, graph: Graph, lastChange: ChangeSequence, dead: [Int64], beside: FlatCodes
    ) {
        self.generation = generation
        self.graph = graph
        self.lastChange = lastChange
        self.dead = dead
        self.alive = dead.isEmpty ? nil : graph.labelSet(excluding: dead)
        self.beside = beside
    }
}

/// The snapshots in use, one per modality, refreshed when a reader sees a newer change.
final class IndexCache: Sendable {
    enum State: Sendable {
        case ready(IndexSnapshot)
        /// No index, or one that cannot be used; the reason is for the user.
        case absent(reason: String)
    }

    private let files: GenerationFiles
    private let entries = Mutex<[ModalityID: IndexSnapshot]>([:])

    init(files: GenerationFiles) { self.files = files }

    /// The index of a modality as of the reader's snapshot, opening and catching up as needed.
    /// Complexity: O(1) when nothing changed, otherwise O(changes since the last call).
    func state(of modality: ModalityRecord, in reader: Reader) throws -> State {
        guard let generation = try reader.generation(of: modality.id) else {
            return .absent(reason: "there is no index")
        }
        let change = try reader.lastChange(of: modality.id)
        let known = entries.withLock { $0[modality.id] }
        if let known, known.generation.generation == generation.generation, known.lastChange >= change {
            return .ready(known)
        }
        let base: IndexSnapshot
        if let known, known.generation.generation == generation.generation {
            base = known
        } else {
            switch files.open(generation, of: modality) {
            case .failure(let problem): return .absent(reason: "the index cannot be used: \(problem)")
            case .success(let graph):
                base = IndexSnapshot(
                    generation: generation, graph: graph, lastChange: generation.throughSequence, dead: [],
                    beside: FlatCodes(quantizer: graph.quantizer))
            }
        }
        let snapshot = try caughtUp(base, to: change, of: modality, in: reader)
        entries.withLock { entries in
            if let current = entries[modality.id], current.generation.generation == generation.generation,
                current.lastChange >= snapshot.lastChange { return }
            entries[modality.id] = snapshot
        }
        return .ready(snapshot)
    }

    private func caughtUp(
        _ base: IndexSnapshot, to change: ChangeSequence, of modality: ModalityRecord, in reader: Reader
    ) throws -> IndexSnapshot {
        guard change > base.lastChange else { return base }
        let deleted = try reader.deletedRows(of: modality.id, after: base.lastChange).map(\.rawValue)
        let added = try reader.changedRows(of: modality.id, after: base.lastChange).sorted()
        for label in deleted { base.beside.remove(label: label) }
        _ = try reader.forEachVector(added, of: modality) { index, vector in
            _ = base.beside.append(label: added[index].rawValue, vector: vector)
        }
        return IndexSnapshot(
            generation: base.generation, graph: base.graph, lastChange: change,
            dead: deleted.isEmpty ? base.dead : (base.dead + deleted).sorted(), beside: base.beside)
    }
}
