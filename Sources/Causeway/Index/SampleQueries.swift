/// Stored embeddings that stand for queries nobody stored: whatever shows the same item is hidden from their searches.
/// Used wherever an index is measured; searches of users hide nothing.
import Platform
import Storage

/// A stored query and what its searches must not find: the query itself and all else of its item in the target. Users' queries
/// mostly have no such twin there, and one that has is easier: its own links, or its pair's, lead straight to its neighbours.
struct SampleQuery: Sendable {
    var row: RowID
    var id: String
    /// Rows of the target.
    var hidden: [RowID]

    /// Of an item with more embeddings than this (a whole album under one name) only the query itself is hidden.
    private static let hiddenMax = 64

    /// The sample of these rows of `source`, in their order. Rows that are no more are left out, so that the places are not those
    /// of the rows.
    static func of(
        _ rows: [RowID], from source: ModalityRecord, in target: ModalityRecord, reader: Reader
    ) throws -> [SampleQuery] {
        try reader.embeddings(rows).compactMap { $0 }.map { record in
            var hidden = try reader.rows(ofItem: record.item, in: target.id)
            if hidden.count > hiddenMax { hidden = hidden.filter { $0 == record.row } }
            return SampleQuery(row: record.row, id: record.id, hidden: hidden)
        }
    }

    func query(from source: ModalityRecord) -> Query {
        var query = Query.embedding(id: id, from: source.name)
        query.hidden = hidden
        return query
    }
}

/// A sample query with its vector at hand, for measurements that search with it again and again.
struct Judge: Sendable {
    var sample: SampleQuery
    var vector: [Float]

    /// Of these rows of `source`, ascending. Damaged ones are left out, and zero vectors: every row is as near to them, their
    /// searches compare all of them and would speak well of any index.
    static func of(
        _ rows: [RowID], from source: ModalityRecord, in target: ModalityRecord, reader: Reader
    ) throws -> [Judge] {
        var vectors: [RowID: [Float]] = [:]
        _ = try reader.forEachVector(rows, of: source) { index, vector in
            let values = Array(vector)
            if values.contains(where: { $0 != 0 }) { vectors[rows[index]] = values }
        }
        return try SampleQuery.of(rows, from: source, in: target, reader: reader).compactMap { sample in
            vectors[sample.row].map { Judge(sample: sample, vector: $0) }
        }
    }
}

extension Array {
    /// At most `wanted` elements, evenly spaced.
    func evenlySpaced(_ wanted: Int) -> [Element] {
        guard count > wanted else { return self }
        return (0..<wanted).map { self[$0 * count / wanted] }
    }

    /// What `usable` makes of evenly spaced elements: as many as are wanted, as far as there are. Where few are of use, more are
    /// looked at.
    func evenlySpaced<Found>(_ wanted: Int, _ usable: ([Element]) throws -> [Found]) rethrows -> [Found] {
        var looked = wanted
        while true {
            let found = try usable(evenlySpaced(looked))
            if found.count >= wanted || looked >= count { return found.evenlySpaced(wanted) }
            looked *= 4
        }
    }
}

extension [SampleQuery] {
    /// So many hits more must an exact search return for k of them to be left.
    var hiddenMax: Int { reduce(0) { Swift.max($0, $1.hidden.count) } }
}
