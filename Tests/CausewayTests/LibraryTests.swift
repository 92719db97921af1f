/// What a program hands to the library and gets from it: metadata as values, rows that cannot be stored, pictures, filters of
/// what users typed, ending work through the handler, and errors in words that fit a program.
import Causeway
import Foundation
import Testing

struct LibraryTests {
    private struct Photo: Encodable {
        var year = 2019
        var tags = ["cat", "it's"]
        var path = "a/b"
    }

    @Test func metadataIsWhateverEncodesToAnObject() throws {
        let temporary = try TemporaryDatabase()
        let collection = temporary.collection()
        let photo = try Embedding(id: "a", vector: [1, 2], item: "x", encoding: Photo(), tokens: TokenSet([[1, 2]]))
        #expect(photo.metadata == #"{"path":"a/b","tags":["cat","it's"],"year":2019}"# && photo.item == "x")
        try collection.insert([photo, try Embedding(id: "b", vector: [1, 2], encoding: ["year": 2020])], into: "v")
        #expect(try collection.embedding(id: "a", in: "v") == photo)
        #expect(try collection.list(in: "v", where: "tags CONTAINS 'it''s' AND year < 2020").map(\.id) == ["a"])
        let list = try Embedding(id: "c", vector: [1, 2], encoding: [1, 2])
        let error = #expect(throws: CausewayError.self) { try collection.insert([list], into: "v") }
        #expect(error?.description.hasPrefix("row 0: metadata, byte 1: ") == true, "\(String(describing: error))")
        #expect(throws: EncodingError.self) { try Embedding(id: "d", vector: [1], encoding: ["x": Double.nan]) }
    }

    @Test func whatCannotBeStoredIsRefusedWithItsRow() throws {
        let temporary = try TemporaryDatabase()
        let collection = temporary.collection()
        let many = [Float](repeating: 0, count: 65_537)
        let long = #"{"a":""# + String(repeating: "b", count: 1 << 20) + #""}"#
        func tokens(_ weights: [Float]) -> Embedding {
            Embedding(id: "x", vector: [1, 2], tokens: TokenSet([[1, 2], [3, 4]], weights: weights))
        }
        let bad: [(Embedding, String)] = [
            (Embedding(id: "", vector: [1, 2]), "an empty id"),
            (Embedding(id: "x", vector: [1, 2], item: ""), "an empty item"),
            (Embedding(id: String(repeating: "é", count: 513), vector: [1, 2]), "an id of 1026 bytes"),
            (Embedding(id: "x\0", vector: [1, 2]), "an id with a NUL character"),
            (Embedding(id: "x", vector: []), "a vector of 0 components"),
            (Embedding(id: "x", vector: many), "a vector of 65537 components"),
            (Embedding(id: "x", vector: [1, .nan]), "component 1 is nan"),
            (Embedding(id: "x", vector: [1, 2, 3]), "the vector has 3 components and the ones before have 2"),
            (Embedding(id: "x", vector: [1, 2], metadata: "{\"a\":1,\"a\":2}"), "metadata, byte "),
            (Embedding(id: "x", vector: [1, 2], metadata: long), "metadata of 1048584 bytes"),
            (Embedding(id: "x", vector: [1, 2], tokens: TokenSet([])), "a token set of 0 numbers"),
            (Embedding(id: "x", vector: [1, 2], tokens: TokenSet([[1, 2, 3]])), "tokens of 3 components follow tokens of 2"),
            (Embedding(id: "x", vector: [1, 2], tokens: TokenSet([[1, 2], [.infinity, 0]])), "token 1 is not finite"),
            (tokens([1]), "1 weights for 2 tokens"), (tokens([1, -1]), "weight 1 is negative"),
            (tokens([0, 0]), "all weights are zero"), (tokens([.nan, 1]), "weight 0 is not finite"),
        ]
        for (embedding, reason) in bad {
            let batch = [Embedding(id: "good", vector: [1, 2], tokens: TokenSet([[1, 2]])), embedding]
            let error = #expect(throws: CausewayError.self, "\(reason)") { try collection.insert(batch, into: "v") }
            guard case .badInput(nil, 1, nil, let given, let remedy)? = error else {
                Issue.record("\(reason): \(String(describing: error))")
                continue
            }
            #expect(given.hasPrefix(reason) && !remedy.isEmpty, "\(given)")
        }
        #expect(try temporary.database.collections().isEmpty)
    }

