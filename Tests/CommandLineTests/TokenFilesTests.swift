/// Token sets through files: masks in records and beside matrices, and exports that ingest takes back to the byte.
import CausewayCLI
import Foundation
import Testing

@Suite struct TokenFilesTests {
    private let folder = TemporaryFolder()

    private func causeway(_ words: [String]) -> Outcome {
        let (output, errors) = (MemoryChannel(), MemoryChannel())
        let status = Program.causeway.run(words, in: Surroundings(output: output, errors: errors))
        return Outcome(status: status, output: output.text, errors: errors.text)
    }

    private func file(_ name: String) -> String { folder.file(name) }

    private func ingest(_ database: String, _ words: String...) throws {
        let outcome = causeway(["ingest", file(database), "-c", "c", "-m", "m"] + words)
        try #require(outcome.status == .done, "\(words): \(outcome.errors)")
    }

    @discardableResult
    private func export(_ database: String, _ words: String..., succeeds: Bool = true) throws -> Outcome {
        let outcome = causeway(["export", file(database), "-c", "c", "-m", "m"] + words)
        try #require((outcome.status == .done) == succeeds, "\(words): \(outcome.errors)")
        return outcome
    }

    private func options(_ prefix: String, weights: Bool = true) -> [String] {
        ["--tokens", file("\(prefix)-t.npy"), "--token-offsets", file("\(prefix)-o.npy")]
            + (weights ? ["--token-weights", file("\(prefix)-w.npy")] : [])
    }

