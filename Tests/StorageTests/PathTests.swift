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
        #expect(throws: StorageError.locked(path: link)) { try second.write { _ in } }
        #expect(try second.read { try $0.collections().map(\.name) } == ["c"])
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

/// A database whose process was killed, then removed without its log.
@Test func nothingIsPutBesideTheLogOfADatabaseThatIsGone() throws {
    let fixture = try Fixture()
    try fixture.insert(plainBatch(5, dimension: 8))
    let gone = fixture.directory.file("gone")
    for log in ["-wal", "-journal"] {
        try FileManager.default.copyItem(atPath: fixture.path + "-wal", toPath: gone + log)
        let refusal = StorageError.leftoverLog(path: gone + log)
        #expect(throws: refusal) { try fixture.store.backup(to: gone) }
        #expect(throws: refusal) { try Store(path: gone, access: .create) }
        #expect(!FileManager.default.fileExists(atPath: gone) && !fixture.store.isFree(gone))
        let left = try Data(contentsOf: URL(fileURLWithPath: gone + log))
        #expect(!left.isEmpty, "the commits in it may be wanted")
        // As a reader leaves it.
        try Data().write(to: URL(fileURLWithPath: gone + log))
    }
    try fixture.store.backup(to: gone)
    let copy = try Store(path: gone, access: .readOnly)
    #expect(try copy.check(deep: true) == [] && copy.read { try $0.count(of: fixture.modality.id) } == 5)
}
