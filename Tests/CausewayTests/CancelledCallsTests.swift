/// Ending what a database is doing, from another thread and from a task: every call throws, nothing is left behind, and the same
/// database goes on.
import Causeway
import Foundation
import Platform
import Synchronization
import Testing

private typealias Cancellation = Causeway.Cancellation

extension Causeway.Cancellation {
    /// As whoever cancels a task would.
    fileprivate func cancelFromAnotherThread() {
        Thread.detachNewThread { self.cancel() }
        while !isCancelled { Thread.sleep(forTimeInterval: 0.0001) }
    }
}

struct CancelledCallsTests {
    private static let rows = 3_000

    /// Compares nothing; says when it is first asked to.
    private final class Watched: VectorComparison {
        let name = "watched"
        let isSimilarity = true
        let calls = Mutex(0)
        private let first: @Sendable () -> Void

        init(_ first: @escaping @Sendable () -> Void) { self.first = first }

        func value(query: Span<Float>, candidate: Span<Float>) -> Double {
            if calls.withLock({ calls in calls += 1; return calls == 1 }) { first() }
            return 0
        }
    }

    /// The real file system, told of every file that is mapped or made.
    private final class WatchedFileSystem: FileSystem {
        private let base = PosixFileSystem()
        private let touched: @Sendable (String) -> Void
        init(_ touched: @escaping @Sendable (String) -> Void) { self.touched = touched }

        func map(_ path: String) throws(FileError) -> MappedFile {
            touched(path)
            return try base.map(path)
        }
        func createExclusively(_ path: String) throws(FileError) -> any WritableFile {
            touched(path)
            return try base.createExclusively(path)
        }
        func openForReading(_ path: String) throws(FileError) -> any ReadableFile { try base.openForReading(path) }
        func destination(_ path: String) throws(FileError) -> FileDestination { try base.destination(path) }
        func exists(_ path: String) -> Bool { base.exists(path) }
        func rename(_ source: String, to destination: String) throws(FileError) {
            try base.rename(source, to: destination)
        }
        func remove(_ path: String) throws(FileError) { try base.remove(path) }
        func list(_ directory: String) throws(FileError) -> [String] { try base.list(directory) }
        func synchronizeDirectory(_ directory: String) throws(FileError) { try base.synchronizeDirectory(directory) }
        func lock(_ path: String, _ kind: FileLock.Kind) throws(FileError) -> FileLock? { try base.lock(path, kind) }
    }

    private func filled(_ count: Int = rows) throws -> TemporaryDatabase {
        let temporary = try TemporaryDatabase()
        try temporary.collection().insert(clusteredEmbeddings(count, dimension: 8, seed: 1), into: "image")
        try temporary.collection().insert(clusteredEmbeddings(200, dimension: 8, seed: 2, prefix: "t"), into: "text")
        return temporary
    }

    private func files(_ temporary: TemporaryDatabase) throws -> Set<String> {
        Set(try FileManager.default.contentsOfDirectory(atPath: temporary.directory).filter { !$0.hasPrefix("test.db-") })
    }

    @Test func aSearchIsEndedWithinIt() throws {
        let temporary = try filled()
        let cancellation = Cancellation()
        let database = try Database(path: temporary.path, upkeep: .manual, cancellation: cancellation)
        defer { database.close() }
        let images = database.collection("c"), query = Query.embedding(id: "7")
        let watched = Watched { cancellation.cancelFromAnotherThread() }
        let options = SearchOptions(metric: try Metric(watched), effort: .exact)
        #expect(throws: CausewayError.cancelled) { try images.search(query, in: "image", options: options) }
        #expect(watched.calls.withLock { $0 } < Self.rows / 2)
        #expect(throws: CausewayError.cancelled) { try images.search(query, in: "image") }
        #expect(throws: CausewayError.cancelled) { try images.delete(ids: ["7"], from: "image") }
        cancellation.reset()
        #expect(try images.search(query, in: "image").hits.first?.id == "7")
        #expect(try database.check(deep: true).isEmpty)
    }

    @Test func aBackupIsEndedAndLeavesNothing() throws {
        let temporary = try filled()
        let cancellation = Cancellation()
        let fileSystem = WatchedFileSystem { if $0.contains(".copy.db.") { cancellation.cancelFromAnotherThread() } }
        let database = try Database(
            path: temporary.path, access: .readOnly, lockWait: 5, expectedDimension: nil, fileSystem: fileSystem,
            cancellation: cancellation)
        defer { database.close() }
        let before = try files(temporary)
        #expect(throws: CausewayError.cancelled) { try database.backup(to: temporary.file("copy.db")) }
        #expect(cancellation.isCancelled)
        #expect(try files(temporary) == before)
        cancellation.reset()
        let other = try Database(path: temporary.path, upkeep: .manual)
        defer { other.close() }
        try other.backup(to: temporary.file("copy.db"))
        #expect(try Database(path: temporary.file("copy.db")).collection("c").modality("image").count == Self.rows)
    }

