/// For test doubles of a file system: what one says itself differs, everything else is the real one.
import Platform

package protocol ForwardingFileSystem: FileSystem {}

extension ForwardingFileSystem {
    private var files: PosixFileSystem { PosixFileSystem() }

    package func openForReading(_ path: String) throws(FileError) -> any ReadableFile { try files.openForReading(path) }
    package func createExclusively(_ path: String) throws(FileError) -> any WritableFile { try files.createExclusively(path) }
    package func destination(_ path: String) throws(FileError) -> FileDestination { try files.destination(path) }
    package func map(_ path: String) throws(FileError) -> MappedFile { try files.map(path) }
    package func exists(_ path: String) -> Bool { files.exists(path) }
    package func rename(_ source: String, to destination: String) throws(FileError) { try files.rename(source, to: destination) }
    package func remove(_ path: String) throws(FileError) { try files.remove(path) }
    package func list(_ directory: String) throws(FileError) -> [String] { try files.list(directory) }
    package func synchronizeDirectory(_ directory: String) throws(FileError) { try files.synchronizeDirectory(directory) }
    package func lock(_ path: String, _ kind: FileLock.Kind) throws(FileError) -> FileLock? { try files.lock(path, kind) }
}
