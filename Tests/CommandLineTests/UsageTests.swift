/// Wrong usage, missing files and questions that make no sense, asked of the real program: the right status and one clear line.
import Foundation
import Testing

struct UsageTests {
    private func database() throws -> TestDatabase {
        let database = try TestDatabase()
        var dice = Dice(seed: 61)
        try database.folder.write(Plain.lines((0..<20).map { "{\"year\":\(2_000 + $0)}" }), to: "meta.jsonl")
        try database.fill(dice.floats(20 * 4), dimension: 4, ["--metadata", "meta.jsonl"])
        return database
    }

    /// Runs with `DB` standing for the database.
    private func expect(
        _ status: Int32, _ database: TestDatabase, _ arguments: [String], says: String...,
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let done = try database.program.run(
            arguments.map { $0 == "DB" ? database.path : $0 }, in: database.folder.path)
        #expect(done.status == status, "\(arguments): \(done.summary)", sourceLocation: sourceLocation)
        #expect(done.isOneClearLine && done.output.isEmpty, "\(arguments): \(done.summary)", sourceLocation: sourceLocation)
        for words in says {
            #expect(done.errorText.contains(words), "\(arguments), '\(words)': \(done.summary)", sourceLocation: sourceLocation)
        }
    }

    @Test func wrongUsageOfIngest() throws {
        let database = try database()
        let modality = TestDatabase.of("m")
        try database.folder.write(Plain.lines(["{}"]), to: "r.jsonl")
        let before = try database.visibleState()
        try expect(2, database, ["ingest"], says: "DB")
        try expect(2, database, ["ingest", "DB"] + modality, says: "FILE")
        try expect(2, database, ["ingest", "DB", "m.npy", "--modality", "m"], says: "--collection")
        try expect(2, database, ["ingest", "DB", "m.npy", "--collection", "c"], says: "--modality")
        try expect(2, database, ["ingest", "DB", "m.npy", "--colection", "c"], says: "--colection", "--collection")
        for batch in ["0", "-1", "x", "1000001", "1.5", ""] {
            try expect(2, database, ["ingest", "DB", "m.npy", "--batch=\(batch)"] + modality, says: "--batch")
        }
        try expect(2, database, ["ingest", "DB", "m.npy", "--on-conflict", "maybe"] + modality, says: "maybe", "replace")
        try expect(2, database, ["ingest", "DB", "m.npy", "--tokens", "t.npy"] + modality, says: "--token-offsets")
        try expect(2, database, ["ingest", "DB", "m.npy", "--token-weights", "t.npy"] + modality, says: "--tokens")
        try expect(2, database, ["ingest", "DB", "r.jsonl", "m.npy"] + modality)
        try expect(2, database, ["ingest", "DB", "r.jsonl", "--ids", "ids.txt", "--collection", "c"], says: "--ids")
        #expect(try database.visibleState() == before)
    }

    @Test func wrongUsageOfTheOtherCommands() throws {
        let database = try database()
        let to = ["--collection", "c", "--to", "m"]
        try expect(2, database, ["serch", "DB"], says: "serch", "search")
        try expect(2, database, ["--frobnicate"], says: "--frobnicate")
        try expect(2, database, ["index", "biuld", "DB"], says: "biuld", "build")
        try expect(2, database, ["search", "DB"] + to, says: "--id")
        try expect(2, database, ["search", "DB", "--id", "1", "--vector", "[1,2,3,4]"] + to, says: "--id", "--vector")
        try expect(2, database, ["search", "DB", "--id", "1", "-k", "0"] + to, says: "k")
        try expect(2, database, ["search", "DB", "--id", "1", "--metric", "hamming"] + to, says: "hamming", "cosine")
        try expect(2, database, ["search", "DB", "--id", "1", "--exact", "--ef", "10"] + to, says: "--exact")
        try expect(2, database, ["search", "DB", "--id", "1", "--recall", "1.5"] + to, says: "1.5")
        try expect(2, database, ["info", "DB", "--format", "xml"], says: "xml")
        try expect(2, database, ["info", "DB", "more"], says: "more")
        try expect(2, database, ["search", "DB", "--id", "1", "--candidates", "3"] + to, says: "--candidates 3", "10")
        try expect(2, database, ["search", "DB", "--vector", "[1,2,3,4]", "--row", "3"] + to, says: "--row")
        try expect(2, database, ["list", "DB", "--all", "-n", "2"] + TestDatabase.of("m"), says: "--all", "--limit")
        try expect(
            2, database, ["search", "DB", "--id", "1", "--candidates", "20", "--exact"] + to, says: "--candidates", "--exact")
        let output = ["search", "DB", "--queries", "m.npy", "--explain", "--output", "x.npy"]
        try expect(2, database, output + to, says: "--explain", "--output")
        try expect(2, database, ["search", "DB", "--id", "1", "--collection", "c", "--to", "m,m"], says: "twice")
        try expect(2, database, ["search", "DB", "--id", "1", "--collection", "c", "--to", "m,n", "--via", "m"], says: "--via")
        try expect(2, database, ["export", "DB", "--to", "x.txt"] + TestDatabase.of("m"), says: "x.txt", ".npy", "--help")
        for name in ["", "a\nb", String(repeating: "a", count: 256)] {
            try expect(2, database, ["ingest", "DB", "m.npy", "-c", name, "-m", "m"], says: "--collection", "255")
            try expect(2, database, ["ingest", "DB", "m.npy", "-c", "c", "-m", name], says: "--modality", "255")
        }
        for (file, other) in [("x.npy", "x.npy"), ("x.npy", "./x.npy"), ("-", "-")] {
            let export = ["export", "DB", "--to", file, "--ids", other] + TestDatabase.of("m")
            try expect(2, database, export, says: "--to", "--ids")
        }
        #expect(!FileManager.default.fileExists(atPath: database.folder.file("x.npy")))
        try expect(2, database, ["delete", "DB"] + TestDatabase.of("m"), says: "--id")
    }

