/// Several processes at one database: writers take turns, readers go on beside them, builds lose nothing.
import Foundation
import Testing

@Suite(.serialized, .enabled(if: HeavyTests.run, HeavyTests.reason)) struct ConcurrencyTests {
    private static let dimension = 32
    private static let batch = 20

    /// A matrix and its ids, `prefix` followed by the row number.
    private struct Source {
        let values: [Float]
        let prefix: String
        let arguments: [String]
        var rows: Int { values.count / ConcurrencyTests.dimension }

        init(
            _ database: TestDatabase, rows: Int, prefix: String, seed: UInt64, batch: Int = ConcurrencyTests.batch
        ) throws {
            var dice = Dice(seed: seed)
            values = dice.floats(rows * ConcurrencyTests.dimension)
            self.prefix = prefix
            try database.folder.write(NpyFile.floats(values, dimension: ConcurrencyTests.dimension), to: "\(prefix).npy")
            try database.folder.write(Plain.lines((0..<rows).map { "\(prefix)\($0)" }), to: "\(prefix).txt")
            arguments = TestDatabase.of("m")
                + ["\(prefix).npy", "--ids", "\(prefix).txt", "--batch", "\(batch)"]
        }

        var ids: [String] { (0..<rows).map { "\(prefix)\($0)" } }
    }

    private func listed(_ database: TestDatabase) throws -> [String] {
        try database.run("list", with: TestDatabase.of("m") + ["--all", "--format", "jsonl"]).ids
    }

    private func search(_ database: TestDatabase, _ vector: some Sequence<Float>, _ more: [String] = []) throws -> Finished {
        try database.run(
            "search", with: ["--collection", "c", "--to", "m", "--vector", vectorText(vector), "-k", "10"] + more)
    }

    @Test func twoWritersTakeTurns() throws {
        let database = try TestDatabase()
        let sources = try ["a", "b"].enumerated().map {
            try Source(database, rows: 1_000, prefix: $1, seed: seed(41) + UInt64($0))
        }
        let writers = try sources.map { try database.start("ingest", with: $0.arguments) }
        for writer in writers {
            let done = writer.wait()
            #expect(done.succeeded, "\(done.summary)")
        }
        let isWhole = try Set(listed(database)) == Set(sources.flatMap(\.ids))
        #expect(isWhole)
        #expect(try database.count() == 2_000)
        try database.expectSound("after two writers")
        // Each writer's own rows are in its order, whatever lies between.
        for source in sources {
            let isInOrder = try listed(database).filter { $0.hasPrefix(source.prefix) } == source.ids
            #expect(isInOrder, "the rows of \(source.prefix) are in another order")
        }
    }

    @Test func theSameIdsFromTwoWritersAreKeptOnce() throws {
        let database = try TestDatabase()
        let source = try Source(database, rows: 600, prefix: "a", seed: seed(42))
        let writers = try (0..<2).map { _ in
            try database.start("ingest", with: source.arguments + ["--on-conflict", "skip"])
        }
        let reports = writers.map { $0.wait() }
        for report in reports { #expect(report.succeeded, "\(report.summary)") }
        let inserted = reports.compactMap { $0.object?["inserted"] as? Int }
        #expect(inserted.reduce(0, +) == 600, "\(inserted)")
        let isWhole = try Set(listed(database)) == Set(source.ids)
        #expect(isWhole)
        try database.expectSound("after two writers of the same ids")
    }

    @Test func readersBesideAWriterNeverFail() throws {
        let database = try TestDatabase()
        let first = try Source(database, rows: 100, prefix: "a", seed: seed(43))
        #expect(try database.run("ingest", with: first.arguments).succeeded)
        let second = try Source(database, rows: 20_000, prefix: "b", seed: seed(43) + 1)
        let writer = try database.start("ingest", with: second.arguments)
        var searches = 0, newest = 0
        while writer.isRunning {
            let found = try search(database, first.values[..<Self.dimension])
            #expect(found.succeeded && found.ids.count == 10 && found.ids.first == "a0", "search \(searches): \(found.summary)")
            let count = try database.count() ?? -1
            #expect(count >= newest && (count - 100) % Self.batch == 0, "a reader saw \(count) rows after \(newest)")
            newest = count
            searches += 1
        }
        let done = writer.wait()
        #expect(done.succeeded, "\(done.summary)")
        #expect(searches >= 3, "only \(searches) searches ran beside the writer")
        #expect(try database.count() == 20_100)
        try database.expectSound("after readers beside a writer")
    }

    /// One commits batch after batch and is back at once, the others come with one change each.
    @Test func smallWritersBesideAnIngestHaveTheirTurn() throws {
        let database = try TestDatabase()
        let first = try Source(database, rows: 100, prefix: "a", seed: seed(48))
        #expect(try database.run("ingest", with: first.arguments).succeeded)
        let second = try Source(database, rows: 6_000, prefix: "b", seed: seed(48) + 1)
        let writer = try database.start("ingest", with: second.arguments)
        var changes = 0
        while writer.isRunning {
            let change = ["--id", "a\(changes % 100)", "--metadata", "{\"n\":\(changes)}"]
            let done = try database.run("set", with: TestDatabase.of("m") + change)
            #expect(done.succeeded, "change \(changes): \(done.summary)")
            changes += 1
        }
        let done = writer.wait()
        #expect(done.succeeded, "\(done.summary)")
        #expect(changes >= 3, "only \(changes) changes were made beside the ingest")
        #expect(try database.count() == 6_100)
    }

    /// What is replaced moves to the end of the list while it is being listed.
    @Test func aListBesideAReplacingWriterIsWhole() throws {
        let database = try TestDatabase()
        let source = try Source(database, rows: 3_000, prefix: "a", seed: seed(49))
        #expect(try database.run("ingest", with: source.arguments).succeeded)
        let writer = try database.start("ingest", with: source.arguments + ["--on-conflict", "replace"])
        var lists = 0
        while writer.isRunning {
            let ids = try listed(database), different = Set(ids).count
            #expect(ids.count == 3_000 && different == 3_000, "list \(lists): \(ids.count) ids, \(different) of them different")
            lists += 1
        }
        let done = writer.wait()
        #expect(done.succeeded && lists >= 3, "\(lists) lists, \(done.summary)")
    }

    /// The graph is rebuilt again and again while rows arrive: every row is found, by the graph or beside it.
    @Test func aRebuildBesideAnIngestLosesNothing() throws {
        let database = try TestDatabase()
        let first = try Source(database, rows: 2_500, prefix: "a", seed: seed(44), batch: 1_000)
        #expect(try database.run("ingest", with: first.arguments).succeeded)
        let second = try Source(database, rows: 3_000, prefix: "b", seed: seed(44) + 1)
        let writer = try database.start("ingest", with: second.arguments)
        var rebuilds = 0
        while writer.isRunning {
            let built = try database.run("index", "rebuild")
            #expect(built.succeeded, "rebuild \(rebuilds): \(built.summary)")
            rebuilds += 1
        }
        let done = writer.wait()
        #expect(done.succeeded, "\(done.summary)")
        #expect(rebuilds >= 1)
        try database.expectSound("after \(rebuilds) rebuilds beside an ingest")
        try expectAllFound(database, first.values + second.values, first.ids + second.ids, "before the next build")
        #expect(try database.run("index", "build").succeeded)
        try expectAllFound(database, first.values + second.values, first.ids + second.ids, "after the next build")
    }

    /// Every row is its own best match; the default search may miss one in fifty.
    private func expectAllFound(_ database: TestDatabase, _ values: [Float], _ ids: [String], _ place: Comment) throws {
        try database.folder.write(NpyFile.floats(values, dimension: Self.dimension), to: "q.npy")
        let found = try database.run(
            "search", with: ["--collection", "c", "--to", "m", "--queries", "q.npy", "-k", "1", "--format", "jsonl"])
        #expect(found.succeeded, "\(place): \(found.summary)")
        let best = found.objects.map { (($0["results"] as? [[String: Any]])?.first?["id"] as? String) ?? "none" }
        let hits = zip(best, ids).count { $0 == $1 }
        #expect(best.count == ids.count && hits * 50 >= ids.count * 49, "\(place): \(hits) of \(ids.count) rows were found")
        #expect(!best.contains("none"), "\(place): a query has no result")
        let isWhole = try Set(listed(database)) == Set(ids)
        #expect(isWhole, "\(place): the list is not what was taken in")
    }

    /// Builds of one modality, or of two, in two processes at once: whichever publishes, the files fit the database.
    @Test(arguments: [["m", "m"], ["m", "n"]])
    func buildsAtOnceLeaveSoundIndexes(modalities: [String]) throws {
        let database = try TestDatabase()
        var dice = Dice(seed: seed(45))
        for modality in Set(modalities).sorted() {
            try database.fill(dice.floats(2_200 * Self.dimension), dimension: Self.dimension, into: modality)
        }
        for round in 0..<3 {
            try database.folder.write(NpyFile.floats(dice.floats(Self.dimension), dimension: Self.dimension), to: "one.npy")
            try database.folder.write(Plain.lines(["more\(round)"]), to: "one.txt")
            var builds: [Running] = []
            for modality in modalities {
                // The second build starts from a later change than the first.
                builds.append(try database.start("index", "rebuild", with: ["--modality", modality]))
                let added = try database.ingest(["one.npy", "--ids", "one.txt", "--on-conflict", "replace"], into: modality)
                #expect(added.succeeded, "\(added.summary)")
            }
            for build in builds {
                let done = build.wait()
                #expect(done.succeeded, "round \(round): \(done.summary)")
            }
            try database.expectSound("round \(round) of builds of \(modalities)")
            for modality in Set(modalities) {
                let found = try database.run(
                    "search", with: ["--collection", "c", "--to", modality, "--id", "17", "-k", "10"])
                #expect(found.ids.count == 10 && !found.errorText.contains("cannot be used"), "round \(round): \(found.summary)")
            }
        }
    }

    /// A writer that holds the lock for good: the other gives up after its wait with status 5, and readers do not notice.
    @Test func aLockedDatabaseIsReported() throws {
        let database = try TestDatabase()
        let source = try Source(database, rows: 100, prefix: "a", seed: seed(46))
        #expect(try database.run("ingest", with: source.arguments).succeeded)
        let holder = Executable(path: "/usr/bin/flock")
        guard FileManager.default.isExecutableFile(atPath: holder.path) else {
            print("skipped: no flock(1) to hold the lock with")
            return
        }
        let held = try holder.start(["--no-fork", database.path + "-lock", "sleep", "60"])
        defer {
            held.kill()
            _ = held.wait()
        }
        Thread.sleep(forTimeInterval: 0.3)
        let other = try Source(database, rows: 20, prefix: "b", seed: seed(47))
        let start = Date()
        let refused = try database.run("ingest", with: other.arguments)
        let waited = Date().timeIntervalSince(start)
        #expect(refused.status == 5 && refused.isOneClearLine && refused.errorText.contains("d.db"), "\(refused.summary)")
        #expect((1...30).contains(waited), "gave up after \(waited) s")
        #expect(try search(database, source.values[..<Self.dimension]).ids.count == 10)
        #expect(try database.count() == 100)
    }
}
