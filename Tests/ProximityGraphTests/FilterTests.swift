// Filters, label sets, and the flat codes of new rows.
import ProximityGraph
import Testing

struct FilterTests {
    private let dimension = 32
    private let values = clustered(1200, 32, clusters: 12, seed: 41)

    private func naive(_ query: [Float], _ graph: Graph, limit: Int, where admit: (Int64) -> Bool) -> [Int64] {
        graph.scan(query.span, limit: graph.count).hits.filter { admit($0.label) }.prefix(limit).map(\.label)
    }

    @Test(arguments: [2, 10, 100])
    func filteredSearchReturnsOnlyAdmittedLabels(every: Int64) throws {
        let graph = try makeGraph(values, settings: .standard(dimension: dimension)).graph
        let wanted = (0..<1200).map { Int64(1000 + $0) }.filter { $0 % every == 0 }
        let set = graph.labelSet(containing: wanted)
        #expect(set.count == wanted.count)
        for index in 0..<10 {
            let query = row(values, index * 31, dimension)
            let truth = naive(query, graph, limit: 10) { $0 % every == 0 }
            let answer = graph.searchFiltered(query.span, best: 40, width: 40, admitting: set)
            #expect(answer.exhausted && answer.hits.allSatisfy { $0.label % every == 0 })
            #expect(Set(answer.hits.map(\.label)).intersection(truth).count >= min(9, truth.count))
            // Some to spare: the fine plane of the query, which orders the hits, is only added to those kept.
            #expect(graph.scan(query.span, limit: 30, admitting: set).hits.prefix(10).map(\.label) == truth)
        }
    }

    @Test func excludingIsTheComplement() throws {
        let graph = try makeGraph(values, settings: .standard(dimension: dimension)).graph
        let gone = (0..<600).map { Int64(1000 + 2 * $0) }
        let set = graph.labelSet(excluding: [-5] + gone + [99_999])
        #expect(set.count == 600)
        let query = row(values, 8, dimension)
        #expect(graph.scan(query.span, limit: 1200, admitting: set).hits.allSatisfy { $0.label % 2 == 1 })
        #expect(graph.labelSet(excluding: []).count == 1200)
        #expect(graph.labelSet(containing: []).count == 0)
        #expect(graph.searchFiltered(query.span, best: 5, width: 5, admitting: graph.labelSet(containing: [])).hits.isEmpty)
        #expect(graph.labelSet(containing: [1003, 5000]).count == 1)
    }

    @Test func aBudgetStopsTheWalkAndSaysSo() throws {
        let graph = try makeGraph(values, settings: .standard(dimension: dimension)).graph
        let set = graph.labelSet(containing: [1007])
        let answer = graph.search(row(values, 900, dimension).span, width: 10, admitting: set, budget: 50)
        #expect(!answer.exhausted && answer.distances <= 50 + 64)
    }

    @Test func duplicatesAreFilteredOneByOne() throws {
        var doubled = values
        doubled += values
        let graph = try makeGraph(doubled, settings: .standard(dimension: dimension)).graph
        #expect(graph.count == 2400 && graph.nodeCount == 1200)
        let set = graph.labelSet(containing: [1005, 2205, 2300])
        let hits = graph.searchFiltered(row(values, 5, dimension).span, best: 5, width: 5, admitting: set).hits
        #expect(hits.map(\.label) == [1005, 2205, 2300])
        let one = graph.labelSet(excluding: [1005])
        let best = graph.searchFiltered(row(values, 5, dimension).span, best: 1, width: 1, admitting: one)
        #expect(best.hits.map(\.label) == [2205])
    }

    @Test func flatCodesEqualAScanOfTheGraph() throws {
        let graph = try makeGraph(values, settings: .standard(dimension: dimension)).graph
        var flat = FlatCodes(quantizer: graph.quantizer)
        for index in 0..<1200 {
            let isKept = flat.insert(label: Int64(1000 + index), vector: row(values, index, dimension).span)
            #expect(isKept)
        }
        let isZeroKept = flat.insert(label: 5000, vector: [Float](repeating: 0, count: dimension).span)
        #expect(!isZeroKept)
        for index in [0, 40, 700] {
            let query = row(values, index, dimension)
            let hits = flat.scan(try coded(query, graph.quantizer), limit: 25).hits
            let twin = graph.scan(query.span, limit: 25).hits
            #expect(hits.map(\.similarity) == twin.map(\.similarity))
            #expect(hits.map(\.errorBound) == twin.map(\.errorBound))
            #expect(Set(hits.map(\.label)) == Set(twin.map(\.label)))
        }
    }

    @Test func flatCodesForgetRowsAndKeepWhatACopyHolds() throws {
        let quantizer = VectorQuantizer(dimension: dimension, mean: mean(values, dimension), seed: 1)
        var flat = FlatCodes(quantizer: quantizer)
        for index in 0..<50 { _ = flat.insert(label: Int64(index), vector: row(values, index, dimension).span) }
        let query = try coded(row(values, 7, dimension), quantizer)
        #expect(flat.scan(query, limit: 1).hits.map(\.label) == [7])
        #expect(flat.scan(query, limit: 9, admitting: [77, 4, 3]).hits.count == 2)
        let before = flat
        flat.remove(labels: [7, 0, 49, 7, 900])
        #expect(flat.count == 47 && flat.scan(query, limit: 50).hits.allSatisfy { ![0, 7, 49].contains($0.label) })
        let others = before.scan(query, limit: 50).hits.filter { ![0, 7, 49].contains($0.label) }
        #expect(flat.scan(query, limit: 50).hits == others && before.count == 50)
        _ = flat.insert(label: 51, vector: row(values, 9, dimension).span)
        _ = flat.insert(label: 7, vector: row(values, 7, dimension).span)
        _ = flat.insert(label: 51, vector: row(values, 7, dimension).span)
        #expect(flat.scan(query, limit: 1).hits.map(\.label) == [7] && flat.count == 49)
        flat.remove(labels: Array(0..<60))
        #expect(flat.count == 0 && flat.scan(query, limit: 3).hits.isEmpty)
    }
}
