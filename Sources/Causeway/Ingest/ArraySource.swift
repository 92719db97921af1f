/// Embeddings handed over by a program, as a source of batches.
import Platform
import Storage
import Synchronization

final class ArraySource: BatchSource {
    private let embeddings: [Embedding]
    private let modality: String
    private let next = Atomic<Int>(0)

    init(_ embeddings: [Embedding], modality: String) {
        self.embeddings = embeddings
        self.modality = modality
    }

    var fingerprint: String? { nil }
    var total: Int? { embeddings.count }

    func skip(to position: Int) { next.store(position, ordering: .relaxed) }

    func next(_ count: Int) throws -> SourceBatch? {
        let start = next.load(ordering: .relaxed)
        guard start < embeddings.count else { return nil }
        let end = min(start + count, embeddings.count)
        next.store(end, ordering: .relaxed)
        var assembler = BatchAssembler(BatchOrigin())
        for index in start..<end {
            let embedding = embeddings[index]
            try assembler.append(
                modality: modality, id: embedding.id, item: embedding.item, metadata: embedding.metadata,
                vector: embedding.vector, tokens: embedding.tokens, place: index)
        }
        return SourceBatch(parts: assembler.finish(), position: end)
    }
}

extension EmbeddingCollection {
    /// Stores embeddings, a transaction per batch: each batch is kept whole or not at all, and is on disk when the next begins.
    /// The collection and the modality are made when missing, with the dimension of the first vector.
    /// - Throws: `.badInput`, `.dimensionMismatch`, `.duplicateID`, `.producerMismatch`, `.locked`, `.diskFull`;
    ///   `.invalidArgument` where they are to be resumed, which only files can be.
    @discardableResult
    public func insert(
        _ embeddings: [Embedding], into modality: String, options: IngestOptions = IngestOptions(),
        progress: ProgressHandler? = nil
    ) throws -> IngestReport {
        try ingest(ArraySource(embeddings, modality: modality), options: options, progress: progress)
    }

    func ingest(
        _ source: any BatchSource, options: IngestOptions, progress: ProgressHandler?
    ) throws -> IngestReport {
        try translatingErrors {
            try Ingestor(collection: self, options: options, progress: database.stoppable(progress)).run(source)
        }
    }
}
