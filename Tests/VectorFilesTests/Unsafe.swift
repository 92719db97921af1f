/// The one file of these tests that touches pointers: a pipe made of bytes in memory.
/// Invariant: reads copy no more than the buffer holds.
import Platform
import Synchronization

/// A file system whose every path is the same pipe, delivering its bytes once and in order.
struct PipeFileSystem: FileSystem {
    let pipe: MemoryPipe
    init(_ bytes: [UInt8]) { pipe = MemoryPipe(bytes) }

    func openForReading(_ path: String) throws(FileError) -> any ReadableFile { pipe }
    func createExclusively(_ path: String) throws(FileError) -> any WritableFile { throw refused(path) }
    func map(_ path: String) throws(FileError) -> MappedFile { throw refused(path) }
    func exists(_ path: String) -> Bool { false }
    func rename(_ source: String, to destination: String) throws(FileError) { throw refused(source) }
    func remove(_ path: String) throws(FileError) { throw refused(path) }
    func list(_ directory: String) throws(FileError) -> [String] { throw refused(directory) }
    func synchronizeDirectory(_ directory: String) throws(FileError) { throw refused(directory) }
    func lock(_ path: String, _ kind: FileLock.Kind, wait: Bool) throws(FileError) -> FileLock? { throw refused(path) }

    private func refused(_ path: String) -> FileError { FileError(operation: "use", path: path, code: 0, reason: "a pipe") }
}

final class MemoryPipe: ReadableFile {
    private let bytes: [UInt8]
    private let position = Mutex(0)
    init(_ bytes: [UInt8]) { self.bytes = bytes }
    var path: String { "-" }
    var size: Int { 0 }
    var isSeekable: Bool { false }

    func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int) throws(FileError) -> Int {
        position.withLock { position in
            let count = min(buffer.count, bytes.count - position)
            unsafe buffer.copyBytes(from: bytes[position..<position + count])
            position += count
            return count
        }
    }
}
