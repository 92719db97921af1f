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

    /// How many candidates they need is measured without filters, and does not hold for rows far from the query.
    @Test func metricsThatDoNotOrderAsCosineCompareAllThatMatch() throws {
        let temporary = try TemporaryDatabase()
        let collection = temporary.collection()
        var random = TestRandom(5)
        var embeddings = clusteredEmbeddings(4_000, dimension: 24, seed: 11)
        for index in embeddings.indices {
            let length = Float.random(in: 0.5..<2, using: &random)
            embeddings[index].vector = embeddings[index].vector.map { $0 * length }
            embeddings[index].metadata = #"{"place":\#(index % 10)}"#
        }
        try collection.insert(embeddings, into: "v")
        try collection.buildIndex()
        let query = Query.vector(clusteredEmbeddings(1, dimension: 24, seed: 12)[0].vector)
        for metric in [Metric.euclidean, .manhattan, .chiSquare] {
            let options = SearchOptions(metric: metric, effort: .recall(0.95), filter: "place < 3")
            let exact = SearchOptions(metric: metric, effort: .exact, filter: "place < 3")
            let answer = try collection.search(query, in: "v", options: options)
            #expect(answer.hits == (try collection.search(query, in: "v", options: exact).hits), "\(metric)")
            #expect(answer.explanation.plan.hasPrefix("exact scan") && answer.explanation.candidates == 1_200, "\(metric)")
        }
    }

    /// Of vectors of one length the nearest are the same by both, for any number of hits.
    @Test(arguments: [1, 3, 10]) func euclideanDistanceOfUnitVectorsOrdersAsCosine(k: Int) throws {
        let temporary = try TemporaryDatabase()
        let collection = temporary.collection()
        var embeddings = clusteredEmbeddings(6_000, dimension: 24, seed: 15)
        for index in embeddings.indices {
            let length = embeddings[index].vector.reduce(0) { $0 + $1 * $1 }.squareRoot()
            embeddings[index].vector = embeddings[index].vector.map { $0 / length }
            embeddings[index].metadata = #"{"place":\#(index / 20 % 2)}"#
        }
        try collection.insert(embeddings, into: "v")
        try collection.buildIndex()
        let query = Query.vector(embeddings[7].vector)
        let options = SearchOptions(k: k, metric: .euclidean, effort: .recall(0.95), filter: "place = 0")
        let plan = try collection.search(query, in: "v", options: options).explanation.plan
        #expect(!plan.hasPrefix("exact scan"), "\(plan)")
    }

    /// The exact metric sees as many candidates as it was told to, of those that match.
    @Test func candidatesAskedForAreSeen() throws {
        let temporary = try TemporaryDatabase()
        let collection = temporary.collection()
        var embeddings = clusteredEmbeddings(9_000, dimension: 24, seed: 13)
        for index in embeddings.indices { embeddings[index].metadata = #"{"place":\#(index / 20 % 2)}"# }
        try collection.insert(embeddings, into: "v")
        try collection.buildIndex()
        for number in 0..<10 {
            let query = Query.vector(clusteredEmbeddings(10, dimension: 24, seed: 14)[number].vector)
            for metric in [Metric.cosine, .dot, .euclidean] {
                let options = SearchOptions(metric: metric, effort: .recall(0.95), candidates: 150, filter: "place = 0")
                let explanation = try collection.search(query, in: "v", options: options).explanation
                #expect(explanation.candidates >= 150, "\(metric), query \(number): \(explanation.plan)")
            }
        }
    }
}
