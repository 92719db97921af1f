// A graph that goes on from another: nothing changed gives the same bytes, the dead are gone, the new are found, and what
// searches find stays what a build from nothing would find.
import Foundation
import Platform
import ProximityGraph
import Testing

/// A population of labelled vectors that changes.
private struct Population {
    let dimension: Int
    private(set) var vectors: [Int64: [Float]] = [:]
    private var next: Int64 = 1000

    init(_ values: [Float], dimension: Int) {
        self.dimension = dimension
        add(values)
    }

    var labels: [Int64] { vectors.keys.sorted() }
    var values: [Float] { labels.flatMap { vectors[$0] ?? [] } }

    @discardableResult
    mutating func add(_ values: [Float]) -> [Int64] {
        let added = (0..<Int64(values.count / dimension)).map { next + $0 }
        for (index, label) in added.enumerated() { vectors[label] = row(values, index, dimension) }
        next += Int64(added.count)
        return added
    }

    mutating func remove(_ labels: some Sequence<Int64>) { for label in labels { vectors[label] = nil } }
}

private func continued(
    _ graph: Graph, without dead: some Sequence<Int64>, adding labels: [Int64] = [], _ values: [Float] = [],
    threads: Int = 2
) throws -> Built {
    let scratch = Scratch()
    let builder = try GraphBuilder(continuing: graph, without: Set(dead), capacity: labels.count, threads: threads)
    try builder.append(labels: labels, vectors: values.span)
    let report = try builder.build()
    let path = scratch.file("graph.vgx")
    let checksum = try builder.write(to: path, identity: someone)
    return Built(
        scratch: scratch, graph: try Graph(path: path, identity: someone, checksum: checksum), report: report,
        checksum: checksum)
}

private func recall(_ graph: Graph, _ population: Population, queries: [[Float]], width: Int) -> Double {
    let values = population.values
    var found = 0
    for query in queries {
        let worst = kthBest(query, values, 10)
        let hits = graph.search(query.span, width: width).hits.prefix(width)
        let right = hits.count { cosine(query, population.vectors[$0.label] ?? query.map { -$0 }) >= worst - 1e-6 }
        found += min(right, 10)
    }
    return Double(found) / Double(10 * queries.count)
}

@Suite struct ContinuationTests {
    private let dimension = 24
    private var settings: GraphSettings { GraphSettings(dimension: dimension, connectivity: 8, constructionBreadth: 48) }

    @Test func nothingChangedGivesTheSameBytes() throws {
        var values = clustered(1_500, dimension, clusters: 12, seed: 31)
        values += row(values, 7, dimension) + row(values, 7, dimension)  // copies share a node, and go on to
        let built = try makeGraph(values, settings: settings)
        let again = try continued(built.graph, without: [])
        #expect(again.bytes == built.bytes)
    }

    @Test func extraLinksLiveOnWithTheirNodes() throws {
        let values = clustered(800, dimension, clusters: 8, seed: 32)
        let builder = try GraphBuilder(settings: settings, capacity: 800, mean: mean(values, dimension), threads: 2)
        try builder.append(labels: (0..<800).map { Int64($0) }, vectors: values.span)
        _ = try builder.build()
        for label in Int64(0)..<200 { try builder.addExtraLinks(from: label, to: [label + 300, label + 500]) }
        let scratch = Scratch()
        let path = scratch.file("extra.vgx")
        let checksum = try builder.write(to: path, identity: someone)
        let graph = try Graph(path: path, identity: someone, checksum: checksum)
        #expect(try continued(graph, without: []).bytes == [UInt8](FileManager.default.contents(atPath: path) ?? Data()))
        let fewer = try continued(graph, without: (Int64(300)..<400))
        #expect(fewer.graph.checkInvariants().isEmpty)
        #expect(fewer.graph.search(row(values, 0, dimension).span, width: 20).hits.first?.label == 0)
    }

    @Test(arguments: [UInt64(1), 2, 3]) func bytesDoNotDependOnThreads(seed: UInt64) throws {
        let values = clustered(1_200, dimension, clusters: 9, seed: seed)
        let built = try makeGraph(values, settings: settings)
        let more = clustered(400, dimension, clusters: 5, seed: seed + 100)
        let files = try (1...3).map {
            try continued(built.graph, without: Int64(1000)..<1300, adding: Array(5000..<5400), more, threads: $0).bytes
        }
        #expect(files[0] == files[1] && files[1] == files[2], "seed \(seed)")
    }

