// A built graph finds what brute force finds, reaches every node, and survives the data that breaks others.
import Platform
import ProximityGraph
import Testing

/// Fraction of hits at least as similar as the true k-th best.
private func recall(_ graph: Graph, _ values: [Float], queries: [[Float]], width: Int, k: Int = 10) -> Double {
    var good = 0
    for query in queries {
        let limit = kthBest(query, values, k) - 1e-9
        // As the caller does: rank the candidates by the exact cosine.
        let exact = graph.search(query.span, width: width).hits
            .map { cosine(query, row(values, Int($0.label - 1000), query.count)) }
            .sorted(by: >).prefix(k)
        good += exact.filter { $0 >= limit }.count
    }
    return Double(good) / Double(k * queries.count)
}

struct GraphTests {
    @Test func findsTheNearestOfClusteredVectors() throws {
        let dimension = 64
        let values = clustered(3000, dimension, clusters: 30, seed: 11)
        let built = try makeGraph(values, settings: .standard(dimension: dimension))
        let queries = (0..<40).map { index -> [Float] in
            var random = Random(UInt64(500 + index))
            return zip(row(values, random.below(3000), dimension), random.vector(dimension)).map { $0 + 0.5 * $1 }
        }
        #expect(recall(built.graph, values, queries: queries, width: 64) >= 0.95)
        #expect(built.graph.checkInvariants() == [])
        #expect(built.graph.verifyChecksums() == [])
        #expect(built.graph.nodesReached() == 3000)
        #expect(built.report.distances > 0)
    }

    @Test func findsTheNearestForQueriesOfAnotherModality() throws {
        let dimension = 64
        let values = clustered(3000, dimension, clusters: 40, seed: 21)
        let built = try makeGraph(values, settings: .standard(dimension: dimension))
        let other = clustered(30, dimension, clusters: 40, seed: 22)
        let queries = (0..<30).map { row(other, $0, dimension) }
        #expect(recall(built.graph, values, queries: queries, width: 300) >= 0.95)
    }

    @Test func higherQualityFindsMoreAtTheSameWidth() throws {
        let dimension = 48
        let values = clustered(4000, dimension, clusters: 1, spread: 1, seed: 23)
        let queries = (0..<60).map { row(clustered(60, dimension, clusters: 1, spread: 1, seed: 23), $0, dimension) }
        let recalls = try GraphQuality.allCases.map { quality in
            let settings = GraphSettings.standard(dimension: dimension, quality: quality)
            return recall(try makeGraph(values, settings: settings).graph, values, queries: queries, width: 20)
        }
        // fast, balanced, high
        #expect(recalls[0] < recalls[1] && recalls[1] < recalls[2], "\(recalls)")
    }

    @Test(arguments: [1, 2, 10, 63, 65, 384])
    func everyDimensionWorks(dimension: Int) throws {
        let values = clustered(300, dimension, clusters: 5, seed: UInt64(dimension))
        let built = try makeGraph(values, settings: .standard(dimension: dimension))
        let queries = (0..<10).map { row(values, $0 * 7, dimension) }
        #expect(recall(built.graph, values, queries: queries, width: 300) >= 0.95)
        #expect(built.graph.checkInvariants() == [])
    }

    @Test func duplicatesShareANodeAndTrapNoSearch() throws {
        let dimension = 32
        var values = clustered(1000, dimension, clusters: 10, seed: 3)
        for _ in 0..<1000 { values += row(values, 17, dimension) }
        let built = try makeGraph(values, settings: .standard(dimension: dimension))
        #expect(built.graph.count == 2000 && built.graph.nodeCount == 1000)
        #expect(built.report.duplicates == 1000)
        #expect(built.graph.checkInvariants() == [])
        let copies = built.graph.search(row(values, 17, dimension).span, width: 10)
        // The copies count as one of the ten.
        #expect(copies.hits.count == 1001 + 9)
        #expect(copies.hits.prefix(1001).map(\.label) == [1017] + (2000..<3000).map { Int64($0) })
        let elsewhere = row(values, 400, dimension)
        #expect(built.graph.search(elsewhere.span, width: 10).hits.first?.label == 1400)
    }

    @Test func allEqualVectorsAreOneNode() throws {
        let values = [[Float]](repeating: [1, 2, 3], count: 500).flatMap { $0 }
        let built = try makeGraph(values, settings: .standard(dimension: 3))
        #expect(built.graph.nodeCount == 1 && built.graph.count == 500)
        let answer = built.graph.search([Float]([3, 2, 1]).span, width: 5)
        #expect(answer.hits.count == 500)
        #expect(abs(answer.hits[0].similarity - Float(cosine([1, 2, 3], [3, 2, 1]))) <= answer.hits[0].errorBound)
    }

    @Test func emptyGraphAndSingleNode() throws {
        let empty = try makeGraph([], settings: .standard(dimension: 8))
        let query: [Float] = [1, 0, 0, 0, 0, 0, 0, 0]
        #expect(empty.graph.search(query.span, width: 3).hits.isEmpty)
        #expect(empty.graph.scan(query.span, limit: 3).hits.isEmpty)
        #expect(empty.graph.checkInvariants() == [])
        let single = try makeGraph(query, settings: .standard(dimension: 8))
        #expect(single.graph.search(query.span, width: 3).hits.map(\.label) == [1000])
    }

