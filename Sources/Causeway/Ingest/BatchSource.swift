/// Where batches of embeddings come from: arrays of a program or files. One protocol, so that there is one insert path.
import Storage

/// Embeddings of one modality, checked and ready to be encoded.
struct ModalityBatch: Sendable {
    var modality: String
    var tokenDimension: Int?
    var input: BatchInput
    /// The position of each embedding in its source, for messages: a row of a matrix or a line of a file.
    var places: [Int]
}

/// What one transaction writes, and where in the source it ends.
struct SourceBatch: Sendable {
    var parts: [ModalityBatch]
    /// Rows or records of the source that are done once this batch is.
    var position: Int
    var count: Int { parts.reduce(0) { $0 + $1.input.ids.count } }
}

/// A source of batches, read by one thread.
protocol BatchSource: AnyObject, Sendable {
    /// What identifies the content, so that an interrupted ingest can go on: nil where it cannot (a pipe, an array).
    var fingerprint: String? { get }
    /// Embeddings in all, where known, for progress.
    var total: Int? { get }
    /// The source's name for messages, nil for arrays.
    var file: String? { get }
    /// Whether `places` count lines from 1 (records) rather than rows from 0.
    var placesAreLines: Bool { get }
    /// Goes on after the first `position` rows or records.
    func skip(to position: Int) throws
    /// The next batch of at most `count` embeddings, nil at the end. Throws `.badInput` naming file, row and reason.
    func next(_ count: Int) throws -> SourceBatch?
}
