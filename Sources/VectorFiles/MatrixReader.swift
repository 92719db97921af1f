/// Rows of float32 read from a file by range, and the function that opens one. Not a writer, and no rows are kept.
import Platform

/// A matrix in a file; a row is a vector. Safe to share between threads; memory is that of the rows asked for, plus a
/// bounded block (≤ 48 MiB for Fortran order, ≤ 64 MiB more when such an array is compressed).
package protocol MatrixReader: AnyObject, Sendable {
    var path: String { get }
    var rowCount: Int { get }
    /// Components of a row, 1 ... `Limits.dimensionMax`.
    var dimension: Int { get }
    /// The type stored in the file, e.g. "float16" or "big-endian float64".
    var elementType: String { get }
    /// The same text for the same content (size, and CRC-32C of the header and of the start, middle and end); nil for a stream.
    var fingerprint: String? { get }
    /// True when ranges must ascend (compressed arrays, standard input); rows left out are read over.
    var sequentialOnly: Bool { get }
    /// rows × dimension numbers in C order. Refuses NaN, infinity and what float32 cannot hold, naming the first such
    /// row. Ranges outside the matrix, or descending ones where `sequentialOnly`, throw as well.
    func read(rows: Range<Int>) throws(VectorFileError) -> [Float]
}

extension MatrixReader {
    func checkRange(_ rows: Range<Int>) throws(VectorFileError) {
        guard rows.lowerBound >= 0, rows.upperBound <= rowCount else {
            throw VectorFileError(
                file: path, reason: "rows \(rows) were asked for, and there are \(rowCount)",
                remedy: "ask for rows 0 to \(rowCount - 1)")
        }
    }
}

/// The formats of files of vectors.
package enum VectorFileFormat: String, CaseIterable, Sendable {
    case npy, npz, fvecs, bvecs, safetensors, jsonl

    /// By the name's extension, else by the first bytes; nil when neither tells.
    package init?(path: String, firstBytes: [UInt8]) {
        let name = splitPath(path).name
        if let dot = name.lastIndex(of: "."),
            let format = Self.named(name[name.index(after: dot)...].lowercased())
        {
            self = format
        } else if firstBytes.starts(with: npyMagic) {
            self = .npy
        } else if firstBytes.starts(with: [0x50, 0x4B, 3, 4]) || firstBytes.starts(with: [0x50, 0x4B, 5, 6]) {
            self = .npz
        } else if firstBytes.count >= 9, firstBytes[8] == UInt8(ascii: "{"), firstBytes[5...7].allSatisfy({ $0 == 0 }) {
            self = .safetensors
        } else if let first = firstBytes.first(where: { !$0.isJSONSpace }), first == UInt8(ascii: "{") {
            self = .jsonl
        } else {
            return nil
        }
    }

    private static func named(_ suffix: String) -> VectorFileFormat? {
        suffix == "ndjson" ? .jsonl : VectorFileFormat(rawValue: suffix)
    }
}

/// What a path given to `ingest` holds.
package enum VectorInput: Sendable {
    case matrix(any MatrixReader)
    case records(RecordReader)
}

/// Opens a matrix or a file of records, told apart by the name and else by the first bytes; "-" is standard input. Of a stream
/// that is neither, the records' reader tells what is wrong; an empty one holds no records.
package func openInput(
    _ path: String, array: String? = nil, fileSystem: any FileSystem = PosixFileSystem()
) throws(VectorFileError) -> VectorInput {
    let stream = try StreamSource(path: path, fileSystem: fileSystem)
    if !stream.isRegularFile {
        let format = VectorFileFormat(path: path, firstBytes: try stream.peek(64))
        guard let format, format != .jsonl else { return .records(RecordReader(source: stream)) }
        return .matrix(try openStream(stream, array: array).matrix(singleVector: false, fileSystem: fileSystem))
    }
    if VectorFileFormat(path: path, firstBytes: try stream.peek(64)) == .jsonl {
        return .records(try RecordReader(path: path, fileSystem: fileSystem))
    }
    return .matrix(try openMatrix(path, array: array, fileSystem: fileSystem))
}

/// Opens .npy, .npz, .fvecs, .bvecs or .safetensors, by name and else by content; "-" is a .npy on standard input.
/// `array` names the entry of .npz and .safetensors, needed when several are matrices. A 1-D array is refused unless
/// `singleVector`, which makes it a matrix of one row. O(header); reads no rows.
package func openMatrix(
    _ path: String, array: String? = nil, singleVector: Bool = false, fileSystem: any FileSystem = PosixFileSystem()
) throws(VectorFileError) -> any MatrixReader {
    let stored = try openArray(path, array: array, matrixOnly: !singleVector, fileSystem: fileSystem)
    return try stored.matrix(singleVector: singleVector, fileSystem: fileSystem)
}

private func openStream(_ stream: StreamSource, array: String?) throws(VectorFileError) -> StoredArray {
    guard try stream.peek(npyMagic.count) == npyMagic else {
        throw VectorFileError(
            file: stream.path, reason: "no .npy, the only form in which a pipe or standard input can hold numbers here",
            remedy: "write it as .npy, or save the data to a file and name it")
    }
    return try refusingArrayName(array, openNpy(stream))
}

/// Opens the array of a file or stream, whatever its number of axes.
func openArray(
    _ path: String, array: String?, matrixOnly: Bool, fileSystem: any FileSystem
) throws(VectorFileError) -> StoredArray {
    let stream = try StreamSource(path: path, fileSystem: fileSystem)
    guard stream.isRegularFile else { return try openStream(stream, array: array) }
    let source = try FileSource(path: path, fileSystem: fileSystem)
    switch VectorFileFormat(path: path, firstBytes: try source.read(64, at: 0)) {
    case .npy: return try refusingArrayName(array, openNpy(source))
    case .npz: return try openNpz(source, array: array, matrixOnly: matrixOnly)
    case .safetensors: return try openSafetensors(source, array: array, matrixOnly: matrixOnly)
    case .fvecs: return try refusingArrayName(array, openVecs(source, .float32))
    case .bvecs: return try refusingArrayName(array, openVecs(source, .uint8))
    case .jsonl:
        throw VectorFileError(
            file: path, reason: "it holds JSON records, and a matrix is wanted here",
            remedy: "give a .npy, .npz, .fvecs, .bvecs or .safetensors file")
    case nil:
        throw VectorFileError(
            file: path, reason: "neither its name nor its content is that of a file of vectors",
            remedy: "give a .npy, .npz, .fvecs, .bvecs, .safetensors or .jsonl file")
    }
}

private func refusingArrayName(_ array: String?, _ stored: StoredArray) throws(VectorFileError) -> StoredArray {
    guard let array else { return stored }
    throw VectorFileError(
        file: stored.source.path, reason: "array \"\(array)\" was asked for, and the file holds one unnamed array",
        remedy: "leave the array name out")
}

/// A 1-D array of floats or integers as one vector (weights of tokens, a query); a matrix of one row serves as well.
package func openVector(
    _ path: String, array: String? = nil, fileSystem: any FileSystem = PosixFileSystem()
) throws(VectorFileError) -> [Float] {
    try openArray(path, array: array, matrixOnly: false, fileSystem: fileSystem).allFloats()
}

/// A 1-D array of integers (token offsets). Floats are refused, and uint64 beyond Int64.
package func openIntegers(
    _ path: String, array: String? = nil, fileSystem: any FileSystem = PosixFileSystem()
) throws(VectorFileError) -> [Int64] {
    try openArray(path, array: array, matrixOnly: false, fileSystem: fileSystem).allIntegers()
}
