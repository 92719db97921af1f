// Sinkhorn, late interaction and sliced transport: closed forms, limits and their relation to the exact optimum.
import Foundation
import Testing
import VectorMath

@Suite struct SinkhornTests {
    private func pair(_ seed: Int) throws -> (TokenCloud, TokenCloud) {
        var random = SeededRandom(UInt64(seed))
        return try (random.cloud(5, 3, .squaredEuclidean), random.cloud(4, 3, .squaredEuclidean))
    }

    @Test func theLinearCostFallsToTheOptimumWithEpsilon() throws {
        for seed in 0..<5 {
            let (x, y) = try pair(seed)
            let costs = CostMatrix()
            try costs.fillExactly(rows: x, columns: y)
            let optimum = provenOptimum(costs, pairMasses(x, y), "seed \(seed)")
            var previous = Double.infinity
            for epsilon in [1.0, 0.3, 0.1, 0.03] {
                let value = try sinkhorn(
                    costs, rowWeights: x.normalisedWeights, columnWeights: y.normalisedWeights,
                    SinkhornSettings(epsilon: epsilon))
                #expect(value.linearCost >= optimum - 1e-8 && value.linearCost <= previous + 1e-8, "seed \(seed)")
                #expect(value.entropicDual >= value.linearCost - 1e-8, "seed \(seed)")
                previous = value.linearCost
            }
            #expect(previous < optimum * 1.05, "seed \(seed)")
        }
    }

    @Test func theDivergenceOfASetFromItselfIsZero() throws {
        let (x, y) = try pair(1)
        let settings = SinkhornSettings(epsilon: 0.2)
        #expect(try abs(sinkhornDivergence(x, x, settings)) < 1e-12)
        #expect(try sinkhornDivergence(x, y, settings) > 0.01)
    }

    /// Plain iterations reach these too, in time.
    @Test func valuesEqualTheTextbookLoop() throws {
        for seed in 0..<4 {
            var random = SeededRandom(UInt64(seed + 40))
            let (x, y) = try (random.cloud(9 + seed, 3, .euclidean), random.cloud(17 - seed, 3, .euclidean))
            let costs = CostMatrix()
            try costs.fillExactly(rows: x, columns: y)
            for epsilon in [1.0, 0.1, 0.05] {
                let value = try sinkhorn(
                    costs, rowWeights: x.normalisedWeights, columnWeights: y.normalisedWeights,
                    SinkhornSettings(epsilon: epsilon))
                let dual = textbookDual(costs, x.normalisedWeights, y.normalisedWeights, epsilon, 3_000)
                #expect(abs(value.entropicDual - dual) < 1e-9, "seed \(seed) epsilon \(epsilon)")
            }
        }
    }

    /// Large epsilons have values of their own, which join those of the iterations and end in the product's.
    @Test func valuesStayWithinTheirDigitsHoweverLargeEpsilonIs() throws {
        for seed in 0..<8 {
            var random = SeededRandom(UInt64(seed + 60))
            let ground = GroundCost.allCases[seed % 3]
            let weights = seed % 2 == 0 ? nil : random.doubles(7).map { $0 + 0.01 }
            let (x, y) = try (random.cloud(7, 3, ground, weights: weights), random.cloud(4 + seed, 3, ground))
            let costs = CostMatrix()
            try costs.fillExactly(rows: x, columns: y)
            let (a, b, spread) = (x.normalisedWeights, y.normalisedWeights, costs.range.upperBound - costs.range.lowerBound)
            func value(_ share: Double) throws -> SinkhornValue {
                try sinkhorn(costs, rowWeights: a, columnWeights: b, SinkhornSettings(epsilon: share * spread))
            }
            var product = 0.0
            for i in a.indices { for j in b.indices { product += a[i] * b[j] * costs[i, j] } }
            // On both sides of the place where the iterations end.
            let (near, far) = try (value(0.9999e5), value(1.0001e5))
            #expect(near.iterations > 0 && far.iterations == 0, "seed \(seed)")
            #expect(abs(near.linearCost - far.linearCost) < 3e-9 * spread, "seed \(seed)")
            #expect(abs(near.entropicDual - far.entropicDual) < 3e-9 * spread, "seed \(seed)")
            #expect(far.entropicDual < product && far.linearCost < far.entropicDual, "seed \(seed)")
            for share in [1e8, 1e12, 1e20, 1e300] {
                let value = try value(share)
                #expect(abs(value.linearCost - product) < 2e-8 * spread, "seed \(seed) share \(share)")
                #expect(abs(value.entropicDual - product) < 1e-8 * spread, "seed \(seed) share \(share)")
                let settings = SinkhornSettings(epsilon: share)
                #expect(try sinkhornDivergence(x, x, settings) == 0, "seed \(seed) share \(share)")
                let divergence = try sinkhornDivergence(x, y, settings)
                #expect(divergence > 0 && divergence < product, "seed \(seed) share \(share)")
            }
        }
    }

