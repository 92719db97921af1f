/// What goes in comes out: every finite float32 to the bit, metadata, items and tokens to the byte, in the order of insertion.
import Foundation
import Testing

@Suite struct RoundTripTests {
    private let folder = TemporaryFolder()

    private func causeway(_ arguments: String..., input: Data? = nil) throws -> Finished {
        let finished = try Executable.causeway().run(arguments, input: input, in: folder.path)
        try #require(finished.succeeded, "causeway \(arguments): \(finished.summary)")
        return finished
    }

    private func ingest(_ file: String, into database: String, _ options: String...) throws {
        let all = ["ingest", database, "--collection", "c", file] + options
        let finished = try Executable.causeway().run(all, in: folder.path)
        try #require(finished.succeeded, "causeway \(all): \(finished.summary)")
    }

    private func export(_ database: String, _ modality: String, to file: String) throws -> Data {
        _ = try causeway("export", database, "--collection", "c", "--modality", modality, "--to", file)
        return folder.data(file)
    }

    /// Compares an export in every form with the rows, bit for bit.
    private func expectExports(of database: String, _ modality: String, toBe rows: [[Float]], _ context: String) throws {
        let values = PlainFile.littleEndian(rows.flatMap { $0 })
        let shape = (rows.count, rows[0].count)
        let npy = PlainFile.npyParts(try export(database, modality, to: "\(database).npy"))
        #expect(npy.values == values, ".npy, \(context)")
        #expect(npy.header.contains("'<f4'") && npy.header.contains("\(shape)"), "\(npy.header), \(context)")
        #expect(try export(database, modality, to: "\(database).fvecs") == PlainFile.fvecs(rows), ".fvecs, \(context)")
        let safetensors = PlainFile.safetensorsParts(try export(database, modality, to: "\(database).safetensors"))
        #expect(safetensors.values == values, ".safetensors, \(context)")
        #expect(safetensors.header.contains("[\(shape.0),\(shape.1)]"), "\(safetensors.header), \(context)")
        let records = PlainFile.vectors(ofRecords: try export(database, modality, to: "\(database).jsonl"))
        #expect(records.count == rows.count && records.allSatisfy { $0.count == shape.1 }, ".jsonl, \(context)")
        #expect(PlainFile.littleEndian(records.flatMap { $0 }) == values, ".jsonl, \(context)")
        let printed = try causeway("export", database, "--collection", "c", "--modality", modality, "--to", "-")
        #expect(printed.outputBytes == folder.data("\(database).jsonl"), "standard output, \(context)")
    }

    @Test(arguments: [1, 7, 64, 301]) func everyFiniteFloatSurvives(dimension: Int) throws {
        for seed in UInt64(0)..<2 {
            let rows = FiniteFloats.rows(dimension: dimension, seed: seed)
            try folder.write(PlainFile.npy(rows), to: "in.npy")
            let database = "d\(seed).db"
            try ingest("in.npy", into: database, "--modality", "image", "--batch", "17")
            try expectExports(of: database, "image", toBe: rows, "dimension \(dimension), seed \(seed)")
        }
    }