    @Test func zeroVectorsAreCountedAndLeftOut() throws {
        var values = clustered(50, 16, clusters: 2, seed: 5)
        for i in 0..<16 { values[20 * 16 + i] = 0 }
        for i in 0..<16 { values[21 * 16 + i] *= 1e-38 }
        for i in 0..<16 { values[22 * 16 + i] *= 1e37 }
        let built = try makeGraph(values, settings: .standard(dimension: 16))
        #expect(built.report.unindexable == 1 && built.graph.count == 49)
        let zero = [Float](repeating: 0, count: 16)
        #expect(built.graph.search(zero.span, width: 5).hits.isEmpty)
        for label in [21, 22] {
            let hits = built.graph.search(row(values, label, 16).span, width: 20).hits
            #expect(hits.contains { $0.label == Int64(1000 + label) })
        }
    }

    @Test func outliersAreReachable() throws {
        let dimension = 32
        var values = clustered(2000, dimension, clusters: 1, spread: 0.05, seed: 8)
        var random = Random(9)
        for _ in 0..<20 { values += random.vector(dimension).map { -10 * abs($0) } }
        let built = try makeGraph(values, settings: GraphSettings(
            dimension: dimension, connectivity: 4, constructionBreadth: 16))
        #expect(built.graph.nodesReached() == built.graph.nodeCount)
        #expect(built.graph.checkInvariants() == [])
    }

    @Test func scanFindsWhatBruteForceFinds() throws {
        let dimension = 48
        let values = clustered(1500, dimension, clusters: 10, seed: 31)
        let built = try makeGraph(values, settings: .standard(dimension: dimension))
        let queries = clustered(11, dimension, clusters: 10, seed: 32)
        let many = built.graph.scanMany(queries.span, limit: 20, threads: 2)
        for index in 0..<11 {
            let query = row(queries, index, dimension)
            let scan = built.graph.scan(query.span, limit: 20)
            #expect(scan.hits == many[index].hits)
            let limit = kthBest(query, values, 20)
            for hit in scan.hits {
                let exact = cosine(query, row(values, Int(hit.label - 1000), dimension))
                #expect(exact >= limit - 3 * Double(hit.errorBound))
            }
        }
    }

    @Test func wideScansAreThePrefixOfWiderOnes() throws {
        let dimension = 16
        let values = clustered(3000, dimension, clusters: 10, seed: 81)
        let graph = try makeGraph(values, settings: .standard(dimension: dimension, quality: .fast)).graph
        let query = row(values, 5, dimension)
        let all = graph.scan(query.span, limit: 3000).hits
        #expect(Set(all.map(\.label)).count == 3000)
        #expect(zip(all, all.dropFirst()).allSatisfy { $0.similarity >= $1.similarity })
        for limit in [100, 511, 512, 513, 700, 1400] {
            let hits = graph.scan(query.span, limit: limit).hits
            #expect(hits.count == limit && hits.prefix(limit * 9 / 10) == all.prefix(limit * 9 / 10), "limit \(limit)")
            #expect(graph.scanMany(query.span, limit: limit, threads: 1)[0].hits == hits)
        }
    }

    @Test func extraLinksAreFollowed() throws {
        let dimension = 32
        let values = clustered(800, dimension, clusters: 8, spread: 0.3, seed: 61)
        let settings = GraphSettings(dimension: dimension, connectivity: 2, constructionBreadth: 4)
        let scratch = Scratch()
        let builder = try GraphBuilder(
            settings: settings, capacity: 800, mean: mean(values, dimension), threads: 2)
        try builder.append(labels: (0..<800).map { Int64(1000 + $0) }, vectors: values.span)
        _ = try builder.build()
        let queries = (0..<30).map { row(values, $0 * 20, dimension) }
        func open(_ name: String) throws -> Graph {
            let checksum = try builder.write(to: scratch.file(name), identity: someone)
            return try Graph(path: scratch.file(name), identity: someone, checksum: checksum)
        }
        let plain = try open("plain.vgx")
        for label in 1000..<1800 {
            let near = plain.scan(row(values, label - 1000, dimension).span, limit: 12).hits.map(\.label)
            try builder.addExtraLinks(from: Int64(label), to: near + [5])
        }
        let extended = try open("extended.vgx")
        #expect(extended.verifyChecksums() == [] && extended.checkInvariants() == [])
        #expect(recall(extended, values, queries: queries, width: 10) > recall(plain, values, queries: queries, width: 10))
    }

    @Test func aHiddenRowIsNeitherFoundNorPassedThrough() throws {
        let dimension = 32
        var values = clustered(2_000, dimension, clusters: 20, seed: 31)
        values += row(values, 5, dimension)  // row 2000 shares the node of row 5
        let graph = try makeGraph(values, settings: .standard(dimension: dimension)).graph
        for index in [17, 400, 1_999] {
            let query = row(values, index, dimension), label = Int64(1000 + index)
            let seen = graph.coded(query.span), unseen = graph.coded(query.span, hiding: [label])
            let plain = try #require(seen), hidden = try #require(unseen)
            #expect(graph.search(plain, width: 20).hits.first?.label == label)
            let answer = graph.search(hidden, width: 20)
            #expect(answer.hits.count == 20 && !answer.hits.map(\.label).contains(label), "row \(index)")
            let admitted = graph.labelSet(excluding: [1_003])
            let filtered = graph.search(hidden, width: 20, admitting: admitted, budget: .max)
            #expect(!filtered.hits.map(\.label).contains(label), "row \(index)")
            // The next search is an ordinary one again.
            #expect(graph.search(plain, width: 20).hits.first?.label == label)
        }
        let twin = graph.coded(row(values, 5, dimension).span, hiding: [1_005])
        let shared = try #require(twin)
        #expect(graph.search(shared, width: 20).hits.prefix(2).map(\.label) == [1_005, 3_000])
    }
}
