// Vector metrics against plain float64 loops, against closed forms, and against themselves in other positions.
import Platform
import Testing
import VectorMath

/// The definitions, written as they are printed.
private func definition(_ metric: VectorMetric, _ x: [Float], _ y: [Float]) -> Double {
    let pairs = zip(x, y).map { (Double($0), Double($1)) }
    let dot = pairs.reduce(0) { $0 + $1.0 * $1.1 }
    switch metric {
    case .dot: return dot
    case .cosine:
        let norms = pairs.reduce(0) { $0 + $1.0 * $1.0 }.squareRoot() * pairs.reduce(0) { $0 + $1.1 * $1.1 }.squareRoot()
        return norms == 0 ? 0 : dot / norms
    case .euclidean: return pairs.reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }.squareRoot()
    case .manhattan: return pairs.reduce(0) { $0 + abs($1.0 - $1.1) }
    case .chiSquare:
        return pairs.reduce(0) { sum, pair in
            let denominator = abs(pair.0) + abs(pair.1)
            return denominator == 0 ? sum : sum + (pair.0 - pair.1) * (pair.0 - pair.1) / denominator
        }
    }
}

private func scores(_ metric: VectorMetric, _ query: [Float], _ block: [Float]) -> [Double] {
    var scores: [Double] = []
    VectorScorer(metric, query: query).score(block.span, into: &scores)
    return scores
}

@Suite(.serialized) struct VectorMetricTests {
    @Test func everyMetricAgreesWithItsDefinitionOnEveryInstructionSet() {
        forEachKernelLevel { level in
            for seed in 0..<6 {
                var random = SeededRandom(UInt64(seed))
                let dimension = [1, 7, 16, 33, 100, 512][seed], count = 11
                let query = random.floats(dimension), block = random.floats(dimension * count)
                for metric in VectorMetric.allCases {
                    let found = scores(metric, query, block)
                    for row in 0..<count {
                        let expected = definition(metric, query, Array(block[row * dimension..<(row + 1) * dimension]))
                        let scale = max(1, abs(expected))
                        #expect(abs(found[row] - expected) <= 1e-12 * scale, "\(metric) \(level) seed \(seed) row \(row)")
                    }
                }
            }
        }
    }

    @Test func aScoreIsTheSameBitsAloneInABlockAndOnEveryInstructionSet() {
        var random = SeededRandom(3)
        let dimension = 45, query = random.floats(dimension), candidate = random.floats(dimension)
        for metric in VectorMetric.allCases {
            var seen: Set<UInt64> = []
            forEachKernelLevel { _ in
                seen.insert(VectorScorer(metric, query: query).score(candidate.span).bitPattern)
                for before in 0..<6 {
                    let block = random.floats(before * dimension) + candidate + random.floats(3 * dimension)
                    seen.insert(scores(metric, query, block)[before].bitPattern)
                }
            }
            #expect(seen.count == 1, "\(metric)")
        }
    }

    @Test func extremesNeitherOverflowNorUnderflow() {
        let huge: Float = 3e38, tiny = Float.leastNonzeroMagnitude
        let x = [huge, -huge, huge], y = [-huge, huge, -huge]
        #expect(scores(.cosine, x, x + y) == [1, -1])
        #expect(scores(.euclidean, x, y)[0].isFinite && scores(.dot, x, y)[0].isFinite)
        #expect(scores(.manhattan, x, y)[0] == 6 * Double(huge) && scores(.chiSquare, x, y)[0].isFinite)
        #expect(scores(.cosine, [tiny, 0], [tiny, 0, 0, tiny]) == [1, 0])
    }

    @Test func zeroVectorsFollowTheConvention() {
        for metric in VectorMetric.allCases { #expect(scores(metric, [0, 0], [0, 0]) == [0]) }
        #expect(scores(.cosine, [0, 0], [1, 2]) == [0] && scores(.chiSquare, [0, 0], [1, -2]) == [3])
    }

    @Test func identicalVectorsHaveCosineOneAndDistanceZero() {
        for seed in 0..<20 {
            var random = SeededRandom(UInt64(seed))
            let x = random.floats(1 + seed * 13)
            #expect(scores(.cosine, x, x) == [1], "seed \(seed)")
            for metric in [VectorMetric.euclidean, .manhattan, .chiSquare] { #expect(scores(metric, x, x) == [0]) }
        }
    }

    @Test func anEmptyBlockHasNoScoresAndResultsOrderByValueThenIdentifier() {
        #expect(scores(.dot, [1, 2], []) == [])
        #expect(VectorMetric.cosine.precedes((0.9, 2), (0.8, 1)) && VectorMetric.euclidean.precedes((0.1, 2), (0.2, 1)))
        #expect(VectorMetric.dot.precedes((1, 1), (1, 2)) && !VectorMetric.dot.precedes((1, 2), (1, 1)))
    }
}
