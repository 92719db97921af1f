/// Closing a database, or dropping it: what is released and when, what later calls say, and what becomes of work under way.
import Causeway
import Foundation
import Synchronization
import Testing

/// The open and mapped files in a directory, of this process; nil where the system does not list them.
private func heldFiles(in directory: String) -> [String]? {
    guard let maps = FileHandle(forReadingAtPath: "/proc/self/maps").flatMap({ try? $0.readToEnd() }),
        let descriptors = try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")
    else { return nil }
    // The name is unique; the path may lead through links.
    let name = "/" + URL(filePath: directory).lastPathComponent + "/"
    let mapped = String(decoding: maps, as: UTF8.self).split(separator: "\n").map(String.init)
    let opened = descriptors.compactMap { try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/" + $0) }
    return (mapped + opened).filter { $0.contains(name) }
}

/// The first comparison waits until it is let on.
private struct Waiting: VectorComparison {
    final class Door: Sendable {
        let reached = DispatchSemaphore(value: 0)
        let opened = DispatchSemaphore(value: 0)
        fileprivate let wasReached = Atomic<Bool>(false)
    }

    let name = "waiting"
    let isSimilarity = true
    let door = Door()

    func value(query: Span<Float>, candidate: Span<Float>) -> Double {
        if !door.wasReached.exchange(true, ordering: .relaxed) {
            door.reached.signal()
            door.opened.wait()
        }
        return Double(candidate[0])
    }
}

struct ClosingTests {
    private let dimension = 16

    private func filled(_ count: Int) throws -> TemporaryDatabase {
        let temporary = try TemporaryDatabase()
        try temporary.collection().insert(clusteredEmbeddings(count, dimension: dimension, seed: 1), into: "v")
        return temporary
    }

    @Test func everyCallAfterClosingSaysSo() throws {
        let temporary = try filled(20)
        let database = temporary.database, collection = temporary.collection()
        let vector = [Float](repeating: 1, count: dimension)
        database.close()
        database.close()
        let calls: [(String, () throws -> Void)] = [
            ("list", { _ = try collection.list(in: "v") }), ("modalities", { _ = try collection.modalities() }),
            ("embedding", { _ = try collection.embedding(id: "1", in: "v") }),
            ("search", { _ = try collection.search(.vector(vector), in: "v") }),
            ("searches", { _ = try collection.search([.vector(vector), .embedding(id: "1")], in: "v", threads: 2) }),
            ("insert", { try collection.insert([Embedding(id: "x", vector: vector)], into: "v") }),
            ("delete", { try collection.delete(ids: ["1"], from: "v") }),
            ("set", { try collection.setMetadata("{}", of: "1", in: "v") }),
            ("build", { try collection.buildIndex() }), ("maintain", { try collection.maintainIndexes() }),
            ("status", { _ = try collection.indexStatus(of: "v") }),
            ("export", { try collection.export("v", to: ExportFiles(temporary.file("x.npy"))) }),
            ("collections", { _ = try database.collections() }), ("info", { _ = try database.info() }),
            ("check", { _ = try database.check(deep: false) }), ("repair", { _ = try database.repair(dryRun: true) }),
            ("backup", { try database.backup(to: temporary.file("copy.db")) }), ("compact", { try database.compact() }),
        ]
        for (name, call) in calls { #expect(throws: CausewayError.closed(path: temporary.path), "\(name)") { try call() } }
        #expect(CausewayError.closed(path: "x.db").description == "x.db was closed; open it again")
        #expect(try Database(path: temporary.path, access: .readOnly).collection("c").modality("v").count == 20)
    }

    /// SQLite needs them for reading too, and does not remove them then.
    @Test func readingLeavesAnEmptyLogUntilAWriterCloses() throws {
        let temporary = try filled(20)
        temporary.database.close()
        func logs() throws -> [String] {
            try FileManager.default.contentsOfDirectory(atPath: temporary.directory)
                .filter { $0.hasSuffix("-wal") || $0.hasSuffix("-shm") }.sorted()
        }
        #expect(try logs() == [])
        let before = try Data(contentsOf: URL(filePath: temporary.path))
        let reader = try Database(path: temporary.path, access: .readOnly)
        #expect(try reader.collection("c").modality("v").count == 20)
        reader.close()
        #expect(try logs() == ["test.db-shm", "test.db-wal"])
        #expect(try Data(contentsOf: URL(filePath: temporary.path + "-wal")).isEmpty)
        #expect(try Data(contentsOf: URL(filePath: temporary.path)) == before)
        let writer = try Database(path: temporary.path, upkeep: .manual)
        try writer.collection("c").setMetadata("{}", of: "1", in: "v")
        writer.close()
        #expect(try logs() == [])
    }

    @Test(.enabled(if: isOptimised, "kernels are slow without optimisation")) func closingLetsGoOfEveryFile() throws {
        let temporary = try filled(2_200)
        #expect(try temporary.collection().buildIndex().map(\.outcome) == [.built])
        let query = Query.vector([Float](repeating: 1, count: dimension))
        #expect(try temporary.collection().search(query, in: "v").explanation.plan == "graph")
        guard let before = heldFiles(in: temporary.directory) else { return }
        #expect(before.contains { $0.contains("-graph-") })
        temporary.database.close()
        #expect(heldFiles(in: temporary.directory) == [])
    }

    @Test func aSearchUnderWayEndsAndLetsGoThen() throws {
        let temporary = try filled(50)
        let waiting = Waiting()
        let options = SearchOptions(metric: try Metric(waiting), effort: .exact)
        let hits = Mutex<[Hit]?>(nil)
        let done = DispatchSemaphore(value: 0)
        let collection = temporary.collection(), count = dimension
        Thread.detachNewThread {
            let found = try? collection.search(.vector([Float](repeating: 1, count: count)), in: "v", options: options)
            hits.withLock { $0 = found?.hits }
            done.signal()
        }
        #expect(waiting.door.reached.wait(timeout: .now() + 60) == .success)
        temporary.database.close()
        #expect(throws: CausewayError.closed(path: temporary.path)) { try collection.modalities() }
        let during = heldFiles(in: temporary.directory)
        #expect(during?.isEmpty != true, "it reads")
        waiting.door.opened.signal()
        #expect(done.wait(timeout: .now() + 60) == .success)
        #expect(hits.withLock { $0?.count } == 10)
        if during != nil { #expect(heldFiles(in: temporary.directory) == []) }
    }

    /// Closed by its own progress handler, as by another thread.
    @Test func anIngestUnderWayEndsWithTheBatchThatIsWritten() throws {
        let temporary = try filled(20)
        let database = temporary.database
        let fresh = clusteredEmbeddings(100, dimension: dimension, seed: 2, prefix: "n")
        #expect(throws: CausewayError.closed(path: temporary.path)) {
            try temporary.collection().insert(fresh, into: "v", options: IngestOptions(batchSize: 10)) { progress in
                if progress.done == 30 { database.close() }
                return true
            }
        }
        let again = try Database(path: temporary.path, upkeep: .manual)
        #expect(try again.collection("c").modality("v").count == 50)
        #expect(try again.check(deep: true).isEmpty)
    }

    /// What it was doing for the indexes comes to its end first.
    @Test(.enabled(if: isOptimised, "kernels are slow without optimisation")) func aDroppedDatabaseIsClosed() throws {
        let temporary = try filled(2_200)
        #expect(try temporary.collection().buildIndex().map(\.outcome) == [.built])
        try temporary.collection().delete(ids: (0..<300).map(String.init), from: "v")
        temporary.database.close()
        do {
            let dropped = try Database(path: temporary.path)
            try dropped.collection("c").delete(ids: ["300"], from: "v")
        }
        func isOver() -> Bool {
            !FileManager.default.fileExists(atPath: temporary.path + "-wal") && heldFiles(in: temporary.directory) ?? [] == []
        }
        for _ in 0..<600 where !isOver() { Thread.sleep(forTimeInterval: 0.1) }
        #expect(isOver(), "it was not closed")
        let again = try Database(path: temporary.path, access: .readOnly)
        #expect(try again.collection("c").indexStatus(of: "v").deletedSince == 0)
        #expect(try again.check(deep: true).isEmpty)
    }
}
