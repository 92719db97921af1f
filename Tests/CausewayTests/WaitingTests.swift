/// Waiting for other writers: how long, what is said then, and that work of minutes is not given up for it.
import Causeway
import Foundation
import Platform
import Synchronization
import Testing

struct WaitingTests {
    private let dimension = 16

    private func lock(_ path: String) -> FileLock? { try? PosixFileSystem().lock(path + "-lock", .exclusive) }

    private func graphFiles(_ temporary: TemporaryDatabase) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: temporary.directory).filter { $0.contains("-graph-") }
    }

    @Test func aWriterThatDoesNotEndIsReportedAfterTheWait() throws {
        let temporary = try TemporaryDatabase()
        let embedding = Embedding(id: "1", vector: [1, 2])
        let database = try Database(path: temporary.path, lockWait: 0.3, upkeep: .manual)
        do {
            let held = lock(temporary.path)
            #expect(held != nil)
            let clock = ContinuousClock()
            let start = clock.now
            #expect(throws: CausewayError.locked(path: temporary.path)) {
                try database.collection("c").insert([embedding], into: "v")
            }
            let waited: Double = (clock.now - start) / .seconds(1)
            #expect((0.3..<3).contains(waited), "it waited \(waited) s")
            #expect(try database.collections().isEmpty, "readers go on")
            withExtendedLifetime(held) {}
        }
        #expect(try database.collection("c").insert([embedding], into: "v").inserted == 1)
    }

    @Test func aDatabaseThatAnotherIsMakingIsReported() throws {
        let temporary = try TemporaryDatabase()
        let path = temporary.file("new.db")
        do {
            let held = lock(path)
            #expect(throws: CausewayError.locked(path: path)) { try Database(path: path, lockWait: 0.1) }
            withExtendedLifetime(held) {}
        }
        #expect(try Database(path: path, lockWait: 0.1).collections().isEmpty)
    }

    // MARK: Builds

    /// Embeddings that deserve an index, the lock that keeps others from writing taken when the graph is being written, and a
    /// database that waits for a tenth of a second.
    private func build(
        _ temporary: TemporaryDatabase, whileWaiting goOn: @escaping @Sendable (_ lock: inout FileLock?, _ waits: Int) -> Bool
    ) throws -> (outcomes: [IndexReport.Outcome], waits: [String]) {
        try temporary.collection().insert(clusteredEmbeddings(2_200, dimension: dimension, seed: 1), into: "v")
        let database = try Database(path: temporary.path, lockWait: 0.1, upkeep: .manual)
        let path = temporary.path
        let state = Mutex<(lock: FileLock?, isTaken: Bool, waits: [String])>((nil, false, []))
        let outcomes = try database.collection("c").buildIndex { [self] progress in
            state.withLock { state in
                if progress.stage == "write", !state.isTaken { (state.lock, state.isTaken) = (lock(path), true) }
                guard let obstacle = progress.waitsFor else { return true }
                state.waits.append(obstacle)
                return goOn(&state.lock, state.waits.count)
            }
        }.map(\.outcome)
        return (outcomes, state.withLock { $0.waits })
    }

    @Test(.enabled(if: isOptimised, "kernels are slow without optimisation")) func aBuildWaitsForOtherWriters() throws {
        let temporary = try TemporaryDatabase()
        let (outcomes, waits) = try build(temporary) { lock, waits in
            if waits == 5 { lock = nil }
            return true
        }
        #expect(outcomes == [.built] && waits == Array(repeating: "another writer", count: 5))
        #expect(try temporary.collection().indexStatus(of: "v").state == .current)
    }

    @Test(.enabled(if: isOptimised, "kernels are slow without optimisation")) func aBuildThatMayNotWaitLeavesNothing() throws {
        let temporary = try TemporaryDatabase()
        #expect(throws: CausewayError.cancelled) { try build(temporary) { _, waits in waits < 3 } }
        #expect(try graphFiles(temporary).isEmpty)
        #expect(try temporary.collection().buildIndex().map(\.outcome) == [.built])
        #expect(try graphFiles(temporary).count == 1)
    }
}
