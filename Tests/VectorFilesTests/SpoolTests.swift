/// Pipes that are read more than once: the copy holds what the pipe did, in memory or in a file, and starts over.
import Foundation
import Platform
import TestSupport
import Testing
import VectorFiles

/// A pipe under "-", and the real file system for everything else.
private struct FileSystemWithPipe: ForwardingFileSystem {
    let pipe: MemoryFile
    init(_ bytes: [UInt8]) { pipe = MemoryFile(bytes, isSeekable: false) }

    func openForReading(_ path: String) throws(FileError) -> any ReadableFile {
        if path == "-" { return pipe }
        return try PosixFileSystem().openForReading(path)
    }
}

struct SpoolTests {
    /// 0 and 1 MiB go over to a file; the whole fits 8 MiB.
    @Test(arguments: [0, 1 << 20, 8 << 20]) func aPipeIsReadAgainAndAgain(memoryBytesMax: Int) throws {
        let bytes = (0..<5_000_000).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 9) }
        let source = try openRereadable("-", fileSystem: FileSystemWithPipe(bytes), memoryBytesMax: memoryBytesMax)
        #expect(source.path == "-" && source.size == bytes.count && !source.isSequential)
        for _ in 0..<2 {
            let read = try source.read(bytes.count + 1, at: 0)
            #expect(read == bytes)
        }
        #expect(try source.read(10, at: 4_999_995) == Array(bytes[4_999_995...]))
    }

    @Test func anEmptyPipeIsEmpty() throws {
        let source = try openRereadable("-", fileSystem: FileSystemWithPipe([]))
        #expect(source.size == 0)
        #expect(try LineReader(source: source).next() == nil)
    }
}