    @Test func aPictureShowsPairsNearerThanStrangers() throws {
        let temporary = try TemporaryDatabase()
        let collection = temporary.collection()
        var random = TestRandom(1)
        let images = clusteredEmbeddings(50, dimension: 6, seed: 1)
        let texts = images.map { image in
            Embedding(id: "t" + image.id, vector: image.vector.map { $0 + 0.05 * random.gaussian() }, item: image.item)
        }
        try collection.insert(images, into: "image")
        try collection.insert(texts, into: "text")
        let picture = try #require(try collection.picture(between: "image", and: "text", pairsMax: 40))
        #expect(picture.pairs == 40)
        for (similarities, plane) in [picture.raw, picture.centred] {
            #expect(similarities.matched.reduce(0, +) == 40 && similarities.mismatched.reduce(0, +) == 40 * 39)
            #expect(similarities.low < similarities.high && similarities.high <= 1 + 1e-9)
            func mean(_ counts: [Int]) -> Double {
                Double(counts.enumerated().reduce(0) { $0 + $1.offset * $1.element }) / Double(counts.reduce(0, +))
            }
            #expect(mean(similarities.matched) > mean(similarities.mismatched) + 10)
            #expect(plane.first.count == 40 && plane.second.count == 40 && plane.shares.count == 2)
            #expect(plane.shares[0] >= plane.shares[1] && plane.shares[1] > 0 && plane.shares.reduce(0, +) <= 1 + 1e-9)
            for (a, b) in zip(plane.first, plane.second) { #expect(abs(a.x - b.x) < 0.2 && abs(a.y - b.y) < 0.2) }
        }
        #expect(try collection.picture(between: "image", and: "text", pairsMax: 40)?.raw.similarities.matched
            == picture.raw.similarities.matched)
    }

    @Test func whatAUserTypedIsOneValueOfAFilter() throws {
        let temporary = try TemporaryDatabase()
        let collection = temporary.collection()
        let typed = ["O'Brien", "' OR id <> '", "''", "", "\"", "NULL", "a\nb", "\u{301}'\u{301}", "100 %", "naïve"]
        let names = ["plain", "id", "AND", "a.b", "two words", "wei\"rd", "7th", "é"]
        for (number, text) in typed.enumerated() {
            let name = names[number % names.count]
            let metadata = try JSONEncoder().encode([name: text])
            let text = String(decoding: metadata, as: UTF8.self)
            try collection.insert([Embedding(id: "\(number)", vector: [1], metadata: text)], into: "v")
        }
        for (number, text) in typed.enumerated() {
            let name = names[number % names.count]
            let filter = "\(Filter.attribute(name)) = \(Filter.quoted(text)) AND id IN (\(Filter.quoted(String(number))), 'x')"
            #expect(try collection.list(in: "v", where: filter).map(\.id) == ["\(number)"], "\(filter)")
        }
        let nested = Embedding(id: "n", vector: [1], metadata: #"{"author":{"last name":"x"}}"#)
        try collection.insert([nested], into: "v")
        let filter = "\(Filter.attribute("author", "last name")) = 'x'"
        #expect(filter == #"author."last name" = 'x'"#)
        #expect(try collection.list(in: "v", where: filter).map(\.id) == ["n"])
    }

    @Test func anExportAndAnEvaluationAreEndedThroughTheHandler() throws {
        let temporary = try TemporaryDatabase()
        let collection = temporary.collection()
        // So long that a block of them is compared at a time.
        try collection.insert(clusteredEmbeddings(70, dimension: 8_192, seed: 1), into: "image")
        try collection.insert(clusteredEmbeddings(20, dimension: 8_192, seed: 2, prefix: "t"), into: "text")
        let before = try FileManager.default.contentsOfDirectory(atPath: temporary.directory).filter { !$0.hasPrefix("test.db") }
        for name in ["out.jsonl", "out.npy", "out.fvecs", "out.safetensors"] {
            var files = ExportFiles(temporary.file(name))
            files.ids = name == "out.npy" ? temporary.file("ids") : nil
            #expect(throws: CausewayError.cancelled, "\(name)") { try collection.export("image", to: files) { _ in false } }
        }
        let after = try FileManager.default.contentsOfDirectory(atPath: temporary.directory).filter { !$0.hasPrefix("test.db") }
        #expect(after == before)
        #expect(throws: CausewayError.cancelled) { try collection.evaluate(from: "text", to: "image") { _ in false } }
        #expect(throws: CausewayError.cancelled) {
            try collection.evaluate(from: "text", to: "image", scores: nil, normalization: .bank) { _ in false }
        }
        #expect(try collection.evaluate(from: "text", to: "image").queries == 20)
    }

    @Test func aQueryOfAnotherDimensionIsOneErrorEverywhere() throws {
        let temporary = try TemporaryDatabase()
        let collection = temporary.collection()
        try collection.insert(clusteredEmbeddings(30, dimension: 4, seed: 1), into: "v")
        let mismatch = CausewayError.dimensionMismatch(expected: 4, got: 3, modality: "v")
        for query in [Query.vector([1, 2, 3]), .vector([1, 2, 3], from: "v"), .tokens(TokenSet([[1, 2, 3]]))] {
            #expect(throws: mismatch) { try collection.search(query, in: "v") }
            #expect(throws: mismatch) { try collection.search([query], across: ["v"], options: CrossSearchOptions()) }
        }
    }

    @Test func errorsOfArraysSpeakOfArrays() throws {
        let temporary = try TemporaryDatabase()
        let collection = temporary.collection()
        let embedding = Embedding(id: "a", vector: [1])
        try collection.insert([embedding], into: "v")
        let taken = #expect(throws: CausewayError.self) { try collection.insert([embedding], into: "v") }
        #expect(taken?.description == "row 0: id a is already in modality v; "
            + "give it an id of its own, or replace or skip what is stored (--on-conflict)")
        let resumed = #expect(throws: CausewayError.self) {
            try collection.insert([embedding], into: "v", options: IngestOptions(resume: true))
        }
        #expect(resumed?.description.hasPrefix("an array, standard input or a pipe cannot be resumed: ") == true)
    }
}
