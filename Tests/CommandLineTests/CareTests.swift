/// Repair and backup as their users meet them: exit statuses, what is printed, what is left beside the database.
import Foundation
import Testing

@Suite(.serialized) struct CareTests {
    private static let rows = 2_100
    private static let dimension = 8

    private func indexed() throws -> (TestDatabase, [Float]) {
        var dice = Dice(seed: 71)
        let values = dice.floats(Self.rows * Self.dimension)
        let database = try TestDatabase()
        try database.fill(values, dimension: Self.dimension)
        #expect(try database.run("index", "build").succeeded)
        #expect(try database.run("compact").succeeded)
        #expect(database.graphFiles().count == 1)
        return (database, values)
    }

    /// The place of a component of a row's vector, which the exponent split keeps as three byte planes.
    private func place(of vector: ArraySlice<Float>, in file: Data) throws -> Int {
        let plane = vector.map { UInt8(truncatingIfNeeded: $0.bitPattern << 1 | $0.bitPattern >> 31) }
        let found = [float32Bytes(Array(vector)), plane].compactMap { file.range(of: Data($0)) }
        return try #require(found.first).lowerBound - file.startIndex
    }

    @Test func repairNamesWhatItTakesOutAndKeepsTheRest() throws {
        let (database, values) = try indexed()
        let file = database.folder.data("d.db")
        let place = try place(of: values[17 * Self.dimension..<18 * Self.dimension], in: file)
        try database.overwrite("d.db", at: place, with: [file[place] ^ 0x10])
        try database.folder.write(Data("no graph".utf8), to: database.graphFiles()[0])

        let rehearsal = try database.run("repair", with: ["--dry-run"])
        #expect(rehearsal.status == 3 && rehearsal.output.contains("id '17'"), "\(rehearsal.summary)")
        #expect(try database.run("check", with: ["--deep"]).status == 3)
        let repaired = try database.run("repair")
        #expect(repaired.succeeded && repaired.output == rehearsal.output, "\(repaired.summary)")
        #expect(repaired.objects.count == 2 && repaired.errorText.contains("d.db-before-repair"), "\(repaired.summary)")
        #expect(database.graphFiles().isEmpty, "\(database.files())")
        try database.expectSound("repaired")
        var rest = values
        rest.removeSubrange(17 * Self.dimension..<18 * Self.dimension)
        let isSame = try database.vectors() == Data(float32Bytes(rest))
        #expect(isSame, "another embedding has changed")
        let again = try database.run("repair")
        #expect(again.succeeded && again.output.isEmpty && again.errorText.contains("sound"), "\(again.summary)")
        let built = try database.run("index", "build")
        #expect(built.objects.first?["outcome"] as? String == "built", "\(built.summary)")
        try expectGraph(database.path, database.program)
        try database.expectSound("repaired and indexed")
    }

    /// A copy in another directory, and one beside its source whose graph is then removed.
    @Test func aBackupBorrowsNoGraph() throws {
        let (database, _) = try indexed()
        let program = database.program
        try FileManager.default.createDirectory(atPath: database.folder.file("other"), withIntermediateDirectories: false)
        for copy in ["other/b.db", "b.db"].map(database.folder.file) {
            let backup = try program.run(["backup", database.path, copy])
            #expect(backup.succeeded && backup.errorText.contains("index build"), "\(backup.summary)")
            let check = try program.run(["check", copy, "--deep"])
            #expect(check.succeeded && check.output.isEmpty, "\(check.summary)")
            let status = try program.run(["index", "status", copy])
            #expect(status.objects.first?["state"] as? String == "none", "\(status.summary)")
            let built = try program.run(["index", "build", copy])
            #expect(built.objects.first?["outcome"] as? String == "built", "\(built.summary)")
            try expectGraph(copy, program)
            #expect(try program.run(["check", copy, "--deep"]).succeeded)
        }
        let left = try FileManager.default.contentsOfDirectory(atPath: database.folder.file("other"))
        #expect(!left.contains { $0.hasPrefix(".") }, "\(left)")
    }

