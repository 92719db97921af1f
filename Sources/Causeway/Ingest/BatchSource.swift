/// Where batches of embeddings come from: arrays of a program or files. One protocol, so that there is one insert path.
import Storage

/// Embeddings of one modality, checked and ready to be encoded.
struct ModalityBatch: Sendable {
    var modality: String
    var tokenDimension: Int?
    var input: BatchInput
    let origin: BatchOrigin
    /// The position of each embedding in its origin, for messages.
    var places: [Int]
}

/// What one transaction writes, and where in the source it ends.
struct SourceBatch: Sendable {
    var parts: [ModalityBatch]
    /// Rows or records of the source that are done once this batch is.
    var position: Int
    var count: Int { parts.reduce(0) { $0 + $1.input.ids.count } }
}

/// The file that a batch comes from, and those beside it with a line or a token set a row: what a fault is blamed on.
struct BatchOrigin: Sendable {
    /// Nil for the arrays of a program.
    var file: String?
    /// Whether places count lines from 1 (records) rather than rows from 0.
    var placesAreLines = false
    var ids: String?
    var items: String?
    var metadata: String?
    var tokens: String?
    var weights: String?
    /// Rows of the matrices before this one, which the files beside them count too.
    var rowsBefore = 0

    /// What a fault is found in.
    enum Part { case row, id, item, metadata, tokens, weights }

    func bad(_ part: Part = .row, at place: Int, _ reason: String, remedy: String) -> CausewayError {
        let (file, row, line) = position(of: part, place)
        return .badInput(file: file, row: row, line: line, reason: reason, remedy: remedy)
    }

    /// `row 3` or `line 4`.
    func words(_ part: Part, _ place: Int) -> String {
        let (_, row, line) = position(of: part, place)
        return line.map { "line \($0)" } ?? row.map { "row \($0)" } ?? ""
    }

    private func position(of part: Part, _ place: Int) -> (file: String?, row: Int?, line: Int?) {
        let beside: String? = switch part {
        case .row: nil
        case .id: ids
        case .item: items
        case .metadata: metadata
        case .tokens: tokens
        case .weights: weights
        }
        guard let beside else { return placesAreLines ? (file, nil, place) : (file, place, nil) }
        return part == .tokens || part == .weights ? (beside, rowsBefore + place, nil) : (beside, nil, rowsBefore + place + 1)
    }
}

/// A source of batches, read by one thread.
protocol BatchSource: AnyObject, Sendable {
    /// What identifies the content, so that an interrupted ingest can go on: nil where it cannot (a pipe, an array).
    var fingerprint: String? { get }
    /// Embeddings in all, where known, for progress.
    var total: Int? { get }
    /// Goes on after the first `position` rows or records.
    func skip(to position: Int) throws
    /// The next batch of at most `count` embeddings, nil at the end. Throws `.badInput` naming file, row and reason.
    func next(_ count: Int) throws -> SourceBatch?
}
