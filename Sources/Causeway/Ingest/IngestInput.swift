/// A file to take in, opened and told apart by its name or first bytes: a matrix or JSON records. Takes nothing in itself.
import Platform
import VectorFiles

/// Opened once: what a pipe or standard input held is gone when it has been read.
package struct IngestInput: Sendable {
    let input: VectorInput

    /// - Parameter array: the array inside .npz or .safetensors.
    package init(_ path: String, array: String? = nil, fileSystem: any FileSystem = PosixFileSystem()) throws {
        input = try translatingErrors { try openInput(path, array: array, fileSystem: fileSystem) }
    }

    package var isRecords: Bool { if case .records = input { true } else { false } }
}

extension EmbeddingCollection {
    /// As `ingestRecords`, of several files. Precondition: all hold records.
    package func ingest(
        records inputs: [IngestInput], defaultModality modality: String?, options: IngestOptions, progress: ProgressHandler?
    ) throws -> IngestReport {
        try translatingErrors {
            let ingestor = try Ingestor(collection: self, options: options, progress: database.stoppable(progress))
            var report = IngestReport()
            for case .records(let reader) in inputs.map(\.input) {
                report.add(try ingestor.run(RecordSource(reader, modality: modality)))
            }
            return report
        }
    }

    /// As `ingest(_:into:)`, with the matrices opened already. Precondition: all are matrices, those that `files` names.
    package func ingest(
        matrices inputs: [IngestInput], _ files: MatrixFiles, into modality: String, options: IngestOptions,
        progress: ProgressHandler?
    ) throws -> IngestReport {
        let matrices = inputs.compactMap { if case .matrix(let matrix) = $0.input { matrix } else { nil } }
        return try translatingErrors {
            let source = try MatrixSource(files, matrices, modality: modality, fileSystem: database.fileSystem)
            return try ingest(source, options: options, progress: progress)
        }
    }
}
