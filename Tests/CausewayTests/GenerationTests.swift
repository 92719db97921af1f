/// Which graph is in force: one that was dropped is made again, one that was replaced is let go of, what was chosen is kept.
import Causeway
import Foundation
import Platform
import Synchronization
import TestSupport
import Testing

@Suite(.enabled(if: isOptimised, "kernels are slow without optimisation"))
struct GenerationTests {
    private let dimension = 16

    private func indexed(_ count: Int = 2_400, seed: UInt64) throws -> TemporaryDatabase {
        let temporary = try TemporaryDatabase()
        try temporary.collection().insert(clusteredEmbeddings(count, dimension: dimension, seed: seed), into: "v")
        #expect(try temporary.collection().buildIndex().map(\.outcome) == [.built])
        return temporary
    }

    private func graphFiles(_ temporary: TemporaryDatabase, of name: String = "test.db") throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: temporary.directory).filter { $0.hasPrefix(name + "-graph-") }
    }

    private func plan(_ database: Database) throws -> String {
        let query = Query.vector(clusteredEmbeddings(1, dimension: dimension, seed: 99)[0].vector, from: "v")
        return try database.collection("c").search(query, in: "v").explanation.plan
    }

    /// The index was built, stands, and serves searches.
    private func expectBuilt(
        _ database: Database, _ options: IndexOptions = IndexOptions(), sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let collection = database.collection("c")
        #expect(try collection.buildIndex(options: options).map(\.outcome) == [.built], sourceLocation: sourceLocation)
        #expect(try collection.indexStatus(of: "v").state == .current, sourceLocation: sourceLocation)
        #expect(try plan(database) == "graph", sourceLocation: sourceLocation)
        #expect(try database.check(deep: true).isEmpty, sourceLocation: sourceLocation)
    }

    // MARK: Made again

    @Test(arguments: [false, true])
    func aBackupIsIndexed(rebuild: Bool) throws {
        let temporary = try indexed(seed: 1)
        let path = temporary.file("copy.db")
        try temporary.database.backup(to: path)
        let copy = try Database(path: path, access: .readWrite)
        defer { copy.close() }
        #expect(try copy.collection("c").indexStatus(of: "v").state == .none)
        try expectBuilt(copy, IndexOptions(rebuild: rebuild))
        #expect(try graphFiles(temporary, of: "copy.db").count == 1)
    }

    @Test(arguments: [false, true])
    func aGraphThatRepairDroppedIsMadeAgain(rebuild: Bool) throws {
        let temporary = try indexed(seed: 2)
        try Data("no graph".utf8).write(to: URL(filePath: temporary.file(try graphFiles(temporary)[0])))
        #expect(try temporary.database.repair(keepsCopy: false).steps.count == 1)
        #expect(try graphFiles(temporary).isEmpty)
        #expect(try plan(temporary.database).hasPrefix("exact scan: there is no index"))
        try expectBuilt(temporary.database, IndexOptions(rebuild: rebuild))
    }

    @Test func aModalityThatShrankAndGrewIsIndexed() throws {
        let temporary = try indexed(seed: 3)
        let collection = temporary.collection()
        try collection.delete(ids: (0..<1_000).map(String.init), from: "v")
        #expect(try collection.buildIndex().map(\.outcome) == [.tooSmall])
        #expect(try graphFiles(temporary).isEmpty)
        #expect(try collection.indexStatus(of: "v").state == .none)
        try collection.insert(clusteredEmbeddings(1_500, dimension: dimension, seed: 4, prefix: "n"), into: "v")
        try expectBuilt(temporary.database)
    }

    /// Of what lies beside a database only its graphs are the database's, however much the other names look like theirs.
    @Test func onlyGraphsAreTidiedUp() throws {
        let temporary = try indexed(seed: 12)
        let standing = try graphFiles(temporary)
        let foreign = ["report.html", "copy.db", "1", "1-900.bak", "1-900.tmp.tmp", "1-09", "+1-9", "-1-9", "1-9-9"]
        for name in foreign + ["1-900", "1-900.tmp", "77-1"] {
            try Data("x".utf8).write(to: URL(filePath: temporary.path + "-graph-" + name))
        }
        #expect(try temporary.collection().buildIndex().map(\.outcome) == [.current])
        #expect(try Set(graphFiles(temporary)) == Set(standing + foreign.map { "test.db-graph-" + $0 }))
    }

    // MARK: Beside other processes

    /// Calls `body` once, when a rebuild of the database has begun to link.
    private func rebuild(
        _ temporary: TemporaryDatabase, meanwhile body: @escaping @Sendable (Database) throws -> Void
    ) throws -> [IndexReport.Outcome] {
        let path = temporary.path
        let isDone = Mutex(false)
        return try temporary.collection().buildIndex(options: IndexOptions(rebuild: true)) { progress in
            let isDue = isDone.withLock { done in
                defer { done = done || progress.stage == "link" }
                return progress.stage == "link" && !done
            }
            guard isDue else { return true }
            do {
                let other = try Database(path: path, access: .readWrite)
                try body(other)
                other.close()
            } catch {
                Issue.record("\(error)")
            }
            return true
        }.map(\.outcome)
    }

    @Test func aGraphDroppedDuringTheBuildLeavesTheNewOne() throws {
        let temporary = try indexed(seed: 5)
        let file = temporary.file(try graphFiles(temporary)[0])
        let outcomes = try rebuild(temporary) { other in
            try FileManager.default.removeItem(atPath: file)
            #expect(try other.repair(keepsCopy: false).steps.count == 1)
        }
        #expect(outcomes == [.built])
        #expect(try plan(temporary.database) == "graph")
    }

    @Test func theBuildThatIsFirstStands() throws {
        let temporary = try indexed(seed: 6)
        let outcomes = try rebuild(temporary) { other in
            let outcomes = try other.collection("c").buildIndex(options: IndexOptions(rebuild: true)).map(\.outcome)
            #expect(outcomes == [.built])
        }
        #expect(outcomes == [.superseded])
        #expect(try temporary.collection().indexStatus(of: "v").state == .current)
        #expect(try plan(temporary.database) == "graph")
        #expect(try graphFiles(temporary).count == 1)
    }

    /// Another process that does not come to an end: what waits for it can be stopped, and what only tidies up does not wait.
    @Test func whoWritesGraphsIsWaitedForAsLongAsWanted() throws {
        let temporary = try indexed(seed: 13)
        let collection = temporary.collection()
        let waits = Mutex<[String?]>([])
        do {
            let other = try PosixFileSystem().lock(temporary.path + "-graphs-lock", .exclusive)
            #expect(other != nil)
            #expect(throws: CausewayError.cancelled) {
                try collection.buildIndex(options: IndexOptions(rebuild: true)) { progress in
                    guard let obstacle = progress.waitsFor else { return true }
                    return waits.withLock { waits in
                        waits.append(obstacle)
                        return waits.count < 3
                    }
                }
            }
            #expect(waits.withLock { $0 } == Array(repeating: "another process that writes indexes", count: 3))
            #expect(try collection.buildIndex().map(\.outcome) == [.current])
            try temporary.database.compact()
            withExtendedLifetime(other) {}
        }
        #expect(try plan(temporary.database) == "graph" && graphFiles(temporary).count == 1)
        #expect(try collection.buildIndex(options: IndexOptions(rebuild: true)).map(\.outcome) == [.built])
    }

    /// The reader knows the old graph; its file is removed just before the reader opens it.
    @Test func aReaderWhoseGraphIsReplacedTakesTheNewOne() throws {
        let temporary = try indexed(seed: 7)
        let collection = temporary.collection()
        let swaps = SwappingFileSystem {
            #expect(throws: Never.self) { try collection.buildIndex(options: IndexOptions(rebuild: true)) }
        }
        let reader = try Database(
            path: temporary.path, access: .readOnly, lockWait: 5, expectedDimension: nil, fileSystem: swaps)
        defer { reader.close() }
        #expect(try plan(reader) == "graph")
        #expect(swaps.hasSwapped)
    }

    // MARK: What was chosen

    @Test func aQualityThatIsAskedForIsBuiltAndKept() throws {
        let temporary = try indexed(seed: 8)
        let collection = temporary.collection()
        func build(_ quality: IndexOptions.Quality?, rebuild: Bool = false) throws -> IndexReport.Outcome {
            let options = IndexOptions(quality: quality, rebuild: rebuild)
            return try #require(try collection.buildIndex(options: options).first).outcome
        }
        #expect(try collection.indexStatus(of: "v").quality == .balanced)
        #expect(try build(.balanced) == .current)
        #expect(try build(.high) == .built)
        #expect(try collection.indexStatus(of: "v").quality == .high)
        #expect(try build(.high) == .current)
        #expect(try build(nil) == .current)
        #expect(try build(nil, rebuild: true) == .built)
        #expect(try collection.indexStatus(of: "v").quality == .high)
        #expect(try build(.fast) == .built)
        #expect(try collection.indexStatus(of: "v").quality == .fast)
    }

    @Test func theChoiceOfEdgesIsKept() throws {
        let temporary = try indexed(seed: 9)
        let collection = temporary.collection()
        try collection.insert(
            clusteredEmbeddings(1_000, dimension: dimension, seed: 10, prefix: "t", offset: 2), into: "text")
        func build(_ choice: IndexOptions.CrossModal?, rebuild: Bool = false) throws -> IndexReport {
            let options = IndexOptions(rebuild: rebuild, crossModal: choice)
            return try #require(try collection.buildIndex(modalities: ["v"], options: options).first)
        }
        #expect(try build(.modalities([])).outcome == .built)
        #expect(try build(nil).outcome == .current)
        let again = try build(nil, rebuild: true)
        #expect(again.outcome == .built && again.crossModal.isEmpty)
        let automatic = try build(.automatic)
        #expect(automatic.outcome == .built && automatic.crossModal.map(\.from) == ["text"])
        #expect(try build(nil).outcome == .current)
        #expect(try build(.modalities(["text"])).crossModal.map(\.isForced) == [true])
        #expect(try build(nil, rebuild: true).crossModal.map(\.isForced) == [true])
    }
}

/// The real file system, but for what happens just before the first graph is mapped.
private final class SwappingFileSystem: ForwardingFileSystem {
    private let swap: @Sendable () -> Void
    private let swapped = Mutex(false)
    var hasSwapped: Bool { swapped.withLock { $0 } }

    init(_ swap: @escaping @Sendable () -> Void) { self.swap = swap }

    func map(_ path: String) throws(FileError) -> MappedFile {
        let isFirst = swapped.withLock { done in
            defer { done = true }
            return !done
        }
        if isFirst { swap() }
        return try PosixFileSystem().map(path)
    }
}
