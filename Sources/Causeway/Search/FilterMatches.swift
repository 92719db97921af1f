/// The rows that alone may answer, such as those that match a filter, and the form of them that a graph search needs. Whoever
/// asks the same of the same state of the data again, as a program with one filter and many queries does, gets the list that was
/// made then.
import Platform
import ProximityGraph
import Storage
import Synchronization

final class FilterMatches: Sendable {
    /// Ascending.
    let rows: [RowID]
    /// Of the rows, for the user: "that match the filter".
    let words: String
    private let made = Mutex<Admission?>(nil)

    init(rows: [RowID], words: String) { (self.rows, self.words) = (rows, words) }

    /// - Throws: `.badFilter`.
    convenience init(of filter: String, in modality: ModalityRecord, reader: Reader) throws {
        self.init(
            rows: try reader.rows(of: modality.id, matching: predicate(parsing: filter)), words: "that match the filter")
    }

    func contains(_ row: RowID) -> Bool { rows.place(of: row) != nil }

    /// The snapshot is that of the state the rows were listed in.
    fileprivate func admission(by snapshot: IndexSnapshot) -> Admission {
        made.withLock { made in
            let admission = made ?? Admission(rows: rows, snapshot)
            made = admission
            return admission
        }
    }
}

/// The rows that may answer, in the forms the two searches of an index need.
struct Admission {
    /// Label positions of the graph; nil admits all.
    let labels: LabelSet?
    /// Rows beside the graph; nil admits all.
    let beside: [Int64]?

    static func of(_ matches: FilterMatches?, by snapshot: IndexSnapshot) -> Admission {
        matches?.admission(by: snapshot) ?? Admission(labels: snapshot.alive, beside: nil)
    }

    private init(labels: LabelSet?, beside: [Int64]?) { (self.labels, self.beside) = (labels, beside) }

    fileprivate init(rows: [RowID], _ snapshot: IndexSnapshot) {
        // Rows are numbered by the change that inserted them, so those beside the graph come last.
        let newest = snapshot.generation.throughSequence.rawValue
        self.init(
            labels: snapshot.graph.labelSet(containing: rows.map(\.rawValue)),
            beside: rows.reversed().prefix { $0.rawValue > newest }.map(\.rawValue))
    }
}

/// What was listed for filters of one state of a modality, the latest asked last. Together no more rows than there are: eight
/// bytes a row, and a bit or two a row for each filter.
struct FilterMemory {
    private static let entriesMax = 8
    private var entries: [(filter: String, matches: FilterMatches)] = []

    mutating func matches(_ filter: String) -> FilterMatches? {
        guard let place = entries.firstIndex(where: { $0.filter.hasSameBytes(as: filter) }) else { return nil }
        let entry = entries.remove(at: place)
        entries.append(entry)
        return entry.matches
    }

    mutating func keep(_ matches: FilterMatches, for filter: String, rowsMax: Int) {
        entries.removeAll { $0.filter.hasSameBytes(as: filter) }
        entries.append((filter, matches))
        var rows = entries.reduce(0) { $0 + $1.matches.rows.count }
        while entries.count > Self.entriesMax || rows > rowsMax { rows -= entries.removeFirst().matches.rows.count }
    }
}

extension IndexCache.State {
    /// The rows of a modality that alone may answer as of the reader's state; nil where all may.
    /// Complexity: O(1) where it was asked of that state before, otherwise what SQLite takes to list them.
    /// - Throws: `.badFilter`.
    func matches(
        _ options: SearchOptions.Decided, of modality: ModalityRecord, in reader: Reader
    ) throws -> FilterMatches? {
        if let matches = options.matches { return matches }
        guard let filter = options.filter else { return nil }
        guard case .ready(let snapshot) = self else { return try FilterMatches(of: filter, in: modality, reader: reader) }
        if let known = snapshot.filters.withLock({ $0.matches(filter) }) { return known }
        let matches = try FilterMatches(of: filter, in: modality, reader: reader)
        let rowsMax = snapshot.graph.count + snapshot.beside.count
        snapshot.filters.withLock { $0.keep(matches, for: filter, rowsMax: rowsMax) }
        return matches
    }
}

extension Explanation {
    /// Says how many rows matched the filter, and warns where that is none: a name may be misspelt.
    mutating func tell(_ matches: FilterMatches?, of target: ModalityRecord) {
        filterMatches = matches?.rows.count
        if filterMatches == 0 { notes.append("the filter matches no embedding of \(target.name)") }
    }
}
