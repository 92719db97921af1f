/// Answers do not depend on how many threads share the work: counts far beyond this machine's processors, and beyond the queries.
import Causeway
import Testing

struct ThreadCountTests {
    private static let counts = [2, 3, 4, 5, 7, 16, 28, 48, 70]

    @Test func searchesAnswerTheSameOnAnyNumberOfThreads() throws {
        let temporary = try TemporaryDatabase()
        let collection = temporary.collection()
        try collection.insert(clusteredEmbeddings(300, dimension: 8, seed: 1), into: "v")
        let queries = clusteredEmbeddings(60, dimension: 8, seed: 2).map { Query.vector($0.vector) }
        for metric in [Metric.cosine, .manhattan] {
            for effort in [SearchOptions.Effort.exact, .width(20)] {
                let options = SearchOptions(k: 5, metric: metric, effort: effort)
                for count in [1, 5, 9, 60] {
                    let part = Array(queries[..<count])
                    let alone = try part.map { try collection.search($0, in: "v", options: options).hits }
                    for threads in Self.counts {
                        let found = try collection.search(part, in: "v", options: options, threads: threads)
                        #expect(found.map(\.hits) == alone, "\(metric) \(effort), \(count) queries on \(threads) threads")
                    }
                }
            }
        }
    }

    @Test(.enabled(if: isOptimised, "kernels are slow without optimisation"))
    func indexesAreBuiltAndMeasuredTheSameOnAnyNumberOfThreads() throws {
        let temporary = try TemporaryDatabase()
        let collection = temporary.collection()
        try collection.insert(clusteredEmbeddings(2_100, dimension: 12, seed: 3), into: "v")
        let query = Query.vector(clusteredEmbeddings(1, dimension: 12, seed: 4)[0].vector)
        var first: [Hit]?
        for threads in [1] + Self.counts {
            let report = try collection.buildIndex(options: IndexOptions(threads: threads, rebuild: true))
            #expect(report[0].outcome == .built)
            let hits = try collection.search(query, in: "v", options: SearchOptions(k: 5, effort: .recall(0.9))).hits
            #expect(hits == first ?? hits, "\(threads) threads")
            first = hits
        }
    }
}