    /// The level is process-wide: a process of its own, since other tests compare bits while this one changes it.
    @Test func valuesAreTheSameBitsOnEveryProcessor() async {
        await #expect(processExitsWith: .success) {
            var random = SeededRandom(51)
            let (x, y) = try (random.cloud(9, 3, .euclidean), random.cloud(13, 3, .euclidean))
            let costs = CostMatrix()
            try costs.fillExactly(rows: x, columns: y)
            var first: SinkhornValue?
            try forEachKernelLevel { level in
                let value = try sinkhorn(
                    costs, rowWeights: x.normalisedWeights, columnWeights: y.normalisedWeights, SinkhornSettings(epsilon: 0.05))
                precondition(value == first ?? value, "other bits at level \(level)")
                first = value
            }
        }
    }

    private func textbookDual(
        _ costs: CostMatrix, _ a: [Double], _ b: [Double], _ epsilon: Double, _ iterations: Int
    ) -> Double {
        var f = a.map { _ in 0.0 }, g = b.map { _ in 0.0 }
        func soft(_ terms: [Double]) -> Double {
            let largest = terms.max() ?? 0
            return -epsilon * (largest + log(terms.reduce(0) { $0 + exp($1 - largest) }))
        }
        for _ in 0..<iterations {
            f = f.indices.map { i in soft(g.indices.map { (g[$0] - costs[i, $0]) / epsilon + log(b[$0]) }) }
            g = g.indices.map { j in soft(f.indices.map { (f[$0] - costs[$0, j]) / epsilon + log(a[$0]) }) }
        }
        return zip(a, f).reduce(0) { $0 + $1.0 * $1.1 } + zip(b, g).reduce(0) { $0 + $1.0 * $1.1 }
    }

    @Test func theIterationCapIsAnErrorNotAValue() throws {
        let (x, y) = try pair(2)
        #expect(throws: TransportError.self) {
            try sinkhornDivergence(x, y, SinkhornSettings(epsilon: 0.001, tolerance: 1e-12, iterationsMax: 2))
        }
    }
}

@Suite struct LateInteractionTests {
    @Test func maxSimSumsTheBestSimilarityOfEachQueryToken() throws {
        let query = try TokenCloud(values: [1, 0, 0, 2], dimension: 2, ground: .cosine, side: .query)
        let candidate = try TokenCloud(values: [3, 4, -1, 0], dimension: 2, ground: .cosine, side: .candidate)
        let costs = CostMatrix()
        try costs.fillExactly(rows: query, columns: candidate)
        let nearest = NearestTokens(costs)
        #expect(abs(nearest.maxSimSum - 1.4) < 1e-12)
        #expect(abs(nearest.chamfer() - (0.3 + 0.6)) < 1e-12)
    }
}

@Suite struct SlicedTransportTests {
    @Test func onALineItIsTheExactOptimum() throws {
        for seed in 0..<10 {
            var random = SeededRandom(UInt64(seed))
            let x = try random.cloud(4 + seed, 1, .euclidean, weights: random.doubles(4 + seed).map { $0 + 0.1 })
            let y = try random.cloud(6, 1, .euclidean)
            let distance = try sliced(x, y, SliceDirections([1], dimension: 1), order: 1).distance
            #expect(try abs(distance - exactCost(x, y)) < 1e-12, "seed \(seed)")
        }
    }

    @Test func aTranslationCostsItsMeanProjectionAndSeedsRepeat() throws {
        let x = try TokenCloud(values: [0, 0, 1, 1], dimension: 2, ground: .euclidean, side: .query)
        let y = try TokenCloud(values: [3, 4, 4, 5], dimension: 2, ground: .euclidean, side: .candidate)
        let directions = SliceDirections(count: 4000, dimension: 2, seed: 9)
        let distance = try sliced(x, y, directions, order: 2).distance
        #expect(abs(distance - 5 / 2.0.squareRoot()) < 0.1)
        #expect(directions.values == SliceDirections(count: 4000, dimension: 2, seed: 9).values)
        #expect(directions.values != SliceDirections(count: 4000, dimension: 2, seed: 10).values)
    }
}
