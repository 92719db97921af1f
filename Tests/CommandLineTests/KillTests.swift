/// SIGKILL at random moments of ingest and of index builds, fifty times: nothing acknowledged is lost, nothing is half there.
import Causeway
import Foundation
import Testing

@Suite(.serialized, .enabled(if: HeavyTests.run, HeavyTests.reason)) struct KillTests {
    private static let rows = 2_000
    private static let dimension = 32
    private static let batch = 20

    /// A matrix with metadata, a row a line, and how long an undisturbed ingest of it takes.
    private struct Source {
        let folder = TemporaryFolder()
        let bytes: Data
        let arguments: [String]

        init(_ dice: inout Dice) throws {
            let values = dice.floats(KillTests.rows * KillTests.dimension)
            bytes = Data(float32Bytes(values))
            try folder.write(NpyFile.floats(values, dimension: KillTests.dimension), to: "m.npy")
            let metadata = (0..<KillTests.rows).map { "{\"n\":\($0),\"tags\":[\"t\($0 % 7)\"]}\n" }.joined()
            try folder.write(Data(metadata.utf8), to: "m.jsonl")
            arguments = TestDatabase.of("m") + [folder.file("m.npy"), "--metadata", folder.file("m.jsonl")]
                + ["--batch", "\(KillTests.batch)"]
        }

        func undisturbedSeconds() throws -> Double {
            let start = Date()
            let done = try TestDatabase().run("ingest", with: arguments)
            #expect(done.succeeded, "\(done.summary)")
            return Date().timeIntervalSince(start)
        }
    }

    /// What another process sees as committed at this moment.
    private func acknowledged(_ database: TestDatabase) -> Int {
        guard let reader = try? Database(path: database.path, access: .readOnly) else { return 0 }
        defer { reader.close() }
        return (try? reader.collection("c").modality("m").count) ?? 0
    }

    /// Kills an ingest after some seconds; returns how many rows were seen committed before.
    private func killIngest(_ database: TestDatabase, _ arguments: [String], after seconds: Double) throws -> Int {
        let ingest = try database.start("ingest", with: arguments)
        Thread.sleep(forTimeInterval: seconds)
        let seen = acknowledged(database)
        ingest.kill()
        let ending = ingest.wait().ending
        #expect(ending == .signalled(SIGKILL) || ending == .exited(0), "\(ending)")
        return seen
    }

    /// Everything acknowledged is there, in whole batches, bit for bit. Returns the number of rows.
    private func expectWholeBatches(_ database: TestDatabase, _ source: Source, seen: Int, _ place: Comment) throws -> Int {
        guard let rows = try database.count() else {
            // Killed while the file was being made: there is none, or none that could have acknowledged anything.
            #expect(seen == 0, "\(place): the database is gone")
            return 0
        }
        try database.expectSound(place)
        #expect(rows >= seen, "\(place): \(seen) rows were acknowledged, \(rows) are there")
        #expect(rows % Self.batch == 0, "\(place): \(rows) rows are no whole batches of \(Self.batch)")
        if rows > 0 {
            let isEqual = try database.vectors() == source.bytes.prefix(rows * Self.dimension * 4)
            #expect(isEqual, "\(place): the stored rows differ from the source")
        }
        return rows
    }

    private func expectResumes(_ database: TestDatabase, _ source: Source, from rows: Int, _ place: Comment) throws {
        let resumed = try database.run("ingest", with: source.arguments + ["--resume"])
        #expect(resumed.succeeded, "\(place): \(resumed.summary)")
        #expect(resumed.object?["inserted"] as? Int == Self.rows - rows, "\(place), from \(rows): \(resumed.summary)")
        let isEqual = try database.vectors() == source.bytes
        #expect(isEqual, "\(place): resumed, and the rows differ from the source")
        let ids = try database.run("list", with: TestDatabase.of("m") + ["--all", "--format", "jsonl"]).ids
        let areInOrder = ids == (0..<Self.rows).map(String.init)
        #expect(areInOrder, "\(place): resumed, and the ids are not 0 ..< \(Self.rows)")
        try database.expectSound(place)
    }

    @Test func aKilledIngestKeepsWhatItAcknowledgedAndResumes() throws {
        let kills = 20, seed = seed(1)
        var dice = Dice(seed: seed)
        let source = try Source(&dice)
        let whole = try source.undisturbedSeconds()
        var inTheMiddle = 0
        for kill in 0..<kills {
            let fraction = (Double(kill) + dice.fraction()) / Double(kills)
            let place: Comment = "seed \(seed), kill \(kill) at \(fraction) of \(whole) s"
            let database = try TestDatabase()
            let seen = try killIngest(database, source.arguments, after: fraction * whole)
            let rows = try expectWholeBatches(database, source, seen: seen, place)
            if (1..<Self.rows).contains(rows) { inTheMiddle += 1 }
            try expectResumes(database, source, from: rows, place)
        }
        #expect(inTheMiddle >= kills / 4, "only \(inTheMiddle) of \(kills) kills came in the middle: seed \(seed), \(whole) s")
    }

    /// Kill after kill on one database: each run goes on where the last one was cut off.
    @Test func anIngestKilledAgainAndAgainArrives() throws {
        let kills = 10, seed = seed(2)
        var dice = Dice(seed: seed)
        let source = try Source(&dice)
        let whole = try source.undisturbedSeconds()
        let database = try TestDatabase()
        var rows = 0
        for kill in 0..<kills {
            let place: Comment = "seed \(seed), kill \(kill) of a chain"
            let seconds = dice.fraction() * whole * 0.3
            let seen = try killIngest(database, source.arguments + ["--resume"], after: seconds)
            let now = try expectWholeBatches(database, source, seen: seen, place)
            #expect(now >= rows, "\(place): there were \(rows) rows, and now there are \(now)")
            rows = now
        }
        try expectResumes(database, source, from: rows, "seed \(seed), the end of a chain")
    }
}