    @Test func theDeadAreGoneAndTheNewAreFound() throws {
        var population = Population(clustered(1_500, dimension, clusters: 10, seed: 33), dimension: dimension)
        let built = try makeGraph(population.values, settings: settings, labels: population.labels)
        let dead = population.labels.filter { $0 % 3 == 0 }
        population.remove(dead)
        let more = clustered(500, dimension, clusters: 10, seed: 34)
        let added = population.add(more)
        let next = try continued(built.graph, without: dead, adding: added, more)
        #expect(next.graph.checkInvariants().isEmpty)
        #expect(next.graph.count == population.vectors.count)
        #expect(next.graph.labelSet(containing: population.labels).count == population.vectors.count)
        let anew = try makeGraph(population.values, settings: settings, labels: population.labels)
        func lost(_ graph: Graph) -> [Int64] {
            population.vectors.filter { label, vector in
                !graph.search(vector.span, width: 32).hits.contains { $0.label == label }
            }.keys.sorted()
        }
        #expect(lost(next.graph).count <= lost(anew.graph).count, "\(lost(next.graph)), anew \(lost(anew.graph))")
    }

    /// What a deleted cluster leaves behind must still hang together.
    @Test func wholeRegionsMayDie() throws {
        var population = Population(clustered(2_000, dimension, clusters: 4, spread: 0.2, seed: 35), dimension: dimension)
        let built = try makeGraph(population.values, settings: settings, labels: population.labels)
        let heart = try #require(population.vectors[1000])
        let near = population.labels.sorted {
            cosine(population.vectors[$0] ?? heart, heart) > cosine(population.vectors[$1] ?? heart, heart)
        }
        population.remove(near.prefix(900))
        let next = try continued(built.graph, without: near.prefix(900))
        #expect(next.graph.checkInvariants().isEmpty)
        #expect(next.graph.count == 1_100)
        let nothing = try continued(next.graph, without: population.labels)
        #expect(nothing.graph.count == 0 && nothing.graph.checkInvariants().isEmpty)
        let fresh = clustered(300, dimension, clusters: 3, seed: 36)
        let reborn = try continued(next.graph, without: population.labels, adding: Array(9000..<9300), fresh)
        #expect(reborn.graph.checkInvariants().isEmpty && reborn.graph.count == 300)
        #expect(reborn.graph.search(row(fresh, 5, dimension).span, width: 32).hits.first?.label == 9005)
    }

    /// Ten rounds, each with a quarter of all rows deleted and as many new ones, some of them near to a cluster not seen before.
    @Test(arguments: [UInt64(1), 2]) func recallHoldsThroughChurn(seed: UInt64) throws {
        let rows = isOptimised ? 3_000 : 800
        var population = Population(clustered(rows, dimension, clusters: 20, seed: seed), dimension: dimension)
        var current = try makeGraph(population.values, settings: settings, labels: population.labels)
        var random = Random(seed + 50)
        for round in 0..<(isOptimised ? 10 : 3) {
            let dead = population.labels.filter { _ in random.below(4) == 0 }
            let more = clustered(dead.count, dimension, clusters: 20, seed: seed + (round % 2 == 0 ? 0 : UInt64(round)))
            population.remove(dead)
            current = try continued(current.graph, without: dead, adding: population.add(more), more)
            #expect(current.graph.checkInvariants().isEmpty, "seed \(seed), round \(round)")
        }
        let queries = (0..<60).map { _ in row(population.values, random.below(population.vectors.count), dimension) }
            .map { vector in vector.map { $0 + 0.5 * random.gaussian() } }
        let anew = try makeGraph(population.values, settings: settings, labels: population.labels)
        let ours = recall(current.graph, population, queries: queries, width: 24)
        let its = recall(anew.graph, population, queries: queries, width: 24)
        #expect(ours >= its - 0.02, "seed \(seed): \(ours) after churn, \(its) from nothing")
    }

    @Test func damagedBytesAreNotBuiltUpon() throws {
        let built = try makeGraph(clustered(900, dimension, clusters: 5, seed: 37), settings: settings)
        var bytes = built.bytes
        bytes[bytes.count / 2] ^= 4
        try Data(bytes).write(to: URL(fileURLWithPath: built.path))
        let graph = try Graph(path: built.path, identity: someone, checksum: built.checksum)
        #expect(throws: GraphError.self) {
            _ = try GraphBuilder(continuing: graph, without: [], capacity: 10, threads: 1)
        }
    }
}
