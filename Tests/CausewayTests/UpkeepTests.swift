/// Indexes that keep up: what changed is merged into the graph that stands, in the background or when asked, and the recall
/// table goes on to hold.
import Causeway
import Foundation
import Synchronization
import Testing

@Suite(.enabled(if: isOptimised, "kernels are slow without optimisation"))
struct UpkeepTests {
    private let dimension = 24

    private func indexed(_ count: Int, upkeep: IndexUpkeep = .manual) throws -> TemporaryDatabase {
        let temporary = try TemporaryDatabase(upkeep: upkeep)
        try temporary.collection().insert(clusteredEmbeddings(count, dimension: dimension, seed: 1), into: "v")
        #expect(try temporary.collection().buildIndex().map(\.outcome) == [.built])
        return temporary
    }

    private func insert(_ count: Int, seed: UInt64, into temporary: TemporaryDatabase) throws {
        let fresh = clusteredEmbeddings(count, dimension: dimension, seed: seed, prefix: "s\(seed)-")
        try temporary.collection().insert(fresh, into: "v")
    }

    /// Share of the exact ten best that searches by the recall table find.
    private func recall(_ temporary: TemporaryDatabase) throws -> Double {
        let queries = clusteredEmbeddings(60, dimension: dimension, seed: 2).map { Query.vector($0.vector) }
        func hits(_ effort: SearchOptions.Effort) throws -> [[Hit]] {
            try temporary.collection().search(queries, in: "v", options: SearchOptions(effort: effort)).map(\.hits)
        }
        let found = zip(try hits(.recall(0.95)), try hits(.exact)).map { ours, truth in
            truth.count { hit in ours.contains { $0.id == hit.id } }
        }
        return Double(found.reduce(0, +)) / 600
    }

    /// Up to a minute for what happens in the background.
    private func wait(until isTrue: () throws -> Bool) throws {
        for _ in 0..<600 where try !isTrue() { Thread.sleep(forTimeInterval: 0.1) }
        let happened = try isTrue()
        #expect(happened)
    }

    @Test func aMergeTakesInWhatChangedAndKeepsTheTable() throws {
        let temporary = try indexed(3_000)
        let collection = temporary.collection()
        let before = try collection.indexStatus(of: "v")
        try collection.delete(ids: (0..<320).map(String.init), from: "v")
        try insert(250, seed: 3, into: temporary)
        #expect(try collection.indexStatus(of: "v").deletedSince == 320)
        #expect(try collection.maintainIndexes().map(\.outcome) == [.merged])
        #expect(try collection.maintainIndexes().isEmpty)
        let after = try collection.indexStatus(of: "v")
        #expect(after.state == .current && after.embeddingsInGraph == 2_930)
        #expect(after.tunings.map(\.width) == before.tunings.map(\.width))
        #expect(after.tunings.allSatisfy { !$0.isStale } && !after.tunings.isEmpty)
        #expect(try temporary.database.check(deep: true).isEmpty)
        #expect(try recall(temporary) >= 0.93)
    }

    /// The graph's mean and its links for other modalities were chosen for rows that are gone.
    @Test func whereHalfOfTheRowsAreNewTheGraphIsBuiltFromNothing() throws {
        let temporary = try indexed(2_500)
        var outcomes: [IndexReport.Outcome] = []
        for round in UInt64(10)..<15 {
            try insert(700, seed: round, into: temporary)
            outcomes += try temporary.collection().maintainIndexes().map(\.outcome)
        }
        #expect(outcomes.contains(.merged) && outcomes.contains(.built), "\(outcomes)")
        #expect(try recall(temporary) >= 0.93)
    }

    @Test func littleChangeIsLeftBesideTheGraph() throws {
        let temporary = try indexed(2_500)
        try insert(200, seed: 4, into: temporary)
        #expect(try temporary.collection().maintainIndexes().isEmpty)
        #expect(try temporary.collection().buildIndex().map(\.outcome) == [.current])
        #expect(try temporary.collection().indexStatus(of: "v").changedSince == 200)
    }

    @Test func theDatabaseKeepsItsIndexesUpByItself() throws {
        let temporary = try indexed(2_500, upkeep: .automatic)
        let collection = temporary.collection()
        let first = try collection.indexStatus(of: "v").generation
        try insert(1_500, seed: 5, into: temporary)
        try wait { try collection.indexStatus(of: "v").generation != first }
        #expect(try collection.indexStatus(of: "v").embeddingsInGraph > 2_500)
        try collection.delete(ids: (0..<1_200).map(String.init), from: "v")
        try wait { try collection.indexStatus(of: "v").deletedSince == 0 }
        #expect(try recall(temporary) >= 0.93)
    }

    /// A tenth of the rows is enough, in whatever portions it goes.
    @Test func fewChangesThatAreEnoughAreMerged() throws {
        let temporary = try indexed(2_500, upkeep: .automatic)
        let collection = temporary.collection()
        let first = try collection.indexStatus(of: "v").generation
        for start in stride(from: 0, to: 300, by: 20) {
            try collection.delete(ids: (start..<(start + 20)).map(String.init), from: "v")
        }
        try wait { try collection.indexStatus(of: "v").generation != first }
    }

