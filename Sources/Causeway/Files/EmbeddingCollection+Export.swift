/// Exporting a modality in files that `ingest` takes back. Reads and checks the rows; see ExportWriter for the files.
import Platform
import Storage
import VectorFiles

extension EmbeddingCollection {
    private static let rowsAtATime = 1_000

    /// Writes the embeddings of a modality in the order of insertion, bit for bit as they are stored.
    /// - Throws: `.damaged` where a vector does not match its checksum; nothing is left under the files' names then.
    ///   `.invalidArgument` for files of tokens where records hold them or an embedding has none.
    @discardableResult
    public func export(
        _ modality: String, to files: ExportFiles, where filter: String? = nil, progress: ProgressHandler? = nil
    ) throws -> ExportReport {
        try database.read { reader in
            let modality = try self.modality(modality, in: reader)
            let rows = try filter.map { try reader.rows(of: modality.id, matching: predicate(parsing: $0)) }
                ?? reader.rows(of: modality.id)
            let output = try ExportWriter(files, modality: modality, rowCount: rows.count, database.fileSystem)
            for start in stride(from: 0, to: rows.count, by: Self.rowsAtATime) {
                let part = Array(rows[start..<min(start + Self.rowsAtATime, rows.count)])
                let records = try records(part, of: modality, in: reader, withTokens: output.takesTokens)
                for record in records { try output.append(record) }
                let step = Progress(stage: "export", done: start + part.count, total: rows.count)
                if progress?(step) == false { throw CausewayError.cancelled }
            }
            return ExportReport(embeddings: rows.count, notes: try output.finish())
        }
    }

    private func records(
        _ rows: [RowID], of modality: ModalityRecord, in reader: Reader, withTokens: Bool
    ) throws -> [IngestRecord] {
        var vectors = [[Float]?](repeating: nil, count: rows.count)
        var tokens = [Storage.TokenSet?](repeating: nil, count: rows.count)
        var damage = try reader.forEachVector(rows, of: modality) { index, vector in
            vectors[index] = Array(vector)
        }
        if withTokens && modality.tokenDimension != nil {
            damage += try reader.forEachTokenSet(rows, of: modality) { tokens[$0] = $1 }
        }
        let summaries = try reader.embeddings(rows)
        if let first = damage.first {
            let id = rows.firstIndex(of: first.row).flatMap { summaries[$0]?.id } ?? "row \(first.row.rawValue)"
            throw CausewayError.damaged(
                path: database.path, what: "\(modality.name) \(id): \(first.reason.rawValue)",
                remedy: "replace or delete it, or leave it out with --where")
        }
        return summaries.indices.compactMap { index in
            guard let summary = summaries[index], let vector = vectors[index] else { return nil }
            let set = tokens[index]
            return IngestRecord(
                line: 0, modality: modality.name, id: summary.id,
                item: summary.item.hasSameBytes(as: summary.id) ? nil : summary.item, vector: vector,
                tokens: set?.values, tokenCount: set?.count ?? 0, tokenDimension: set?.dimension ?? 0,
                weights: set?.weights, metadata: summary.metadata)
        }
    }
}
