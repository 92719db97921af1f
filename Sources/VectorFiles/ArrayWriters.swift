/// Writers of matrices: .npy, .fvecs and .safetensors, a block of rows at a time. The file appears when `finish` returns.
/// None is for use by several threads at once.
import Platform

/// .npy version 1.0, little-endian, C order, one or two axes. Memory is one block.
package final class NpyWriter {
    package enum NumberType: String, Sendable { case float32 = "<f4", int64 = "<i8" }

    private let file: OutputFile
    private let type: NumberType
    /// Of a row: empty where a row is one number.
    private let rowShape: [Int]
    private let promised: Int?
    package private(set) var rowCount = 0

    /// A `dimension` of nil makes an array of one axis. `rowCount` may be left out, but not for standard output, a pipe or a
    /// device, whose header cannot be written last.
    package init(
        path: String, type: NumberType = .float32, dimension: Int?, rowCount: Int? = nil,
        fileSystem: any FileSystem = PosixFileSystem()
    ) throws(VectorFileError) {
        precondition(dimension ?? 1 > 0, "a row needs a component")
        file = try OutputFile(path: path, fileSystem: fileSystem)
        self.type = type
        rowShape = dimension.map { [$0] } ?? []
        promised = rowCount
        if rowCount == nil, !file.canOverwrite {
            throw file.misuse("the number of rows must be known to write .npy to what is no file", "write to a file")
        }
        try file.append(header(rowCount ?? 0))
    }

    /// 128 bytes whatever the shape, as numpy aligns it.
    private func header(_ rows: Int) -> [UInt8] {
        let text = "{'descr': '\(type.rawValue)', 'fortran_order': False, 'shape': \(shapeText([rows] + rowShape)), }"
        let padding = String(repeating: " ", count: 128 - 10 - 1 - text.utf8.count)
        return npyMagic + [1, 0, 118, 0] + Array((text + padding + "\n").utf8)
    }

    /// Whole rows, row-major. Precondition: the writer was made for this type.
    package func append(_ values: [Float]) throws(VectorFileError) {
        precondition(type == .float32, "this writer takes int64")
        try append(littleEndianBytes(values), count: values.count)
    }

    package func append(_ values: [Int64]) throws(VectorFileError) {
        precondition(type == .int64, "this writer takes float32")
        try append(littleEndianBytes(values), count: values.count)
    }

    private func append(_ bytes: [UInt8], count: Int) throws(VectorFileError) {
        let dimension = rowShape.first ?? 1
        precondition(count.isMultiple(of: dimension), "whole rows are wanted")
        rowCount += count / dimension
        try file.append(bytes)
    }

    package func finish() throws(VectorFileError) {
        guard promised == nil || promised == rowCount else {
            throw file.misuse("\(rowCount) rows were written, \(promised ?? 0) were announced", "run the export again")
        }
        try file.finish(header: promised == nil ? header(rowCount) : nil)
    }
}

/// .fvecs: each row its dimension as int32, then float32, little-endian.
package final class FvecsWriter {
    private let file: OutputFile
    private let dimension: Int

    package init(
        path: String, dimension: Int, fileSystem: any FileSystem = PosixFileSystem()
    ) throws(VectorFileError) {
        precondition(dimension > 0 && dimension <= Int(Int32.max), "a row needs a component")
        file = try OutputFile(path: path, fileSystem: fileSystem)
        self.dimension = dimension
    }

    /// Whole rows, row-major.
    package func append(_ values: [Float]) throws(VectorFileError) {
        precondition(values.count.isMultiple(of: dimension), "whole rows are wanted")
        let bytes = littleEndianBytes(values), rowBytes = dimension * 4
        let prefix = (0..<4).map { UInt8(truncatingIfNeeded: dimension >> ($0 * 8)) }
        for row in 0..<values.count / dimension {
            try file.append(prefix)
            try file.append(bytes[row * rowBytes..<(row + 1) * rowBytes])
        }
    }

    package func finish() throws(VectorFileError) { try file.finish() }
}

/// .safetensors with one F32 tensor of two axes, whose number of rows is known at the start.
package final class SafetensorsWriter {
    private let file: OutputFile
    private let rowCount: Int
    private let dimension: Int
    private var written = 0

    package init(
        path: String, name: String, rowCount: Int, dimension: Int, fileSystem: any FileSystem = PosixFileSystem()
    ) throws(VectorFileError) {
        precondition(dimension > 0 && rowCount >= 0 && name != "__metadata__", "a named matrix is wanted")
        file = try OutputFile(path: path, fileSystem: fileSystem)
        self.rowCount = rowCount
        self.dimension = dimension
        var text = "{\(jsonString(name)):{\"dtype\":\"F32\",\"shape\":[\(rowCount),\(dimension)],"
            + "\"data_offsets\":[0,\(rowCount * dimension * 4)]}}"
        while !text.utf8.count.isMultiple(of: 8) { text += " " }  // numbers stay aligned
        let count = text.utf8.count
        try file.append((0..<8).map { UInt8(truncatingIfNeeded: count >> ($0 * 8)) })
        try file.append(Array(text.utf8))
    }

    /// Whole rows, row-major.
    package func append(_ values: [Float]) throws(VectorFileError) {
        precondition(values.count.isMultiple(of: dimension), "whole rows are wanted")
        written += values.count / dimension
        try file.append(littleEndianBytes(values))
    }

    package func finish() throws(VectorFileError) {
        guard written == rowCount else {
            throw file.misuse("\(written) rows were written, \(rowCount) were announced", "run the export again")
        }
        try file.finish()
    }
}
