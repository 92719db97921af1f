/// Results under a name that is taken: a pipe is written to, a link is followed, and neither becomes a file.
import Foundation
import Platform
import Synchronization
import Testing
import VectorFiles

struct DestinationTests {
    private func write(_ line: String, to path: String) throws {
        let writer = try LineWriter(path: path)
        try writer.append(line)
        try writer.finish()
    }

    @Test func aPipeIsWrittenToAndStaysAPipe() throws {
        let scratch = try Scratch()
        let path = scratch.path("pipe")
        try makePipe(path)
        let read = Mutex<[UInt8]?>(nil)
        let done = DispatchSemaphore(value: 0)
        Thread.detachNewThread {
            let bytes = try? PosixFileSystem().openForReading(path).read(count: 100, at: 0)
            read.withLock { $0 = bytes }
            done.signal()
        }
        try write("through", to: path)
        #expect(done.wait(timeout: .now() + 20) == .success, "its reader waits for ever")
        #expect(read.withLock { $0 } == Array("through\n".utf8))
        let type = try FileManager.default.attributesOfItem(atPath: path)[.type] as? FileAttributeType
        #expect(type != .typeRegular)
        #expect(try FileManager.default.contentsOfDirectory(atPath: scratch.directory) == ["pipe"])
    }

    @Test func aDeviceTakesBytesAsTheyCome() throws {
        guard case .stream = try PosixFileSystem().destination("/dev/null") else {
            Issue.record("/dev/null would be replaced")
            return
        }
        try write("gone", to: "/dev/null")
    }

    /// What links lead to is replaced, in its own directory, and made where it is missing.
    @Test(arguments: ["old\n", nil]) func linksAreFollowed(content: String?) throws {
        let scratch = try Scratch()
        let files = FileManager.default
        try files.createDirectory(atPath: scratch.path("there"), withIntermediateDirectories: false)
        if let content { try scratch.write("there/target", Array(content.utf8)) }
        try files.createSymbolicLink(atPath: scratch.path("there/second"), withDestinationPath: "target")
        try files.createSymbolicLink(atPath: scratch.path("first"), withDestinationPath: scratch.path("there/second"))
        try write("new", to: scratch.path("first"))
        #expect(try scratch.read(scratch.path("there/target")) == Array("new\n".utf8))
        #expect(try files.destinationOfSymbolicLink(atPath: scratch.path("first")) == scratch.path("there/second"))
        #expect(try files.contentsOfDirectory(atPath: scratch.path("there")).sorted() == ["second", "target"])
    }

    @Test func linksInACircleAreRefused() throws {
        let scratch = try Scratch()
        try FileManager.default.createSymbolicLink(atPath: scratch.path("a"), withDestinationPath: "b")
        try FileManager.default.createSymbolicLink(atPath: scratch.path("b"), withDestinationPath: "a")
        #expect(refusal { try LineWriter(path: scratch.path("a")) }?.reason.contains("circle") == true)
    }

    @Test func aDirectoryIsRefusedBeforeAnythingIsWritten() throws {
        let scratch = try Scratch()
        #expect(refusal { try LineWriter(path: scratch.directory) } != nil)
    }
}
