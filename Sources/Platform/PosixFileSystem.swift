/// The real file system: POSIX calls, each retried on EINTR and reported with its path.
import Foundation

package struct PosixFileSystem: FileSystem {
    /// The file whose permissions and owner new files get; nil for those the process gives.
    private var model: String?

    package init() {}

    package func creating(like path: String) -> any FileSystem {
        var files = self
        files.model = path
        return files
    }

    private var modelStatus: FileStatus? { model.flatMap(fileStatus) }

    package func openForReading(_ path: String) throws(FileError) -> any ReadableFile {
        try PosixFile(path: path, descriptor: Descriptor(opening: path, .read))
    }

    package func createExclusively(_ path: String) throws(FileError) -> any WritableFile {
        try PosixFile(path: path, descriptor: Descriptor(opening: path, .createExclusively, like: modelStatus))
    }

    package func destination(_ path: String) throws(FileError) -> FileDestination {
        if path == "-" { return .stream(try PosixFile(path: path, descriptor: Descriptor(opening: path, .standardOutput))) }
        // Not its links first: those of /dev/stdout end in names that no path has.
        guard let status = fileStatus(path), !status.isRegular else { return .file(try followingLinks(path)) }
        return .stream(try PosixFile(path: path, descriptor: Descriptor(opening: path, .stream)))
    }

    package func map(_ path: String) throws(FileError) -> MappedFile {
        try MappedFile(path: path, descriptor: Descriptor(opening: path, .map))
    }

    package func exists(_ path: String) -> Bool { fileExists(path) }

    package func rename(_ source: String, to destination: String) throws(FileError) {
        try renameFile(source, destination)
    }

    package func remove(_ path: String) throws(FileError) { try removeFile(path) }

    package func list(_ directory: String) throws(FileError) -> [String] { try listDirectory(directory).sorted() }

    package func synchronizeDirectory(_ directory: String) throws(FileError) {
        try Descriptor(opening: directory, .directory).synchronize(path: directory)
    }

    package func lock(_ path: String, _ kind: FileLock.Kind) throws(FileError) -> FileLock? {
        // A shared lock needs no permission to write, and makes no file.
        let descriptor = try kind == .shared
            ? Descriptor(opening: path, .read) : Descriptor(opening: path, .lockFile, like: modelStatus)
        guard try descriptor.lock(kind, path: path) else { return nil }
        return FileLock(descriptor)
    }
}

/// The file that a path leads to now, there or not, by a path that means the same after a change of the working directory.
package func resolvedPath(_ path: String) throws(FileError) -> String {
    let end = try followingLinks(path)
    return end.hasPrefix("/") ? end : FileManager.default.currentDirectoryPath + "/" + end
}

/// Symbolic links of the last component; a directory's own lead where they must by themselves.
private func followingLinks(_ path: String) throws(FileError) -> String {
    var end = path
    for _ in 0..<40 {
        guard let target = linkTarget(end) else { return end }
        end = target.hasPrefix("/") ? target : splitPath(end).directory + "/" + target
    }
    throw FileError(operation: "follow", path: path, code: 0, reason: "its symbolic links lead in a circle")
}

/// The directory part of a path ("." when it has none) and its last component.
package func splitPath(_ path: String) -> (directory: String, name: String) {
    guard let slash = path.lastIndex(of: "/") else { return (".", path) }
    let directory = slash == path.startIndex ? "/" : String(path[..<slash])
    return (directory, String(path[path.index(after: slash)...]))
}
