/// Queries answered together get what each would get alone. They share reads, never answers.
import Causeway
import Testing

struct BatchTests {
    @Test(.enabled(if: isOptimised, "kernels are slow without optimisation"))
    func aBatchAnswersAsEachQueryAlone() throws {
        let temporary = try TemporaryDatabase()
        let collection = temporary.collection()
        try collection.insert(clusteredEmbeddings(2_200, dimension: 32, seed: 5), into: "v")
        _ = try collection.buildIndex()
        // After the build: rows beside the graph, and labels of the graph that are no more.
        try collection.insert(clusteredEmbeddings(40, dimension: 32, seed: 6, prefix: "late-"), into: "v")
        try collection.delete(ids: (0..<2_200).filter { $0 % 11 == 4 }.map(String.init), from: "v")
        let queries = clusteredEmbeddings(12, dimension: 32, seed: 7).map { Query.vector($0.vector) }
            + [Query.embedding(id: "late-3"), Query.vector([Float](repeating: 0, count: 32))]
        for (metric, candidates) in [(Metric.cosine, nil), (.cosine, 200), (.euclidean, 60)] {
            var options = SearchOptions(k: 7, metric: metric, effort: .width(80), candidates: candidates)
            for filter in [nil, "id LIKE '%1%'"] {
                options.filter = filter
                let together = try collection.search(queries, in: "v", options: options)
                for (query, answer) in zip(queries, together) {
                    let alone = try collection.search(query, in: "v", options: options)
                    #expect(answer.hits == alone.hits, "\(metric)")
                    #expect(answer.explanation.plan == alone.explanation.plan)
                    #expect(answer.explanation.reranked == alone.explanation.reranked)
                    #expect(answer.explanation.pruned == alone.explanation.pruned)
                }
            }
        }
    }

    @Test func everyModalityOfABatchIsTheQuerysOwn() throws {
        let temporary = try TemporaryDatabase()
        let collection = temporary.collection()
        try collection.insert([Embedding(id: "a", vector: [1, 0]), Embedding(id: "b", vector: [0, 1])], into: "image")
        try collection.insert([Embedding(id: "a", vector: [0, 1])], into: "text")
        let answers = try collection.search(
            [.embedding(id: "a", from: "text"), .embedding(id: "a"), .vector([1, 2], from: "text")], in: "image",
            options: SearchOptions(k: 1))
        #expect(answers.map(\.hits[0].id) == ["b", "a", "b"])
        #expect(throws: CausewayError.self) {
            try collection.search([.vector([1, 2]), .vector([1, 2], from: "sound")], in: "image")
        }
    }
}
