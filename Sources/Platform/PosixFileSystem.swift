/// The real file system: POSIX calls, each retried on EINTR and reported with its path.
package struct PosixFileSystem: FileSystem {
    package init() {}

    package func openForReading(_ path: String) throws(FileError) -> any ReadableFile {
        try PosixFile(path: path, descriptor: Descriptor(opening: path, .read))
    }

    package func createExclusively(_ path: String) throws(FileError) -> any WritableFile {
        try PosixFile(path: path, descriptor: Descriptor(opening: path, .createExclusively))
    }

    package func map(_ path: String) throws(FileError) -> MappedFile {
        try MappedFile(path: path, descriptor: Descriptor(opening: path, .read))
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
        let descriptor = try Descriptor(opening: path, kind == .shared ? .read : .lockFile)
        guard try descriptor.lock(kind, path: path) else { return nil }
        return FileLock(descriptor)
    }
}

/// Standard output as a file that is only appended to: overwriting and synchronising are for files with a name.
package func openStandardOutput() throws(FileError) -> any WritableFile {
    try PosixFile(path: "-", descriptor: Descriptor(opening: "-", .standardOutput))
}

/// The directory part of a path ("." when it has none) and its last component.
package func splitPath(_ path: String) -> (directory: String, name: String) {
    guard let slash = path.lastIndex(of: "/") else { return (".", path) }
    let directory = slash == path.startIndex ? "/" : String(path[..<slash])
    return (directory, String(path[path.index(after: slash)...]))
}