    /// Another program left it so, or this one ended too early.
    @Test func anIndexThatIsBehindIsMergedAtTheFirstChange() throws {
        let temporary = try indexed(2_500)
        let first = try temporary.collection().indexStatus(of: "v").generation
        try temporary.collection().delete(ids: (0..<300).map(String.init), from: "v")
        let other = try Database(path: temporary.path)
        defer { other.close() }
        try other.collection("c").insert([Embedding(id: "new", vector: [Float](repeating: 1, count: dimension))], into: "v")
        try wait { try other.collection("c").indexStatus(of: "v").generation != first }
    }

    @Test func aProgramMayKeepThemUpItself() throws {
        let temporary = try indexed(2_500)
        try insert(1_500, seed: 6, into: temporary)
        Thread.sleep(forTimeInterval: 0.5)
        #expect(try temporary.collection().indexStatus(of: "v").embeddingsInGraph == 2_500)
        #expect(try temporary.collection().maintainIndexes().map(\.outcome) == [.merged])
    }

    /// A build that is under way when the database is closed ends, and leaves nothing.
    @Test func closingEndsUpkeep() throws {
        let temporary = try indexed(2_500)
        let other = try Database(path: temporary.path)
        let fresh = clusteredEmbeddings(6_000, dimension: dimension, seed: 7, prefix: "n")
        try other.collection("c").insert(fresh, into: "v")
        other.close()
        let files = try FileManager.default.contentsOfDirectory(atPath: temporary.directory)
        #expect(files.count { $0.contains("-graph-") } == 1, "\(files)")
        #expect(try temporary.database.check(deep: true).isEmpty)
    }

    @Test func compactingTakesTheDeadOutOfGraphs() throws {
        let temporary = try indexed(4_000)
        let collection = temporary.collection()
        let before = try collection.indexStatus(of: "v").bytes
        try collection.delete(ids: (0..<300).map(String.init), from: "v")
        #expect(try collection.maintainIndexes().isEmpty)
        try temporary.database.compact()
        let after = try collection.indexStatus(of: "v")
        #expect(after.deletedSince == 0 && after.embeddingsInGraph == 3_700 && after.bytes < before)
    }

    // MARK: Deletions

    /// Every merge forgets the deletions it took in; the measurements before must not be believed for ever.
    @Test func deletingLittleByLittleEndsInANewMeasurement() throws {
        let temporary = try TemporaryDatabase(upkeep: .manual)
        let collection = temporary.collection()
        try collection.insert(tokenEmbeddings(2_800, dimension: 4, seed: 1, copies: false), into: "v")
        try collection.buildIndex()
        #expect(try collection.tuneIndex(from: "v", to: "v", recall: 0.5, metric: .maxSim) != nil)
        var left = 2_800, measured = 0, forgotten = 0
        while left > 2_300 {
            let dead = left / 9
            try collection.delete(ids: (0..<dead).map { String(left - 1 - $0) }, from: "v")
            left -= dead
            let stages = Mutex<Set<String>>([])
            let merged = try collection.maintainIndexes { progress in
                stages.withLock { _ = $0.insert(progress.stage) }
                return true
            }
            #expect(merged.map(\.outcome) == [.merged])
            measured += stages.withLock { $0.contains { $0.hasPrefix("tune") } } ? 1 : 0
            forgotten = 2_800 - left - (try number("SELECT count(*) FROM tombstone", on: temporary.path))
        }
        let tunings = try collection.indexStatus(of: "v").tunings
        #expect(forgotten > 0 && measured > 0 && tunings.allSatisfy { $0.isStale == ($0.metric == "max-sim") })
        #expect(tunings.contains { $0.metric == "max-sim" })
    }

    @Test func aModalityWithoutAGraphForgetsItsDeletions() throws {
        let temporary = try TemporaryDatabase(upkeep: .manual)
        let collection = temporary.collection()
        func replaceAll() throws {
            let embeddings = clusteredEmbeddings(400, dimension: dimension, seed: 1)
            try collection.insert(embeddings, into: "v", options: IngestOptions(onConflict: .replace))
        }
        for _ in 0..<4 { try replaceAll() }
        #expect(try number("SELECT count(*) FROM tombstone", on: temporary.path) == 1_200)
        #expect(try collection.buildIndex().map(\.outcome) == [.tooSmall])
        #expect(try number("SELECT count(*) FROM tombstone", on: temporary.path) == 101)
        try replaceAll()
        try temporary.database.compact()
        #expect(try number("SELECT count(*) FROM tombstone", on: temporary.path) == 101)
        #expect(try temporary.database.check(deep: true).isEmpty)
    }

    /// What goes while a first graph is built, and is forgotten by another process, could not be told to it.
    @Test func aGraphThatCannotBeToldWhatHasGoneIsNotPublished() throws {
        let temporary = try TemporaryDatabase(upkeep: .manual)
        let collection = temporary.collection()
        try collection.insert(clusteredEmbeddings(3_600, dimension: dimension, seed: 1), into: "v")
        let path = temporary.path
        let isDone = Mutex(false)
        let report = try collection.buildIndex { progress in
            guard progress.stage == "link", isDone.withLock({ done in
                defer { done = true }
                return !done
            }) else { return true }
            #expect(throws: Never.self) {
                let other = try Database(path: path, access: .readWrite, upkeep: .manual)
                try other.collection("c").delete(ids: (0..<1_500).map(String.init), from: "v")
                try other.compact()
                other.close()
            }
            return true
        }
        #expect(report.map(\.outcome) == [.superseded])
        #expect(try collection.buildIndex().map(\.outcome) == [.built])
        #expect(try temporary.database.check(deep: true).isEmpty)
    }
}
