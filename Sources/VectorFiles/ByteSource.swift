/// Where a reader's bytes come from: a file, a part of one, memory, or a stream that only goes forward.
import Platform
import Synchronization

package protocol ByteSource: AnyObject, Sendable {
    /// The path named in errors.
    var path: String { get }
    /// Nil for a stream, whose end is found by reading.
    var size: Int? { get }
    /// True when offsets must ascend; a gap is skipped by reading over it.
    var isSequential: Bool { get }
    /// `count` bytes from `offset`, fewer only at the end.
    func read(_ count: Int, at offset: Int) throws(VectorFileError) -> [UInt8]
}

extension ByteSource {
    /// Exactly `count` bytes, or an error that says what is cut short.
    func require(_ count: Int, at offset: Int, _ what: String, row: Int? = nil) throws(VectorFileError) -> [UInt8] {
        let bytes = try read(count, at: offset)
        guard bytes.count == count else { throw .truncated(path, row: row, what) }
        return bytes
    }
}

/// A regular file, read at any offset.
package final class FileSource: ByteSource {
    package let path: String
    private let file: any ReadableFile
    private let fileSize: Int

    /// Refuses pipes and devices, which cannot be read at any offset.
    package init(path: String, fileSystem: any FileSystem) throws(VectorFileError) {
        let file = try reportingFiles { () throws(FileError) in try fileSystem.openForReading(path) }
        guard file.isSeekable else {
            throw VectorFileError(
                file: path, reason: "this format needs a regular file", remedy: "save the data to a file first")
        }
        self.path = path
        self.file = file
        fileSize = file.size
    }

    package var size: Int? { fileSize }
    package var isSequential: Bool { false }

    package func read(_ count: Int, at offset: Int) throws(VectorFileError) -> [UInt8] {
        guard offset < fileSize else { return [] }
        let present = min(count, fileSize - offset)
        return try reportingFiles { () throws(FileError) in try readBytes(file, count: present, at: offset) }
    }
}

/// Bytes `start ..< start + count` of another source.
final class SliceSource: ByteSource {
    private let base: any ByteSource
    private let start: Int
    private let count: Int

    /// Precondition: the range lies inside `base`.
    init(_ base: any ByteSource, start: Int, count: Int) {
        self.base = base
        self.start = start
        self.count = count
    }

    var path: String { base.path }
    var size: Int? { count }
    var isSequential: Bool { base.isSequential }

    func read(_ wanted: Int, at offset: Int) throws(VectorFileError) -> [UInt8] {
        guard offset < count else { return [] }
        return try base.read(min(wanted, count - offset), at: start + offset)
    }
}

/// Bytes held in memory.
package final class MemorySource: ByteSource {
    package let path: String
    private let bytes: [UInt8]

    package init(path: String, bytes: [UInt8]) {
        self.path = path
        self.bytes = bytes
    }

    package var size: Int? { bytes.count }
    package var isSequential: Bool { false }

    package func read(_ count: Int, at offset: Int) throws(VectorFileError) -> [UInt8] {
        guard offset < bytes.count else { return [] }
        return Array(bytes[offset..<min(offset + count, bytes.count)])
    }
}

/// A pipe or standard input, read forward only; the first bytes may be looked at without being consumed.
package final class StreamSource: ByteSource {
    package let path: String
    private let file: any ReadableFile
    private struct State { var position = 0, fileOffset = 0, ahead: [UInt8] = [] }
    private let state = Mutex(State())

    package init(path: String, fileSystem: any FileSystem) throws(VectorFileError) {
        self.path = path
        file = try reportingFiles { () throws(FileError) in try fileSystem.openForReading(path) }
    }

    package var size: Int? { nil }
    package var isSequential: Bool { true }
    /// False for pipes, terminals and standard input, whatever stands behind it: what was read is gone.
    var isRegularFile: Bool { file.isSeekable && path != "-" }

    /// The next `count` bytes, which stay to be read.
    func peek(_ count: Int) throws(VectorFileError) -> [UInt8] {
        try state.withLock { state throws(VectorFileError) in
            if state.ahead.count < count {
                state.ahead += try Self.take(count - state.ahead.count, from: file, &state.fileOffset)
            }
            return Array(state.ahead.prefix(count))
        }
    }

    package func read(_ count: Int, at offset: Int) throws(VectorFileError) -> [UInt8] {
        try state.withLock { state throws(VectorFileError) in
            guard offset >= state.position else { throw outOfOrder(path) }
            while state.position < offset {
                let skipped = try Self.next(min(1 << 20, offset - state.position), from: file, &state)
                if skipped.isEmpty { return [] }
            }
            return try Self.next(count, from: file, &state)
        }
    }

    private static func next(
        _ count: Int, from file: any ReadableFile, _ state: inout State
    ) throws(VectorFileError) -> [UInt8] {
        var bytes = Array(state.ahead.prefix(count))
        state.ahead.removeFirst(bytes.count)
        if bytes.isEmpty {
            bytes = try take(count, from: file, &state.fileOffset)
        } else if bytes.count < count {
            bytes += try take(count - bytes.count, from: file, &state.fileOffset)
        }
        state.position += bytes.count
        return bytes
    }

    private static func take(
        _ count: Int, from file: any ReadableFile, _ offset: inout Int
    ) throws(VectorFileError) -> [UInt8] {
        let start = offset
        let bytes = try reportingFiles { () throws(FileError) in try readBytes(file, count: count, at: start) }
        offset += bytes.count
        return bytes
    }
}

func outOfOrder(_ path: String) -> VectorFileError {
    VectorFileError(
        file: path, reason: "rows were asked for again that a stream has already passed",
        remedy: "read a compressed array or a stream in ascending order, or uncompress it")
}
