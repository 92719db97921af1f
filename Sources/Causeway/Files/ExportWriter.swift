/// The files of one export, written side by side: each appears whole or not at all, the one named first last of all.
/// Reads nothing.
import Platform
import Storage
import VectorFiles

/// Not for use by several threads at once.
final class ExportWriter {
    private let modality: ModalityRecord
    private let form: ExportForm
    private let ids: LineWriter?
    private let tokens: TokenWriter?

    init(_ files: ExportFiles, modality: ModalityRecord, rowCount: Int, _ fileSystem: any FileSystem) throws {
        self.modality = modality
        form = try ExportForm(files, modality: modality, rowCount: rowCount, fileSystem)
        ids = try files.ids.map { try LineWriter(path: $0, fileSystem: fileSystem) }
        tokens = try TokenWriter(files, of: modality, fileSystem)
        if tokens != nil && form.takesRecords {
            throw CausewayError.invalidArgument(
                reason: "records hold their tokens themselves", remedy: "leave the files of tokens out, or export a matrix")
        }
    }

    var takesTokens: Bool { form.takesRecords || tokens != nil }

    func append(_ record: IngestRecord) throws {
        try form.append(record)
        try ids?.append(record.id)
        try tokens?.append(record)
    }

    /// - Returns: what was left out.
    func finish() throws -> [String] {
        try tokens?.finish()
        try ids?.finish()
        try form.finish()
        if let tokens { return tokens.notes }
        guard modality.tokenDimension != nil, !form.takesRecords else { return [] }
        return [
            "the tokens of \(modality.name) are left out: --tokens and --token-offsets write them beside a matrix, .jsonl holds "
                + "them",
        ]
    }
}

/// One of the forms an export takes.
private enum ExportForm {
    case records(RecordWriter)
    case npy(NpyWriter)
    case fvecs(FvecsWriter)
    case safetensors(SafetensorsWriter)

    init(_ files: ExportFiles, modality: ModalityRecord, rowCount: Int, _ fileSystem: any FileSystem) throws {
        if let (reason, remedy) = files.fault { throw CausewayError.invalidArgument(reason: reason, remedy: remedy) }
        let path = files.path, dimension = modality.dimension
        switch files.format {
        case .jsonl: self = .records(try RecordWriter(path: path, fileSystem: fileSystem))
        case .npy:
            self = .npy(try NpyWriter(path: path, dimension: dimension, rowCount: rowCount, fileSystem: fileSystem))
        case .fvecs: self = .fvecs(try FvecsWriter(path: path, dimension: dimension, fileSystem: fileSystem))
        case .safetensors:
            self = .safetensors(
                try SafetensorsWriter(
                    path: path, name: modality.name, rowCount: rowCount, dimension: dimension, fileSystem: fileSystem))
        default: preconditionFailure("a form that is never written")
        }
    }

    var takesRecords: Bool {
        if case .records = self { true } else { false }
    }

    func append(_ record: IngestRecord) throws {
        switch self {
        case .records(let writer): try writer.append(record)
        case .npy(let writer): try writer.append(record.vector ?? [])
        case .fvecs(let writer): try writer.append(record.vector ?? [])
        case .safetensors(let writer): try writer.append(record.vector ?? [])
        }
    }

    func finish() throws {
        switch self {
        case .records(let writer): try writer.finish()
        case .npy(let writer): try writer.finish()
        case .fvecs(let writer): try writer.finish()
        case .safetensors(let writer): try writer.finish()
        }
    }
}

/// Token sets one after the other, with the offsets at which each begins.
private final class TokenWriter {
    private let tokens: NpyWriter
    private let offsets: NpyWriter
    private let weights: NpyWriter?
    /// Sets whose weights nothing was named for.
    private var unweighted = 0

    /// Nil when no tokens are asked for.
    init?(_ files: ExportFiles, of modality: ModalityRecord, _ fileSystem: any FileSystem) throws {
        guard files.tokens != nil || files.tokenOffsets != nil || files.tokenWeights != nil else { return nil }
        guard let tokenPath = files.tokens, let offsetPath = files.tokenOffsets else {
            throw CausewayError.invalidArgument(
                reason: "tokens are written with the offsets at which each row's begin", remedy: "name a file for either")
        }
        guard let dimension = modality.tokenDimension else {
            throw CausewayError.invalidArgument(
                reason: "modality \(modality.name) has no tokens", remedy: "leave the files of tokens out")
        }
        tokens = try NpyWriter(path: tokenPath, dimension: dimension, fileSystem: fileSystem)
        offsets = try NpyWriter(path: offsetPath, type: .int64, dimension: nil, fileSystem: fileSystem)
        weights = try files.tokenWeights.map { try NpyWriter(path: $0, dimension: nil, fileSystem: fileSystem) }
        try offsets.append([Int64(0)])
    }

    var notes: [String] {
        unweighted == 0 ? [] : ["the weights of \(unweighted) token sets are left out: --token-weights writes them"]
    }

    /// - Throws: `.invalidArgument` for an embedding without tokens, which `ingest` would refuse.
    func append(_ record: IngestRecord) throws {
        guard let values = record.tokens else {
            throw CausewayError.invalidArgument(
                reason: "embedding \(record.id) has no tokens, and every row of a matrix with tokens needs some",
                remedy: "export to .jsonl, or leave it out with --where")
        }
        try tokens.append(values)
        try offsets.append([Int64(tokens.rowCount)])
        if weights == nil && record.weights != nil { unweighted += 1 }
        try weights?.append(record.weights ?? Array(repeating: 1, count: record.tokenCount))
    }

    func finish() throws {
        try tokens.finish()
        try offsets.finish()
        try weights?.finish()
    }
}