    /// The column, from 1, is where the parser stopped.
    @Test(arguments: [
        ("year >= ", 9), ("year >> 3", 7), ("year = 'a", 8), ("(year = 1", 10), ("year = 1)", 9), ("= 1", 1), ("year IN ()", 10),
        ("year = 1 AND", 13), ("tags CONTAINS", 14), ("year = 1; DROP TABLE embedding", 9), ("year LIKE 5", 11), ("", 1),
    ])
    func aFilterThatDoesNotParse(expression: String, column: Int) throws {
        let database = try database()
        let before = try database.visibleState()
        try expect(
            2, database, ["search", "DB", "--collection", "c", "--to", "m", "--id", "1", "--where", expression],
            says: "column \(column)")
        try expect(2, database, ["list", "DB", "--where", expression] + TestDatabase.of("m"), says: "column \(column)")
        try expect(2, database, ["delete", "DB", "--where", expression] + TestDatabase.of("m"), says: "column \(column)")
        #expect(try database.visibleState() == before)
    }

    @Test func aMissingDirectoryIsNamed() throws {
        let database = try database()
        let path = database.folder.file("nowhere/x.db")
        try expect(
            1, database, ["ingest", path, "m.npy"] + TestDatabase.of("m"),
            says: "there is no directory", "nowhere for x.db; make it")
        try expect(1, database, ["info", path], says: "there is no database at")
    }

    @Test func missingFilesAreNamed() throws {
        let database = try database()
        let names = database.files()
        for arguments in [
            ["ingest", "DB", "gone.npy"] + TestDatabase.of("m"), ["ingest", "DB", "gone.jsonl", "--collection", "c"],
            ["ingest", "DB", "m.npy", "--ids", "gone.txt"] + TestDatabase.of("m"),
            ["ingest", "DB", "m.npy", "--metadata", "gone.txt"] + TestDatabase.of("m"),
            ["ingest", "DB", "m.npy", "--tokens", "gone.npy", "--token-offsets", "gone.npy"] + TestDatabase.of("m"),
            ["search", "DB", "--collection", "c", "--to", "m", "--vector", "gone.npy"],
            ["search", "DB", "--collection", "c", "--to", "m", "--queries", "gone.npy"],
            ["delete", "DB", "--ids", "gone.txt"] + TestDatabase.of("m"),
            ["info", "gone.db"], ["check", "gone.db"], ["index", "build", "gone.db"], ["compact", "gone.db"],
            ["search", "gone.db", "--collection", "c", "--to", "m", "--id", "1"],
        ] {
            let done = try database.program.run(
                arguments.map { $0 == "DB" ? database.path : $0 }, in: database.folder.path)
            #expect([1, 4].contains(done.status), "\(arguments): \(done.summary)")
            #expect(done.isOneClearLine && done.errorText.contains("gone"), "\(arguments): \(done.summary)")
        }
        let made = database.files().filter { !$0.hasSuffix("-wal") && !$0.hasSuffix("-shm") && !names.contains($0) }
        #expect(made.isEmpty, "\(made)")
        #expect(!FileManager.default.fileExists(atPath: database.folder.file("gone.db")))
    }

    @Test func questionsWithoutAnAnswer() throws {
        let database = try database()
        let to = ["--collection", "c", "--to", "m"]
        try expect(1, database, ["search", "DB", "--collection", "x", "--to", "m", "--id", "1"], says: "x")
        try expect(1, database, ["search", "DB", "--collection", "c", "--to", "x", "--id", "1"], says: "x")
        try expect(1, database, ["search", "DB", "--id", "none"] + to, says: "none")
        try expect(1, database, ["get", "DB", "--id", "none"] + TestDatabase.of("m"), says: "none")
        try expect(1, database, ["delete", "DB", "--id", "1", "none"] + TestDatabase.of("m"), says: "none")
        try expect(4, database, ["set", "DB", "--id", "1", "--metadata", "[1]"] + TestDatabase.of("m"), says: "object")
        let large = try database.run("set", with: ["--id", "1", "--metadata", #"{"a":1e999}"#] + TestDatabase.of("m"))
        #expect(large.status == 4 && large.isOneClearLine && !large.errorText.contains("row"), "\(large.summary)")
        for vector in ["[1,2,3]", "[]", "[1,2,3,4,5]", "[1,2,3,nan]", "[1,2,3,1e39]", "[1,2,3,'a']", "[1,2,3,4"] {
            let done = try database.run("search", with: to + ["--vector", vector])
            #expect([1, 2, 4].contains(done.status) && done.isOneClearLine, "\(vector): \(done.summary)")
        }
        #expect(try database.count() == 20)
    }
}
