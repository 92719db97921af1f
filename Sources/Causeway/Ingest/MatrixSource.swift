/// Files of one matrix each as a source of batches: row i of all the files together is embedding i.
/// Ids, items and metadata come from files with a line a row; tokens from a matrix with offsets.
import Platform
import Storage
import Synchronization
import VectorFiles

/// Which files to take in. Rows of several matrices count on from one file to the next.
public struct MatrixFiles: Sendable {
    public var paths: [String]
    /// The array inside .npz or .safetensors files that hold several.
    public var array: String?
    /// Files with a line a row; nil ids are row numbers, nil items are the ids.
    public var ids: String?
    public var items: String?
    public var metadata: String?
    /// (T, t) float tokens, and n+1 offsets: row i owns tokens `offsets[i] ..< offsets[i+1]`.
    public var tokens: String?
    public var tokenOffsets: String?
    public var tokenWeights: String?
    /// A number a token, 1 for content and 0 for padding, which is dropped.
    public var tokenMask: String?

    public init(_ paths: [String], array: String? = nil) {
        self.paths = paths
        self.array = array
    }
}

final class MatrixSource: BatchSource {
    /// Vectors and tokens of one batch stay below this, whatever the batch size: three batches are in flight at most.
    private static let batchBytesMax = 24 << 20

    private struct State { var row = 0, ids: LineReader?, items: LineReader?, metadata: LineReader? }

    private let files: MatrixFiles
    private let modality: String
    private let matrices: [any MatrixReader]
    private let dimension: Int
    /// First row of each matrix, and the number of rows in all.
    private let starts: [Int]
    private let ids: LineFile?
    private let items: LineFile?
    private let metadata: LineFile?
    private let tokens: TokenFiles?
    private let state = Mutex(State())

    let fingerprint: String?
    var total: Int? { starts.last }

    /// - Parameter matrices: those that `files` names.
    /// - Throws: `.invalidArgument` where it names none.
    init(
        _ files: MatrixFiles, _ matrices: [any MatrixReader], modality: String, fileSystem: any FileSystem
    ) throws {
        guard let dimension = matrices.first?.dimension else {
            throw CausewayError.invalidArgument(reason: "there is no matrix to ingest", remedy: "name at least one file")
        }
        (self.files, self.matrices, self.modality, self.dimension) = (files, matrices, modality, dimension)
        starts = matrices.reduce(into: [0]) { $0.append($0.last! + $1.rowCount) }
        let rowCount = starts.last!
        for (path, matrix) in zip(files.paths, matrices) where matrix.dimension != dimension {
            throw CausewayError.badInput(
                file: path, row: nil, line: nil,
                reason: "\(matrix.dimension) columns, and \(files.paths[0]) has \(dimension)",
                remedy: "give one modality files of one dimension")
        }
        tokens = try TokenFiles(files, rowCount: rowCount, fileSystem: fileSystem)
        func lines(_ path: String?) throws -> LineFile? {
            try path.map { try LineFile($0, lineCount: rowCount, fileSystem) }
        }
        (ids, items, metadata) = (try lines(files.ids), try lines(files.items), try lines(files.metadata))
        var parts: [String?] = [modality] + matrices.map(\.fingerprint)
        for (name, file) in [("ids", ids), ("items", items), ("metadata", metadata)] {
            if let file { parts.append("\(name) \(file.fingerprint)") }
        }
        if let tokens { parts.append(tokens.fingerprint) }
        fingerprint = parts.contains(nil) ? nil : parts.compactMap { $0 }.joined(separator: "\n")
        try skip(to: 0)
    }

    func skip(to position: Int) throws {
        let fresh = State(
            row: position, ids: try ids?.reader(after: position), items: try items?.reader(after: position),
            metadata: try metadata?.reader(after: position))
        state.withLock { $0 = fresh }
    }

