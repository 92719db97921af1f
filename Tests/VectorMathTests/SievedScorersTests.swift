/// Scores sieved in float32 against float64 scores of everything, on easy and on hostile numbers.
import Testing
import VectorMath

@Suite(.serialized) struct SievedScorersTests {
    private struct Pair: Hashable { var query, candidate: Int }

    private func exact(_ metric: VectorMetric, _ query: [Float], _ candidates: [[Float]]) -> [Double] {
        candidates.map { VectorScorer(metric, query: query).score($0.span) }
    }

    /// What passes when every query's bar is the score of its `place`-th best candidate, checked against the definition.
    @discardableResult
    private func sieve(
        _ metric: VectorMetric, _ queries: [[Float]], _ candidates: [[Float]], place: Int, _ comment: String
    ) -> Int {
        let scores = queries.map { exact(metric, $0, candidates) }
        let bars = scores.map { row in row.sorted { metric.isBetter($0, than: $1) }[place] }
        var passed: [Pair: Double] = [:]
        SievedScorers(metric, queries: queries, dimension: queries[0].count).score(candidates.flatMap { $0 }, bars: bars) {
            passed[Pair(query: $0, candidate: $1)] = $2
        }
        for query in queries.indices {
            for candidate in candidates.indices {
                let score = scores[query][candidate]
                guard let found = passed[Pair(query: query, candidate: candidate)] else {
                    #expect(metric.isBetter(bars[query], than: score), "\(metric) \(comment): left out \(query), \(candidate)")
                    continue
                }
                #expect(found.bitPattern == score.bitPattern, "\(metric) \(comment): another score")
            }
        }
        return passed.count
    }

    private func vectors(_ count: Int, _ dimension: Int, _ random: inout SeededRandom, scale: Float = 1) -> [[Float]] {
        (0..<count).map { _ in (0..<dimension).map { _ in Float.random(in: -1..<1, using: &random) * scale } }
    }

    @Test func nothingAsGoodAsItsBarIsLeftOutOnAnyInstructionSet() {
        forEachKernelLevel { level in
            for seed in 0..<6 as Range<UInt64> {
                var random = SeededRandom(seed)
                let dimension = [1, 3, 16, 33, 100, 257][Int(seed)]
                var candidates = vectors(61, dimension, &random)
                (candidates[7], candidates[8]) = (candidates[40], [Float](repeating: 0, count: dimension))
                let queries = vectors(13, dimension, &random) + [candidates[8], candidates[9]]
                for metric in VectorMetric.allCases {
                    for place in [0, 9, 60] { sieve(metric, queries, candidates, place: place, "\(level) seed \(seed)") }
                }
            }
        }
    }

    @Test func extremesOfFloat32AndNearTiesLoseNothing() {
        for (index, scale) in [Float(1e38), 1e19, 1e-19, 1e-30, 1e-38, 0x1p-146].enumerated() {
            var random = SeededRandom(UInt64(index))
            let candidates = vectors(50, 24, &random, scale: scale) + vectors(10, 24, &random)
            let queries = vectors(8, 24, &random, scale: scale) + vectors(2, 24, &random)
            for metric in VectorMetric.allCases { sieve(metric, queries, candidates, place: 9, "scale \(scale)") }
        }
        var random = SeededRandom(77)
        let near = vectors(80, 48, &random).map { $0.map { 1 + $0 * 1e-6 } }
        for metric in VectorMetric.allCases { sieve(metric, Array(near[..<12]), near, place: 9, "near ties") }
    }

    @Test func mostOfABlockIsRuledOutAndWithoutABarNothing() {
        var random = SeededRandom(5)
        let candidates = vectors(600, 64, &random), queries = vectors(700, 64, &random)
        for metric in VectorMetric.allCases {
            #expect(sieve(metric, queries, candidates, place: 9, "many") < queries.count * 12, "\(metric)")
        }
        var given = 0
        SievedScorers(.cosine, queries: queries, dimension: 64).score(
            candidates[..<5].flatMap { $0 }, bars: Array(repeating: nil, count: queries.count)) { _, _, _ in given += 1 }
        #expect(given == queries.count * 5)
    }
}
