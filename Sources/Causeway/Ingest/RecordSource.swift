/// A file of JSON records as a source of batches: a record a line, of any modality.
import Platform
import Storage
import Synchronization
import VectorFiles

final class RecordSource: BatchSource {
    private static let batchBytesMax = 24 << 20

    private let modality: String?
    private let origin: BatchOrigin
    private struct State { var reader: RecordReader, position = 0 }
    private let state: Mutex<State>

    let fingerprint: String?
    var total: Int? { nil }

    /// - Parameter modality: that of records which name none.
    init(_ reader: RecordReader, modality: String?) {
        self.modality = modality
        origin = BatchOrigin(file: reader.path, placesAreLines: true)
        fingerprint = reader.fingerprint.map { "records\n\(modality ?? "")\n\($0)" }
        state = Mutex(State(reader: reader))
    }

    func skip(to position: Int) throws {
        try state.withLock { state in
            while state.position < position, try state.reader.next() != nil { state.position += 1 }
        }
    }

    func next(_ count: Int) throws -> SourceBatch? {
        try state.withLock { state in
            var assembler = BatchAssembler(origin)
            var bytes = 0
            var taken = 0
            while taken < count, bytes < Self.batchBytesMax, let record = try state.reader.next() {
                bytes += 4 * ((record.vector?.count ?? 0) + (record.tokens?.count ?? 0))
                try append(record, to: &assembler)
                taken += 1
                state.position += 1
            }
            return taken == 0 ? nil : SourceBatch(parts: assembler.finish(), position: state.position)
        }
    }

    private func append(_ record: IngestRecord, to assembler: inout BatchAssembler) throws {
        guard let modality = record.modality ?? modality else {
            throw origin.bad(
                at: record.line, "the record names no modality",
                remedy: "add \"modality\" to it, or name one for all with --modality")
        }
        let tokens = record.tokens.map {
            TokenSet(dimension: record.tokenDimension, values: $0, weights: record.weights)
        }
        // A record without a vector stands for its tokens' mean, which is what pooled encoders store.
        try assembler.append(
            modality: modality, id: record.id, item: record.item, metadata: record.metadata,
            vector: record.vector ?? tokens?.mean ?? [], tokens: tokens, place: record.line)
    }
}

extension EmbeddingCollection {
    /// Stores a file of JSON records (schema: Schemas/json/ingest-record.schema.json). "-" is standard input.
    /// - Parameter modality: that of records which name none.
    /// - Throws: `.badInput` naming file, line and reason; see also `insert`.
    @discardableResult
    public func ingestRecords(
        _ path: String, defaultModality modality: String? = nil, options: IngestOptions = IngestOptions(),
        progress: ProgressHandler? = nil
    ) throws -> IngestReport {
        try translatingErrors {
            let reader = try RecordReader(path: path, fileSystem: database.fileSystem)
            return try ingest(RecordSource(reader, modality: modality), options: options, progress: progress)
        }
    }
}