    /// A limit on the size of files stands for a full disk.
    @Test func aBackupThatDoesNotFitNamesTheCopyAndLeavesNothing() throws {
        var dice = Dice(seed: 75)
        let database = try TestDatabase()
        try database.fill(dice.floats(16_000 * 32), dimension: 32)
        let limited = Executable(
            path: "/bin/sh", leading: ["-c", "trap '' XFSZ; ulimit -f 512; exec \"$0\" \"$@\"", database.program.path])
        let copy = database.folder.file("copy.db")
        let backup = try limited.run(["backup", database.path, copy])
        #expect(backup.status == 1 && backup.isOneClearLine && backup.errorText.contains(copy), "\(backup.summary)")
        #expect(!backup.errorText.contains(".copy.db."), "\(backup.summary)")
        let left = try FileManager.default.contentsOfDirectory(atPath: database.folder.path)
        #expect(!left.contains { $0.contains("copy.db") }, "\(left)")
    }

    /// As soon as there is something to take away.
    @Test(.enabled(if: HeavyTests.run, HeavyTests.reason)) func anInterruptedBackupLeavesNothing() throws {
        var dice = Dice(seed: 74)
        let database = try TestDatabase()
        try database.fill(dice.floats(40_000 * 64), dimension: 64)
        try FileManager.default.createDirectory(atPath: database.folder.file("other"), withIntermediateDirectories: false)
        func files() throws -> [String] { try FileManager.default.contentsOfDirectory(atPath: database.folder.file("other")) }
        admitInterrupts()
        for _ in 0..<10 {
            let backup = try database.start("backup", with: ["other/b.db"])
            while backup.isRunning, try files().isEmpty {}
            backup.kill(SIGINT)
            let done = backup.wait()
            if done.succeeded {
                try FileManager.default.removeItem(atPath: database.folder.file("other/b.db"))
                continue
            }
            #expect(done.ending == .exited(130) && done.isOneClearLine, "\(done.summary)")
            #expect(try files() == [])
            return
        }
        Issue.record("no backup was slow enough")
    }

    /// The index is in force and answers.
    private func expectGraph(_ path: String, _ program: Executable) throws {
        let status = try program.run(["index", "status", path])
        #expect(status.objects.first?["state"] as? String == "current", "\(status.summary)")
        let found = try program.run(["search", path, "--collection", "c", "--to", "m", "--id", "3", "--explain"])
        let explanation = found.object?["explain"] as? [String: Any]
        #expect(explanation?["plan"] as? String == "graph", "\(found.summary)")
    }

    @Test func aStaleRecallTableIsToldOnceABatch() throws {
        let (database, _) = try indexed()
        var dice = Dice(seed: 72)
        try database.fill(
            dice.floats(800 * Self.dimension), dimension: Self.dimension, name: "n.npy",
            ["--on-conflict", "replace", "--no-merge"])
        let tunings = try database.run("index", "status").objects.first?["tunings"] as? [[String: Any]] ?? []
        #expect(!tunings.isEmpty && tunings.allSatisfy { $0["stale"] as? Bool == true }, "\(tunings)")
        let words = ["--collection", "c", "--to", "m", "--from", "m", "--queries", "n.npy", "--recall", "0.9"]
        let found = try database.run("search", with: words)
        #expect(found.succeeded && found.objects.count == 800)
        #expect(found.errorText.components(separatedBy: "the recall table is stale").count == 2, "\(found.summary)")
    }

    @Test func aMissingGraphFileIsNoDamage() throws {
        let (database, values) = try indexed()
        try FileManager.default.removeItem(atPath: database.folder.file(database.graphFiles()[0]))
        let check = try database.run("check", with: ["--deep"])
        #expect(check.succeeded && check.objects.first?["severity"] as? String == "warning", "\(check.summary)")
        let status = try database.run("index", "status")
        #expect(status.objects.first?["state"] as? String == "missing", "\(status.summary)")
        let query = vectorText(values[..<Self.dimension])
        let found = try database.run("search", with: ["--collection", "c", "--to", "m", "--vector", query])
        #expect(found.succeeded && found.errorText.contains("exact scan"), "\(found.summary)")
        #expect(found.errorText.contains("causeway index build"), "\(found.summary)")
    }
}
