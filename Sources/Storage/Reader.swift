/// Queries over one snapshot of the database. Valid only within `Store.read` or `Store.write`, on the thread that runs it.
import Platform

package class Reader {
    let connection: Connection
    let scratch = VectorCodec.Scratch()

    init(_ connection: Connection) { self.connection = connection }

    /// All rows of a query, each made by `make`.
    func rows<R>(
        _ sql: String, _ bindings: [Int64] = [], _ make: (Statement) throws(StorageError) -> R
    ) throws(StorageError) -> [R] {
        let statement = try connection.take(sql)
        defer { connection.give(statement) }
        for (index, value) in bindings.enumerated() { statement.bind(Int32(index + 1), value) }
        var found: [R] = []
        while try statement.step() { found.append(try make(statement)) }
        return found
    }

    /// The first row of a query with a text parameter after integer ones.
    func first<R>(
        _ sql: String, _ bindings: [Int64], _ text: String? = nil, _ make: (Statement) throws(StorageError) -> R
    ) throws(StorageError) -> R? {
        let statement = try connection.take(sql)
        defer { connection.give(statement) }
        for (index, value) in bindings.enumerated() { statement.bind(Int32(index + 1), value) }
        if let text { statement.bind(Int32(bindings.count + 1), text) }
        return try statement.step() ? try make(statement) : nil
    }

    // MARK: Collections and modalities

    /// By name.
    package func collections() throws(StorageError) -> [CollectionRecord] {
        try rows("SELECT id, name, default_metric FROM collection ORDER BY name", [], Self.collection)
    }

    package func collection(named name: String) throws(StorageError) -> CollectionRecord? {
        try first("SELECT id, name, default_metric FROM collection WHERE name = ?", [], name, Self.collection)
    }

    private static func collection(_ row: Statement) -> CollectionRecord {
        CollectionRecord(
            id: CollectionID(rawValue: row.int(0)), name: row.text(1) ?? "", defaultMetric: row.text(2))
    }

    private static let modalityColumns = "id, collection, name, dimension, token_dimension, producer"

    /// By name.
    /// - Throws: `.corrupt` where the numbers of one cannot be, as all that give modalities do.
    package func modalities(of collection: CollectionID) throws(StorageError) -> [ModalityRecord] {
        try rows(Self.modalitiesByName, [collection.rawValue], modality)
    }

    /// By name, without those whose numbers cannot be.
    package func soundModalities(of collection: CollectionID) throws(StorageError) -> [ModalityRecord] {
        try rows(Self.modalitiesByName, [collection.rawValue]) { try? modality($0) }.compactMap { $0 }
    }

    private static let modalitiesByName = "SELECT \(modalityColumns) FROM modality WHERE collection = ? ORDER BY name"

    package func modality(named name: String, in collection: CollectionID) throws(StorageError) -> ModalityRecord? {
        try first(
            "SELECT \(Self.modalityColumns) FROM modality WHERE collection = ? AND name = ?", [collection.rawValue], name,
            modality)
    }

    package func modality(_ id: ModalityID) throws(StorageError) -> ModalityRecord? {
        try first("SELECT \(Self.modalityColumns) FROM modality WHERE id = ?", [id.rawValue], nil, modality)
    }

    private func modality(_ row: Statement) throws(StorageError) -> ModalityRecord {
        let name = row.text(2) ?? ""
        return ModalityRecord(
            id: ModalityID(rawValue: row.int(0)), collection: CollectionID(rawValue: row.int(1)), name: name,
            dimension: try dimension(row.int(3), "dimension", of: name),
            tokenDimension: row.isNull(4) ? nil : try dimension(row.int(4), "token dimension", of: name), producer: row.text(5))
    }

    private func dimension(_ number: Int64, _ what: String, of modality: String) throws(StorageError) -> Int {
        guard StorageLimits.isDimension(number) else {
            throw .corrupt(path: connection.path, what: "the \(what) of modality \(modality) is \(number)")
        }
        return Int(number)
    }

    /// Live embeddings. O(1): a maintained counter.
    /// - Throws: `.corrupt` where it says more than were ever inserted.
    package func count(of modality: ModalityID) throws(StorageError) -> Int {
        let sql = "SELECT live, (SELECT max(row) FROM embedding) FROM modality WHERE id = ?"
        return try first(sql, [modality.rawValue]) { (row) throws(StorageError) in
            guard (0...max(row.int(1), 0)).contains(row.int(0)) else {
                throw .corrupt(
                    path: connection.path, what: "modality \(modality.rawValue) says it holds \(row.int(0)) embeddings")
            }
            return Int(row.int(0))
        } ?? 0
    }

    /// Distinct items of the live embeddings, by bytes. O(embeddings).
    package func itemCount(of modality: ModalityID) throws(StorageError) -> Int {
        try first("SELECT count(DISTINCT coalesce(item, id)) FROM embedding WHERE modality = ?", [modality.rawValue]) {
            Int($0.int(0))
        } ?? 0
    }

    /// Sequence of the newest insertion, metadata update or deletion; `.zero` when there was none. O(1).
    /// - Throws: `.corrupt` where it is a number that is never reached.
    package func lastChange(of modality: ModalityID) throws(StorageError) -> ChangeSequence {
        try first("SELECT last_change FROM modality WHERE id = ?", [modality.rawValue]) { (row) throws(StorageError) in
            guard (0...DerivedTable.numberMax).contains(row.int(0)) else {
                throw .corrupt(
                    path: connection.path, what: "the newest change of modality \(modality.rawValue) is number \(row.int(0))")
            }
            return ChangeSequence(rawValue: row.int(0))
        } ?? .zero
    }

    // MARK: Embeddings

    private static func rowID(_ row: Statement) -> RowID { RowID(rawValue: row.int(0)) }
    private static let embeddingColumns = "row, id, item, sequence, metadata"

    private static func embedding(_ row: Statement) -> EmbeddingRecord {
        let id = row.text(1) ?? ""
        return EmbeddingRecord(
            row: RowID(rawValue: row.int(0)), id: id, item: row.text(2) ?? id,
            sequence: ChangeSequence(rawValue: row.int(3)), metadata: row.text(4))
    }

    package func row(id: String, in modality: ModalityID) throws(StorageError) -> RowID? {
        try first("SELECT row FROM embedding WHERE modality = ? AND id = ?", [modality.rawValue], id, Self.rowID)
    }

    /// In the order asked for; nil where a row is no more.
    package func embeddings(_ rows: [RowID]) throws(StorageError) -> [EmbeddingRecord?] {
        let statement = try connection.take("SELECT \(Self.embeddingColumns) FROM embedding WHERE row = ?")
        defer { connection.give(statement) }
        var found: [EmbeddingRecord?] = []
        found.reserveCapacity(rows.count)
        for row in rows {
            statement.bind(1, row.rawValue)
            found.append(try statement.step() ? Self.embedding(statement) : nil)
            statement.reset()
        }
        return found
    }

    /// Ids and items alone, in the order asked for; nil where a row is no more. Ascending rows are fast.
    package func names(_ rows: [RowID]) throws(StorageError) -> [(id: String, item: String)?] {
        let statement = try connection.take("SELECT row, id, item FROM embedding WHERE row >= ? ORDER BY row")
        defer { connection.give(statement) }
        var walk = RowWalk(statement)
        var found: [(id: String, item: String)?] = []
        found.reserveCapacity(rows.count)
        for row in rows {
            guard try walk.find(row) else {
                found.append(nil)
                continue
            }
            let id = statement.text(1) ?? ""
            found.append((id, statement.text(2) ?? id))
        }
        return found
    }

    /// At most `limit` embeddings after a row, ascending by row, streaming.
    package func forEachEmbedding(
        of modality: ModalityID, after row: RowID? = nil, limit: Int = .max, _ body: (EmbeddingRecord) throws -> Void
    ) throws {
        guard let least = Self.least(after: row) else { return }
        let statement = try connection.take(
            "SELECT \(Self.embeddingColumns) FROM embedding WHERE modality = ? AND row >= ? ORDER BY row LIMIT ?")
        defer { connection.give(statement) }
        for (index, value) in [modality.rawValue, least, Int64(limit)].enumerated() { statement.bind(Int32(index + 1), value) }
        while try statement.step() { try body(Self.embedding(statement)) }
    }

    /// The least number a row after one can have, also a damaged row; of all rows where that is nil.
    static func least(after row: RowID?) -> Int64? {
        guard let row else { return .min }
        return row.rawValue == .max ? nil : row.rawValue + 1
    }

    /// Ascending.
    package func rows(of modality: ModalityID) throws(StorageError) -> [RowID] {
        try rows("SELECT row FROM embedding WHERE modality = ? ORDER BY row", [modality.rawValue], Self.rowID)
    }

    /// Live rows inserted after a sequence, ascending. Metadata updates keep a row and its vector.
    package func changedRows(of modality: ModalityID, after sequence: ChangeSequence) throws(StorageError) -> [RowID] {
        try rows(
            "SELECT row FROM embedding WHERE modality = ? AND row > ? ORDER BY row",
            [modality.rawValue, sequence.rawValue], Self.rowID)
    }

    // MARK: Items

    /// Ascending.
    package func rows(ofItem item: String, in modality: ModalityID) throws(StorageError) -> [RowID] {
        let statement = try connection.take("""
            SELECT row FROM embedding WHERE modality = ?1 AND item = ?2
            UNION ALL SELECT row FROM embedding WHERE modality = ?1 AND id = ?2 AND item IS NULL ORDER BY 1
            """)
        defer { connection.give(statement) }
        statement.bind(1, modality.rawValue)
        statement.bind(2, item)
        var found: [RowID] = []
        while try statement.step() { found.append(Self.rowID(statement)) }
        return found
    }

    /// Every pair of rows that show the same item, ascending by the first row, then the second.
    package func itemPairs(from: ModalityID, to: ModalityID) throws(StorageError) -> [(RowID, RowID)] {
        try rows(
            """
            SELECT a.row, b.row FROM embedding a CROSS JOIN embedding b ON b.modality = ?2 AND b.item = coalesce(a.item, a.id)
            WHERE a.modality = ?1
            UNION ALL
            SELECT a.row, b.row FROM embedding a CROSS JOIN embedding b
            ON b.modality = ?2 AND b.id = coalesce(a.item, a.id) AND b.item IS NULL
            WHERE a.modality = ?1 ORDER BY 1, 2
            """,
            [from.rawValue, to.rawValue]
        ) { (RowID(rawValue: $0.int(0)), RowID(rawValue: $0.int(1))) }
    }

    // MARK: Graphs and ingest

    /// Nil also where the database names one that cannot be.
    package func generation(of modality: ModalityID) throws(StorageError) -> GenerationRecord? {
        try first(
            """
            SELECT generation, file_name, checksum, through_sequence, node_count, settings, created_at
            FROM generation WHERE modality = ? AND \(DerivedTable.generation.isSound)
            """,
            [modality.rawValue]
        ) { row in
            GenerationRecord(
                generation: row.int(0), fileName: row.text(1) ?? "", checksum: UInt32(truncatingIfNeeded: row.int(2)),
                throughSequence: ChangeSequence(rawValue: row.int(3)), nodeCount: Int(row.int(4)),
                settings: row.text(5) ?? "", createdAt: row.text(6) ?? "")
        }
    }

    /// The graph files that are in force.
    package func generationFileNames() throws(StorageError) -> Set<ExactText> {
        Set(try rows("SELECT file_name FROM generation WHERE \(DerivedTable.generation.isSound)") { ExactText($0.text(0) ?? "") })
    }

    /// No smaller than any generation number ever published, also after a drop; 0 at first. The next must be greater. It also
    /// grows when deletions are forgotten that a graph of an earlier state would have to be told of.
    package func lastGenerationNumber(of modality: ModalityID) throws(StorageError) -> Int64 {
        let last = try first("SELECT last_generation FROM modality WHERE id = ?", [modality.rawValue]) { $0.int(0) } ?? 0
        guard (0...DerivedTable.numberMax).contains(last) else {
            throw .corrupt(path: connection.path, what: "the newest graph of modality \(modality.rawValue) is number \(last)")
        }
        return max(last, try generation(of: modality)?.generation ?? 0)
    }

    /// What was measured; of one metric where it is named, for `k` and above.
    package func tunings(
        of modality: ModalityID, metric: String? = nil, k: Int = 0
    ) throws(StorageError) -> [TuningRecord] {
        let statement = try connection.take(
            """
            SELECT query_modality, metric, k, recall_target, width, candidates, recall_mean, recall_p5, recall_minimum,
                recall_lower, measured_at, generation
            FROM tuning WHERE modality = ?1 AND k >= ?2 AND (?3 IS NULL OR metric = ?3) AND \(DerivedTable.tuning.isSound)
            ORDER BY query_modality, metric, k, recall_target
            """)
        defer { connection.give(statement) }
        statement.bind(1, modality.rawValue)
        statement.bind(2, Int64(k))
        statement.bind(3, metric)
        var found: [TuningRecord] = []
        while try statement.step() { found.append(Self.tuning(statement)) }
        return found
    }

    private static func tuning(_ row: Statement) -> TuningRecord {
        TuningRecord(
            queryModality: ModalityID(rawValue: row.int(0)), metric: row.text(1) ?? "", k: Int(row.int(2)),
            recallTarget: row.double(3), width: Int(row.int(4)), candidates: Int(row.int(5)), meanRecall: row.double(6),
            p5Recall: row.double(7), minimumRecall: row.double(8), lowerBound: row.double(9),
            measuredAt: ChangeSequence(rawValue: row.int(10)), generation: row.int(11))
    }

    package func ingestPosition(source: String) throws(StorageError) -> IngestPosition? {
        let isSound = DerivedTable.ingestSource.isSound
        return try first("SELECT rows_done, finished FROM ingest_source WHERE source = ? AND \(isSound)", [], source) {
            IngestPosition(rowsDone: Int($0.int(0)), finished: $0.int(1) != 0)
        }
    }
}
