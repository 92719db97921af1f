/// Whom writers wait for and whom not: they take turns, and neither closing nor a checkpoint waits for readers.
import Foundation
import Platform
import Storage
import Synchronization
import Testing

/// Writes again and again, with hardly a moment between two transactions, until it is told to stop.
private final class BusyWriter: Sendable {
    private let isStopped = Atomic<Bool>(false)
    private let done = DispatchSemaphore(value: 0)

    init(_ store: Store) {
        Thread.detachNewThread { [self] in
            while !isStopped.load(ordering: .relaxed) {
                try? store.write { _ in Thread.sleep(forTimeInterval: 0.01) }
            }
            done.signal()
        }
    }

    func stop() {
        isStopped.store(true, ordering: .relaxed)
        done.wait()
    }
}

private func seconds(_ body: () throws -> Void) rethrows -> Double {
    let clock = ContinuousClock()
    let start = clock.now
    try body()
    return (clock.now - start) / .seconds(1)
}

private func waiting(_ lockWait: Duration) -> StoreOptions {
    var options = StoreOptions()
    options.lockWait = lockWait
    return options
}

// MARK: Turns

/// The busy one is in another thread, or has a descriptor of its own as another process would.
@Test(arguments: [true, false]) func aSmallWriterHasItsTurnBesideABusyOne(inOneStore: Bool) throws {
    let fixture = try Fixture(options: waiting(.seconds(1)))
    let busy = BusyWriter(inOneStore ? fixture.store : try Store(path: fixture.path, access: .readWrite))
    defer { busy.stop() }
    for number in 0..<20 {
        try fixture.store.write { _ = try $0.ensureCollection(named: "by turns \(number)") }
    }
    #expect(try fixture.store.read { try $0.collections().count } == 21)
}

@Test func aForeignTransactionIsWaitedForAsLongAsAnother() throws {
    let fixture = try Fixture(options: waiting(.milliseconds(200)))
    try withForeignTransaction(on: fixture.path) { () throws in
        let waited = seconds {
            guard case .busy = error({ try fixture.store.write { _ in } }) else { Issue.record("written"); return }
        }
        #expect((0.2..<3).contains(waited), "it waited \(waited) s")
        #expect(try fixture.store.read { try $0.collections().count } == 1, "readers go on")
    }
    try fixture.store.write { _ = try $0.ensureCollection(named: "after") }
}

@Test func aWriterWaitsForAsLongAsItIsLetTo() throws {
    let fixture = try Fixture(options: waiting(.milliseconds(10)))
    let other = try Store(path: fixture.path, access: .readWrite)
    try other.write { _ in
        var questions = 0
        func goesOn() -> Bool {
            questions += 1
            return questions < 4
        }
        let problem = error { try fixture.store.write(waitingWhile: goesOn) { _ in } }
        #expect(problem == .interrupted(operation: "waiting for another writer") && questions == 4)
    }
    #expect(try fixture.store.write(waitingWhile: { false }) { try $0.collections().count } == 1, "there is nobody to wait for")
}

@Test func aMissingDirectoryIsNamed() throws {
    let directory = try TemporaryDirectory()
    let path = directory.file("nowhere/db")
    #expect(error { try Store(path: path, access: .create) } == .missingDirectory(path: path))
    #expect(error { try Store(path: path, access: .readWrite) } == .notFound(path: path))
}

// MARK: Readers

/// A reader of the state before keeps the log from being emptied.
@Test func neitherClosingNorACheckpointWaitsForReaders() throws {
    let fixture = try Fixture()
    try fixture.insert(plainBatch(5, dimension: 8))
    try fixture.store.read { reader in
        var options = StoreOptions()
        options.checkpointBytes = 0
        let store = try Store(path: fixture.path, access: .readWrite, options: options)
        let waited = try seconds {
            for number in 0..<3 { try store.write { _ = try $0.ensureCollection(named: "\(number)") } }
            store.close()
        }
        #expect(waited < 5, "it waited \(waited) s")
        #expect(try reader.collections().count == 1)
        #expect(FileManager.default.fileExists(atPath: fixture.path + "-wal"))
    }
    try fixture.store.write { _ = try $0.ensureCollection(named: "last") }
    fixture.store.close()
    #expect(!FileManager.default.fileExists(atPath: fixture.path + "-wal"))
}

/// It waits for a while to empty the log, and writers do not wait with it.
@Test func compactingBesideAReaderLetsWritersIn() throws {
    let fixture = try Fixture(options: waiting(.milliseconds(1_500)))
    try fixture.insert(plainBatch(50, dimension: 8))
    try fixture.store.read { reader in
        #expect(try reader.collections().count == 1)
        let found = Mutex<StorageError?>(nil)
        let done = DispatchSemaphore(value: 0)
        Thread.detachNewThread {
            let problem = error { try fixture.store.compact() }
            found.withLock { $0 = problem }
            done.signal()
        }
        Thread.sleep(forTimeInterval: 0.3)
        let other = try Store(path: fixture.path, access: .readWrite, options: waiting(.milliseconds(500)))
        try other.write { _ = try $0.ensureCollection(named: "meanwhile") }
        #expect(done.wait(timeout: .now() + 20) == .success, "it waits for ever")
        #expect(found.withLock { $0 } == nil)
    }
    #expect(try fixture.store.check(deep: true) == [])
}

// MARK: Closing

@Test func closingWaitsForTheTransactionUnderWay() throws {
    let fixture = try Fixture()
    let hasBegun = DispatchSemaphore(value: 0)
    Thread.detachNewThread {
        try? fixture.store.write { writer in
            _ = try writer.ensureCollection(named: "under way")
            hasBegun.signal()
            Thread.sleep(forTimeInterval: 0.2)
        }
    }
    hasBegun.wait()
    fixture.store.close()
    #expect(!FileManager.default.fileExists(atPath: fixture.path + "-wal"), "the log is folded in by the last to close")
    #expect(try fixture.store.read { try $0.collections().count } == 2)
}

@Test func aStoreThatGoesIsClosed() throws {
    let fixture = try Fixture()
    fixture.store.close()
    for number in 0..<3 {
        let store = try Store(path: fixture.path, access: .readWrite)
        try store.write { _ = try $0.ensureCollection(named: "\(number)") }
    }
    #expect(!FileManager.default.fileExists(atPath: fixture.path + "-wal"))
    #expect(try fixture.store.read { try $0.collections().count } == 4)
}
