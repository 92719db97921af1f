/// Copies of what can only be read forward, for readers that go back: in memory, or where large in a temporary file that has
/// lost its name. Interprets nothing.
import Foundation
import Platform

/// The bytes of a path, to be read from the start as often as need be: a regular file itself, of a pipe or of standard input
/// ("-") a copy, in memory up to about `memoryBytesMax`.
package func openRereadable(
    _ path: String, fileSystem: any FileSystem = PosixFileSystem(), memoryBytesMax: Int = Limits.spoolMemoryBytesMax
) throws(VectorFileError) -> any ByteSource {
    let stream = try StreamSource(path: path, fileSystem: fileSystem)
    if stream.isRegularFile { return try FileSource(path: path, fileSystem: fileSystem) }
    return try spooled(stream, fileSystem: fileSystem, memoryBytesMax: memoryBytesMax)
}

/// A copy of the bytes from `offset` to the end.
func spooled(
    _ source: any ByteSource, from offset: Int = 0, fileSystem: any FileSystem,
    memoryBytesMax: Int = Limits.spoolMemoryBytesMax
) throws(VectorFileError) -> any ByteSource {
    var bytes: [UInt8] = []
    while bytes.count <= memoryBytesMax {
        let part = try source.read(1 << 20, at: offset + bytes.count)
        if part.isEmpty { return MemorySource(path: source.path, bytes: bytes) }
        bytes += part
    }
    return try spooledToFile(bytes, then: source, at: offset + bytes.count, fileSystem)
}

private func spooledToFile(
    _ first: [UInt8], then source: any ByteSource, at offset: Int, _ fileSystem: any FileSystem
) throws(VectorFileError) -> any ByteSource {
    let temporary = FileManager.default.temporaryDirectory.path + "/causeway-\(UUID().uuidString)"
    let file = try reportingFiles { () throws(FileError) in try fileSystem.createExclusively(temporary) }
    defer { try? fileSystem.remove(temporary) }  // the name goes, the open descriptor keeps the bytes
    var (part, next) = (first, offset)
    while !part.isEmpty {
        try reportingFiles { () throws(FileError) in try file.append(part) }
        part = try source.read(4 << 20, at: next)
        next += part.count
    }
    try reportingFiles { () throws(FileError) in try file.close() }
    return RenamedSource(path: source.path, base: try FileSource(path: temporary, fileSystem: fileSystem))
}

/// A spooled copy that names the original in errors.
private final class RenamedSource: ByteSource {
    let path: String
    private let base: any ByteSource
    init(path: String, base: any ByteSource) {
        self.path = path
        self.base = base
    }
    var size: Int? { base.size }
    var isSequential: Bool { false }
    func read(_ count: Int, at offset: Int) throws(VectorFileError) -> [UInt8] { try base.read(count, at: offset) }
}
