/// The recall table: what a sample of queries may promise, that every modality gets its rows, and when they no longer hold.
import Causeway
import Synchronization
import Testing

struct RecallSummaryTests {
    @Test func theBoundIsWilsons() {
        #expect(abs(RecallSummary.lowerBound(mean: 0.9, queries: 100) - 0.8396445) < 1e-7)
        #expect(abs(RecallSummary.lowerBound(mean: 1, queries: 100) - 100 / 102.705543) < 1e-6)
        #expect(RecallSummary([1]).lowerBound < 0.3 && RecallSummary([]).lowerBound == 0)
        #expect(RecallSummary([0, 0, 0]).lowerBound < 1e-12)
    }

    @Test(arguments: [(0.9, 25), (0.95, 52), (0.98, 133), (0.99, 268), (0.995, 539)])
    func soManyPerfectQueriesShowARecall(recall: Double, queries: Int) {
        #expect(RecallSummary.queriesNeeded(for: recall) == queries)
        #expect(RecallSummary([Double](repeating: 1, count: queries)).lowerBound >= recall)
        #expect(RecallSummary([Double](repeating: 1, count: queries - 1)).lowerBound < recall)
    }

    /// Queries that find all but one of ten now and then, and queries that find all or nothing: the worst case, for which the
    /// bound is only nearly one of 95 %.
    @Test(arguments: [(0.9, 0.95), (0, 0.92)], [30, 268, 1_024])
    func theTrueMeanIsSeldomBelowTheBound(kind: (missed: Double, share: Double), queries: Int) {
        var random = TestRandom(UInt64(queries))
        let chance = 0.02
        let truth = chance * kind.missed + 1 - chance
        let rounds = 2_000
        let covered = (0..<rounds).count { _ in
            let recalls = (0..<queries).map { _ in Double.random(in: 0..<1, using: &random) < chance ? kind.missed : 1 }
            return RecallSummary(recalls).lowerBound <= truth
        }
        #expect(Double(covered) / Double(rounds) >= kind.share, "\(kind), \(queries) queries")
    }
}

@Suite(.enabled(if: isOptimised, "kernels are slow without optimisation"))
struct RecallTableTests {
    private let dimension = 16

    private func filled(_ modalities: KeyValuePairs<String, Int>) throws -> TemporaryDatabase {
        let temporary = try TemporaryDatabase()
        for (index, modality) in modalities.enumerated() { try insert(modality.value, modality.key, seed: index, temporary) }
        return temporary
    }

    private func insert(_ count: Int, _ modality: String, seed: Int, prefix: String = "", _ temporary: TemporaryDatabase) throws {
        let embeddings = clusteredEmbeddings(
            count, dimension: dimension, seed: UInt64(seed + 1), prefix: modality + prefix, offset: modality == "image" ? 0 : 1)
        try temporary.collection().insert(embeddings, into: modality)
    }

