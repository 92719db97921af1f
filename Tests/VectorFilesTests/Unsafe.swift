/// The one file of these tests that touches pointers: files and pipes made of bytes in memory.
/// Invariant: reads copy no more than the buffer holds.
import Foundation
import Platform
import Synchronization
import Testing

/// A file system whose every path is the same bytes: a pipe that delivers them once and in order, or a regular file.
struct MemoryFileSystem: FileSystem {
    let file: MemoryFile
    init(pipe bytes: [UInt8]) { file = MemoryFile(bytes, isSeekable: false) }
    init(file bytes: [UInt8]) { file = MemoryFile(bytes, isSeekable: true) }

    func openForReading(_ path: String) throws(FileError) -> any ReadableFile { file }
    func createExclusively(_ path: String) throws(FileError) -> any WritableFile { throw refused(path) }
    func destination(_ path: String) throws(FileError) -> FileDestination { throw refused(path) }
    func map(_ path: String) throws(FileError) -> MappedFile { throw refused(path) }
    func exists(_ path: String) -> Bool { false }
    func rename(_ source: String, to destination: String) throws(FileError) { throw refused(source) }
    func remove(_ path: String) throws(FileError) { throw refused(path) }
    func list(_ directory: String) throws(FileError) -> [String] { throw refused(directory) }
    func synchronizeDirectory(_ directory: String) throws(FileError) { throw refused(directory) }
    func lock(_ path: String, _ kind: FileLock.Kind) throws(FileError) -> FileLock? { throw refused(path) }

    private func refused(_ path: String) -> FileError {
        FileError(operation: "use", path: path, code: 0, reason: "only reading is possible")
    }
}

func makePipe(_ path: String) throws {
    try #require(unsafe mkfifo(path, 0o600) == 0)
}

final class MemoryFile: ReadableFile {
    private let bytes: [UInt8]
    private let position = Mutex(0)
    let isSeekable: Bool
    init(_ bytes: [UInt8], isSeekable: Bool) {
        self.bytes = bytes
        self.isSeekable = isSeekable
    }
    var path: String { "memory" }
    var size: Int { isSeekable ? bytes.count : 0 }

    func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int) throws(FileError) -> Int {
        position.withLock { position in
            if isSeekable { position = min(offset, bytes.count) }
            let count = min(buffer.count, bytes.count - position)
            unsafe buffer.copyBytes(from: bytes[position..<position + count])
            position += count
            return count
        }
    }
}
