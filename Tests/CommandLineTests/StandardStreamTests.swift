/// `-` and pipes wherever a file is taken: what is read there is stored, what is written there is whole, the rest is refused.
import Foundation
import Testing

struct StandardStreamTests {
    private func database() throws -> TestDatabase {
        let database = try TestDatabase()
        try database.folder.write(NpyFile.floats([1, 0, 0, 1, 0.5, 0.5], dimension: 2), to: "s.npy")
        try database.folder.write(Plain.lines(["x", "y", "z"]), to: "ids.txt")
        return database
    }

    /// A line of shell in the folder, in which `$C` is the program: the streams of a test's own processes are files.
    private func shell(_ database: TestDatabase, _ line: String) throws -> Finished {
        let shell = Executable(path: "/bin/sh", environment: ["C": database.program.path])
        return try withExtendedLifetime(database) { try shell.run(["-c", line], in: database.folder.path) }
    }

    private func list(_ database: TestDatabase, _ modality: String) throws -> [[String: Any]] {
        try database.run("list", with: TestDatabase.of(modality) + ["--format", "jsonl"]).objects
    }

    @Test(arguments: ["-", "/dev/stdin"]) func linesThatComeThroughAPipeAreStored(path: String) throws {
        let database = try database()
        let ids = try shell(database, "cat ids.txt | \"$C\" ingest d.db -c c -m a s.npy --ids \(path)")
        #expect(ids.object?["inserted"] as? Int == 3, "\(ids.summary)")
        #expect(try list(database, "a").map { $0["id"] as? String } == ["x", "y", "z"])
        let items = try shell(database, "cat ids.txt | \"$C\" ingest d.db -c c -m b s.npy --batch 1 --items \(path)")
        #expect(items.succeeded, "\(items.summary)")
        #expect(try list(database, "b").map { $0["item"] as? String } == ["x", "y", "z"])
        let metadata = try shell(
            database, "printf '{\"n\":1}\\n\\nnull\\n' | \"$C\" ingest d.db -c c -m d s.npy --metadata \(path)")
        #expect(metadata.succeeded, "\(metadata.summary)")
        let stored = try list(database, "d").map { $0["metadata"] as? [String: Int] }
        #expect(stored == [["n": 1], nil, nil], "an empty line and null are rows without metadata")
        let short = try shell(database, "printf 'x\\ny\\n' | \"$C\" ingest d.db -c c -m e s.npy --ids \(path)")
        #expect(short.status == 4 && short.errorText.contains("2 lines for 3 rows"), "\(short.summary)")
    }

    /// There is nothing to keep indexes up with, and no collection that could have any.
    @Test func nothingIsTakenInWithoutANote() throws {
        let database = try database()
        let empty = try shell(database, "\"$C\" ingest d.db -c c - < /dev/null")
        #expect(empty.object?["inserted"] as? Int == 0 && empty.errorText.isEmpty, "\(empty.summary)")
    }

    @Test func standardInputHasOneReader() throws {
        let database = try database()
        for options in ["s.npy --ids - --items -", "- --metadata -", "- -"] {
            let done = try shell(database, "cat ids.txt | \"$C\" ingest d.db -c c -m a \(options)")
            #expect(done.status == 2 && done.isOneClearLine && done.errorText.contains("standard input"), "\(done.summary)")
        }
        #expect(database.files().isEmpty)
    }

    @Test func whatStandardInputHoldsIsToldByItsFirstBytes() throws {
        let database = try database()
        let matrix = try shell(database, "cat s.npy | \"$C\" ingest d.db -c c -m a - --ids ids.txt")
        #expect(matrix.object?["inserted"] as? Int == 3, "\(matrix.summary)")
        #expect(try list(database, "a").map { $0["id"] as? String } == ["x", "y", "z"])
        let record = "printf '{\"id\":\"r\",\"vector\":[1,2]}\\n' | \"$C\""
        #expect(try shell(database, "\(record) ingest d.db -c c -m b -").object?["inserted"] as? Int == 1)
        #expect(try shell(database, "\(record) ingest d.db -c c -m b - --ids ids.txt").status == 2)
        let nothing = try shell(database, ": | \"$C\" ingest d.db -c c -m b -")
        #expect(nothing.object?["inserted"] as? Int == 0, "\(nothing.summary)")
        let words = try shell(database, "echo hello | \"$C\" ingest d.db -c c -m b -")
        #expect(words.status == 4 && words.errorText.contains("standard input, line 1"), "\(words.summary)")
        let resumed = try shell(database, "cat s.npy | \"$C\" ingest d.db -c c -m a - --resume")
        #expect(resumed.status != 0 && resumed.errorText.contains("cannot be resumed"), "\(resumed.summary)")
    }

    @Test func aQueryThroughAPipeIsANpy() throws {
        let database = try database()
        #expect(try database.ingest(["s.npy"]).succeeded)
        let search = "\"$C\" search d.db -c c --to m -k 1"
        #expect(try shell(database, "cat s.npy | \(search) --vector - --row 1").ids == ["1"])
        #expect(try shell(database, "cat s.npy | \(search) --queries -").objects.count == 3)
        for option in ["--vector", "--queries"] {
            let done = try shell(database, "echo '{\"vector\":[1,2]}' | \(search) \(option) -")
            #expect(done.status == 4 && done.isOneClearLine && done.errorText.contains(".npy"), "\(done.summary)")
            #expect(!done.errorText.contains("JSONL"), "\(done.summary)")
        }
    }

    @Test func resultsGoToStandardOutputWhole() throws {
        let database = try database()
        for modality in ["m", "n"] { #expect(try database.ingest(["s.npy"], into: modality).succeeded) }
        let search = ["-c", "c", "--to", "m", "-k", "4", "--queries", "s.npy", "--output"]
        #expect(try database.run("search", with: search + ["o.npy"]).succeeded)
        let piped = try database.run("search", with: search + ["-"])
        #expect(piped.succeeded && piped.outputBytes == database.folder.data("o.npy"), "\(piped.summary)")
        let report = try database.run("evaluate", with: ["-c", "c", "--from", "m", "--to", "n", "--report", "-"])
        #expect(report.succeeded && report.output.hasPrefix("<!DOCTYPE html>"), "\(report.summary)")
        #expect(report.output.hasSuffix("</html>\n") && !report.output.contains("\"queries\""), "\(report.summary)")
        let backup = try database.run("backup", with: ["-"])
        #expect(backup.status == 2 && backup.isOneClearLine && backup.errorText.contains("no stream"), "\(backup.summary)")
        #expect(!FileManager.default.fileExists(atPath: database.folder.file("-")))
    }
}
