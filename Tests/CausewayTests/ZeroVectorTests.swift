// Vectors without a direction have no code and a cosine of 0 with everything: they are found where that is among the best.
import Causeway
import Testing

@Suite(.enabled(if: isOptimised, "kernels are slow without optimisation"))
struct ZeroVectorTests {
    private static let zero = [Float](repeating: 0, count: 8)

    /// Photos that no caption points towards, and some that failed to encode.
    private func indexed() throws -> (TemporaryDatabase, EmbeddingCollection) {
        let temporary = try TemporaryDatabase()
        var random = TestRandom(15)
        func vector(around centre: Float) -> [Float] { random.vector(8).map { 0.5 * $0 + centre } }
        var photos = (0..<2_300).map { number in
            Embedding(id: String(number), vector: vector(around: 3), metadata: #"{"even":\#(number % 2 == 0)}"#)
        }
        for index in 0..<5 { photos[100 * index].vector = Self.zero }
        try temporary.collection().insert(photos, into: "image")
        try temporary.collection().insert((0..<50).map { Embedding(id: String($0), vector: vector(around: -3)) }, into: "text")
        try temporary.collection().buildIndex()
        return (temporary, temporary.collection())
    }

    @Test func theyAreFoundWhereNothingIsBetter() throws {
        let (temporary, collection) = try indexed()
        defer { withExtendedLifetime(temporary) {} }
        func expectTheExactAnswer(_ what: String, k: Int = 10, filter: String? = nil) throws {
            for id in ["3", "44"] {
                let query = Query.embedding(id: id, from: "text")
                let found = try collection.search(query, in: "image", options: SearchOptions(k: k, filter: filter))
                let exact = try collection.search(
                    query, in: "image", options: SearchOptions(k: k, effort: .exact, filter: filter))
                #expect(found.hits.map(\.score) == exact.hits.map(\.score), "\(what)")
                #expect(found.hits.prefix(3).map(\.id) == exact.hits.prefix(3).map(\.id), "\(what)")
                #expect(!found.explanation.plan.hasPrefix("exact scan"), "\(what): \(found.explanation.plan)")
            }
        }
        try expectTheExactAnswer("as built", k: 5)
        try expectTheExactAnswer("filtered", k: 3, filter: "even = true")
        try expectTheExactAnswer("fewer", k: 5, filter: "NOT id IN ('100', '300')")
        try collection.insert([Embedding(id: "late", vector: Self.zero, metadata: #"{"even":true}"#)], into: "image")
        try collection.delete(ids: ["0", "200"], from: "image")
        try expectTheExactAnswer("changed", k: 4)
        try expectTheExactAnswer("changed and filtered", k: 2, filter: "even = true")
        let near = try collection.search(.vector(Array(repeating: 1, count: 8)), in: "image").hits
        #expect(near.allSatisfy { $0.score > 0.5 }, "and are passed over where much is better")
    }

    /// As many as there are, of which only some have a code.
    @Test func everythingIsFoundWhenEverythingIsWanted() throws {
        let (temporary, collection) = try indexed()
        defer { withExtendedLifetime(temporary) {} }
        let options = SearchOptions(k: 2_300, effort: .width(2_300))
        let answer = try collection.search(.embedding(id: "1"), in: "image", options: options)
        #expect(answer.hits.count == 2_300 && answer.explanation.plan == "code scan of the rows alive")
    }
}
