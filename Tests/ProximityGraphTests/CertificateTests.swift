// The error bound of a hit is never violated, whatever the data.
import ProximityGraph
import Testing

struct CertificateTests {
    @Test(arguments: [UInt64](0..<12))
    func trueCosineLiesWithinTheBound(seed: UInt64) throws {
        var random = Random(seed)
        let dimension = [2, 10, 64, 100, 192, 384][Int(seed) % 6]
        var values = clustered(200, dimension, clusters: 4, spread: seed % 2 == 0 ? 0.01 : 1, seed: seed)
        for row in 0..<20 {  // sparse rows: the hardest to spread over a code
            for i in 0..<dimension { values[row * dimension + i] = 0 }
            values[row * dimension + random.below(dimension)] = random.gaussian() + 7
        }
        let built = try makeGraph(values, settings: .standard(dimension: dimension, seed: seed))
        var queries = (0..<4).map { _ in random.vector(dimension) }
        queries.append(random.vector(dimension).map { $0 - 20 })  // a cone of its own
        var single = [Float](repeating: 0, count: dimension)
        single[random.below(dimension)] = 3e-30
        queries.append(single)
        for query in queries {
            for hit in built.graph.scan(query.span, limit: 200).hits {
                let exact = cosine(query, row(values, Int(hit.label - 1000), dimension))
                #expect(abs(exact - Double(hit.similarity)) <= Double(hit.errorBound), "seed \(seed), \(hit)")
            }
        }
    }

    @Test func theBoundIsUseful() throws {
        let values = clustered(200, 512, clusters: 4, seed: 77)
        let built = try makeGraph(values, settings: .standard(dimension: 512))
        let hits = built.graph.scan(row(values, 0, 512).span, limit: 200).hits
        #expect(hits.allSatisfy { $0.errorBound < 0.01 })
    }
}