    func next(_ count: Int) throws -> SourceBatch? {
        try state.withLock { state in
            let start = state.row
            guard start < starts.last! else { return nil }
            let matrixIndex = starts.lastIndex { $0 <= start && $0 < starts.last! }!
            let matrix = matrices[matrixIndex]
            let rows = start..<min(start + limit(count, from: start), starts[matrixIndex + 1])
            let first = starts[matrixIndex]
            let values = try matrix.read(rows: rows.lowerBound - first..<rows.upperBound - first)
            var assembler = BatchAssembler(origin(of: matrix, rowsBefore: first))
            for row in rows {
                let offset = (row - rows.lowerBound) * dimension
                let metadata = try state.metadata.map { try $0.line(of: row) { try $0.nextObject() } }
                try assembler.append(
                    modality: modality, id: state.ids?.line(of: row) { try $0.next() } ?? String(row),
                    item: state.items?.line(of: row) { try $0.next() },
                    metadata: metadata.flatMap { $0.isEmpty ? nil : $0 },
                    vector: Array(values[offset..<offset + dimension]), tokens: tokens?.read(row),
                    place: row - first)
            }
            state.row = rows.upperBound
            return SourceBatch(parts: assembler.finish(), position: rows.upperBound)
        }
    }

    private func origin(of matrix: any MatrixReader, rowsBefore: Int) -> BatchOrigin {
        BatchOrigin(
            file: matrix.path, ids: files.ids, items: files.items, metadata: files.metadata, tokens: files.tokens,
            weights: files.tokenWeights, rowsBefore: rowsBefore)
    }

    /// How many rows from `start` fit a batch by count and by bytes.
    private func limit(_ count: Int, from start: Int) -> Int {
        var bytes = 0
        var rows = 0
        while rows < count && start + rows < starts.last! {
            bytes += dimension * 4 + (tokens?.byteCount(start + rows) ?? 0)
            if rows > 0 && bytes > Self.batchBytesMax { break }
            rows += 1
        }
        return rows
    }
}

/// A file with a line a row: counted before anything is written, then read, from the start or from where an ingest stopped.
/// A pipe is copied for that.
private struct LineFile {
    private let source: any ByteSource
    let fingerprint: String

    /// - Throws: `.badInput` for another number of lines.
    init(_ path: String, lineCount: Int, _ fileSystem: any FileSystem) throws {
        source = try openRereadable(path, fileSystem: fileSystem)
        fingerprint = try Fingerprint.of(source) ?? ""
        let reader = LineReader(source: source)
        var lines = 0
        while try reader.nextBytes() != nil { lines += 1 }
        guard lines == lineCount else {
            throw CausewayError.badInput(
                file: path, row: nil, line: nil, reason: "\(lines) lines for \(lineCount) rows",
                remedy: "give every row one line")
        }
    }

    func reader(after position: Int) throws -> LineReader {
        let reader = LineReader(source: source)
        for _ in 0..<position { _ = try reader.nextBytes() }
        return reader
    }
}

extension LineReader {
    /// What `read` finds on the line of a row.
    /// - Throws: `.badInput` where the file has become shorter since its lines were counted.
    fileprivate func line(of row: Int, _ read: (LineReader) throws -> String?) throws -> String {
        if let line = try read(self) { return line }
        throw CausewayError.badInput(
            file: path, row: nil, line: row + 1, reason: "the line is no longer there", remedy: "leave the file alone meanwhile")
    }
}

/// Token sets by row, from a matrix of all tokens and the offsets at which each row's begin.
final class TokenFiles: Sendable {
    private let tokens: any MatrixReader
    private let offsets: [Int64]
    private let weights: [Float]?
    /// Whether each token is content; nil when all are.
    private let mask: [Bool]?
    private let maskPath: String?
    /// Nil where the tokens come through a pipe.
    let fingerprint: String?

