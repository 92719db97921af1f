/// The seam through which every file but SQLite's own is reached, so that a test can replace, fail, drop or tear any call.
/// Not a general file API: only what Causeway does to files.
package protocol FileSystem: Sendable {
    /// The same files. Those made through it, locks included, may be read and written by whoever may the one at `path`, where
    /// there is one, and belong to its owner where they may be given away.
    func creating(like path: String) -> any FileSystem
    /// Opens an existing regular file for reading at any offset.
    func openForReading(_ path: String) throws(FileError) -> any ReadableFile
    /// Creates a file that must not exist yet (O_EXCL), for appending.
    func createExclusively(_ path: String) throws(FileError) -> any WritableFile
    /// Where a result that is asked for under a name must go. Creates nothing; opening a pipe waits for its reader.
    func destination(_ path: String) throws(FileError) -> FileDestination
    /// Maps a whole file read-only. Its size is taken from the open descriptor, never from a header.
    func map(_ path: String) throws(FileError) -> MappedFile
    func exists(_ path: String) -> Bool
    /// Atomic replacement within one directory; durable only after `synchronizeDirectory`.
    func rename(_ source: String, to destination: String) throws(FileError)
    func remove(_ path: String) throws(FileError)
    /// Names (not paths) of a directory's entries, sorted.
    func list(_ directory: String) throws(FileError) -> [String]
    /// fsync of a directory, after which creations, renames and removals in it survive a power loss.
    func synchronizeDirectory(_ directory: String) throws(FileError)
    /// An advisory lock (flock) on `path`, which an exclusive lock creates when missing; nil when another holder has it:
    /// whoever waits for that one looks now and then, and can be stopped.
    func lock(_ path: String, _ kind: FileLock.Kind) throws(FileError) -> FileLock?
}

extension FileSystem {
    /// Where permissions do not matter, as in tests.
    package func creating(like path: String) -> any FileSystem { self }
}

/// What stands under a name that is to be written.
package enum FileDestination: Sendable {
    /// A regular file, or none yet, which a whole new one may replace: at this path, where symbolic links lead.
    case file(String)
    /// A device, a pipe, or "-" for standard output, which take bytes as they come.
    case stream(any WritableFile)
}

/// A file open for reading. Reads past the end return fewer bytes; they never fail.
package protocol ReadableFile: AnyObject, Sendable {
    var path: String { get }
    var size: Int { get }
    /// False for pipes and terminals, which can only be read in order.
    var isSeekable: Bool { get }
    /// Fills `buffer` from `offset`; returns the number of bytes read, fewer only at the end of the file.
    func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int) throws(FileError) -> Int
}

/// A file being written, from its start to its end.
package protocol WritableFile: AnyObject, Sendable {
    var path: String { get }
    func append(_ bytes: UnsafeRawBufferPointer) throws(FileError)
    /// Overwrites bytes that were appended before (a header that is known last).
    func write(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws(FileError)
    /// fsync (F_FULLFSYNC on Darwin). After a failure the file must be given up: retrying fsync can lie.
    func synchronize() throws(FileError)
    func close() throws(FileError)
}

extension ReadableFile {
    /// `count` bytes from `offset`, or as many as there are.
    package func read(count: Int, at offset: Int) throws(FileError) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        let got = try readAll(into: &bytes, at: offset)
        bytes.removeLast(count - got)
        return bytes
    }
}

extension WritableFile {
    package func append(_ bytes: [UInt8]) throws(FileError) { try appendAll(bytes) }
}

/// A call to the operating system that failed: which, on what, why.
package struct FileError: Error, Equatable, Sendable, CustomStringConvertible {
    package var operation: String
    package var path: String
    /// The C library's error number, or 0 where the fault is not the system's (a short file).
    package var code: Int32
    package var reason: String

    package init(operation: String, path: String, code: Int32, reason: String? = nil) {
        self.operation = operation
        self.path = path
        self.code = code
        self.reason = reason ?? systemMessage(code)
    }

    package var isMissing: Bool { code == noSuchFileCode }
    /// What was to be created is there.
    package var isTaken: Bool { code == fileExistsCode }
    /// The reader of a pipe has gone away.
    package var isClosedPipe: Bool { code == closedPipeCode }
    package var isDiskFull: Bool { code == diskFullCode }
    package var description: String { "cannot \(operation) \(path): \(reason)" }
}

/// A held advisory lock; released when closed or deinitialised, and by the kernel when the process dies.
package final class FileLock: Sendable {
    package enum Kind: Sendable { case shared, exclusive }
    private let descriptor: Descriptor
    init(_ descriptor: consuming Descriptor) { self.descriptor = descriptor }
}
