// Filtered searches against brute force: what they find and how many codes they compare, for filters that have nothing to
// do with the query, that lie where it does, and that lie where it does not.
import ProximityGraph
import Testing

/// How the rows that match are chosen for a query.
enum Correlation: String, CaseIterable {
    /// At random.
    case none
    /// The nearest, the farthest; the farther, the likelier.
    case positive, negative, shunning
    /// Whole regions of the data, which may be the query's or not.
    case regions
}

struct FilterRecallTests {
    private let dimension = 32
    private let count = 12_000
    private let k = 10
    private let width = 64

    /// Labels of about `share` of the rows, ascending.
    private func labels(
        _ share: Double, _ correlation: Correlation, _ scores: [Double], _ regions: [Int], _ random: inout Random
    ) -> [Int64] {
        let wanted = max(1, Int(share * Double(scores.count)))
        let rows: [Int]
        switch correlation {
        case .none: rows = scores.indices.filter { _ in random.unit() < share }
        case .positive: rows = Array(scores.indices.sorted { scores[$0] > scores[$1] }.prefix(wanted))
        case .negative: rows = Array(scores.indices.sorted { scores[$0] < scores[$1] }.prefix(wanted))
        case .shunning:
            rows = scores.indices.sorted { scores[$0] > scores[$1] }.enumerated().filter { rank, _ in
                random.unit() < 2 * share * Double(rank) / Double(scores.count)
            }.map(\.element)
        case .regions:
            let salt = random.next()
            rows = scores.indices.filter {
                var hash = Random(salt ^ UInt64(regions[$0]))
                return hash.unit() < share
            }
        }
        return rows.map { Int64(1000 + $0) }.sorted()
    }

    /// What is compared in its order takes a quarter of the time that it takes on a walk (Benchmarks/results/search-profile.md).
    private let scanSpeed = 4.0

    private struct Sums {
        var found = 0, wanted = 0, compared = 0, sweep = 0, plain = 0, matches = 0, scans = 0
        /// In codes on a walk.
        var cost = 0.0
    }

    @Test(.enabled(if: isOptimised, "too slow without optimisation"), arguments: [UInt64](1...2))
    func filtersFindWhatMatchesAtTheCostOfTheBetterWay(seed: UInt64) throws {
        let values = clustered(count, dimension, clusters: 40, seed: seed)
        let graph = try makeGraph(values, settings: .standard(dimension: dimension, seed: seed)).graph
        var random = Random(seed &+ 900)
        let rows = (0..<count).map { row(values, $0, dimension) }
        let regions = rows.map { vector in
            rows[..<24].indices.max { cosine(vector, rows[$0]) < cosine(vector, rows[$1]) } ?? 0
        }
        let queries = (0..<8).map { _ in
            zip(rows[random.below(count)], random.vector(dimension)).map { $0 + 0.5 * $1 }
        }
        let scores = queries.map { query in rows.map { cosine(query, $0) } }
        for share in [0.5, 0.1, 0.01, 0.001] {
            for correlation in Correlation.allCases {
                var sums = Sums()
                for (query, scores) in zip(queries, scores) {
                    let admitted = labels(share, correlation, scores, regions, &random)
                    if !admitted.isEmpty { measure(query, admitted, scores, graph, width: width, &sums) }
                }
                let place: Comment = "seed \(seed), share \(share), \(correlation.rawValue): \(sums)"
                #expect(Double(sums.found) >= 0.95 * Double(sums.wanted), place)
                #expect(Double(sums.compared) <= 1.5 * Double(sums.matches), place)
                // Soft borders: a scan compares more codes than a walk across them would, in less time.
                if correlation == .shunning || correlation == .regions { continue }
                // Against the better of a search that drops what does not match, and a scan of what does.
                let scan = Double(sums.matches) / scanSpeed
                #expect(sums.cost <= 1.5 * min(Double(sums.sweep), scan), place)
                if correlation == .none || correlation == .positive {
                    #expect(sums.cost <= 1.5 * min(Double(sums.plain), scan), place)
                }
            }
        }
    }

