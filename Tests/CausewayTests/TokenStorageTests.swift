/// What becomes of tokens on their way in: declared half precision, and masks that drop padding.
import Causeway
import Foundation
import Testing

struct TokenStorageTests {
    @Test func declaredHalvesAreRoundedForGoodAndFoundAgain() throws {
        let temporary = try TemporaryDatabase()
        let collection = temporary.collection()
        let embeddings = tokenEmbeddings(10, seed: 7)
        var options = IngestOptions()
        options.tokenPrecision = .float16
        try collection.insert(Array(embeddings[..<5]), into: "v", options: options)
        try collection.insert(Array(embeddings[5...]), into: "v")  // follows what was declared
        #expect(try collection.modality("v").tokenPrecision == .float16)
        for embedding in embeddings {
            let stored = try #require(try collection.embedding(id: embedding.id, in: "v"))
            #expect(stored.tokens?.values == embedding.tokens?.values.map { roundedToHalf($0)! })
            #expect(stored.tokens?.weights == embedding.tokens?.weights)
            #expect(stored.vector == embedding.vector)
        }
        options.tokenPrecision = .float32
        #expect(throws: CausewayError.invalidArgument(
            reason: "modality v keeps its tokens as float16, not float32",
            remedy: "leave the precision to the modality, or use one of another name")) {
            try collection.insert([tokenEmbeddings(1, seed: 8, prefix: "x")[0]], into: "v", options: options)
        }
        try collection.insert(embeddings, into: "exact")
        options.tokenPrecision = .float16
        #expect(throws: CausewayError.self) {
            try collection.insert([tokenEmbeddings(1, seed: 8, prefix: "x")[0]], into: "exact", options: options)
        }
        #expect(try collection.embedding(id: "3", in: "exact")?.tokens == embeddings[3].tokens)
    }

    @Test func tokensThatHalvesCannotHoldRefuseTheBatch() throws {
        let temporary = try TemporaryDatabase()
        var options = IngestOptions()
        options.tokenPrecision = .float16
        for (tokens, fault) in [
            (TokenSet([[1, 2], [3, 70_000]]), "token 1 holds a number too large for float16"),
            (TokenSet([[0, 0], [1, 0], [1e-12, -2e-8]]), "token 2 holds only numbers that are zero as float16"),
        ] {
            do {
                try temporary.collection().insert(
                    [Embedding(id: "a", vector: [1]), Embedding(id: "b", vector: [1], tokens: tokens)], into: "v",
                    options: options)
                Issue.record("taken")
            } catch CausewayError.badInput(_, let row, _, let reason, _) {
                #expect(row == 1 && reason == fault)
            }
            #expect(try temporary.database.collections().isEmpty)
        }
        let small = TokenSet([[0, 0], [1, 1e-12]])  // of each token something is left, or nothing was there
        try temporary.collection().insert([Embedding(id: "b", vector: [1], tokens: small)], into: "v", options: options)
        #expect(try temporary.collection().embedding(id: "b", in: "v")?.tokens == TokenSet([[0, 0], [1, 0]]))
    }

    @Test func halvesAreTheNearestTiesToEven() {
        let cases: [(Float, Float?)] = [
            (0, 0), (1, 1), (-1.5, -1.5), (1 + 0x1p-11, 1), (1 + 0x1.8p-10, 1 + 0x1p-9), (1 + 0x1.1p-11, 1 + 0x1p-10),
            (65_504, 65_504), (65_519.9, 65_504), (65_520, nil), (-70_000, nil), (0x1p-24, 0x1p-24), (0x1p-25, 0),
            (0x1.8p-24, 0x1p-23), (-0x1p-30, 0), (2047.5, 2048), (.infinity, nil), (.nan, nil),
        ]
        for (value, half) in cases { #expect(roundedToHalf(value) == half, "\(value)") }
    }

    @Test func paddingIsDroppedByTheMask() throws {
        let temporary = try TemporaryDatabase()
        func write(_ name: String, _ rows: [[Float]]) throws -> String {
            try writeMatrix(rows, to: temporary.file(name))
            return temporary.file(name)
        }
        var files = MatrixFiles([try write("v.npy", [[1, 0], [0, 1]])])
        files.tokens = try write("t.npy", [[1, 1], [2, 2], [0, 0], [3, 3], [0, 0]])
        let offsets = try IDMatrixWriter(path: temporary.file("o.npy"), rows: 1, columns: 3)
        try offsets.append(["0", "3", "5"])
        try offsets.finish()
        files.tokenOffsets = temporary.file("o.npy")
        files.tokenWeights = try write("w.npy", [[1, 2, 9, 1, 9]])
        files.tokenMask = try write("m.npy", [[1, 1, 0, 1, 0]])
        try temporary.collection().ingest(files, into: "v")
        #expect(try temporary.collection().embedding(id: "0", in: "v")?.tokens == TokenSet([[1, 1], [2, 2]], weights: [1, 2]))
        #expect(try temporary.collection().embedding(id: "1", in: "v")?.tokens == TokenSet([[3, 3]], weights: [1]))

        for (mask, reason) in [
            ([1, 1, 0, 0, 0], "no token of the row is left by the mask"), ([1, 1, 0, 1], "4 values for 5 tokens"),
            ([1, 1, 2, 1, 0], "value 2 is 2.0"),
        ] as [([Float], String)] {
            files.tokenMask = try write("m.npy", [mask])
            do {
                try temporary.collection().ingest(files, into: "w")
                Issue.record("taken: \(mask)")
            } catch CausewayError.badInput(_, _, _, let found, _) {
                #expect(found.contains(reason), "\(found)")
            }
        }
    }
}
