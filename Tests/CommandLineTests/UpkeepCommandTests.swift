/// What `ingest`, `delete` and `compact` do for indexes that exist, and leave when asked to.
import Foundation
import Testing

struct UpkeepCommandTests {
    private let dimension = 8

    private func indexed() throws -> TestDatabase {
        var dice = Dice(seed: 83)
        let database = try TestDatabase()
        try database.fill(dice.floats(2_400 * dimension), dimension: dimension)
        #expect(try database.run("index", "build").succeeded)
        return database
    }

    private func status(_ database: TestDatabase) throws -> [String: Any] {
        try #require(try database.run("index", "status").objects.first)
    }

    private func more(_ rows: Int) -> [Float] {
        var dice = Dice(seed: 84)
        return dice.floats(rows * dimension)
    }

    @Test func ingestMergesWhatHasComeTogether() throws {
        let database = try indexed()
        try database.folder.write(Data((0..<900).map { "new-\($0)\n" }.joined().utf8), to: "ids.txt")
        let few = try database.fill(Array(more(300)), dimension: dimension, name: "few.npy", ["--on-conflict", "skip"])
        #expect(!few.errorText.contains("index of"), "\(few.summary)")
        let done = try database.fill(more(900), dimension: dimension, name: "n.npy", ["--ids", "ids.txt"])
        #expect(done.errorText.contains("index of m: merged in "), "\(done.summary)")
        #expect(done.objects.count == 1, "what ingest prints is as ever")
        let now = try status(database)
        #expect(now["state"] as? String == "current" && now["embeddings"] as? Int == 3_300, "\(now)")
        let deleted = try database.run(
            "delete", with: TestDatabase.of("m") + ["--ids", database.folder.file("ids.txt"), "--no-merge"])
        #expect(deleted.succeeded && !deleted.errorText.contains("index of"), "\(deleted.summary)")
        #expect(try status(database)["state"] as? String == "stale")
        let built = try database.run("index", "build")
        #expect(built.objects.first?["outcome"] as? String == "merged", "\(built.summary)")
        try database.expectSound()
    }

    @Test func compactShrinksGraphsToo() throws {
        let database = try indexed()
        let ids = (0..<200).map(String.init)
        #expect(try database.run("delete", with: TestDatabase.of("m") + ["--id"] + ids).succeeded)
        #expect(try status(database)["state"] as? String == "stale", "too few to merge by itself")
        let done = try #require(try database.run("compact").objects.first)
        let before = try #require(done["indexBytesBefore"] as? Int), after = try #require(done["indexBytesAfter"] as? Int)
        #expect(after < before, "\(done)")
        #expect(try status(database)["state"] as? String == "current")
        try database.expectSound()
    }
}