    /// Nil when no tokens are asked for.
    init?(_ files: MatrixFiles, rowCount: Int, fileSystem: any FileSystem) throws {
        guard let tokenPath = files.tokens else {
            guard files.tokenOffsets == nil, files.tokenWeights == nil, files.tokenMask == nil else {
                throw CausewayError.invalidArgument(
                    reason: "token offsets, weights or a mask without tokens", remedy: "name the matrix of tokens too")
            }
            return nil
        }
        guard let offsetPath = files.tokenOffsets else {
            throw CausewayError.invalidArgument(
                reason: "\(tokenPath) without offsets", remedy: "name the file of offsets with --token-offsets")
        }
        tokens = try openMatrix(tokenPath, array: nil, fileSystem: fileSystem)
        offsets = try openIntegers(offsetPath, fileSystem: fileSystem)
        weights = try files.tokenWeights.map { try openVector($0, fileSystem: fileSystem) }
        maskPath = files.tokenMask
        let count = tokens.rowCount
        mask = try files.tokenMask.map { try Self.mask($0, count: count, fileSystem) }
        let kept = mask.map { "\nmask \(Fingerprint.of($0.map { $0 ? Int64(1) : 0 }))" } ?? ""
        let weighed = weights.map { "\nweights \(Fingerprint.of($0))" } ?? ""
        fingerprint = tokens.fingerprint.map { [offsets] in
            "tokens \($0)\noffsets \(Fingerprint.of(offsets))" + weighed + kept
        }
        func refuse(_ path: String, row: Int? = nil, _ reason: String) -> CausewayError {
            .badInput(
                file: path, row: row, line: nil, reason: reason,
                remedy: "offsets are n + 1 ascending integers from 0 to the number of tokens")
        }
        guard offsets.count == rowCount + 1 else {
            throw refuse(offsetPath, "\(offsets.count) offsets for \(rowCount) rows")
        }
        guard offsets[0] == 0, offsets[rowCount] == Int64(tokens.rowCount) else {
            throw refuse(
                offsetPath, "offsets from \(offsets[0]) to \(offsets[rowCount]) for \(tokens.rowCount) tokens")
        }
        for row in 0..<rowCount where offsets[row + 1] <= offsets[row] {
            throw refuse(offsetPath, row: row, "a token set without tokens, or offsets that descend")
        }
        if let weights, weights.count != tokens.rowCount {
            throw refuse(files.tokenWeights!, "\(weights.count) weights for \(tokens.rowCount) tokens")
        }
    }

    private func range(_ row: Int) -> Range<Int> { Int(offsets[row])..<Int(offsets[row + 1]) }

    func byteCount(_ row: Int) -> Int { range(row).count * tokens.dimension * 4 }

    /// - Throws: `.badInput` for tokens that are not finite, and where the mask leaves none.
    func read(_ row: Int) throws -> TokenSet {
        let range = range(row)
        let set = TokenSet(
            dimension: tokens.dimension, values: try tokens.read(rows: range),
            weights: weights.map { Array($0[range]) })
        guard let mask else { return set }
        guard mask[range].contains(true) else {
            throw CausewayError.badInput(
                file: maskPath, row: row, line: nil, reason: "no token of the row is left by the mask",
                remedy: "keep at least one token of every row")
        }
        return TokenSet(
            dimension: set.dimension, values: keeping(set.values, where: mask[range], dimension: set.dimension),
            weights: set.weights.map { keeping($0, where: mask[range], dimension: 1) })
    }

    private static func mask(_ path: String, count: Int, _ fileSystem: any FileSystem) throws -> [Bool] {
        let values = try openVector(path, fileSystem: fileSystem)
        func refuse(_ reason: String) -> CausewayError {
            .badInput(file: path, row: nil, line: nil, reason: reason, remedy: "give a 1 or a 0 for every token")
        }
        guard values.count == count else { throw refuse("\(values.count) values for \(count) tokens") }
        if let place = values.firstIndex(where: { $0 != 0 && $0 != 1 }) {
            throw refuse("value \(place) is \(values[place])")
        }
        return values.map { $0 == 1 }
    }
}

extension EmbeddingCollection {
    /// Stores a matrix, a row an embedding. Streams: memory does not grow with the file.
    /// - Throws: `.badInput` naming file, row and reason; `.invalidArgument` for no files; see also `insert`.
    @discardableResult
    public func ingest(
        _ files: MatrixFiles, into modality: String, options: IngestOptions = IngestOptions(),
        progress: ProgressHandler? = nil
    ) throws -> IngestReport {
        try translatingErrors {
            let fileSystem = database.fileSystem
            let matrices = try files.paths.map { try openMatrix($0, array: files.array, fileSystem: fileSystem) }
            let source = try MatrixSource(files, matrices, modality: modality, fileSystem: fileSystem)
            return try ingest(source, options: options, progress: progress)
        }
    }
}
