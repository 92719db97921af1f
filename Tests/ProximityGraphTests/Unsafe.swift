// A file system that fails at will. The raw buffers of the file seam are only passed on.
import Platform
import Synchronization

/// The real file system, but the n-th appending, writing, syncing, closing or renaming call fails.
final class FailingFileSystem: FileSystem {
    private let disk = PosixFileSystem()
    private let left: Mutex<Int>
    init(failAt: Int) { left = Mutex(failAt) }

    func step(_ operation: String, _ path: String) throws(FileError) {
        let fails = left.withLock { left in
            left -= 1
            return left == 0
        }
        if fails { throw FileError(operation: operation, path: path, code: 28) }
    }

    func openForReading(_ path: String) throws(FileError) -> any ReadableFile { try disk.openForReading(path) }
    func createExclusively(_ path: String) throws(FileError) -> any WritableFile {
        FailingFile(try disk.createExclusively(path), self)
    }
    func destination(_ path: String) throws(FileError) -> FileDestination { try disk.destination(path) }
    func map(_ path: String) throws(FileError) -> MappedFile { try disk.map(path) }
    func exists(_ path: String) -> Bool { disk.exists(path) }
    func rename(_ source: String, to destination: String) throws(FileError) {
        try step("rename", source)
        try disk.rename(source, to: destination)
    }
    func remove(_ path: String) throws(FileError) { try disk.remove(path) }
    func list(_ directory: String) throws(FileError) -> [String] { try disk.list(directory) }
    func synchronizeDirectory(_ directory: String) throws(FileError) { try disk.synchronizeDirectory(directory) }
    func lock(_ path: String, _ kind: FileLock.Kind) throws(FileError) -> FileLock? {
        try disk.lock(path, kind)
    }
}

final class FailingFile: WritableFile {
    private let file: any WritableFile
    private let system: FailingFileSystem
    init(_ file: any WritableFile, _ system: FailingFileSystem) { (self.file, self.system) = (file, system) }
    var path: String { file.path }
    func append(_ bytes: UnsafeRawBufferPointer) throws(FileError) {
        try system.step("append", path)
        try unsafe file.append(bytes)
    }
    func write(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws(FileError) {
        try system.step("write", path)
        try unsafe file.write(bytes, at: offset)
    }
    func synchronize() throws(FileError) {
        try system.step("sync", path)
        try file.synchronize()
    }
    func close() throws(FileError) {
        try system.step("close", path)
        try file.close()
    }
}
