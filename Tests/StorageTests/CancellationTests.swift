/// What an end that is asked for stops, and what is left then: all that was there before, and nothing else.
import Foundation
import Platform
import Storage
import Testing

private struct Stoppable {
    static let rows = 3_000
    let fixture: Fixture
    let cancellation = Cancellation()
    let store: Store

    init() throws {
        fixture = try Fixture()
        try fixture.insert(plainBatch(Self.rows, dimension: 8))
        fixture.store.close()
        var options = StoreOptions()
        options.cancellation = cancellation
        store = try Store(path: fixture.path, access: .readWrite, options: options)
    }

    /// The error of what must be stopped; the database is as it was, and nothing lies beside it.
    func expectStopped(_ body: () throws -> Void, sourceLocation: SourceLocation = #_sourceLocation) throws {
        let before = try files()
        let error = #expect(throws: StorageError.self, sourceLocation: sourceLocation) { try body() }
        if case .interrupted? = error {} else { Issue.record("\(String(describing: error))", sourceLocation: sourceLocation) }
        let rows = try fixture.store.read { try $0.rows(of: fixture.modality.id) }
        #expect(rows.count == Self.rows, sourceLocation: sourceLocation)
        #expect(try fixture.store.check(deep: true) == [], sourceLocation: sourceLocation)
        #expect(try files().subtracting(before).filter { !$0.hasPrefix("db-") } == [], sourceLocation: sourceLocation)
    }

    private func files() throws -> Set<String> {
        Set(try FileManager.default.contentsOfDirectory(atPath: fixture.directory.path))
    }
}

@Test func aTransactionIsStoppedBetweenTwoSteps() throws {
    let it = try Stoppable()
    try it.expectStopped {
        _ = try it.store.write { writer in
            let rows = try writer.rows(of: it.fixture.modality.id)
            it.cancellation.cancel()
            return try writer.delete(rows)
        }
    }
}

@Test func aReadIsStoppedBetweenTwoSteps() throws {
    let it = try Stoppable()
    try it.expectStopped {
        _ = try it.store.read { reader in
            it.cancellation.cancel()
            return try reader.forEachVector(of: it.fixture.modality) { _, _ in }
        }
    }
}

/// Being stopped is no damage that a check could find.
@Test func aRepairIsStoppedAndTakenBack() throws {
    let it = try Stoppable()
    try it.expectStopped {
        _ = try it.store.repair(dryRun: false, copy: it.fixture.directory.file("before")) { _ in
            it.cancellation.cancel()
            return []
        }
    }
}

@Test func nothingBeginsAfterTheEndWasAskedFor() throws {
    let it = try Stoppable()
    it.cancellation.cancel()
    try it.expectStopped { try it.store.backup(to: it.fixture.directory.file("copy")) }
    try it.expectStopped { _ = try it.store.check(deep: true) }
    try it.expectStopped { try it.store.compact() }
}

/// A copy takes more than one step, and still is of one state.
@Test func aCopyOfManyPagesIsWhole() throws {
    let fixture = try Fixture(dimension: 512)
    try fixture.insert(plainBatch(3_000, dimension: 512))
    let path = fixture.directory.file("copy")
    try fixture.store.backup(to: path)
    #expect(try fixture.store.info().pageCount > 256)
    let copy = try Store(path: path, access: .readOnly)
    #expect(try copy.check(deep: true) == [])
    #expect(try copy.read { try $0.count(of: fixture.modality.id) } == 3_000)
}

@Test func aBackupThatCannotBeWrittenNamesItsPlace() throws {
    let fixture = try Fixture()
    let path = fixture.directory.file("nowhere/copy")
    let error = #expect(throws: StorageError.self) { try fixture.store.backup(to: path) }
    #expect(error?.description.contains("cannot write \(path): ") == true, "\(String(describing: error))")
}
