/// Exporting a modality in files that `ingest` takes back. Reads and checks the rows; see ExportWriter for the files.
import Platform
import Storage
import VectorFiles

extension EmbeddingCollection {
    private static let rowsAtATime = 1_000

    /// Writes the embeddings of a modality in the order of insertion, bit for bit as they are stored.
    /// - Throws: `.damaged` where a vector does not match its checksum or a row is not found; nothing is left under the files'
    ///   names then.
    ///   `.invalidArgument` for files of tokens where records hold them or an embedding has none.
    @discardableResult
    public func export(
        _ modality: String, to files: ExportFiles, where filter: String? = nil, progress: ProgressHandler? = nil
    ) throws -> ExportReport {
        let progress = database.stoppable(progress)
        return try database.read { reader in
            let modality = try self.modality(modality, in: reader)
            let rows = try rows(of: modality, where: filter, in: reader)
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

    private func rows(of modality: ModalityRecord, where filter: String?, in reader: Reader) throws -> [RowID] {
        if let filter { return try reader.rows(of: modality.id, matching: predicate(parsing: filter)) }
        let rows = try reader.rows(of: modality.id)
        let count = try reader.count(of: modality.id)
        guard rows.count == count else { throw listed("\(rows.count) rows, and \(count) are counted", modality) }
        return rows
    }

    private func listed(_ what: String, _ modality: ModalityRecord) -> CausewayError {
        .damaged(
            path: database.path, what: "the index of the rows of \(modality.name) lists \(what)",
            remedy: "run `causeway repair`, which makes it again")
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
        let faults = Dictionary(damage.map { ($0.row, $0.reason) }, uniquingKeysWith: { first, _ in first })
        return try zip(rows, reader.embeddings(rows)).enumerated().map { index, entry in
            let (row, summary) = entry
            guard let summary else { throw listed("row \(row.rawValue), which is not there", modality) }
            guard let vector = vectors[index], faults[row] == nil else {
                throw CausewayError.damaged(
                    path: database.path, what: "\(modality.name) \(summary.id): \((faults[row] ?? .missing).rawValue)",
                    remedy: "replace or delete it, or leave it out with --where")
            }
            let set = tokens[index]
            return IngestRecord(
                line: 0, modality: modality.name, id: summary.id,
                item: summary.item.hasSameBytes(as: summary.id) ? nil : summary.item, vector: vector,
                tokens: set?.values, tokenCount: set?.count ?? 0, tokenDimension: set?.dimension ?? 0,
                weights: set?.weights, metadata: summary.metadata)
        }
    }
}
