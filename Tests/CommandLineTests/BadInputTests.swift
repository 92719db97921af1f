/// Every kind of bad input that the contract of the command line names is refused whole, with file, row and reason.
import Foundation
import Testing

struct BadInputTests {
    // MARK: Numbers

    private static let nan = "nan|not a number|finite"
    private static let infinity = "inf|finite"
    private static let overflow = "overflow|too large|beyond|float32"

    @Test func numbersThatAreNone() throws {
        let bench = try BadInputBench()
        let size = [Plain.rows, Plain.dimension]
        for (value, reason) in [(Float.nan, Self.nan), (.infinity, Self.infinity), (-.infinity, Self.infinity)] {
            let values = Plain.floats(with: value)
            let halves = values.flatMap {
                littleEndian($0.isNaN ? 0x7E00 : $0 == .infinity ? 0x7C00 : $0 < 0 ? 0xFC00 : 0x3C00 as UInt16)
            }
            let doubles = values.map(Double.init)
            let columns = (0..<Plain.dimension).flatMap { column in
                (0..<Plain.rows).map { doubles[$0 * Plain.dimension + column] }
            }
            let says = ["row 3", reason]
            let fortran = NpyFile.header(descr: "<f8", fortran: true, shape: size)
            let rows = (0..<Plain.rows).map { Array(values[$0 * Plain.dimension..<($0 + 1) * Plain.dimension]) }
            let tensor = SafetensorsFile.data(
                header: #"{"x":{"dtype":"BF16","shape":[6,4],"data_offsets":[0,48]}}"#,
                values.flatMap { littleEndian(UInt16($0.bitPattern >> 16)) })
            try bench.expectAllRefused([
                BadInput("\(value) in f4", "a.npy", NpyFile.floats(values, dimension: 4), says: ["row 3", reason]),
                BadInput("\(value) in f2", "a.npy", NpyFile.data(descr: "<f2", shape: size, halves), says: says),
                BadInput("\(value) in f8", "a.npy", NpyFile.data(descr: "<f8", shape: size, float64Bytes(doubles)), says: says),
                BadInput(
                    "\(value) in big-endian f4", "a.npy",
                    NpyFile.data(descr: ">f4", shape: size, values.flatMap { littleEndian($0.bitPattern).reversed() }),
                    says: ["row 3", reason]),
                BadInput("\(value) in Fortran order", "a.npy", NpyFile.data(header: fortran, float64Bytes(columns)), says: says),
                BadInput("\(value) in fvecs", "a.fvecs", VecsFile.rows(rows), says: ["row 3", reason]),
                BadInput("\(value) in bfloat16", "a.safetensors", tensor, says: ["row 3", reason]),
            ])
        }
    }

    @Test func float64BeyondFloat32() throws {
        let bench = try BadInputBench()
        // The largest float32 and half a step: the smallest that would round to infinity.
        for value in [1e39, -1e39, 1e308, Double(Float.greatestFiniteMagnitude) + 0x1p103] {
            var values = Plain.floats.map(Double.init)
            values[14] = value
            let tensor = #"{"x":{"dtype":"F64","shape":[6,4],"data_offsets":[0,192]}}"#
            try bench.expectAllRefused([
                BadInput(
                    "\(value)", "a.npy", NpyFile.data(descr: "<f8", shape: [6, 4], float64Bytes(values)),
                    says: ["row 3", Self.overflow]),
                BadInput(
                    "\(value) in safetensors", "a.safetensors", SafetensorsFile.data(header: tensor, float64Bytes(values)),
                    says: ["row 3", Self.overflow]),
            ])
        }
    }

