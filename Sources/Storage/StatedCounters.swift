/// What the database says of its numbers (how many embeddings, the newest change, the newest graph) beside what the rows say that
/// have them. Changes nothing: `check` compares, `repair` corrects.

/// Of one modality.
struct StatedCounters {
    var modality: Int64
    var place: String
    var live: Int64
    var change: Int64
    var graph: Int64
    /// The embeddings there are; nil where they were not counted.
    var counted: Int64?
    /// The greatest numbers that can be, of what there is.
    var newestChange: Int64
    var newestGraph: Int64

    /// What it must say: no less than there is, and else what it says, if that can be.
    var soundChange: Int64 { max(believed(change), newestChange) }
    var soundGraph: Int64 { max(believed(graph), newestGraph) }

    private func believed(_ number: Int64) -> Int64 { (0...DerivedTable.numberMax).contains(number) ? number : 0 }

    /// Empty where it says what it must.
    var faults: [String] {
        let counts = [
            ("it says \(live) embeddings, \(counted ?? live) are there", live != counted ?? live),
            ("it says that its newest change is number \(change), not \(soundChange)", change != soundChange),
            ("it says that its newest graph is number \(graph), not \(soundGraph)", graph != soundGraph),
        ]
        return counts.filter(\.1).map(\.0)
    }
}

/// Numbers of rows and changes that cannot be, as SQL over a table's columns.
enum ImpossibleNumber {
    /// Of `embedding`. Everything knows a row by its number, so no other can be given to it.
    static let row = "(row < 1 OR row > \(DerivedTable.numberMax))"
    /// Of `embedding`; of rows whose own number can be.
    static let update = "(sequence > \(DerivedTable.numberMax) AND sequence <> row AND NOT \(row))"
    /// Of `tombstone`.
    static let deletion = "(sequence < 1 OR sequence > \(DerivedTable.numberMax))"
}

extension Reader {
    /// Of all modalities. O(log embeddings) each, but for counting.
    func statedCounters(counting: Bool) throws(StorageError) -> [StatedCounters] {
        try rows("""
            SELECT id, name, live, last_change, last_generation,
                \(counting ? "(SELECT count(*) FROM embedding WHERE modality = m.id)" : "NULL"),
                (SELECT max(row) FROM embedding WHERE modality = m.id AND row <= ?1),
                (SELECT max(sequence) FROM embedding WHERE modality = m.id AND sequence <> row AND sequence <= ?1),
                (SELECT max(sequence) FROM tombstone WHERE modality = m.id AND sequence <= ?1),
                (SELECT max(generation) FROM generation WHERE modality = m.id AND \(DerivedTable.generation.isSound))
            FROM modality m
            """, [DerivedTable.numberMax]
        ) { row in
            StatedCounters(
                modality: row.int(0), place: "modality \(row.text(1) ?? "")", live: row.int(2), change: row.int(3),
                graph: row.int(4), counted: row.isNull(5) ? nil : row.int(5),
                newestChange: max(row.int(6), row.int(7), row.int(8)), newestGraph: row.int(9))
        }
    }

    /// The greatest number that can be of a row, a change or a deletion: rows and changes are numbered on from there, and graphs
    /// know rows by number. O(changes).
    func greatestNumber() throws(StorageError) -> Int64 {
        let used = try rows("""
            SELECT max(row) FROM embedding WHERE row <= ?1
            UNION ALL SELECT max(sequence) FROM embedding WHERE sequence <> row AND sequence <= ?1
            UNION ALL SELECT max(row) FROM tombstone WHERE row <= ?1
            UNION ALL SELECT max(sequence) FROM tombstone WHERE sequence <= ?1
            UNION ALL SELECT max(last_change) FROM modality WHERE last_change <= ?1
            UNION ALL SELECT max(through_sequence) FROM generation WHERE \(DerivedTable.generation.isSound)
            """, [DerivedTable.numberMax]) { $0.int(0) }
        return max(0, used.max() ?? 0)
    }
}
