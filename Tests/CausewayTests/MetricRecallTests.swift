/// A recall asked for is reached under every metric, also where the codes cannot tell what lies together: clusters tighter than
/// their error, whose nearest by cosine are the nearest by all metrics.
import Causeway
import Testing

@Suite(.enabled(if: isOptimised, "kernels are slow without optimisation"), .serialized)
struct MetricRecallTests {
    /// Unit vectors round 40 directions, each a fiftieth of a radius away from its own.
    private static func tight(_ count: Int, seed: UInt64) -> [Embedding] {
        var random = TestRandom(seed), shared = TestRandom(99)
        let centres = (0..<40).map { _ in shared.vector(48) }
        return (0..<count).map { number in
            let vector = zip(centres[number % 40], random.vector(48)).map { $0 + 0.02 * $1 }
            let length = vector.reduce(0) { $0 + $1 * $1 }.squareRoot()
            let unit = vector.map { $0 / length }
            return Embedding(id: String(number), vector: unit, tokens: TokenSet([unit]))
        }
    }

    private func recall(_ collection: EmbeddingCollection, _ queries: [Query], _ options: SearchOptions) throws -> Double {
        var exact = options
        exact.effort = .exact
        let (found, truth) = try (
            collection.search(queries, in: "v", options: options), collection.search(queries, in: "v", options: exact))
        let shares = zip(found, truth).map { found, truth in
            let worst = truth.hits[truth.hits.count - 1].score
            let isDistance = truth.hits[0].score < worst
            let good = found.hits.count { isDistance ? $0.score <= worst : $0.score >= worst }
            return Double(good) / Double(truth.hits.count)
        }
        return shares.reduce(0, +) / Double(shares.count)
    }

    @Test func everyMetricReachesTheRecallAskedFor() throws {
        let temporary = try TemporaryDatabase()
        let collection = temporary.collection()
        try collection.insert(Self.tight(4_000, seed: 1), into: "v")
        _ = try collection.buildIndex()
        let queries = Self.tight(200, seed: 2).map { Query.vector($0.vector) }
        for metric in Metric.all {
            for target in [0.9, 0.98] {
                let options = SearchOptions(k: 10, metric: metric, effort: .recall(target))
                let found = try recall(collection, queries, options)
                #expect(found >= target, "\(metric) \(target): \(found)")
            }
        }
        _ = try collection.tuneIndex(from: "v", to: "v", recall: 0.9, metric: .wasserstein)
        let tokens = Self.tight(60, seed: 3).map { Query.vector($0.vector, tokens: $0.tokens) }
        let options = SearchOptions(k: 10, metric: .wasserstein, effort: .recall(0.9))
        let found = try recall(collection, tokens, options)
        #expect(found >= 0.9, "\(found)")
    }

    @Test func zeroVectorsDoNotSpeakForAnIndex() throws {
        let temporary = try TemporaryDatabase()
        let collection = temporary.collection()
        let zeros = (0..<1_500).map { Embedding(id: "zero-\($0)", vector: [Float](repeating: 0, count: 48)) }
        try collection.insert(Self.tight(2_500, seed: 4) + zeros, into: "v")
        _ = try collection.buildIndex()
        let queries = Self.tight(200, seed: 5).map { Query.vector($0.vector) }
        for target in [0.9, 0.98] {
            let found = try recall(collection, queries, SearchOptions(k: 100, metric: .cosine, effort: .recall(target)))
            #expect(found >= target, "\(target): \(found)")
        }
    }
}
