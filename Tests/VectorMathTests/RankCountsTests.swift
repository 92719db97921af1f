/// Ranks counted with certified float32 comparisons against ranks of float64 scores, on easy and on hostile numbers.
import Testing
import VectorMath

@Suite(.serialized) struct RankCountsTests {
    private struct Scene {
        var queries: [[Float]]
        var candidates: [[Float]]
        /// By query.
        var relevant: [[Int]]
        /// A candidate's place in the order of ids.
        var places: [Int32]
    }

    /// The definition: one more than the candidates that score better, or as well with a smaller place.
    private func definition(_ scene: Scene, _ metric: VectorMetric) -> [[Int]] {
        let block = scene.candidates.flatMap { $0 }
        return scene.queries.indices.map { query in
            let scores = exactScores(metric, scene.queries[query], block)
            return scene.relevant[query].map { own in
                1 + scores.indices.count { other in
                    other != own && (metric.isBetter(scores[other], than: scores[own])
                        || scores[other] == scores[own] && scene.places[other] < scene.places[own])
                }
            }.sorted()
        }
    }

    private func exactScores(_ metric: VectorMetric, _ query: [Float], _ block: [Float]) -> [Double] {
        var scores: [Double] = []
        VectorScorer(metric, query: query).score(block.span, into: &scores)
        return scores
    }

    private func counted(_ scene: Scene, _ metrics: [VectorMetric], blockRows: Int) -> [[[Int]]] {
        let counts = RankCounts(metrics: metrics, queries: scene.queries, dimension: scene.queries[0].count)
        for (query, relevant) in scene.relevant.enumerated() {
            for position in relevant {
                add(scene, query, position, to: counts)
            }
        }
        for first in stride(from: 0, to: scene.candidates.count, by: blockRows) {
            let rows = first..<min(first + blockRows, scene.candidates.count)
            counts.count(
                scene.candidates[rows].flatMap { $0 }, at: rows.map { Int32($0) }, places: scene.places, threads: 2)
        }
        return counts.ranks().map { $0.map { $0.map(\.rank).sorted() } }
    }

    private func add(_ scene: Scene, _ query: Int, _ position: Int, to counts: RankCounts) {
        let vector = scene.candidates[position]
        counts.addAnswer(of: query, at: Int32(position), place: scene.places[position], vector.span)
    }

    private func scene(seed: UInt64, dimension: Int, _ value: (inout SeededRandom) -> Float) -> Scene {
        var random = SeededRandom(seed)
        var places = (0..<67).map { Int32($0) }
        random.shuffle(&places)
        var candidates = (0..<67).map { _ in (0..<dimension).map { _ in value(&random) } }
        var queries = (0..<19).map { _ in (0..<dimension).map { _ in value(&random) } }
        // Copies tie to the bit; a query among the candidates; vectors of zeros.
        (candidates[40], candidates[41], queries[3]) = (candidates[7], candidates[7], candidates[9])
        candidates[50] = [Float](repeating: 0, count: dimension)
        queries[18] = candidates[50]
        let relevant = queries.indices.map { [[7, 40], [9], [50], [$0, $0 + 30]][$0 % 4] }
        return Scene(queries: queries, candidates: candidates, relevant: relevant, places: places)
    }

    @Test func ranksAreThoseOfExactScoresOnEveryInstructionSet() {
        forEachKernelLevel { level in
            for seed in 0..<6 {
                let dimension = [1, 5, 16, 33, 64, 130][seed]
                let scene = scene(seed: UInt64(seed), dimension: dimension) { Float.random(in: -1..<1, using: &$0) }
                let found = counted(scene, VectorMetric.allCases, blockRows: [67, 16, 5, 64, 1, 30][seed])
                for (metric, ranks) in zip(VectorMetric.allCases, found) {
                    #expect(ranks == definition(scene, metric), "\(metric) \(level) seed \(seed)")
                }
            }
        }
    }

    /// So many that candidates are sieved for all of them at once.
    @Test func manyAnswersOfAQueryHaveTheRanksOfExactScores() {
        forEachKernelLevel { level in
            for seed in 50..<54 {
                var scene = scene(seed: UInt64(seed), dimension: 40) { random in
                    (seed % 2 == 0 ? 1 : 0) + Float.random(in: -1..<1, using: &random) * (seed == 52 ? 1e-6 : 1)
                }
                scene.relevant = scene.queries.indices.map { query in (0..<67).filter { ($0 + query) % (1 + query % 5) == 0 } }
                for (metric, ranks) in zip(VectorMetric.allCases, counted(scene, VectorMetric.allCases, blockRows: 25)) {
                    #expect(ranks == definition(scene, metric), "\(metric) \(level) seed \(seed)")
                }
            }
        }
    }

    @Test func nearTiesAreSettledInFloat64() {
        // Values a few float64 steps apart, far below what float32 tells from one another.
        for seed in 10..<14 {
            let scene = scene(seed: UInt64(seed), dimension: 48) { 1 + Float.random(in: 0..<1e-6, using: &$0) }
            for (metric, ranks) in zip(VectorMetric.allCases, counted(scene, VectorMetric.allCases, blockRows: 20)) {
                #expect(ranks == definition(scene, metric), "\(metric) seed \(seed)")
            }
        }
    }

    @Test func extremesOfFloat32ChangeNoRank() {
        for (index, scale) in [Float(1e38), 1e19, 1e-19, 1e-30, 1e-38, 0x1p-146].enumerated() {
            let scene = scene(seed: UInt64(20 + index), dimension: 24) { Float.random(in: -1..<1, using: &$0) * scale }
            for (metric, ranks) in zip(VectorMetric.allCases, counted(scene, VectorMetric.allCases, blockRows: 32)) {
                #expect(ranks == definition(scene, metric), "\(metric) scale \(scale)")
            }
        }
        // Small queries among large candidates and the other way round, in one block.
        let mixed = scene(seed: 30, dimension: 24) { random in
            let exponent = Float.random(in: -44..<38, using: &random)
            return Float.random(in: -1..<1, using: &random) * exponentOfTen(exponent)
        }
        for (metric, ranks) in zip(VectorMetric.allCases, counted(mixed, VectorMetric.allCases, blockRows: 32)) {
            #expect(ranks == definition(mixed, metric), "\(metric)")
        }
    }

    @Test func eachMetricAloneGivesWhatAllTogetherGive() {
        let scene = scene(seed: 40, dimension: 20) { Float.random(in: -1..<1, using: &$0) }
        let together = counted(scene, VectorMetric.allCases, blockRows: 13)
        for (slot, metric) in VectorMetric.allCases.enumerated() {
            #expect(counted(scene, [metric], blockRows: 67) == [together[slot]])
        }
    }

    private func exponentOfTen(_ exponent: Float) -> Float {
        var value: Float = 1
        for _ in 0..<Int(abs(exponent)) { value *= exponent < 0 ? 0.1 : 10 }
        return value
    }
}
