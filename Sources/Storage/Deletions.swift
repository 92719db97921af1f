/// What is remembered of deletions, and for whom: graphs must be told which of their rows have gone, and measurements whether so
/// much has changed that they say little. Deletes no embedding.

extension Reader {
    /// From this share of rows inserted and deleted on, what was measured before says little of those there are (a quarter).
    private static let changedShare = 4

    /// Rows deleted or replaced after a sequence, ascending by row: all of them after what the graph in force, or the one before
    /// it, accounts for; of earlier deletions, and without a graph, at least the newest (`rememberedDeletions`).
    package func deletedRows(of modality: ModalityID, after sequence: ChangeSequence) throws(StorageError) -> [RowID] {
        try rows(
            "SELECT row FROM tombstone WHERE modality = ? AND sequence > ?", [modality.rawValue, sequence.rawValue]
        ) { RowID(rawValue: $0.int(0)) }.sorted()
    }

    /// Whether more embeddings than a quarter of those there are were inserted, deleted or replaced (which counts twice) after a
    /// sequence. O(1) where the database's counter shows that they cannot be so many, else O(changes).
    package func isOutdated(_ modality: ModalityID, since sequence: ChangeSequence) throws(StorageError) -> Bool {
        let most = try count(of: modality) / Self.changedShare
        // Every insertion and every deletion takes a number of its own; other modalities and metadata take them too.
        guard try lastChange(of: modality).rawValue > sequence.rawValue &+ Int64(most) else { return false }
        let changes = try first(
            """
            SELECT (SELECT count(*) FROM embedding WHERE modality = ?1 AND row > ?2)
                + (SELECT count(*) FROM tombstone WHERE modality = ?1 AND sequence > ?2)
            """,
            [modality.rawValue, sequence.rawValue]
        ) { Int($0.int(0)) } ?? 0
        return changes > most
    }

    /// So many of the newest deletions are remembered whatever becomes of graphs: one more than leaves measurements in force.
    /// Those from before them are outdated by these alone, and stay so: a row that comes raises the limit by a quarter, and the
    /// changes by one.
    fileprivate func rememberedDeletions(of modality: ModalityID) throws(StorageError) -> Int64 {
        Int64(try count(of: modality) / Self.changedShare) + 1
    }

    /// The newest deletion up to a sequence that need not be remembered; nil when all must be.
    fileprivate func newestForgettable(
        of modality: ModalityID, through sequence: ChangeSequence
    ) throws(StorageError) -> ChangeSequence? {
        let oldest = try first(
            "SELECT sequence FROM tombstone WHERE modality = ? ORDER BY sequence DESC LIMIT 1 OFFSET ?",
            [modality.rawValue, rememberedDeletions(of: modality)]
        ) { ChangeSequence(rawValue: $0.int(0)) }
        return oldest.map { min($0, sequence) }
    }

    /// Whether `forgetDeletions` would forget some of a modality without a graph.
    package func hasForgettableDeletions(of modality: ModalityID) throws(StorageError) -> Bool {
        guard try generation(of: modality) == nil else { return false }
        return try newestForgettable(of: modality, through: lastChange(of: modality)) != nil
    }
}

extension Writer {
    /// Forgets the deletions up to a sequence, but for the newest.
    /// - Returns: how many.
    @discardableResult
    func forgetDeletions(of modality: ModalityID, through sequence: ChangeSequence) throws(StorageError) -> Int {
        guard let last = try newestForgettable(of: modality, through: sequence) else { return 0 }
        return try run("DELETE FROM tombstone WHERE modality = ? AND sequence <= ?") {
            $0.bind(1, modality.rawValue)
            $0.bind(2, last.rawValue)
        }
    }

    /// Forgets the deletions of a modality without a graph, but for the newest; with one, `publish` does that. A graph that is
    /// being built of an earlier state could no longer be told what has gone since: this takes its number away.
    package func forgetDeletions(of modality: ModalityID) throws(StorageError) {
        try changing { () throws(StorageError) in
            guard try hasForgettableDeletions(of: modality) else { return }
            let number = try lastGenerationNumber(of: modality) + 1
            try forgetDeletions(of: modality, through: lastChange(of: modality))
            try run("UPDATE modality SET last_generation = ? WHERE id = ?") {
                $0.bind(1, number)
                $0.bind(2, modality.rawValue)
            }
        }
    }
}
