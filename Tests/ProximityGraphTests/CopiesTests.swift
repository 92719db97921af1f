// Labels that share a node, and sets of labels: nothing admitted is cut off, and sets made step by step are those made at once.
import ProximityGraph
import Testing

struct CopiesTests {
    private let dimension = 32
    private let values = clustered(1_000, 32, clusters: 10, seed: 3)

    private func repeated(_ count: Int, of index: Int) -> [Float] {
        let vector = row(values, index, dimension)
        return (0..<count).flatMap { _ in vector }
    }

    /// Row 17 has label 1017; its 5,000 copies have 2000 to 6999.
    @Test func everyAdmittedCopyIsFoundHoweverManyThereAre() throws {
        let graph = try makeGraph(values + repeated(5_000, of: 17), settings: .standard(dimension: dimension)).graph
        #expect(graph.nodeCount == 1_000 && graph.count == 6_000)
        let query = row(values, 17, dimension)
        let found = graph.search(query.span, width: 10).hits.map(\.label)
        let copies: [Int64] = [1017] + Array(2000..<7000)
        #expect(Array(found.prefix(5_001)) == copies)
        #expect(found.count == 5_001 + 9, "copies do not crowd out others")
        let last = Array(copies.suffix(500))
        let left = graph.labelSet(excluding: Array(copies.dropLast(500)))
        let some = graph.labelSet(containing: last)
        for answer in [
            graph.searchFiltered(query.span, best: 100, width: 100, admitting: left),
            graph.search(query.span, width: 100, admitting: left, budget: .max),
            graph.scan(query.span, limit: 100, admitting: left),
            graph.searchFiltered(query.span, best: 100, width: 100, admitting: some),
        ] {
            #expect(answer.hits.prefix(500).map(\.label) == last)
        }
    }

    /// Three labels a node: an answer of ten has ten whole nodes.
    @Test func aSearchThatDropsSomeKeepsWholeNodes() throws {
        let graph = try makeGraph(values + values + values, settings: .standard(dimension: dimension)).graph
        #expect(graph.nodeCount == 1_000)
        let set = graph.labelSet(excluding: [1005, 2900])
        for index in 0..<30 {
            let answer = graph.searchFiltered(row(values, 31 * index, dimension).span, best: 10, width: 10, admitting: set)
            let found = Set(answer.hits.map(\.label))
            #expect(Set(found.map { $0 % 1000 }).count == 10 && !answer.isScan)
            for label in found {
                let twins = (0..<3).map { (label - 1000) % 1000 + 1000 + 1000 * $0 }.filter { ![1005, 2900].contains($0) }
                #expect(found.isSuperset(of: twins), "query \(index)")
            }
        }
    }

    @Test func flatCodesCountCopiesAsOne() throws {
        let quantizer = VectorQuantizer(dimension: dimension, mean: mean(values, dimension), seed: 1)
        var flat = FlatCodes(quantizer: quantizer)
        for index in 0..<300 { _ = flat.insert(label: Int64(index), vector: row(values, index, dimension).span) }
        let vector = row(values, 7, dimension)
        for label in 1000..<1400 { _ = flat.insert(label: Int64(label), vector: vector.span) }
        let all: [Int64] = [7] + Array(1000..<1400)
        let query = try coded(vector, quantizer)
        for limit in [1, 2, 10, 299, 300, 900] {
            let hits = flat.scan(query, limit: limit).hits
            #expect(hits.prefix(401).map(\.label) == all, "limit \(limit)")
            #expect(hits.count == min(400 + limit, 700), "limit \(limit)")
        }
        var others = flat
        others.remove(labels: all)
        #expect(others.scan(query, limit: 9).hits.count == 9)
        let few = flat.scan(query, limit: 2, admitting: [3, 5] + all.suffix(30)).hits
        #expect(few.count == 31)
        #expect(few.prefix(30).map(\.label) == Array(all.suffix(30)))
    }

    /// Labels leave in parts, with and without copies; each set is compared with one that lists what is left.
    @Test(arguments: [UInt64](0..<6)) func setsThatShrinkEqualSetsThatList(seed: UInt64) throws {
        var random = Random(seed)
        var rows = Array(values[..<(300 * dimension)])
        for _ in 0..<([0, 20, 700][Int(seed) % 3]) { rows += row(values, random.below(40), dimension) }
        let count = rows.count / dimension
        var left = (0..<count).map { Int64(10 * $0 + 5) }
        let graph = try makeGraph(rows, settings: .standard(dimension: dimension), labels: left).graph
        var set = graph.labelSet(excluding: [])
        while !left.isEmpty {
            let share = [0.002, 0.05, 0.6][random.below(3)]
            let gone = Set(left.filter { _ in random.unit() < share })
            left.removeAll { gone.contains($0) }
            set = graph.labelSet(excluding: ([1, 12] + gone).sorted(), from: set)
            let listed = graph.labelSet(containing: left)
            #expect(set.count == left.count && listed.count == left.count, "seed \(seed)")
            let query = row(values, random.below(300), dimension)
            let answer = graph.scan(query.span, limit: count, admitting: set)
            #expect(answer == graph.scan(query.span, limit: count, admitting: listed), "seed \(seed)")
            #expect(answer.hits.map(\.label).sorted() == left, "seed \(seed)")
            #expect(
                graph.search(query.span, width: 20, admitting: set, budget: .max)
                    == graph.search(query.span, width: 20, admitting: listed, budget: .max), "seed \(seed)")
            if left.count < 10 { break }
        }
    }
}
