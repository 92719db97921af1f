/// The two layouts of a matrix in a file: a row after the other, or a column after the other.
import Platform
import Synchronization

/// C order, each row perhaps after a prefix that repeats the dimension (.fvecs, .bvecs).
final class RowMajorMatrix: MatrixReader {
    private let array: StoredArray
    let rowCount: Int
    let dimension: Int
    private let stride: Int

    /// Precondition: the caller has compared the shape with the bytes present, where their number is known.
    init(_ array: StoredArray, rows: Int, dimension: Int) throws(VectorFileError) {
        self.array = array
        rowCount = rows
        self.dimension = dimension
        stride = array.rowPrefix + dimension * array.element.kind.byteCount
        if rows == 0 { try array.checkEnd(rowCount * stride) }
    }

    var path: String { array.source.path }
    var elementType: String { array.element.name }
    var fingerprint: String? { array.fingerprint }
    var sequentialOnly: Bool { array.source.isSequential }

    func read(rows: Range<Int>) throws(VectorFileError) -> [Float] {
        try checkRange(rows)
        guard !rows.isEmpty else { return [] }
        let bytes = try array.source.read(rows.count * stride, at: array.dataOffset + rows.lowerBound * stride)
        guard bytes.count == rows.count * stride else {
            throw .truncated(path, row: rows.lowerBound + bytes.count / stride, "this row")
        }
        if array.rowPrefix > 0 { try checkPrefixes(bytes, rows) }
        if rows.upperBound == rowCount { try array.checkEnd(rowCount * stride) }
        return try array.element.floats(
            bytes, rows: rows.count, dimension: dimension, prefix: array.rowPrefix, firstRow: rows.lowerBound, file: path)
    }

    private func checkPrefixes(_ bytes: [UInt8], _ rows: Range<Int>) throws(VectorFileError) {
        let length = Element(.int32)
        for index in 0..<rows.count {
            guard let found = length.integer(bytes, at: index * stride), Int(found) != dimension else { continue }
            throw VectorFileError(
                file: path, row: rows.lowerBound + index, reason: "the row has dimension \(found), the first \(dimension)",
                remedy: "write all rows with one dimension")
        }
    }
}

/// Fortran order: a block of rows is gathered column by column and kept, so that reading in order costs one pass.
final class ColumnMajorMatrix: MatrixReader {
    private let array: StoredArray
    let rowCount: Int
    let dimension: Int
    private let blockRows: Int
    private struct Block { var rows = 0..<0, values: [Float] = [] }
    private let block = Mutex(Block())

    /// Compressed bytes are first spooled to memory or, when large, to an unlinked temporary file.
    init(_ array: StoredArray, rows: Int, dimension: Int, fileSystem: any FileSystem) throws(VectorFileError) {
        self.array = try array.source.isSequential ? Self.spooled(array, fileSystem) : array
        rowCount = rows
        self.dimension = dimension
        blockRows = max(1, (16 << 20) / (dimension * 4))
    }

    var path: String { array.source.path }
    var elementType: String { array.element.name }
    var fingerprint: String? { array.fingerprint }
    var sequentialOnly: Bool { false }

    func read(rows: Range<Int>) throws(VectorFileError) -> [Float] {
        try checkRange(rows)
        return try block.withLock { block throws(VectorFileError) in
            var values: [Float] = []
            values.reserveCapacity(rows.count * dimension)
            var row = rows.lowerBound
            while row < rows.upperBound {
                if !block.rows.contains(row) { try load(from: row, into: &block) }
                let end = min(rows.upperBound, block.rows.upperBound)
                let first = block.rows.lowerBound
                values += block.values[(row - first) * dimension..<(end - first) * dimension]
                row = end
            }
            return values
        }
    }

    private func load(from first: Int, into block: inout Block) throws(VectorFileError) {
        let count = min(blockRows, rowCount - first), width = array.element.kind.byteCount
        var columns: [Float] = []
        columns.reserveCapacity(count * dimension)
        for column in 0..<dimension {
            let offset = array.dataOffset + (column * rowCount + first) * width
            let bytes = try array.source.require(count * width, at: offset, "column \(column)")
            let (values, accepted) = convertToFloats(bytes, array.element, rows: 1, dimension: count, prefix: 0)
            guard accepted == count else {
                throw array.element.refused(bytes, at: accepted * width, row: first + accepted, column: column, file: path)
            }
            columns += values
        }
        block.values = transposed(columns, rows: count, columns: dimension)
        block.rows = first..<first + count
    }

    private static func spooled(
        _ array: StoredArray, _ fileSystem: any FileSystem
    ) throws(VectorFileError) -> StoredArray {
        let path = array.source.path
        guard let size = array.source.size else {
            throw VectorFileError(
                file: path, reason: "the array is in Fortran order, which a stream cannot deliver by rows",
                remedy: "save it to a file, or write it with numpy.ascontiguousarray")
        }
        var copy = array
        copy.source = try VectorFiles.spooled(array.source, from: array.dataOffset, fileSystem: fileSystem)
        copy.dataOffset = 0
        guard copy.source.size == size - array.dataOffset else { throw .truncated(path, "the array") }
        return copy
    }
}