    /// Records with tokens and weights, lengths 1 … 5; those whose number is in `bare` have no weights.
    private func records(_ count: Int, seed: UInt64, bare: Set<Int> = []) -> String {
        var dice = Dice(seed: seed)
        func numbers(_ values: [Float]) -> String { "[\(values.map(\.description).joined(separator: ","))]" }
        return (0..<count).map { number in
            let tokens = (0...number % 5).map { _ in numbers(dice.floats(3)) }.joined(separator: ",")
            let weights = (0...number % 5).map { _ in Float(dice.fraction()) + 0.1 }
            return #"{"modality":"m","id":"r\#(number)","vector":\#(numbers(dice.floats(4))),"tokens":[\#(tokens)]"#
                + (bare.contains(number) ? "" : #","weights":\#(numbers(weights))"#) + "}\n"
        }.joined()
    }

    @Test(arguments: [".npy", ".safetensors", ".fvecs"]) func tokensGoOutAndComeBackToTheByte(form: String) throws {
        try folder.write(Data(records(2_300, seed: 5).utf8), to: "in.jsonl")
        try ingest("a.db", file("in.jsonl"))
        let names = ["v\(form)", "t.npy", "o.npy", "w.npy", "ids.txt"]
        for (from, to) in [("a", "b"), ("b", "c")] {
            let words = ["--to", file("\(from)-v\(form)"), "--ids", file("\(from)-ids.txt")] + options(from)
            let outcome = causeway(["export", file("\(from).db"), "-c", "c", "-m", "m"] + words)
            #expect(outcome.status == .done && outcome.errors.isEmpty, "\(outcome.errors)")
            let taken = causeway(
                ["ingest", file("\(to).db"), "-c", "c", "-m", "m", file("\(from)-v\(form)"), "--ids", file("\(from)-ids.txt")]
                    + options(from))
            #expect(taken.status == .done, "\(taken.errors)")
        }
        for name in names { #expect(folder.data("a-\(name)") == folder.data("b-\(name)") && !folder.data("a-\(name)").isEmpty) }
        for name in ["a", "b", "c"] { try export("\(name).db", "--to", file("\(name).jsonl")) }
        #expect(folder.data("a.jsonl") == folder.data("in.jsonl"))
        #expect(folder.data("c.jsonl") == folder.data("in.jsonl"))
        #expect(PlainFile.npyParts(folder.data("a-o.npy")).header.contains("(2301,)"))
    }

    @Test func setsWithoutWeightsWeighTheirTokensAlike() throws {
        try folder.write(Data(records(6, seed: 6, bare: [1, 4]).utf8), to: "in.jsonl")
        try ingest("a.db", file("in.jsonl"))
        let outcome = causeway(
            ["export", file("a.db"), "-c", "c", "-m", "m", "--to", file("v.npy"), "--where", "id = 'r1'"] + options("a"))
        #expect(outcome.status == .done)
        #expect(PlainFile.npyParts(folder.data("a-w.npy")).values == PlainFile.littleEndian([1, 1]))
        #expect(PlainFile.npyParts(folder.data("a-o.npy")).values == Data(int64Bytes([0, 2])))
    }

    @Test func whatIsLeftOutIsSaidOnce() throws {
        try folder.write(Data(records(6, seed: 6, bare: [1, 4]).utf8), to: "in.jsonl")
        try ingest("a.db", file("in.jsonl"))
        let bare = try export("a.db", "--to", file("v.npy"))
        #expect(bare.errors.split(separator: "\n").count == 1 && bare.errors.contains("the tokens of m are left out"))
        let unweighted = causeway(
            ["export", file("a.db"), "-c", "c", "-m", "m", "--to", file("v.npy")] + options("a", weights: false))
        #expect(unweighted.status == .done && unweighted.errors.contains("the weights of 4 token sets are left out"))
        #expect(try export("a.db", "--to", file("v.jsonl")).errors.isEmpty)
        try folder.write(Data(#"{"modality":"m","id":"p","vector":[1,2]}"#.utf8), to: "plain.jsonl")
        try ingest("plain.db", file("plain.jsonl"))
        #expect(try export("plain.db", "--to", file("v.npy")).errors.isEmpty)
    }

    @Test func whatCannotBeWrittenLeavesNoFile() throws {
        try folder.write(Data((records(3, seed: 7) + #"{"modality":"m","id":"p","vector":[1,2,3,4]}"#).utf8), to: "in.jsonl")
        try ingest("a.db", file("in.jsonl"))
        func refused(_ words: [String]) -> Outcome { causeway(["export", file("a.db"), "-c", "c", "-m", "m"] + words) }
        let mixed = refused(["--to", file("v.npy"), "--ids", file("ids.txt")] + options("a"))
        #expect(mixed.status == .failed && mixed.errors.contains("embedding p has no tokens"), "\(mixed.errors)")
        let records = refused(["--to", file("v.jsonl")] + options("a"))
        #expect(records.status == .failed && records.errors.contains("records hold their tokens themselves"))
        #expect(refused(["--to", file("v.npy"), "--tokens", file("a-t.npy")]).status == .usage)
        #expect(refused(["--to", file("v.npy"), "--token-weights", file("a-w.npy")]).status == .usage)
        let left = try FileManager.default.contentsOfDirectory(atPath: folder.path)
        #expect(left.allSatisfy { $0.hasPrefix("a.db") || $0 == "in.jsonl" }, "\(left)")
    }

    /// Padding is not stored, whichever way the mask came.
    @Test func masksOfRecordsAndOfMatricesAgree() throws {
        let masked = """
            {"modality":"m","id":"0","vector":[1,0],"tokens":[[1,1],[2,2],[0,0]],"weights":[1,2,9],"mask":[1,1,0]}
            {"modality":"m","id":"1","tokens":[[3,3],[99,99]],"weights":[1,9],"mask":[true,false],"vector":[0,1]}

            """
        try folder.write(Data(masked.utf8), to: "in.jsonl")
        try ingest("records.db", file("in.jsonl"))
        try folder.write(NpyFile.floats([1, 0, 0, 1], dimension: 2), to: "v.npy")
        try folder.write(NpyFile.floats([1, 1, 2, 2, 0, 0, 3, 3, 99, 99], dimension: 2), to: "x-t.npy")
        try folder.write(NpyFile.data(descr: "<i8", shape: [3], int64Bytes([0, 3, 5])), to: "x-o.npy")
        try folder.write(NpyFile.data(descr: "<f4", shape: [5], float32Bytes([1, 2, 9, 1, 9])), to: "x-w.npy")
        try folder.write(NpyFile.data(descr: "|b1", shape: [5], [1, 1, 0, 1, 0]), to: "mask.npy")
        let taken = causeway(
            ["ingest", file("matrices.db"), "-c", "c", "-m", "m", file("v.npy"), "--token-mask", file("mask.npy")] + options("x"))
        try #require(taken.status == .done, "\(taken.errors)")
        for name in ["records", "matrices"] { try export("\(name).db", "--to", file("\(name).jsonl")) }
        let stored = """
            {"modality":"m","id":"0","vector":[1.0,0.0],"tokens":[[1.0,1.0],[2.0,2.0]],"weights":[1.0,2.0]}
            {"modality":"m","id":"1","vector":[0.0,1.0],"tokens":[[3.0,3.0]],"weights":[1.0]}

            """
        #expect(String(decoding: folder.data("records.jsonl"), as: UTF8.self) == stored)
        #expect(folder.data("matrices.jsonl") == folder.data("records.jsonl"))

        try folder.write(Data(#"{"modality":"m","id":"2","tokens":[[1,1]],"mask":[0]}"#.utf8), to: "none.jsonl")
        let none = causeway(["ingest", file("records.db"), "-c", "c", file("none.jsonl")])
        #expect(none.status == .badInput && none.errors.contains("no token is left by the mask"), "\(none.errors)")
    }
}