/// An index build is killed; the database, the search and the folder must not suffer.
@Suite(.serialized, .enabled(if: HeavyTests.run, HeavyTests.reason)) struct IndexKillTests {
    private static let rows = 2_100
    private static let dimension = 16

    @Test func aKilledBuildOfAFirstIndexLeavesASoundDatabase() throws {
        try killBuilds(10, seed: seed(3), indexed: false)
    }

    @Test func aKilledRebuildLeavesTheOldIndexInForce() throws {
        try killBuilds(10, seed: seed(4), indexed: true)
    }

    private func killBuilds(_ kills: Int, seed: UInt64, indexed: Bool) throws {
        var dice = Dice(seed: seed)
        let values = dice.floats(Self.rows * Self.dimension)
        let original = try TestDatabase()
        try original.fill(values, dimension: Self.dimension)
        if indexed { #expect(try original.run("index", "build").succeeded) }
        let start = Date()
        let undisturbed = try TestDatabase(copying: original).run("index", "rebuild")
        #expect(undisturbed.succeeded, "\(undisturbed.summary)")
        let whole = Date().timeIntervalSince(start)
        let tuning = undisturbed.objects.first?["tuningSeconds"] as? Double ?? 0
        let query = vectorText(values[..<Self.dimension])
        for kill in 0..<kills {
            let fraction = (Double(kill) + dice.fraction()) / Double(kills)
            // Every other kill falls before the tuning, which takes most of the time and writes little.
            let seconds = fraction * (kill % 2 == 0 ? whole - tuning : whole)
            let place: Comment = "seed \(seed), kill \(kill) after \(seconds) of \(whole) s"
            let database = try TestDatabase(copying: original)
            let build = try database.start("index", "rebuild")
            Thread.sleep(forTimeInterval: seconds)
            build.kill()
            #expect(build.wait().status <= 0)
            try database.expectSound(place)
            try expectSearches(database, query, place)
            try expectNextBuildTidies(database, place)
            try expectSearches(database, query, place)
        }
    }

    private func expectSearches(_ database: TestDatabase, _ query: String, _ place: Comment) throws {
        let arguments = ["--collection", "c", "--to", "m", "--vector", query, "-k", "10"]
        let found = try database.run("search", with: arguments)
        let exact = try database.run("search", with: arguments + ["--exact"])
        #expect(exact.ids.count == 10 && exact.ids.first == "0", "\(place): \(exact.summary)")
        #expect(found.ids.count == 10 && found.ids.first == "0", "\(place): \(found.summary)")
        let shared = Set(found.ids).intersection(exact.ids).count
        #expect(shared >= 8, "\(place): \(shared) of the true 10 were found")
    }

    /// The next build makes what is missing and removes what the killed one left.
    private func expectNextBuildTidies(_ database: TestDatabase, _ place: Comment) throws {
        let before = database.graphFiles()
        let build = try database.run("index", "build")
        #expect(build.succeeded, "\(place): \(build.summary)")
        #expect(database.graphFiles().count == 1, "\(place): \(before) before the next build, \(database.graphFiles()) after")
        let status = try database.run("index", "status", with: ["--format", "jsonl"])
        #expect(status.objects.first?["embeddingsInGraph"] as? Int == Self.rows, "\(place): \(status.summary)")
        let tunings = status.objects.first?["tunings"] as? [[String: Any]] ?? []
        let areFresh = !tunings.isEmpty && tunings.allSatisfy { $0["stale"] as? Bool == false }
        #expect(areFresh, "\(place): the recall table is missing or stale after the next build")
        try database.expectSound(place)
    }
}