    @Test func anotherDimensionThanTheModalitys() throws {
        let bench = try BadInputBench()
        try bench.expectAllRefused([
            BadInput("3 for 4", "a.npy", NpyFile.floats(Plain.floats, dimension: 3), says: ["row 0", "4", "3", "dimension"]),
            BadInput("no columns", "a.npy", NpyFile.data(descr: "<f4", shape: [6, 0], []), says: ["dimension"]),
            BadInput(
                "files of two dimensions",
                [("a.npy", Plain.matrix), ("b.npy", NpyFile.floats(Plain.floats, dimension: 3))],
                TestDatabase.of("new") + ["a.npy", "b.npy"], says: ["b.npy", "3", "4"]),
            BadInput(
                "another model", [("a.npy", Plain.matrix)], TestDatabase.of("m") + ["a.npy", "--model", "beta"],
                says: ["alpha", "beta"]),
        ])
    }

    // MARK: Lines beside a matrix

    private func beside(_ name: String, _ option: String, _ data: Data, says: [String]) -> BadInput {
        let ids = option == "ids" ? [] : ["--ids", "ids.txt"]
        return BadInput(
            name, [("a.npy", Plain.matrix), ("ids.txt", Plain.lines(Plain.ids)), ("side.txt", data)],
            TestDatabase.of("m") + ["a.npy"] + ids + ["--\(option)", "side.txt"], says: says)
    }

    /// The lines of `Plain` with line 4 (row 3) replaced.
    private func ids(with text: String) -> Data {
        var lines = Plain.ids
        lines[3] = text
        return Plain.lines(lines)
    }

    @Test func ids() throws {
        let bench = try BadInputBench()
        let place = "row 3|line 4"
        try bench.expectAllRefused([
            beside("too few ids", "ids", Plain.lines(Plain.ids.dropLast()), says: ["side.txt", "5", "6"]),
            beside("too many ids", "ids", Plain.lines(Plain.ids + ["more"]), says: ["side.txt", "7", "6"]),
            beside("no ids", "ids", Data(), says: ["side.txt", "6"]),
            beside("an empty id", "ids", ids(with: ""), says: [place, "empty"]),
            beside("a long id", "ids", ids(with: String(repeating: "é", count: 513)), says: [place, "1026"]),
            beside("an id with NUL", "ids", ids(with: "a\0b"), says: [place, "NUL"]),
            beside("an id that is stored", "ids", ids(with: "7"), says: ["a.npy|side.txt", place, "7"]),
            beside("an id that occurs twice", "ids", ids(with: "new1"), says: ["a.npy|side.txt", place, "new1"]),
            beside(
                "an id of bad UTF-8", "ids", Plain.lines(["a", "b", "c"]) + Data([0xC3, 0x28, 0x0A]) + Plain.lines(["e", "f"]),
                says: ["side.txt", place, "UTF-8"]),
            beside("too few items", "items", Plain.lines(Plain.ids.dropLast()), says: ["side.txt", "5", "6"]),
            beside("an empty item", "items", ids(with: ""), says: [place, "empty"]),
            BadInput("row numbers that are stored", "a.npy", Plain.matrix, says: ["row 0", "id 0|id '0'"]),
        ])
    }