    @Test(.enabled(if: isOptimised, "kernels are slow without optimisation"))
    func aCheckIsEndedWithinIt() throws {
        let temporary = try filled()
        try temporary.collection().buildIndex(modalities: ["image"])
        let cancellation = Cancellation()
        let database = try Database(
            path: temporary.path, access: .readOnly, lockWait: 5, expectedDimension: nil,
            fileSystem: WatchedFileSystem { if $0.contains("-graph-") { cancellation.cancelFromAnotherThread() } },
            cancellation: cancellation)
        defer { database.close() }
        #expect(throws: CausewayError.cancelled) { try database.check(deep: true) }
        #expect(try temporary.database.check(deep: true).isEmpty)
    }

    /// Whatever moment it comes at. Each call is made again until it meets the end.
    @Test func everyLongCallIsEnded() throws {
        let temporary = try filled(400)
        let cancellation = Cancellation()
        let database = try Database(path: temporary.path, upkeep: .manual, cancellation: cancellation)
        defer { database.close() }
        let collection = database.collection("c"), target = temporary.file("out.npy")
        var gap = ModalityGapOptions()
        gap.transportSampleMax = 20
        let calls: [(String, () throws -> Void)] = [
            ("search", { _ = try collection.search((0..<100).map { .embedding(id: String($0)) }, in: "image") }),
            ("check", { _ = try database.check(deep: true) }),
            ("repair", { _ = try database.repair(dryRun: true) }),
            ("backup", { try database.backup(to: temporary.file(UUID().uuidString)) }),
            ("compact", { try database.compact() }),
            ("info", { _ = try database.info() }),
            ("calibrate", { try collection.calibrate(from: "text", to: "image") }),
            ("picture", { _ = try collection.picture(between: "text", and: "image") }),
            ("gap", { _ = try collection.gap(between: "text", and: "image", options: gap) }),
            ("evaluate", { _ = try collection.evaluate(from: "text", to: "image") }),
            ("evaluate with a bank", {
                _ = try collection.evaluate(from: "text", to: "image", scores: nil, normalization: .bank)
            }),
            ("audit", { _ = try collection.auditIndex(from: "text", to: "image") }),
            ("train", {
                var training = TrainingOptions(method: .ridge)
                training.replaces = true
                try collection.trainModel(named: "m", from: "text", to: "image", options: training)
            }),
            ("export", { try collection.export("image", to: ExportFiles(target)) }),
            ("insert", {
                let options = IngestOptions(onConflict: .replace, batchSize: 20)
                try collection.insert(clusteredEmbeddings(400, dimension: 8, seed: 1), into: "image", options: options)
            }),
        ]
        for (name, call) in calls {
            Thread.detachNewThread {
                Thread.sleep(forTimeInterval: 0.01)
                cancellation.cancel()
            }
            #expect(throws: CausewayError.cancelled, "\(name)") { while true { try call() } }
            #expect(try files(temporary).filter { $0.hasPrefix(".") } == [], "\(name)")
            cancellation.reset()
        }
        #expect(try database.check(deep: true).isEmpty)
        #expect(try collection.modality("image").count == 400)
    }

    /// As the documentation of `Cancellation` shows it.
    @Test func aCancelledTaskEndsItsCall() async throws {
        let temporary = try filled()
        let cancellation = Cancellation()
        let database = try Database(path: temporary.path, upkeep: .manual, cancellation: cancellation)
        defer { database.close() }
        let images = database.collection("c"), began = Mutex(false)
        let metric = try Metric(Watched {
            began.withLock { $0 = true }
            while !cancellation.isCancelled { Thread.sleep(forTimeInterval: 0.001) }
        })
        let task = Task {
            try await withTaskCancellationHandler {
                try images.search(.embedding(id: "7"), in: "image", options: SearchOptions(metric: metric, effort: .exact))
            } onCancel: {
                cancellation.cancel()
            }
        }
        while !began.withLock({ $0 }) { try await Task.sleep(for: .milliseconds(1)) }
        task.cancel()
        await #expect(throws: CausewayError.cancelled) { _ = try await task.value }
    }
}
