/// Deleting embeddings and changing their metadata. A vector is never changed in place: ingest it again to replace it.
import Storage
import VectorFiles

extension EmbeddingCollection {
    /// Deletes embeddings in one transaction: all or none. Gone for every search that starts afterwards.
    /// - Returns: how many there were.
    /// - Throws: `.unknownID` when one is missing and `ignoringMissing` is false; nothing is deleted then.
    @discardableResult
    public func delete(ids: [String], from modality: String, ignoringMissing: Bool = false) throws -> Int {
        let deleted = try database.write { writer in
            let modality = try self.modality(modality, in: writer)
            var rows = Set<RowID>()
            for id in ids {
                if let row = try writer.row(id: id, in: modality.id) {
                    rows.insert(row)
                } else if !ignoringMissing {
                    throw CausewayError.unknownID(id, modality: modality.name)
                }
            }
            return try writer.delete(rows.sorted())
        }
        noteChanges(deleted)
        return deleted
    }

    /// Deletes the embeddings that match a filter, in one transaction.
    /// - Returns: how many there were.
    /// - Throws: `.badFilter`.
    @discardableResult
    public func delete(where filter: String, from modality: String) throws -> Int {
        let deleted = try database.write { writer in
            let modality = try self.modality(modality, in: writer)
            let rows = try writer.rows(of: modality.id, matching: predicate(parsing: filter))
            return try writer.delete(rows)
        }
        noteChanges(deleted)
        return deleted
    }

    func noteChanges(_ count: Int) {
        if count > 0 { database.keeper?.noteChanges(count, of: self) }
    }

    /// Replaces the metadata of an embedding.
    /// - Parameter metadata: a JSON object as text; nil leaves none.
    /// - Throws: `.badInput` when it is not; `.unknownID`.
    public func setMetadata(_ metadata: String?, of id: String, in modality: String) throws {
        do throws(JSONFault) {
            if let metadata { try validateJSONObject(metadata) }
        } catch {
            throw CausewayError.badInput("metadata, byte \(error.offset + 1): \(error.reason)", remedy: "give a JSON object")
        }
        try database.write { writer in
            let modality = try self.modality(modality, in: writer)
            guard let row = try writer.row(id: id, in: modality.id) else {
                throw CausewayError.unknownID(id, modality: modality.name)
            }
            do {
                try writer.setMetadata(metadata, of: row)
            } catch StorageError.invalidMetadata(_, let what) {
                throw CausewayError.badInput("metadata: \(what)", remedy: "give a JSON object within the limits")
            }
        }
    }
}
