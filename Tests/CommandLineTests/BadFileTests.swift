/// Malformed files of every format, each refused whole with its name and the reason.
import Foundation
import Testing

@Suite(.enabled(if: HeavyTests.run, HeavyTests.reason)) struct BadFileTests {
    private let payload = float32Bytes(Plain.floats)

    private func header(_ name: String, _ header: String, says: [String] = ["header|shape|type"]) -> BadInput {
        BadInput(name, "a.npy", NpyFile.data(header: header, payload), says: says)
    }

    private func type(_ descr: String, says: [String] = ["type|record|object"]) -> BadInput {
        header("type \(descr)", NpyFile.header(descr: descr, shape: [6, 4]), says: says)
    }

    private func shape(_ text: String, says: [String] = ["shape|header|byte"]) -> BadInput {
        header("shape \(text)", "{'descr': '<f4', 'fortran_order': False, 'shape': \(text), }", says: says)
    }

    @Test func npyHeaders() throws {
        let whole = Plain.matrix
        var version = whole, magic = whole, claim = whole
        version[6] = 4
        magic[1] = 0x6E
        claim[9] = 0xFF
        let bigClaim = Data(NpyFile.magic + [2, 0] + littleEndian(UInt32(1 << 30))) + Data(count: 4_096)
        try BadInputBench().expectAllRefused([
            BadInput("another magic", "a.npy", magic, says: []),
            BadInput("version 4", "a.npy", version, says: ["version"]),
            BadInput("a header longer than the file", "a.npy", claim.prefix(500), says: ["header"]),
            BadInput("a header of 1 GiB", "a.npy", bigClaim, says: ["header"]),
            BadInput("empty", "a.npy", Data(), says: []), BadInput("8 bytes", "a.npy", whole.prefix(8), says: ["header"]),
            BadInput("half a header", "a.npy", whole.prefix(60), says: ["header"]),
            header("no dictionary", "[1, 2]"), header("an empty dictionary", "{}"),
            header("no shape", "{'descr': '<f4', 'fortran_order': False, }", says: ["shape"]),
            header("an unknown key", "{'descr': '<f4', 'fortran_order': False, 'shape': (6, 4), 'x': 1, }"),
            header("a key twice", "{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (6, 4), }"),
            header("text after it", NpyFile.header(descr: "<f4", shape: [6, 4]) + " + open('x')"),
            header("a call", "{'descr': __import__('os'), 'fortran_order': False, 'shape': (6, 4), }"),
            header("an open quote", "{'descr': '<f4, 'fortran_order': False, 'shape': (6, 4), }"),
            header("an order that is no truth", "{'descr': '<f4', 'fortran_order': 1, 'shape': (6, 4), }"),
        ])
    }

    @Test func npyTypesAndShapes() throws {
        try BadInputBench().expectAllRefused([
            type("|O", says: ["object"]), type("<c8"), type("<U4"), type("|S4"), type("<M8[s]"), type("<f3"), type(""),
            type("[('x', '<f4'), ('y', '<f4')]"), type("<f16"),
            shape("(24,)"), shape("()"), shape("(2, 3, 4)"), shape("(-6, 4)"), shape("(6.0, 4)"), shape("(6 4)"),
            shape("6, 4"),
            shape("(4294967296, 4294967296)"), shape("(99999999999999999999, 4)"), shape("(0, 9223372036854775807)"),
            shape("(7, 4)", says: ["truncated|byte"]), shape("(5, 4)", says: ["long|byte"]), shape("(0, 4)", says: ["long|byte"]),
            BadInput("a byte missing", "a.npy", Plain.matrix.dropLast(), says: ["truncated|byte"]),
            BadInput("a byte more", "a.npy", Plain.matrix + Data([0]), says: ["long|byte"]),
            BadInput("no data", "a.npy", Plain.matrix.dropLast(payload.count), says: ["truncated|byte"]),
            BadInput("an unknown kind of file", "a.dat", Data("some text\n".utf8), says: []),
            BadInput("an array name for a plain file", "a.npy", Plain.matrix, ["--array", "x"], says: ["x"]),
        ])
    }

    @Test func npzArchives() throws {
        let matrix = Plain.matrix
        let two = ZipFile.data([("x.npy", matrix), ("y.npy", matrix)])
        let object = NpyFile.data(header: NpyFile.header(descr: "|O", shape: [6, 4]), payload)
        var rotten = ZipFile.data([("x.npy", NpyFile.floats(Plain.floats, dimension: 4))])
        rotten[rotten.count / 2] ^= 4
        try BadInputBench().expectAllRefused([
            BadInput("no array", "a.npz", ZipFile.data([]), says: ["array|matrix"]),
            BadInput("no .npy inside", "a.npz", ZipFile.data([("readme.txt", Data("hello".utf8))]), says: ["array|matrix"]),
            BadInput("two arrays", "a.npz", two, says: ["x", "y"]),
            BadInput("an array that is not there", "a.npz", two, ["--array", "z"], says: ["z"]),
            BadInput(
                "an array twice", "a.npz", ZipFile.data([("x.npy", matrix), ("x.npy", matrix)]), ["--array", "x"], says: ["x"]),
            BadInput("objects", "a.npz", ZipFile.data([("x.npy", object)]), says: ["object", "x"]),
            BadInput("cut off", "a.npz", two.dropLast(30), says: []),
            BadInput("a changed byte", "a.npz", rotten, says: ["checksum|crc|damaged"]),
            BadInput("no zip", "a.npz", matrix, says: []), BadInput("empty", "a.npz", Data(), says: []),
            BadInput(
                "not a number inside", "a.npz",
                ZipFile.data([("x.npy", NpyFile.floats(Plain.floats(with: .nan), dimension: 4))]), says: ["row 3"]),
        ])
    }

    @Test func vecsFiles() throws {
        let good = (0..<Plain.rows).map { row in Array(Plain.floats[row * 4..<row * 4 + 4]) }
        var other = VecsFile.rows(good)
        other.replaceSubrange(40..<44, with: littleEndian(Int32(5)))
        func claims(_ dimension: Int32) -> Data { Data(littleEndian(dimension)) + VecsFile.rows(good).dropFirst(4) }
        var bytes = Data((0..<6).flatMap { _ in littleEndian(Int32(4)) + [1, 2, 3, 4] })
        bytes.replaceSubrange(16..<20, with: littleEndian(Int32(3)))
        try BadInputBench().expectAllRefused([
            BadInput("a row of another dimension", "a.fvecs", other, says: ["row 2", "5", "4"]),
            BadInput("a row of another dimension", "a.bvecs", bytes, says: ["row 2", "3", "4"]),
            BadInput("dimension 0", "a.fvecs", claims(0), says: ["row 0|dimension"]),
            BadInput("a negative dimension", "a.fvecs", claims(-4), says: ["row 0|dimension"]),
            BadInput("a huge dimension", "a.fvecs", claims(.max), says: ["row 0|dimension"]),
            BadInput("cut off", "a.fvecs", VecsFile.rows(good).dropLast(), says: ["byte"]),
            BadInput("empty", "a.fvecs", Data(), says: ["empty"]),
        ])
    }

    @Test func safetensors() throws {
        func tensors(_ name: String, _ header: String, _ more: [String] = [], says: [String] = []) -> BadInput {
            BadInput(name, "a.safetensors", SafetensorsFile.data(header: header, payload), more, says: says)
        }
        func one(_ type: String, _ shape: String, _ offsets: String) -> String {
            "{\"x\":{\"dtype\":\"\(type)\",\"shape\":\(shape),\"data_offsets\":\(offsets)}}"
        }
        func two(_ first: String, _ second: String) -> String {
            let start = #"{"x":{"dtype":"F32","shape":[3,4],"data_offsets":\#(first)}"#
            return start + #","y":{"dtype":"F32","shape":[3,4],"data_offsets":\#(second)}}"#
        }
        let good = one("F32", "[6,4]", "[0,96]")
        var claim = SafetensorsFile.data(header: good, payload)
        claim[7] = 0x7F
        try BadInputBench().expectAllRefused([
            tensors("overlapping", two("[0,48]", "[40,88]"), says: ["overlap"]),
            tensors("the same bytes twice", two("[0,48]", "[0,48]"), says: ["overlap"]),
            tensors("a gap", two("[0,48]", "[49,97]"), says: ["gap|outside"]),
            tensors("outside", one("F32", "[6,4]", "[8,104]"), says: ["gap|outside"]),
            tensors("backwards", one("F32", "[6,4]", "[96,0]")), tensors("negative", one("F32", "[6,4]", "[-96,0]")),
            tensors("bytes of nobody", one("F32", "[5,4]", "[0,80]"), says: ["byte"]),
            tensors("another shape", one("F32", "[5,4]", "[0,96]"), says: ["shape|byte"]),
            tensors("a shape that overflows", one("F32", "[4294967296,4294967296]", "[0,96]")),
            tensors("an unknown type", one("F7", "[6,4]", "[0,96]"), says: ["F7"]),
            tensors("two to choose from", two("[0,48]", "[48,96]"), says: ["x", "y"]),
            tensors("a tensor that is not there", good, ["--array", "z"], says: ["z"]),
            tensors("a vector", one("F32", "[24]", "[0,96]"), says: ["shape|matrix"]),
            tensors("a key twice", #"{"x":1,"x":2}"#), tensors("no JSON", "{'x': 1}"), tensors("an array", "[]"),
            tensors("an empty header", ""), tensors("a trailing comma", good.dropLast() + ",}"),
            BadInput("a header longer than any file", "a.safetensors", claim, says: ["header"]),
            BadInput("5 bytes", "a.safetensors", Data([1, 0, 0, 0, 0]), says: []),
            BadInput("cut off", "a.safetensors", SafetensorsFile.data(header: good, payload).dropLast(), says: []),
        ])
    }

    // MARK: Records

    private func record(_ name: String, _ members: String, says: [String] = []) -> BadInput {
        .record(name, "{\"modality\":\"m\",\(members)}", says: says)
    }

    @Test func recordsThatAreNoJSON() throws {
        let good = #""modality":"m","id":"x","vector":[1,2,3,4]"#
        try BadInputBench().expectAllRefused([
            .record("bad UTF-8", bytes: Array("{\(good),\"item\":\"".utf8) + [0xFF, 0xFE] + Array("\"}".utf8), says: ["UTF-8"]),
            .record(
                "an overlong form", bytes: Array("{\(good),\"item\":\"".utf8) + [0xC0, 0xAF] + Array("\"}".utf8),
                says: ["UTF-8"]),
            .record("an array", "[1,2]", says: ["object"]), .record("a word", "null", says: ["object"]),
            .record("a trailing comma", "{\(good),}", says: []), .record("two objects", "{\(good)} {\(good)}", says: []),
            .record("single quotes", "{'modality':'m'}", says: []), .record("cut off", "{\(good)", says: []),
            .record("a comment", "{\(good)} // x", says: []), .record("plain text", "hello", says: []),
            record("NaN", #""id":"x","vector":[1,2,NaN,4]"#), record("Infinity", #""id":"x","vector":[1,2,-Infinity,4]"#),
            record("no digit before", #""id":"x","vector":[1,2,.5,4]"#),
            record("no digit after", #""id":"x","vector":[1,2,1.,4]"#),
            record("a plus", #""id":"x","vector":[1,2,+1,4]"#), record("a zero before", #""id":"x","vector":[1,2,01,4]"#),
            record("hexadecimal", #""id":"x","vector":[1,2,0x1,4]"#), record("a hole", #""id":"x","vector":[1,,3,4]"#),
            record("a comma at the end", #""id":"x","vector":[1,2,3,4,]"#), record("a string", #""id":"x","vector":[1,2,"3",4]"#),
            record("null inside", #""id":"x","vector":[1,2,null,4]"#), record("a list inside", #""id":"x","vector":[1,2,[3],4]"#),
            record("too large", #""id":"x","vector":[1,2,1e39,4]"#, says: ["float32|large|overflow|beyond"]),
            record("too large, negative", #""id":"x","vector":[1,2,-1e400,4]"#, says: ["float32|large|overflow|beyond"]),
        ])
    }

    @Test func recordsThatAreNoRecords() throws {
        let vector = #""vector":[1,2,3,4]"#
        try BadInputBench().expectAllRefused([
            record("a key twice", "\"id\":\"x\",\"id\":\"y\",\(vector)", says: ["id", "twice"]),
            record("an unknown key", "\"id\":\"x\",\(vector),\"label\":1", says: ["label", "unknown"]),
            record("no id", vector, says: ["id"]), record("a null id", "\"id\":null,\(vector)", says: ["id"]),
            record("an empty id", "\"id\":\"\",\(vector)", says: ["id", "empty"]),
            record("a fraction for an id", "\"id\":1.5,\(vector)", says: ["id"]),
            record("an id with NUL", "\"id\":\"a\\u0000\",\(vector)", says: ["id"]),
            record("half a surrogate pair", "\"id\":\"\\ud800\",\(vector)"),
            record("an id that is stored", "\"id\":\"7\",\(vector)", says: ["7"]),
            record("an id that occurs twice", "\"id\":\"new1\",\(vector)", says: ["new1"]),
            record("no vector", "\"id\":\"x\"", says: ["vector"]),
            record("an empty vector", "\"id\":\"x\",\"vector\":[]", says: ["0|empty"]),
            record("another dimension", "\"id\":\"x\",\"vector\":[1,2,3]", says: ["3", "4"]),
            record("metadata that are no object", "\"id\":\"x\",\(vector),\"metadata\":[1]", says: ["metadata"]),
            record("a key of the metadata twice", "\"id\":\"x\",\(vector),\"metadata\":{\"a\":1,\"a\":2}", says: ["twice"]),
            record("an empty item", "\"id\":\"x\",\(vector),\"item\":\"\"", says: ["item"]),
            .record("an empty modality", "{\"modality\":\"\",\"id\":\"x\",\(vector)}", says: ["modality"]),
            .record("no modality", "{\"id\":\"x\",\(vector)}", says: ["modality"]),
            record("ragged tokens", "\"id\":\"x\",\(vector),\"tokens\":[[1,2],[1]]", says: ["token"]),
            record("no tokens", "\"id\":\"x\",\(vector),\"tokens\":[]", says: ["token"]),
            record("a token of nothing", "\"id\":\"x\",\(vector),\"tokens\":[[]]", says: ["token"]),
            record("weights of another number", "\"id\":\"x\",\(vector),\"tokens\":[[1,2]],\"weights\":[1,2]", says: ["weight"]),
            record("a negative weight", "\"id\":\"x\",\(vector),\"tokens\":[[1,2]],\"weights\":[-1]", says: ["weight"]),
            record("weights all zero", "\"id\":\"x\",\(vector),\"tokens\":[[1,2]],\"weights\":[0]", says: ["weight"]),
            record("weights without tokens", "\"id\":\"x\",\(vector),\"weights\":[1]", says: ["weight"]),
            .record(
                "tokens of another dimension", "{\"modality\":\"t\",\"id\":\"x\",\(vector),\"tokens\":[[1,2,3]]}",
                says: ["2", "3"]),
        ])
    }

    @Test func aModelOfRecordsThatIsAnother() throws {
        let bench = try BadInputBench()
        try bench.expectAllRefused([
            BadInput(
                "another model", [("r.jsonl", Plain.lines([#"{"modality":"m","id":"x","vector":[1,2,3,4]}"#]))],
                ["--collection", "c", "r.jsonl", "--model", "beta"], says: ["alpha", "beta"]),
        ])
        #expect(try bench.database.count() == 12)
    }
}
