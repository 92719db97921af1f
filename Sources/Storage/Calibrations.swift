/// Stored calibrations as rows: what a score between two modalities means, and how the data stood. Fits and applies none.

package struct CalibrationRecord: Sendable, Equatable {
    package var from: ModalityID
    package var to: ModalityID
    package var score: String
    /// The row of the model; a model trained again has another, and so no calibration.
    package var model: Int64?
    package var slope: Double
    package var intercept: Double
    package var temperature: Double?
    package var queries: Int
    package var hits: Int
    package var matches: Int
    package var measuredAt: ChangeSequence
    package var fromCount: Int
    package var toCount: Int
    /// ISO 8601, UTC.
    package var createdAt: String

    package init(
        from: ModalityID, to: ModalityID, score: String, model: Int64?, slope: Double, intercept: Double, temperature: Double?,
        queries: Int, hits: Int, matches: Int, measuredAt: ChangeSequence, fromCount: Int, toCount: Int, createdAt: String
    ) {
        (self.from, self.to, self.score, self.model) = (from, to, score, model)
        (self.slope, self.intercept, self.temperature) = (slope, intercept, temperature)
        (self.queries, self.hits, self.matches) = (queries, hits, matches)
        (self.measuredAt, self.fromCount, self.toCount, self.createdAt) = (measuredAt, fromCount, toCount, createdAt)
    }

    fileprivate init(_ row: Statement) {
        from = ModalityID(rawValue: row.int(0))
        to = ModalityID(rawValue: row.int(1))
        score = row.text(2) ?? ""
        model = row.isNull(3) ? nil : row.int(3)
        slope = row.double(4)
        intercept = row.double(5)
        temperature = row.isNull(6) ? nil : row.double(6)
        queries = Int(row.int(7))
        hits = Int(row.int(8))
        matches = Int(row.int(9))
        measuredAt = ChangeSequence(rawValue: row.int(10))
        fromCount = Int(row.int(11))
        toCount = Int(row.int(12))
        createdAt = row.text(13) ?? ""
    }
}

extension Reader {
    private static let calibrationColumns = """
        from_modality, to_modality, score, model, slope, intercept, temperature, queries, hits, matches, measured_at,
        from_count, to_count, created_at
        """

    package func calibration(
        of score: String, from: ModalityID, to: ModalityID
    ) throws(StorageError) -> CalibrationRecord? {
        try first(
            """
            SELECT \(Self.calibrationColumns) FROM calibration
            WHERE from_modality = ? AND to_modality = ? AND score = ? AND \(DerivedTable.calibration.isSound)
            """,
            [from.rawValue, to.rawValue], score, CalibrationRecord.init)
    }

    /// The number of the row that a model's name means.
    package func modelNumber(named name: String, in collection: CollectionID) throws(StorageError) -> Int64? {
        try first("SELECT id FROM model WHERE collection = ? AND name = ?", [collection.rawValue], name) { $0.int(0) }
    }

    /// The newest change of the whole database.
    package func sequence() throws(StorageError) -> ChangeSequence {
        try first("SELECT value FROM setting WHERE name = 'sequence'", []) { ChangeSequence(rawValue: $0.int(0)) } ?? .zero
    }

    /// How many embeddings have come or gone since a modality held `count` of them, at `sequence`. O(insertions since).
    package func turnover(
        of modality: ModalityID, since sequence: ChangeSequence, count: Int
    ) throws(StorageError) -> Int {
        let inserted = try first(
            "SELECT count(*) FROM embedding WHERE modality = ? AND row > ?", [modality.rawValue, sequence.rawValue]
        ) { Int($0.int(0)) } ?? 0
        return inserted + max(0, count + inserted - (try self.count(of: modality)))
    }
}

extension Writer {
    /// In place of the one for the same modalities and score.
    package func store(_ calibration: CalibrationRecord) throws(StorageError) {
        try changing { () throws(StorageError) in
            try run("""
                INSERT OR REPLACE INTO calibration (from_modality, to_modality, score, model, slope, intercept, temperature,
                    queries, hits, matches, measured_at, from_count, to_count, created_at)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                """
            ) {
                $0.bind(1, calibration.from.rawValue)
                $0.bind(2, calibration.to.rawValue)
                $0.bind(3, calibration.score)
                if let model = calibration.model { $0.bind(4, model) }
                $0.bind(5, calibration.slope)
                $0.bind(6, calibration.intercept)
                if let temperature = calibration.temperature { $0.bind(7, temperature) }
                for (place, number) in [
                    (8, calibration.queries), (9, calibration.hits), (10, calibration.matches), (12, calibration.fromCount),
                    (13, calibration.toCount),
                ] { $0.bind(Int32(place), Int64(number)) }
                $0.bind(11, calibration.measuredAt.rawValue)
                $0.bind(14, calibration.createdAt)
            }
        }
    }
}
