/// Publishing graph files, their tunings, and how far ingest has come. Knows file names, never files.

extension Writer {
    /// Puts a graph file in force; the file must be on disk already. What has been dropped meanwhile is no reason to do without.
    /// Also forgets the deletions that the graph in force had accounted for.
    /// - Parameter last: `lastGenerationNumber` when what the graph was built of was read.
    /// - Returns: false, with nothing changed, when it is another by now: a graph was published, or deletions were forgotten that
    ///   this one does not know of; or when the number is not new.
    package func publish(
        _ generation: GenerationRecord, of modality: ModalityID, after last: Int64
    ) throws(StorageError) -> Bool {
        try changing { () throws(StorageError) in
            let current = try self.generation(of: modality)
            guard try lastGenerationNumber(of: modality) == last, last < generation.generation else { return false }
            try run("""
                INSERT OR REPLACE INTO generation
                (modality, generation, file_name, checksum, through_sequence, node_count, settings, created_at)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?)
                """
            ) {
                $0.bind(1, modality.rawValue)
                $0.bind(2, generation.generation)
                $0.bind(3, generation.fileName)
                $0.bind(4, Int64(generation.checksum))
                $0.bind(5, generation.throughSequence.rawValue)
                $0.bind(6, Int64(generation.nodeCount))
                $0.bind(7, generation.settings)
                $0.bind(8, generation.createdAt)
            }
            try run("UPDATE modality SET last_generation = ? WHERE id = ?") {
                $0.bind(1, generation.generation)
                $0.bind(2, modality.rawValue)
            }
            // One generation late, so that whoever still holds the replaced graph can learn what has gone since.
            if let current { try forgetDeletions(of: modality, through: current.throughSequence) }
            return true
        }
    }

    /// Puts no graph in force; its number is never used again.
    package func dropGeneration(of modality: ModalityID) throws(StorageError) {
        try changing { () throws(StorageError) in
            try run("DELETE FROM generation WHERE modality = ?") { $0.bind(1, modality.rawValue) }
        }
    }

    /// Replaces all tunings of a modality.
    package func replaceTunings(_ tunings: [TuningRecord], of modality: ModalityID) throws(StorageError) {
        try changing { () throws(StorageError) in
            try run("DELETE FROM tuning WHERE modality = ?") { $0.bind(1, modality.rawValue) }
            for tuning in tunings { try insert(tuning, of: modality) }
        }
    }

    /// The tunings measured on one graph hold for another that goes on from it; when they were measured stays.
    package func carryTunings(of modality: ModalityID, from old: Int64, to new: Int64) throws(StorageError) {
        try changing { () throws(StorageError) in
            try run("UPDATE tuning SET generation = ? WHERE modality = ? AND generation = ?") {
                $0.bind(1, new)
                $0.bind(2, modality.rawValue)
                $0.bind(3, old)
            }
        }
    }

    private func insert(_ tuning: TuningRecord, of modality: ModalityID) throws(StorageError) {
        try run("""
            INSERT INTO tuning (modality, query_modality, metric, k, recall_target, width, candidates, recall_mean, recall_p5,
                recall_minimum, recall_lower, measured_at, generation)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            """
        ) {
            $0.bind(1, modality.rawValue)
            $0.bind(2, tuning.queryModality.rawValue)
            $0.bind(3, tuning.metric)
            $0.bind(4, Int64(tuning.k))
            $0.bind(5, tuning.recallTarget)
            $0.bind(6, Int64(tuning.width))
            $0.bind(7, Int64(tuning.candidates))
            $0.bind(8, tuning.meanRecall)
            $0.bind(9, tuning.p5Recall)
            $0.bind(10, tuning.minimumRecall)
            $0.bind(11, tuning.lowerBound)
            $0.bind(12, tuning.measuredAt.rawValue)
            $0.bind(13, tuning.generation)
        }
    }

    /// Remembers how far a source has come, in the same transaction as its rows.
    package func recordIngest(source: String, position: IngestPosition) throws(StorageError) {
        try changing { () throws(StorageError) in
            try run("INSERT OR REPLACE INTO ingest_source (source, rows_done, finished) VALUES (?, ?, ?)") {
                $0.bind(1, source)
                $0.bind(2, Int64(position.rowsDone))
                $0.bind(3, Int64(position.finished ? 1 : 0))
            }
        }
    }
}