    @Test func metadata() throws {
        let bench = try BadInputBench()
        func metadata(_ name: String, _ text: String, says: String = "metadata") -> BadInput {
            var lines = [String](repeating: "{}", count: Plain.rows)
            lines[3] = text
            return beside(name, "metadata", Plain.lines(lines), says: ["a.npy|side.txt", "row 3|line 4", says])
        }
        let deep = String(repeating: "{\"a\":", count: 5_000) + "1" + String(repeating: "}", count: 5_000)
        try bench.expectAllRefused([
            beside("too few lines", "metadata", Plain.lines(["{}"]), says: ["side.txt", "1", "6"]),
            metadata("an array", "[1]"), metadata("a number", "1"), metadata("a word", "nul"),
            metadata("no JSON", "year=2019"), metadata("cut off", #"{"a":1"#), metadata("two objects", "{} {}"),
            metadata("a key twice", #"{"a":1,"a":2}"#, says: "twice|duplicate"),
            metadata("a key twice inside", #"{"x":{"a":1,"\u0061":2}}"#, says: "twice|duplicate"),
            metadata("a trailing comma", #"{"a":1,}"#), metadata("a trailing comma in an array", #"{"a":[1,]}"#),
            metadata("NaN", #"{"a":NaN}"#), metadata("a number with a zero in front", #"{"a":01}"#),
            metadata("single quotes", "{'a':1}"), metadata("a comment", #"{"a":1} // one"#),
            metadata("half a surrogate pair", #"{"a":"\ud800"}"#), metadata("a control character", "{\"a\":\"\u{1}\"}"),
            metadata("too deep", deep), metadata("too long", "{\"a\":\"" + String(repeating: "x", count: 1 << 20) + "\"}"),
        ])
    }

    // MARK: Tokens

    /// Ten tokens of two components for six rows, with one of the three files replaced.
    private func tokens(
        _ name: String, tokens: Data? = nil, offsets: Data? = nil, weights: Data? = nil, says: [String]
    ) -> BadInput {
        let values = (0..<20).map { Float($0) - 4.5 }
        return BadInput(
            name,
            [
                ("a.npy", Plain.matrix), ("ids.txt", Plain.lines(Plain.ids)),
                ("tokens.npy", tokens ?? NpyFile.floats(values, dimension: 2)),
                ("offsets.npy", offsets ?? NpyFile.integers([0, 1, 3, 4, 6, 9, 10])),
                ("weights.npy", weights ?? self.weights([Float](repeating: 1, count: 10))),
            ],
            TestDatabase.of("t") + [
                "a.npy", "--ids", "ids.txt", "--tokens", "tokens.npy", "--token-offsets", "offsets.npy",
                "--token-weights", "weights.npy",
            ], says: says)
    }

    private func weights(_ values: [Float]) -> Data { NpyFile.data(descr: "<f4", shape: [values.count], float32Bytes(values)) }

    @Test func tokens() throws {
        let bench = try BadInputBench()
        var spoiled = (0..<20).map { Float($0) }
        spoiled[11] = .nan  // token 5, the second of row 3's two, which are tokens 4 and 5
        try bench.expectAllRefused([
            tokens(
                "descending", offsets: NpyFile.integers([0, 1, 3, 2, 6, 9, 10]),
                says: ["offsets.npy", "row 2", "descend|ascend"]),
            tokens("empty set", offsets: NpyFile.integers([0, 1, 3, 3, 6, 9, 10]), says: ["offsets.npy", "row 2"]),
            tokens("one too few", offsets: NpyFile.integers([0, 1, 3, 4, 6, 10]), says: ["offsets.npy", "6", "rows"]),
            tokens("one too many", offsets: NpyFile.integers([0, 1, 3, 4, 6, 8, 9, 10]), says: ["offsets.npy", "8", "rows"]),
            tokens("beyond T", offsets: NpyFile.integers([0, 1, 3, 4, 6, 9, 11]), says: ["offsets.npy", "11", "10"]),
            tokens("not all", offsets: NpyFile.integers([0, 1, 3, 4, 6, 8, 9]), says: ["offsets.npy", "9", "10"]),
            tokens("not from 0", offsets: NpyFile.integers([1, 2, 3, 4, 6, 9, 10]), says: ["offsets.npy"]),
            tokens("negative", offsets: NpyFile.integers([0, -1, 3, 4, 6, 9, 10]), says: ["offsets.npy", "row 0"]),
            tokens("huge", offsets: NpyFile.integers([0, .max, .min, 4, 6, 9, 10]), says: ["offsets.npy"]),
            tokens("float offsets", offsets: weights([0, 1, 3, 4, 6, 9, 10]), says: ["offsets.npy", "integer"]),
            tokens("a matrix of offsets", offsets: Plain.matrix, says: ["offsets.npy"]),
            tokens("not finite", tokens: NpyFile.floats(spoiled, dimension: 2), says: ["tokens.npy", "row 5", Self.nan]),
            tokens(
                "another dimension", tokens: NpyFile.floats(Plain.floats + [1, 2, 3, 4, 5, 6], dimension: 3),
                says: ["row 0", "2", "3"]),
            tokens("a negative weight", weights: weights([1, 1, 1, 1, -1, 1, 1, 1, 1, 1]), says: ["row 3", "weight"]),
            tokens("weights all zero", weights: weights([1, 1, 1, 1, 0, 0, 1, 1, 1, 1]), says: ["row 3|row 4", "weight", "zero"]),
            tokens("a weight not finite", weights: weights([1, 1, 1, 1, .nan, 1, 1, 1, 1, 1]), says: ["row 3|row 4", Self.nan]),
            tokens("too few weights", weights: weights([1, 1, 1]), says: ["weights.npy", "3", "10"]),
            tokens("a matrix of weights", weights: Plain.matrix, says: ["weights.npy"]),
        ])
    }

    // MARK: Batches

    /// Batches before the bad one stay; nothing of it is kept, and the message says which row it was.
    @Test func aBadRowInTheMiddleCostsItsBatchOnly() throws {
        var dice = Dice(seed: 32)
        var values = dice.floats(60 * 4)
        values[25 * 4 + 1] = .infinity
        let records = (0..<60).map { row in
            "{\"modality\":\"m\",\"id\":\(row),\"vector\":[\(row == 25 ? "1e39" : "1"),2,3,4]}"
        }
        for (name, data, place) in [
            ("a.npy", NpyFile.floats(values, dimension: 4), "row 25"), ("a.jsonl", Plain.lines(records), "line 26"),
        ] {
            let database = try TestDatabase()
            try database.folder.write(data, to: name)
            let done = try database.ingest([name, "--batch", "10"])
            #expect(done.status == 4 && done.errorText.contains(place), "\(done.summary)")
            let ids = try database.run("list", with: TestDatabase.of("m") + ["--all", "--format", "jsonl"]).ids
            #expect(ids == (0..<20).map(String.init), "\(name): \(ids)")
            try database.expectSound("a bad batch in the middle of \(name)")

            // The file is repaired: what is there already is passed over by the policy.
            values[25 * 4 + 1] = 1
            let repaired = name == "a.npy" ? NpyFile.floats(values, dimension: 4)
                : Data(String(decoding: data, as: UTF8.self).replacingOccurrences(of: "1e39", with: "1").utf8)
            try database.folder.write(repaired, to: name)
            let again = try database.ingest([name, "--batch", "10", "--on-conflict", "skip"])
            #expect(again.object?["inserted"] as? Int == 40 && again.object?["skipped"] as? Int == 20, "\(again.summary)")
            #expect(try database.count() == 60)
        }
    }

    /// A dry run of good input says what it would do, and leaves no trace, not even a new file.
    @Test func aDryRunWritesNothing() throws {
        let bench = try BadInputBench()
        try bench.database.folder.write(Plain.matrix, to: "a.npy")
        try bench.database.folder.write(Plain.lines(Plain.ids), to: "ids.txt")
        let dry = try bench.database.ingest(["a.npy", "--ids", "ids.txt", "--dry-run"])
        #expect(dry.object?["wouldInsert"] as? Int == 6, "\(dry.summary)")
        try bench.expectUnchanged("a dry run")
        let fresh = try TestDatabase()
        try fresh.folder.write(Plain.matrix, to: "a.npy")
        let done = try fresh.ingest(["a.npy", "--dry-run"])
        #expect(done.succeeded && done.object?["wouldInsert"] as? Int == 6, "\(done.summary)")
        #expect(fresh.files().isEmpty, "a dry run made \(fresh.files())")
    }

    /// The first call for a new database is refused: the next one must not stumble over what it left.
    @Test func aRefusedFirstIngestLeavesAUsablePlace() throws {
        let database = try TestDatabase()
        try database.folder.write(NpyFile.floats(Plain.floats(with: .nan), dimension: 4), to: "bad.npy")
        #expect(try database.ingest(["bad.npy"]).status == 4)
        if !database.files().isEmpty { try database.expectSound("after a refused first ingest") }
        try database.fill(Plain.floats, dimension: 4)
        #expect(try database.count() == 6)
    }
}
