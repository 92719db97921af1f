// What a program asks again and again is listed once for each state of the data, and never answered from another state.
import Causeway
import Testing

@Suite(.enabled(if: isOptimised, "kernels are slow without optimisation"))
struct FilterMemoryTests {
    private static let count = 2_500

    private func indexed() throws -> (TemporaryDatabase, EmbeddingCollection, [Embedding]) {
        let temporary = try TemporaryDatabase()
        var embeddings = clusteredEmbeddings(Self.count, dimension: 8, seed: 5)
        for index in embeddings.indices { embeddings[index].metadata = #"{"n":\#(index)}"# }
        try temporary.collection().insert(embeddings, into: "v")
        try temporary.collection().buildIndex()
        return (temporary, temporary.collection(), embeddings)
    }

    /// Every kind of change between two askings of one filter, each seen by the next, in a database opened before it and by
    /// the writer's own.
    @Test func aFilterAskedAgainSeesEveryChange() throws {
        let (temporary, collection, embeddings) = try indexed()
        let other = try Database(path: temporary.path, upkeep: .manual)
        defer { other.close() }
        let query = Query.vector(embeddings[3].vector)
        var expected = Set((0..<600).map(String.init))
        func asked(_ what: String) throws {
            for place in [collection, other.collection("c")] {
                for _ in 0..<2 {
                    let answer = try place.search(query, in: "v", options: SearchOptions(k: 700, filter: "n < 600"))
                    #expect(answer.explanation.filterMatches == expected.count, "\(what)")
                    #expect(Set(answer.hits.map(\.id)) == expected, "\(what)")
                }
            }
        }
        try asked("as built")
        try collection.setMetadata(#"{"n":1000000}"#, of: "3", in: "v")
        expected.remove("3")
        try asked("metadata changed")
        try collection.setMetadata(#"{"n":-1}"#, of: "2000", in: "v")
        expected.insert("2000")
        try asked("metadata changed into the filter")
        try collection.delete(ids: ["5"], from: "v")
        expected.remove("5")
        try asked("deleted")
        try collection.insert([Embedding(id: "new", vector: embeddings[3].vector, metadata: #"{"n":7}"#)], into: "v")
        expected.insert("new")
        try asked("inserted")
        try collection.buildIndex()
        try asked("merged")
        try collection.buildIndex(options: IndexOptions(rebuild: true))
        try asked("built again")
    }

    /// More filters than are kept, in turn: each has its own rows.
    @Test func manyFiltersKeepTheirOwnRows() throws {
        let (temporary, collection, embeddings) = try indexed()
        defer { withExtendedLifetime(temporary) {} }
        for _ in 0..<3 {
            for limit in stride(from: 250, through: 2_250, by: 100) {
                let answer = try collection.search(
                    .vector(embeddings[limit].vector), in: "v", options: SearchOptions(k: 1, filter: "n < \(limit)"))
                #expect(answer.explanation.filterMatches == limit)
                #expect(try #require(answer.hits.first.flatMap { Int($0.id) }) < limit)
            }
        }
    }
}
