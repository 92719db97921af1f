/// A fault is blamed on the file, and the row or line of it, that it stands in.
import Foundation
import Testing

struct FaultPlaceTests {
    private func beside(_ name: String, _ option: String, _ lines: [String], says: [String]) -> BadInput {
        BadInput(
            name, [("a.npy", Plain.matrix), ("ids.txt", Plain.lines(Plain.ids)), ("side.txt", Plain.lines(lines))],
            TestDatabase.of("m") + ["a.npy", "--\(option)", "side.txt"] + (option == "ids" ? [] : ["--ids", "ids.txt"]),
            says: ["side.txt, line 4"] + says)
    }

    private func lines(_ plain: [String], with text: String) -> [String] { plain.prefix(3) + [text] + plain.dropFirst(4) }

    @Test func filesBesideAMatrix() throws {
        let objects = [String](repeating: "{}", count: Plain.rows)
        let weights = NpyFile.data(descr: "<f4", shape: [10], float32Bytes([1, 1, 1, 1, -1, 1, 1, 1, 1, 1]))
        try BadInputBench().expectAllRefused([
            beside("an empty id", "ids", lines(Plain.ids, with: ""), says: ["empty"]),
            beside("an id that is stored", "ids", lines(Plain.ids, with: "7"), says: ["id 7", "modality m"]),
            beside("an id that occurs twice", "ids", lines(Plain.ids, with: "new1"), says: ["new1", "line 2"]),
            beside("an empty item", "items", lines(Plain.ids, with: ""), says: ["empty"]),
            beside("no object", "metadata", lines(objects, with: "[1]"), says: ["object|{"]),
            beside("too large a number", "metadata", lines(objects, with: #"{"a":1e999}"#), says: ["metadata"]),
            BadInput(
                "a negative weight",
                [
                    ("a.npy", Plain.matrix), ("tokens.npy", NpyFile.floats((0..<20).map { Float($0) }, dimension: 2)),
                    ("offsets.npy", NpyFile.integers([0, 1, 3, 4, 6, 9, 10])), ("weights.npy", weights),
                    ("ids.txt", Plain.lines(Plain.ids)),
                ],
                TestDatabase.of("t") + [
                    "a.npy", "--ids", "ids.txt", "--tokens", "tokens.npy", "--token-offsets", "offsets.npy",
                    "--token-weights", "weights.npy",
                ], says: ["weights.npy, row 3"]),
            .record(
                "too large a number in a record", #"{"modality":"m","id":"x","vector":[1,2,3,4],"metadata":{"a":1e999}}"#,
                says: ["metadata"]),
            .record("the id of line 2", #"{"modality":"m","id":"new1","vector":[1,2,3,4]}"#, says: ["line 2"]),
        ])
    }

    /// Rows count within their matrix, lines within the file beside all of them; a batch counts for neither.
    @Test func theSecondOfTwoMatrices() throws {
        let database = try TestDatabase()
        try database.folder.write(Plain.matrix, to: "a.npy")
        try database.folder.write(Plain.matrix, to: "b.npy")
        func refusal(_ lines: [String], as option: String) throws -> String {
            try database.folder.write(Plain.lines(lines), to: "side.txt")
            let done = try database.ingest(["a.npy", "b.npy", "--\(option)", "side.txt", "--batch", "2", "--dry-run"])
            #expect(done.status == 4 && done.isOneClearLine, "\(done.summary)")
            return done.errorText
        }
        var objects = [String](repeating: "{}", count: 12)
        objects[9] = #"{"a":1e999}"#
        #expect(try refusal(objects, as: "metadata").contains("side.txt, line 10"))
        #expect(try refusal((0..<12).map { $0 == 9 ? "" : "id\($0)" }, as: "ids").contains("side.txt, line 10"))
        try database.folder.write(NpyFile.floats(Plain.floats(with: .nan), dimension: 4), to: "b.npy")
        #expect(try database.ingest(["a.npy", "b.npy", "--dry-run"]).errorText.contains("b.npy, row 3"))
    }

    /// An id of two files: the second is refused, in earnest and dry.
    @Test func twoFilesOfRecords() throws {
        let database = try TestDatabase()
        for (name, ids) in [("a.jsonl", ["1", "2"]), ("b.jsonl", ["3", "2"])] {
            try database.folder.write(
                Plain.lines(ids.map { #"{"modality":"m","id":"\#($0)","vector":[1,2]}"# }), to: name)
        }
        for more in [["--dry-run"], []] {
            let done = try database.run("ingest", with: ["-c", "c", "a.jsonl", "b.jsonl"] + more)
            #expect(done.status == 4 && done.errorText.contains("b.jsonl, line 2: id 2"), "\(more): \(done.summary)")
        }
        #expect(try database.count() == 2, "the first file is stored")
    }
}
