/// Exporting a modality: its vectors as a matrix, or whole records that `ingest` takes back.
import Platform
import Storage
import VectorFiles

extension EmbeddingCollection {
    private static let rowsAtATime = 1_000

    /// Writes the embeddings of a modality in the order of insertion, bit for bit as they were stored.
    /// - Parameter path: its extension decides the form: .jsonl, .npy, .fvecs or .safetensors; "-" is .jsonl on standard output.
    /// - Parameter ids: a file for the ids, one a line.
    /// - Returns: how many were written.
    /// - Throws: `.damaged` where a vector does not match its checksum; nothing is left at `path` then.
    @discardableResult
    public func export(
        _ modality: String, to path: String, ids: String? = nil, where filter: String? = nil,
        progress: ProgressHandler? = nil
    ) throws -> Int {
        try database.read { reader in
            let modality = try self.modality(modality, in: reader)
            let rows = try filter.map { try reader.rows(of: modality.id, matching: predicate(parsing: $0)) }
                ?? reader.rows(of: modality.id)
            let output = try ExportWriter(path: path, modality: modality, rowCount: rows.count, database.fileSystem)
            let idWriter = try ids.map { try LineWriter(path: $0, fileSystem: database.fileSystem) }
            for start in stride(from: 0, to: rows.count, by: Self.rowsAtATime) {
                let part = Array(rows[start..<min(start + Self.rowsAtATime, rows.count)])
                let records = try records(part, of: modality, in: reader, withTokens: output.takesRecords)
                for record in records {
                    try output.append(record)
                    try idWriter?.append(record.id)
                }
                let step = Progress(stage: "export", done: start + part.count, total: rows.count)
                if progress?(step) == false { throw CausewayError.cancelled }
            }
            try output.finish()
            try idWriter?.finish()
            return rows.count
        }
    }

    private func records(
        _ rows: [RowID], of modality: ModalityRecord, in reader: Reader, withTokens: Bool
    ) throws -> [IngestRecord] {
        var vectors = [[Float]?](repeating: nil, count: rows.count)
        var tokens = [Storage.TokenSet?](repeating: nil, count: rows.count)
        var damage = try reader.forEachVector(rows, of: modality) { index, vector in
            vectors[index] = vector.indices.map { vector[$0] }
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
                line: 0, modality: modality.name, id: summary.id, item: summary.item == summary.id ? nil : summary.item,
                vector: vector, tokens: set?.values, tokenCount: set?.count ?? 0, tokenDimension: set?.dimension ?? 0,
                weights: set?.weights, metadata: summary.metadata)
        }
    }
}

/// One of the forms an export takes.
private struct ExportWriter {
    private enum Form {
        case records(RecordWriter)
        case npy(NpyWriter)
        case fvecs(FvecsWriter)
        case safetensors(SafetensorsWriter)
    }

    private let form: Form

    init(path: String, modality: ModalityRecord, rowCount: Int, _ fileSystem: any FileSystem) throws {
        let dimension = modality.dimension
        switch path == "-" ? .jsonl : VectorFileFormat(path: path, firstBytes: []) {
        case .jsonl: form = .records(try RecordWriter(path: path, fileSystem: fileSystem))
        case .npy:
            form = .npy(try NpyWriter(path: path, dimension: dimension, rowCount: rowCount, fileSystem: fileSystem))
        case .fvecs: form = .fvecs(try FvecsWriter(path: path, dimension: dimension, fileSystem: fileSystem))
        case .safetensors:
            form = .safetensors(
                try SafetensorsWriter(
                    path: path, name: modality.name, rowCount: rowCount, dimension: dimension, fileSystem: fileSystem))
        default:
            throw CausewayError.invalidArgument(
                reason: "\(path) has no extension that can be written",
                remedy: "choose .jsonl, .npy, .fvecs or .safetensors")
        }
    }

    var takesRecords: Bool {
        if case .records = form { true } else { false }
    }

    func append(_ record: IngestRecord) throws {
        switch form {
        case .records(let writer): try writer.append(record)
        case .npy(let writer): try writer.append(record.vector ?? [])
        case .fvecs(let writer): try writer.append(record.vector ?? [])
        case .safetensors(let writer): try writer.append(record.vector ?? [])
        }
    }

    func finish() throws {
        switch form {
        case .records(let writer): try writer.finish()
        case .npy(let writer): try writer.finish()
        case .fvecs(let writer): try writer.finish()
        case .safetensors(let writer): try writer.finish()
        }
    }
}
