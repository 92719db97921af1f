/// Who may read and write what is made beside a database: who may read and write the database.
import Foundation
import Storage
import Testing

private func permissions(_ path: String) throws -> Int? {
    try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
}

@Test(arguments: [0o600, 0o640, 0o666]) func locksAndCopiesAreAsPrivateAsTheDatabase(mode: Int) throws {
    let fixture = try Fixture()
    fixture.store.close()
    try FileManager.default.removeItem(atPath: fixture.path + "-lock")
    try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: fixture.path)
    let store = try Store(path: fixture.path, access: .readWrite)
    _ = try store.write { try $0.ensureCollection(named: "more") }
    let copy = fixture.directory.file("copy"), exact = fixture.directory.file("exact")
    try store.backup(to: copy)
    try execute("UPDATE modality SET live = 7", on: fixture.path)
    #expect(try store.repair(dryRun: false, copy: exact).copy == exact)
    for path in ["-lock", "-wal"].map({ fixture.path + $0 }) + [copy, exact] {
        #expect(try permissions(path) == mode, "\(path)")
    }
}

@Test func aDatabaseThatMayOnlyBeReadHasACopyThatItsOwnerMayWrite() throws {
    let fixture = try Fixture()
    fixture.store.close()
    try FileManager.default.setAttributes([.posixPermissions: 0o444], ofItemAtPath: fixture.path)
    let copy = fixture.directory.file("copy")
    try Store(path: fixture.path, access: .readOnly).backup(to: copy)
    #expect(try permissions(copy) == 0o644)
    #expect(try Store(path: copy, access: .readWrite).write { try $0.collections().map(\.name) } == ["c"])
}
