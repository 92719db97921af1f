/// An array found in a file, of any number of axes: where its bytes are and what they mean. Turns into a matrix, or is
/// read whole where it is one vector.
import Platform

struct StoredArray: Sendable {
    /// Its own bytes begin at `dataOffset`.
    var source: any ByteSource
    var dataOffset: Int
    var element: Element
    var shape: [Int]
    var isFortranOrder = false
    /// Bytes before each row (the dimension, in .fvecs and .bvecs).
    var rowPrefix = 0
    /// Nil for a stream.
    var fingerprint: String?

    /// Product of the axes; nil when it overflows. An empty shape is one number.
    static func elementCount(_ shape: [Int]) -> Int? {
        // Other axes are multiplied even when one is 0, as numpy does, so that an absurd one cannot hide behind it.
        var product = 1
        for axis in shape where axis != 0 {
            let (value, overflow) = product.multipliedReportingOverflow(by: axis)
            if overflow { return nil }
            product = value
        }
        return shape.contains(0) ? 0 : product
    }

    /// Refuses all but a matrix with a usable dimension (or one vector, where wanted).
    func matrix(singleVector: Bool, fileSystem: any FileSystem) throws(VectorFileError) -> any MatrixReader {
        var axes = shape
        if singleVector, axes.count == 1 { axes.insert(1, at: 0) }
        guard axes.count == 2 else {
            throw VectorFileError(
                file: source.path, reason: "the array has shape \(shapeText(shape)), and a matrix is wanted",
                remedy: "reshape it to (rows, dimension)")
        }
        guard (1...Limits.dimensionMax).contains(axes[1]) else {
            throw VectorFileError(
                file: source.path, reason: "the array has shape \(shapeText(shape)), so its dimension is \(axes[1])",
                remedy: "a row must have 1 to \(Limits.dimensionMax) components")
        }
        if isFortranOrder, axes[0] > 1, axes[1] > 1 {
            return try ColumnMajorMatrix(self, rows: axes[0], dimension: axes[1], fileSystem: fileSystem)
        }
        return try RowMajorMatrix(self, rows: axes[0], dimension: axes[1])
    }

    /// A stream's size is unknown before its end: nothing may follow the array's `byteCount` bytes.
    func checkEnd(_ byteCount: Int) throws(VectorFileError) {
        guard source.size == nil else { return }
        guard try source.read(1, at: dataOffset + byteCount).isEmpty else {
            throw .malformed(source.path, "bytes follow the array")
        }
    }

    private func vectorCount() throws(VectorFileError) -> Int {
        guard shape.count == 1 || (shape.count == 2 && shape[0] == 1) else {
            throw VectorFileError(
                file: source.path, reason: "the array has shape \(shapeText(shape)), and one vector is wanted",
                remedy: "reshape it to (n,)")
        }
        return shape[shape.count - 1]
    }

    /// Calls `body` with blocks of the array's bytes and their first element's index, so that memory grows with bytes
    /// really present, not with a claim.
    private func forEachBlock(
        _ body: (_ bytes: [UInt8], _ first: Int, _ count: Int) throws(VectorFileError) -> Void
    ) throws(VectorFileError) {
        let total = try vectorCount(), width = element.kind.byteCount
        var done = 0
        while done < total {
            let count = min(1 << 20, total - done)
            let bytes = try source.require(count * width, at: dataOffset + rowPrefix + done * width, "the array")
            try body(bytes, done, count)
            done += count
        }
        try checkEnd(total * width)
    }

    func allFloats() throws(VectorFileError) -> [Float] {
        var values: [Float] = []
        try forEachBlock { (bytes, first, count) throws(VectorFileError) in
            let (block, accepted) = convertToFloats(bytes, element, rows: 1, dimension: count, prefix: 0)
            guard accepted == count else {
                throw VectorFileError(
                    file: source.path, row: first + accepted,
                    reason: "the number \(element.refusal(bytes, at: accepted * element.kind.byteCount))",
                    remedy: "remove or repair it")
            }
            values += block
        }
        return values
    }

    func allIntegers() throws(VectorFileError) -> [Int64] {
        guard element.kind.isInteger else {
            throw VectorFileError(
                file: source.path, reason: "the array holds \(element.name), and integers are wanted",
                remedy: "convert it, for example with .astype(numpy.int64)")
        }
        var values: [Int64] = []
        try forEachBlock { (bytes, first, count) throws(VectorFileError) in
            for index in 0..<count {
                guard let value = element.integer(bytes, at: index * element.kind.byteCount) else {
                    throw VectorFileError(
                        file: source.path, row: first + index, reason: "the number is beyond a signed 64-bit integer",
                        remedy: "repair it")
                }
                values.append(value)
            }
        }
        return values
    }
}

/// "(3, 4)", "(5,)", as Python writes shapes.
func shapeText(_ shape: [Int]) -> String {
    shape.count == 1 ? "(\(shape[0]),)" : "(" + shape.map(String.init).joined(separator: ", ") + ")"
}