    /// Sets so large that a walk among them pays, unless they shun the query: it is judged here, and not the scan that small sets
    /// get.
    @Test(
        .enabled(if: isOptimised, "too slow without optimisation"),
        arguments: [(0.15, Correlation.none), (0.25, .none), (0.3, .shunning), (0.3, .regions)])
    func walksFindOfASetWhatAnOrdinarySearchFindsOfAll(share: Double, correlation: Correlation) throws {
        let (count, dimension, width) = (60_000, 32, 24)
        let values = clustered(count, dimension, clusters: 60, seed: 5)
        let graph = try makeGraph(values, settings: .standard(dimension: dimension, quality: .fast)).graph
        let rows = (0..<count).map { row(values, $0, dimension) }
        let all = rows.indices.map { Int64(1000 + $0) }
        let regions = rows.map { vector in
            rows[..<24].indices.max { cosine(vector, rows[$0]) < cosine(vector, rows[$1]) } ?? 0
        }
        var random = Random(77), sums = Sums(), plainlyFound = 0
        for _ in 0..<32 {
            let query = zip(rows[random.below(count)], random.vector(dimension)).map { $0 + 0.5 * $1 }
            let scores = rows.map { cosine(query, $0) }
            measure(query, labels(share, correlation, scores, regions, &random), scores, graph, width: width, &sums)
            let best = all.sorted { scores[Int($0) - 1000] > scores[Int($1) - 1000] }.prefix(k)
            plainlyFound += Set(best).intersection(graph.search(query.span, width: width).hits.map(\.label)).count
        }
        let place: Comment = "\(share), \(correlation.rawValue): \(sums), and \(plainlyFound) found without the filter"
        #expect(Double(sums.found) >= 0.98 * Double(plainlyFound) && plainlyFound < 300, place)
        if correlation == .none { #expect(sums.scans <= 4 && sums.compared <= sums.matches / 4, place) }
    }

    private func measure(
        _ query: [Float], _ admitted: [Int64], _ scores: [Double], _ graph: Graph, width: Int, _ sums: inout Sums
    ) {
        func best(_ labels: [Int64]) -> ArraySlice<Int64> {
            labels.sorted { scores[Int($0) - 1000] > scores[Int($1) - 1000] }.prefix(k)
        }
        let set = graph.labelSet(containing: admitted)
        let answer = graph.searchFiltered(query.span, best: k, width: width, admitting: set)
        let truth = best(admitted)
        #expect(answer.hits.count >= truth.count)
        sums.found += Set(truth).intersection(best(answer.hits.map(\.label))).count
        sums.wanted += truth.count
        sums.compared += answer.distances
        let scanned = answer.isScan ? Double(admitted.count) : 0
        sums.cost += Double(answer.distances) - scanned + scanned / scanSpeed
        sums.scans += answer.isScan ? 1 : 0
        sums.sweep += graph.search(query.span, width: width, admitting: set, budget: .max, sweepShare: 0).distances
        sums.plain += graph.search(query.span, width: width).distances
        sums.matches += admitted.count
    }

    /// Groups of about ten, for whose best ten a width of little more was enough: what is left without the query's own group
    /// lies in several others.
    @Test(.enabled(if: isOptimised, "too slow without optimisation"), arguments: [0.55, 0.3])
    func withoutTheNearestTheOthersAreFoundAsSurely(share: Double) throws {
        let values = clustered(count, dimension, clusters: count / 10, spread: 0.25, seed: 8)
        let graph = try makeGraph(values, settings: .standard(dimension: dimension)).graph
        let rows = (0..<count).map { row(values, $0, dimension) }
        var random = Random(6), sums = Sums(), plainlyFound = 0
        for _ in 0..<60 {
            let query = zip(rows[random.below(count)], random.vector(dimension)).map { $0 + 0.1 * $1 }
            let scores = rows.map { cosine(query, $0) }
            let order = rows.indices.sorted { scores[$0] > scores[$1] }
            let admitted = order.dropFirst(k).filter { _ in random.unit() < share }.map { Int64(1000 + $0) }.sorted()
            measure(query, admitted, scores, graph, width: 12, &sums)
            let best = order.prefix(k).map { Int64(1000 + $0) }
            plainlyFound += Set(best).intersection(graph.search(query.span, width: 12).hits.map(\.label)).count
        }
        #expect(plainlyFound >= 570, "\(plainlyFound) of 600")
        #expect(sums.found >= 570 && sums.wanted == 600, "\(sums)")
    }

    /// Six hundred rows so near to each other that their codes hardly tell them apart, and a width that keeps 48 of a scan.
    @Test func amongNearCopiesAScanLeavesOutNone() throws {
        let count = 4_000, copies = 600
        var values = clustered(count, dimension, clusters: 20, seed: 12), random = Random(3)
        let model = row(values, count - 1, dimension)
        for copy in 0..<copies {
            for i in 0..<dimension { values[copy * dimension + i] = model[i] + 0.003 * random.gaussian() }
        }
        let graph = try makeGraph(values, settings: .standard(dimension: dimension)).graph
        let rows = (0..<count).map { row(values, $0, dimension) }
        var sums = Sums()
        for _ in 0..<40 {
            let query = random.vector(dimension)
            let scores = rows.map { cosine(query, $0) }
            measure(query, (0..<copies).map { Int64(1000 + $0) }, scores, graph, width: 12, &sums)
        }
        #expect(sums.scans == 40 && sums.found >= 398 && sums.wanted == 400, "\(sums)")
    }

    @Test func deletedRowsCostNoMoreThanTheirShare() throws {
        let values = clustered(3_000, dimension, clusters: 20, seed: 9)
        let graph = try makeGraph(values, settings: .standard(dimension: dimension)).graph
        let alive = graph.labelSet(excluding: (0..<150).map { Int64(1000 + 20 * $0) })
        // All that is near row 7 is gone.
        let query = row(values, 7, dimension)
        let near = graph.scan(query.span, limit: 250).hits.map(\.label).sorted()
        let spared = graph.labelSet(excluding: near)
        var found = 0
        for index in 0..<20 {
            let query = row(values, 140 * index, dimension)
            let truth = graph.scan(query.span, limit: 40, admitting: alive).hits.prefix(k).map(\.label)
            let answer = graph.searchFiltered(query.span, best: 10, width: 40, admitting: alive)
            #expect(answer.hits.allSatisfy { $0.label % 20 != 0 } && answer.hits.count >= 20)
            found += Set(truth).intersection(answer.hits.map(\.label)).count
            #expect(answer.distances <= graph.search(query.span, width: 40).distances * 5 / 4)
        }
        #expect(found >= 198)
        let answer = graph.searchFiltered(query.span, best: 40, width: 40, admitting: spared)
        #expect(answer.hits.count >= 40 && Set(answer.hits.map(\.label)).isDisjoint(with: near))
    }

    /// A search that finds too little of the set has spent what a walk may: an ordinary search and a scan, no more.
    @Test func whatASearchSpentInVainNoWalkSpendsAgain() throws {
        let values = clustered(2_000, dimension, clusters: 1, seed: 4)
        let graph = try makeGraph(values, settings: .standard(dimension: dimension)).graph
        let query = row(values, 7, dimension)
        let spared = graph.labelSet(excluding: graph.scan(query.span, limit: 90).hits.map(\.label).sorted())
        let answer = graph.searchFiltered(query.span, best: 10, width: 80, admitting: spared)
        let spent = answer.distances - spared.count
        #expect(answer.isScan && spent > graph.search(query.span, width: 40).distances)
        #expect(spent <= graph.search(query.span, width: 80 * 2).distances)
    }

    @Test func seedsAreSpreadEvenlyAndNoMoreThanAskedFor() throws {
        let values = clustered(1_200, dimension, clusters: 5, seed: 3)
        let graph = try makeGraph(values, settings: .standard(dimension: dimension)).graph
        let all = graph.labelSet(excluding: [])
        let places = (graph.nodeCount + 63) / 64
        for limit in 1...40 {
            let nodes = all.spread(limit)
            #expect(nodes.count <= limit && 2 * nodes.count >= min(limit, places), "limit \(limit): \(nodes.count)")
            #expect(nodes == nodes.sorted() && Set(nodes).count == nodes.count)
        }
    }
}
