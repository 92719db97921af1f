// Filters through the library: as many hits as match, the recall that was asked for, and the plan that compares fewer codes.
import Causeway
import Testing

@Suite(.enabled(if: isOptimised, "kernels are slow without optimisation"))
struct FilterPlanTests {
    @Test func filtersKeepTheirRecallAtEverySelectivity() throws {
        let temporary = try TemporaryDatabase()
        let collection = temporary.collection()
        let (count, dimension) = (6_000, 24)
        var embeddings = clusteredEmbeddings(count, dimension: dimension, seed: 1)
        let axis = clusteredEmbeddings(1, dimension: dimension, seed: 2)[0].vector
        let queries = clusteredEmbeddings(160, dimension: dimension, seed: 4).filter { Int($0.id)! % 20 == 0 }.map(\.vector)
        let order = bruteForce(axis, embeddings, .cosine)
        var places: [String: Int] = [:]
        for (place, hit) in order.enumerated() { places[hit.id] = place }
        var random = TestRandom(3)
        for index in embeddings.indices {
            let place = places[embeddings[index].id] ?? 0
            embeddings[index].metadata = #"{"r":\#(Double.random(in: 0..<1, using: &random)),"place":\#(place)}"#
        }
        try collection.insert(embeddings, into: "v")
        try collection.buildIndex()
        for share in [0.5, 0.1, 0.01, 0.001] {
            let wanted = Int(share * Double(count))
            // Anywhere; near the query; far from it.
            for filter in ["r < \(share)", "place < \(wanted)", "place >= \(count - wanted)"] {
                var found = 0, total = 0, compared = 0, plain = 0, all = 0
                for query in queries {
                    let exact = SearchOptions(effort: .exact, filter: filter)
                    let truth = try collection.search(.vector(query), in: "v", options: exact).hits
                    let answer = try collection.search(.vector(query), in: "v", options: SearchOptions(filter: filter))
                    let matches = try #require(answer.explanation.filterMatches)
                    #expect(answer.hits.count == min(10, matches), "\(filter)")
                    #expect(answer.explanation.codesCompared <= matches * 3 / 2, "\(filter)")
                    compared += answer.explanation.codesCompared
                    plain += try collection.search(.vector(query), in: "v").explanation.codesCompared
                    all += matches
                    let ids = Set(answer.hits.map(\.id))
                    total += truth.count
                    found += truth.count { ids.contains($0.id) }
                }
                #expect(Double(found) >= 0.95 * Double(total), "\(filter)")
                // What lies far from the query is scanned, and a walk may spend half a scan in vain: a search without the filter
                // is the bound where it compares far fewer than match.
                if !filter.contains(">="), 4 * plain <= all { #expect(2 * compared <= 3 * plain, "\(filter)") }
            }
        }
    }
}
