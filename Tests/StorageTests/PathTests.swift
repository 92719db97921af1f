/// What a path means: links lead to one database with one log and one lock, and a file that was replaced is not the one opened.
import Foundation
import Platform
import Storage
import Testing

@Test func aLinkLeadsToTheDatabaseItsLogAndItsLock() throws {
    let fixture = try Fixture()
    let elsewhere = fixture.directory.file("elsewhere"), link = elsewhere + "/link"
    try FileManager.default.createDirectory(atPath: elsewhere, withIntermediateDirectories: false)
    try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: "../db")
    var options = StoreOptions()
    options.lockWait = .milliseconds(30)
    let second = try Store(path: link, access: .readWrite, options: options)
    try fixture.store.write { (_) throws in
        #expect(throws: StorageError.locked(path: link), "by the path as it was given") { try second.write { _ in } }
    }
    _ = try second.write { try $0.ensureCollection(named: "through") }
    #expect(try fixture.store.read { try $0.collections().map(\.name) } == ["c", "through"])
    #expect(try FileManager.default.contentsOfDirectory(atPath: elsewhere) == ["link"])
}

@Test func aLinkToNothingIsWhereADatabaseIsMade() throws {
    let directory = try TemporaryDirectory()
    try FileManager.default.createSymbolicLink(atPath: directory.file("link"), withDestinationPath: "new")
    let store = try Store(path: directory.file("link"), access: .create)
    _ = try store.write { try $0.ensureCollection(named: "c") }
    #expect(FileManager.default.fileExists(atPath: directory.file("new-lock")))
    #expect(try Store(path: directory.file("new"), access: .readOnly).read { try $0.collections().count } == 1)
}

@Test func aRelativePathMeansTheSameWhateverTheWorkingDirectoryBecomes() throws {
    #expect(try resolvedPath("some/db") == FileManager.default.currentDirectoryPath + "/some/db")
    #expect(try resolvedPath("/some/db") == "/some/db")
}

@Test func aFileThatWasReplacedIsNotMixedWithTheOneOpened() throws {
    let fixture = try Fixture()
    fixture.store.close()
    let other = try Store(path: fixture.directory.file("other"), access: .create)
    _ = try other.write { try $0.ensureCollection(named: "other") }
    other.close()
    let store = try Store(path: fixture.path, access: .readWrite)
    try store.read { (reader) throws in
        #expect(try reader.collections().map(\.name) == ["c"])
        for suffix in ["", "-wal", "-shm"] { try? FileManager.default.removeItem(atPath: fixture.path + suffix) }
        try FileManager.default.moveItem(atPath: other.path, toPath: fixture.path)
        let replaced = StorageError.replaced(path: fixture.path)
        #expect(throws: replaced) { try store.read { try $0.collections() } }
        #expect(throws: replaced) { try store.write { _ in } }
    }
}