    @Test(.enabled(if: Executable.python(importing: "sqlite3") != nil, "no python3 with sqlite3"))
    func aDatabaseOfAnEarlierVersionOpensUnderEveryCommand() throws {
        try folder.write(PlainFile.npy([[1, 0], [0, 1]]), to: "in.npy")
        try ingest("in.npy", into: "old.db", "--modality", "image")
        let python = try #require(Executable.python(importing: "sqlite3"))
        for command in ["search", "info", "check"] {
            // What version 2 lacked.
            let script = "import sqlite3; d = sqlite3.connect('old.db'); d.execute('DROP TABLE token_code'); "
                + "d.execute('DROP TABLE calibration'); "
                + "d.execute('PRAGMA user_version = 2'); d.commit(); d.close()"
            let changed = try python.run(["-c", script], in: folder.path)
            try #require(changed.succeeded, "\(changed.errorText)")
            let search = ["search", "old.db", "--collection", "c", "--to", "image", "--vector", "[1, 0.1]"]
            let finished = try Executable.causeway().run(command == "search" ? search : [command, "old.db"], in: folder.path)
            #expect(finished.succeeded, "\(command): \(finished.summary)")
            if command == "search" { #expect(finished.lines.count == 2, "\(finished.output)") }
        }
    }

    @Test func everyFormTakesThemIn() throws {
        let rows = FiniteFloats.rows(dimension: 33, seed: 42)
        let forms: [(name: String, data: Data)] = [
            ("npy", PlainFile.npy(rows)), ("fvecs", PlainFile.fvecs(rows)), ("safetensors", PlainFile.safetensors(rows)),
            ("jsonl", PlainFile.records(rows, modality: "image")),
        ]
        for form in forms {
            try folder.write(form.data, to: "in.\(form.name)")
            try ingest("in.\(form.name)", into: "\(form.name).db", "--modality", "image", "--batch", "50")
            try expectExports(of: "\(form.name).db", "image", toBe: rows, "from .\(form.name)")
        }
    }

    /// Random bits alone, in many widths: no value has a special place in the codecs.
    @Test func randomBitsSurvive() throws {
        for seed in UInt64(0)..<12 {
            var words = SeededWords(seed: 1_000 + seed)
            let dimension = Int.random(in: 1...700, using: &words)
            let rows = (0..<40).map { _ in
                (0..<dimension).map { _ -> Float in
                    let value = Float(bitPattern: UInt32(truncatingIfNeeded: words.next()))
                    return value.isFinite ? value : -0.0
                }
            }
            try folder.write(PlainFile.npy(rows), to: "random.npy")
            try ingest("random.npy", into: "r\(seed).db", "--modality", "image")
            let values = PlainFile.npyParts(try export("r\(seed).db", "image", to: "out.npy")).values
            #expect(values == PlainFile.littleEndian(rows.flatMap { $0 }), "seed \(seed), dimension \(dimension)")
        }
    }

    /// Not by id, and not by the order of what came first in the alphabet.
    @Test func exportFollowsInsertion() throws {
        var words = SeededWords(seed: 7)
        let numbers = (0..<2_500).shuffled(using: &words)
        let ids = numbers.map { "n\($0)" }
        let rows = numbers.map { [Float($0), 0.5] }
        try folder.write(PlainFile.npy(rows), to: "in.npy")
        try folder.write(Data(ids.joined(separator: "\n").utf8), to: "ids.txt")
        try ingest("in.npy", into: "o.db", "--modality", "image", "--ids", "ids.txt", "--batch", "999")
        _ = try causeway(
            "export", "o.db", "--collection", "c", "--modality", "image", "--to", "out.npy", "--ids", "out.txt")
        #expect(PlainFile.npyParts(folder.data("out.npy")).values == PlainFile.littleEndian(rows.flatMap { $0 }))
        #expect(String(decoding: folder.data("out.txt"), as: UTF8.self).split(separator: "\n").map(String.init) == ids)
    }

    /// Records in the very form that export writes.
    private func records(seed: UInt64, count: Int) -> String {
        var words = SeededWords(seed: seed)
        func numbers(_ count: Int) -> [Float] {
            (0..<count).map { _ in FiniteFloats.landmarks.randomElement(using: &words) ?? 0 }
        }
        let metadata = [
            "{}", #"{"year":2019,"tags":["cat","dog"],"author":{"name":"Zoë ☃ 🐈"}}"#,
            #"{"z":1,"a":null,"m":[true,false,[],{}]}"#,
            #"{"large":12345678901234567890,"small":1e-300,"negative":-0.0,"text":"\"\\\u0007\n"}"#,
            #"{ "spaced" : [ 1 , 2.50 ,3E2 ] }"#,
            #"{"":"empty name","long":"\#(String(repeating: "long ", count: 400))"}"#,
        ]
        return (0..<count).map { number in
            let modality = number % 3 == 0 ? "text" : "image"
            var members = [#""modality":"\#(modality)","id":"id \#(number)/é""#]
            if number % 2 == 0 { members.append(#""item":"item-\#(number / 6)""#) }
            members.append("\"vector\":\(compact(numbers(modality == "text" ? 5 : 9)))")
            if number % 4 != 1 {
                let tokens = (0..<Int.random(in: 1...6, using: &words)).map { _ in numbers(modality == "text" ? 4 : 3) }
                members.append("\"tokens\":[\(tokens.map(compact).joined(separator: ","))]")
                let weights = tokens.map { _ in Float.random(in: 0.1...2, using: &words) }
                if number % 8 < 4 { members.append("\"weights\":\(compact(weights))") }
            }
            if number % 5 != 4 { members.append("\"metadata\":\(metadata[number % metadata.count])") }
            return "{\(members.joined(separator: ","))}\n"
        }.joined()
    }

    private func compact(_ values: [Float]) -> String { "[\(values.map(\.description).joined(separator: ","))]" }

    private func lines(_ text: String, of modality: String) -> String {
        text.split(separator: "\n").filter { $0.hasPrefix("{\"modality\":\"\(modality)\"") }.map { $0 + "\n" }.joined()
    }

    @Test(arguments: UInt64(0)..<5) func recordsComeBackToTheByte(seed: UInt64) throws {
        let text = records(seed: seed, count: 120)
        try folder.write(Data(text.utf8), to: "in.jsonl")
        try ingest("in.jsonl", into: "a.db", "--batch", "11")
        for modality in ["image", "text"] {
            let first = try export("a.db", modality, to: "a-\(modality).jsonl")
            #expect(String(decoding: first, as: UTF8.self) == lines(text, of: modality), "seed \(seed)")
            _ = try causeway("ingest", "b.db", "--collection", "c", "-", input: first)
            #expect(try export("b.db", modality, to: "b-\(modality).jsonl") == first, "seed \(seed)")
        }
        let check = try Executable.causeway().run(["check", "b.db", "--deep"], in: folder.path)
        #expect(check.succeeded, "seed \(seed): \(check.summary)")
    }

    /// Other spellings of the same records settle after one pass.
    @Test func otherSpellingsSettle() throws {
        let text = """
            { "vector" : [1e0, -0, 0.1000000000000000055511151231257827, 3.4028234e38],"id":17, "item" : 3 , "modality":"m"}

            {"metadata": {"a" : [1,\t2]}, "tokens":[[1,2],[3,4]], "weights":[1,0.5], "modality":"m", "id":"x", \
            "vector":[1,2,3,4E-45]}
            {"id":"\\u00e9\\ud83d\\ude00","vector":[0,0,0,0],"modality":"m","item":null,"metadata":null}
            """
        try folder.write(Data(text.utf8), to: "in.jsonl")
        try ingest("in.jsonl", into: "a.db")
        let first = try export("a.db", "m", to: "a.jsonl")
        let expected: [[Float]] = [[1, -0.0, 0.1, 3.4028234e38], [1, 2, 3, Float(bitPattern: 3)], [0, 0, 0, 0]]
        #expect(PlainFile.vectors(ofRecords: first).map(PlainFile.littleEndian) == expected.map(PlainFile.littleEndian))
        let written = String(decoding: first, as: UTF8.self)
        #expect(written.contains(#""id":"17","item":"3""#) && written.contains("\"id\":\"é😀\",\"vector\""), "\(written)")
        try ingest("a.jsonl", into: "b.db")
        #expect(try export("b.db", "m", to: "b.jsonl") == first)
    }
}
