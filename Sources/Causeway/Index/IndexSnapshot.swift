/// What a search needs of one modality's index at one moment: the graph, which of its labels are dead, and the rows beside it.
/// Not the truth: everything here is made again from SQLite and the generation file.
import Platform
import ProximityGraph
import Storage
import Synchronization

final class IndexSnapshot: Sendable {
    let generation: GenerationRecord
    let graph: Graph
    /// The change that the modality was at.
    let lastChange: ChangeSequence
    /// Labels of the graph not deleted since it was built; nil when none was.
    let alive: LabelSet?
    /// Codes of the living rows newer than the graph.
    let beside: FlatCodes
    /// What filters were asked of this state.
    let filters = Mutex(FilterMemory())
    /// Rows without a code, once somebody has asked.
    private let uncoded = Mutex<[RowID]?>(nil)

    init(
        generation: GenerationRecord, graph: Graph, lastChange: ChangeSequence, alive: LabelSet?, beside: FlatCodes
    ) {
        self.generation = generation
        self.graph = graph
        self.lastChange = lastChange
        self.alive = alive
        self.beside = beside
    }

    convenience init(asBuilt generation: GenerationRecord, _ graph: Graph) {
        self.init(
            generation: generation, graph: graph, lastChange: generation.throughSequence, alive: nil,
            beside: FlatCodes(quantizer: graph.quantizer))
    }

    /// Living rows that have no code, in the graph or beside it: vectors without a direction, and those that were damaged when
    /// codes were made. Ascending. O(1) where there are none or it was asked before, otherwise O(N).
    func rowsWithoutCode(of modality: ModalityRecord, in reader: Reader) throws -> [RowID] {
        guard try reader.count(of: modality.id) != graph.count - deadCount + beside.count else { return [] }
        return try uncoded.withLock { known in
            if let known { return known }
            let rows = try reader.rows(of: modality.id).map(\.rawValue)
            let uncoded = graph.missing(of: rows).filter { !beside.contains($0) }.map(RowID.init(rawValue:))
            known = uncoded
            return uncoded
        }
    }

    func isNewer(than other: IndexSnapshot) -> Bool {
        (generation.generation, lastChange) > (other.generation.generation, other.lastChange)
    }

    /// Labels of the graph deleted since it was built.
    var deadCount: Int { alive.map { graph.count - $0.count } ?? 0 }
}

/// The snapshots in use, one per modality, refreshed when a reader sees a newer change.
final class IndexCache: Sendable {
    enum State: Sendable {
        case ready(IndexSnapshot)
        /// No index; the reason is for the user.
        case absent(reason: String)
        /// One whose graph file is not there: it may be removed at any time.
        case missing(file: String)
        /// One that cannot be used, and why.
        case damaged(String)
    }

    private let files: GenerationFiles
    private let store: Store
    private let entries = Mutex<[ModalityID: IndexSnapshot]>([:])
    /// Held while a snapshot is made, so that what many ask for is made once.
    private let refreshing = Mutex<Void>(())

    init(files: GenerationFiles, store: Store) { (self.files, self.store) = (files, store) }

    func removeAll() { entries.withLock { $0.removeAll() } }

    /// What a search of that effort goes by: a scan of everything that was asked for leaves the index alone.
    func state(of modality: ModalityRecord, for effort: SearchOptions.Effort, in reader: Reader) throws -> State {
        effort == .exact ? .absent(reason: "asked for") : try state(of: modality, in: reader)
    }

    /// The index of a modality as of the reader's state, neither older nor newer, opening and catching up as needed.
    /// Complexity: O(1) when nothing changed, otherwise O(changes since the last call); O(changes since the graph was built) for
    /// a reader that began before another whose state is held.
    func state(of modality: ModalityRecord, in reader: Reader) throws -> State {
        guard let generation = try reader.generation(of: modality.id) else {
            return .absent(reason: "there is no index")
        }
        let change = try reader.lastChange(of: modality.id)
        if let state = known(modality.id, generation, change) { return state }
        return try refreshing.withLock { _ in
            if let state = known(modality.id, generation, change) { return state }
            let state = try refreshed(modality, generation, change, in: reader)
            guard case .missing = state else { return state }
            let newest = try store.read { try $0.generation(of: modality.id) }
            guard let newest, newest.generation > generation.generation else { return state }
            // The graph that replaced it does not know what was deleted between the reader's state and its own.
            return newest.throughSequence <= change
                ? try refreshed(modality, newest, change, in: reader)
                : .absent(reason: "a newer index was published since this search began")
        }
    }

    /// What is held, if it is of the reader's change.
    private func known(_ modality: ModalityID, _ generation: GenerationRecord, _ change: ChangeSequence) -> State? {
        guard let known = held(modality, generation, change) else { return nil }
        if let damage = known.graph.damage { return .damaged(damage) }
        return known.lastChange == change ? .ready(known) : nil
    }

    /// What is held, if its graph serves the reader: it is the reader's or a newer one, and knows no change that the reader does
    /// not.
    private func held(
        _ modality: ModalityID, _ generation: GenerationRecord, _ change: ChangeSequence
    ) -> IndexSnapshot? {
        guard let held = entries.withLock({ $0[modality] }), held.generation.generation >= generation.generation,
            held.generation.throughSequence <= change
        else { return nil }
        return held
    }

    private func refreshed(
        _ modality: ModalityRecord, _ generation: GenerationRecord, _ change: ChangeSequence, in reader: Reader
    ) throws -> State {
        let base: IndexSnapshot
        if let held = held(modality.id, generation, change) {
            base = held.lastChange <= change ? held : IndexSnapshot(asBuilt: held.generation, held.graph)
        } else {
            switch files.open(generation, of: modality) {
            case .failure(let problem):
                return problem.isMissingFile
                    ? .missing(file: generation.fileName) : .damaged(problem.description)
            case .success(let graph): base = IndexSnapshot(asBuilt: generation, graph)
            }
        }
        let snapshot = try caughtUp(base, to: change, of: modality, in: reader)
        entries.withLock { entries in
            // The state of a reader that began before others is nobody's next.
            if let held = entries[modality.id], held.isNewer(than: snapshot) { return }
            entries[modality.id] = snapshot
        }
        return .ready(snapshot)
    }

    private func caughtUp(
        _ base: IndexSnapshot, to change: ChangeSequence, of modality: ModalityRecord, in reader: Reader
    ) throws -> IndexSnapshot {
        guard change > base.lastChange else { return base }
        // Changes of metadata alone keep the row and its vector: neither call reports them.
        let deleted = try reader.deletedRows(of: modality.id, after: base.lastChange).map(\.rawValue)
        let added = try reader.changedRows(of: modality.id, after: base.lastChange).sorted()
        let inGraph = deleted.filter { $0 <= base.generation.throughSequence.rawValue }
        var beside = base.beside
        beside.remove(labels: deleted)
        _ = try reader.forEachVector(added, of: modality) { index, vector in
            _ = beside.insert(label: added[index].rawValue, vector: vector)
        }
        return IndexSnapshot(
            generation: base.generation, graph: base.graph, lastChange: change,
            alive: inGraph.isEmpty ? base.alive : base.graph.labelSet(excluding: inGraph, from: base.alive),
            beside: beside)
    }
}