    private func build(
        _ temporary: TemporaryDatabase, rebuild: Bool = false, progress: ProgressHandler? = nil
    ) throws -> IndexReport {
        let options = IndexOptions(rebuild: rebuild)
        return try #require(
            try temporary.collection().buildIndex(modalities: ["image"], options: options, progress: progress).first)
    }

    private func tunings(_ temporary: TemporaryDatabase, from source: String? = nil) throws -> [Tuning] {
        try temporary.collection().indexStatus(of: "image").tunings.filter { source == nil || $0.from == source }
    }

    private func notes(_ database: Database, recall: Double = 0.9, from source: String = "image") throws -> [String] {
        let query = Query.vector(clusteredEmbeddings(1, dimension: dimension, seed: 77)[0].vector, from: source)
        let options = SearchOptions(effort: .recall(recall))
        return try database.collection("c").search(query, in: "image", options: options).explanation.notes
    }

    // MARK: Too few queries

    @Test func queriesThatCannotShowARecallStoreNoRow() throws {
        let temporary = try filled(["image": 2_400, "few": 20, "some": 60])
        let collection = temporary.collection()
        #expect(try build(temporary).outcome == .built)
        #expect(try Set(tunings(temporary, from: "image").map(\.recallTarget)) == [0.9, 0.95, 0.98, 0.99])
        #expect(try tunings(temporary, from: "few").isEmpty)
        #expect(try Set(tunings(temporary, from: "some").map(\.recallTarget)) == [0.9, 0.95])
        #expect(try notes(temporary.database, from: "few").contains { $0.hasPrefix("no tuning is stored for few queries") })
        #expect(try notes(temporary.database, recall: 0.9, from: "some").isEmpty)
        #expect(try notes(temporary.database, recall: 0.98, from: "some").contains {
            $0.contains("above the largest measured, 0.95")
        })
        let refusal = #expect(throws: CausewayError.self) { try collection.tuneIndex(from: "some", to: "image", recall: 0.99) }
        #expect(refusal?.description.contains("fewer than 268") == true)
        #expect(try collection.tuneIndex(from: "some", to: "image", recall: 0.93)?.recallTarget == 0.93)
    }

    /// The best 10 are harder to find, and further from the nearest by cosine, than the best 100 are on the average.
    @Test func answersForTenDoNotGoByRowsForAHundred() throws {
        let temporary = try filled(["image": 2_400])
        _ = try build(temporary)
        temporary.database.close()
        try execute("DELETE FROM tuning WHERE k = 10", on: temporary.path)
        let database = try Database(path: temporary.path, access: .readOnly)
        defer { database.close() }
        func explanation(k: Int, _ metric: Metric) throws -> Explanation {
            let query = Query.vector(clusteredEmbeddings(1, dimension: dimension, seed: 77)[0].vector, from: "image")
            let options = SearchOptions(k: k, metric: metric, effort: .recall(0.9))
            return try database.collection("c").search(query, in: "image", options: options).explanation
        }
        let unknown = "no number of cosine candidates is known to hold the best by manhattan"
        #expect(try explanation(k: 10, .manhattan).plan.contains(unknown))
        #expect(try !explanation(k: 11, .manhattan).plan.contains(unknown), "rows for 100 serve 11 to 100")
        let note = "no width is known to reach a recall for the best 10: that for the best 100 was used"
        #expect(try explanation(k: 10, .cosine).notes == [note])
        #expect(try explanation(k: 11, .cosine).notes == [])
    }

    // MARK: Every modality

    @Test func anInterruptedMeasurementIsCompleted() throws {
        let temporary = try filled(["image": 2_400, "audio": 300, "text": 300])
        #expect(throws: CausewayError.cancelled) {
            try build(temporary) { !$0.stage.hasPrefix("tune text to image") }
        }
        #expect(try Set(tunings(temporary).map(\.from)) == ["audio", "image"])
        let completed = try build(temporary)
        #expect(completed.outcome == .current)
        #expect(try Set(tunings(temporary).map(\.from)) == ["audio", "image", "text"])
        let table = try tunings(temporary)
        _ = try build(temporary) { !$0.stage.hasPrefix("tune") }
        #expect(try tunings(temporary) == table, "what is measured is not measured again")
    }

    @Test func aModalityAddedLaterIsMeasured() throws {
        let temporary = try filled(["image": 2_400])
        _ = try build(temporary)
        let before = try tunings(temporary)
        try insert(300, "video", seed: 5, temporary)
        #expect(try build(temporary).outcome == .current)
        #expect(try !tunings(temporary, from: "video").isEmpty)
        #expect(try tunings(temporary, from: "image") == before)
    }

    @Test func aRebuildMeasuresEveryKAnew() throws {
        let temporary = try filled(["image": 2_400])
        _ = try build(temporary)
        _ = try temporary.collection().tuneIndex(from: "image", to: "image", recall: 0.97, k: 5)
        _ = try build(temporary, rebuild: true)
        let table = try tunings(temporary)
        #expect(table.contains { $0.k == 5 && $0.recallTarget == 0.97 } && table.allSatisfy { !$0.isStale })
    }

    // MARK: Stale

    @Test func rowsOfAnotherGraphAreStale() throws {
        let temporary = try filled(["image": 2_400])
        _ = try build(temporary)
        #expect(try notes(temporary.database).isEmpty && tunings(temporary).allSatisfy { !$0.isStale })
        let reader = try Database(path: temporary.path, access: .readOnly)
        defer { reader.close() }
        let seen = Mutex<(stale: [Bool], notes: [String])>(([], []))
        #expect(throws: CausewayError.cancelled) {
            try build(temporary, rebuild: true) { progress in
                guard progress.stage.hasPrefix("tune") else { return true }
                let stale = (try? reader.collection("c").indexStatus(of: "image").tunings.map(\.isStale)) ?? []
                let notes = (try? notes(reader)) ?? []
                seen.withLock { $0 = (stale, notes) }
                return false
            }
        }
        let (stale, told) = seen.withLock { $0 }
        #expect(!stale.isEmpty && stale.allSatisfy { $0 }, "while the new graph is measured")
        #expect(told.count == 1 && told[0].hasPrefix("the recall table is stale"))
        let status = try temporary.collection().indexStatus(of: "image")
        #expect(status.tunings.allSatisfy(\.isStale) && status.detail?.contains("recall table is stale") == true)
        #expect(try notes(temporary.database).contains { $0.hasPrefix("the recall table is stale") }, "after the interruption")
        #expect(try build(temporary).outcome == .current)
        #expect(try tunings(temporary).allSatisfy { !$0.isStale } && notes(temporary.database).isEmpty)
    }

    @Test func rowsAreStaleOnceAQuarterHasChanged() throws {
        let temporary = try filled(["image": 2_400, "text": 300])
        _ = try build(temporary)
        try temporary.collection().insert(clusteredEmbeddings(3_000, dimension: 8, seed: 8), into: "other")
        #expect(try tunings(temporary).allSatisfy { !$0.isStale }, "other modalities do not count")
        try insert(500, "image", seed: 9, prefix: "n", temporary)
        #expect(try tunings(temporary).allSatisfy { !$0.isStale })
        try temporary.collection().delete(ids: (0..<230).map { "image\($0)" }, from: "image")
        #expect(try tunings(temporary).allSatisfy(\.isStale), "730 changes, 2,670 embeddings")
        #expect(try notes(temporary.database).contains { $0.hasPrefix("the recall table is stale") })
        #expect(try notes(temporary.database, from: "text").contains { $0.hasPrefix("the recall table is stale") })
        // Under a tenth deleted and under a quarter added: the graph is kept.
        #expect(try build(temporary).outcome == .current)
        #expect(try tunings(temporary).allSatisfy { !$0.isStale })
    }
}
