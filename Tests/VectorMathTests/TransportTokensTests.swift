// Token sets: what is refused, what drops out, ground costs in both precisions, and the laws optimal transport obeys.
import Testing
import VectorMath

@Suite struct TokenCloudTests {
    private func refusal(_ values: [Float], _ dimension: Int, _ weights: [Double]? = nil) -> TransportError? {
        do {
            _ = try TokenCloud(values: values, dimension: dimension, weights: weights, ground: .cosine, side: .candidate)
            return nil
        } catch { return error }
    }

    @Test func everyKindOfBadInputHasItsOwnError() throws {
        #expect(refusal([], 2) == .emptyTokenSet(.candidate))
        #expect(refusal([1, 2, 3], 2) == .raggedTokens(.candidate, values: 3, dimension: 2))
        #expect(refusal([1, 2], 2, [1, 2]) == .weightCountMismatch(.candidate, tokens: 1, weights: 2))
        #expect(refusal([1, 2, 3, 4], 2, [1, -1]) == .negativeWeight(.candidate, index: 1))
        #expect(refusal([1, 2, 3, 4], 2, [0, 0]) == .zeroWeights(.candidate))
        #expect(refusal([1, 2, .nan, 4], 2) == .nonFiniteToken(.candidate, index: 1))
        #expect(refusal([1, 2, 3, -.infinity], 2) == .nonFiniteToken(.candidate, index: 1))
        #expect(refusal([1, 2, 3, 4], 2, [.nan, 1]) == .nonFiniteWeight(.candidate, index: 0))
        #expect(refusal([1, 2, 3, 4], 2, [1, .infinity]) == .nonFiniteWeight(.candidate, index: 1))
        #expect(refusal([0, 0, 3, 4], 2, [1, 0]) == .noContent(.candidate))
        let x = try TokenCloud(values: [1, 2], dimension: 2, ground: .cosine, side: .query)
        let y = try TokenCloud(values: [1, 2, 3], dimension: 3, ground: .cosine, side: .candidate)
        #expect(throws: TransportError.dimensionMismatch(query: 2, candidate: 3)) {
            try CostMatrix().fill(rows: PackedTokens(x), columns: y)
        }
        #expect(TransportError.zeroWeights(.query).description.contains("query"))
    }

    @Test func tokensWithoutWeightOrLengthDropOut() throws {
        let values: [Float] = [0, 0, 1, 0, 5, 5, 0, 1]
        let cosine = try TokenCloud(values: values, dimension: 2, weights: [1, 2, 0, 3], ground: .cosine, side: .query)
        #expect(cosine.kept == [1, 3] && cosine.weights == [2, 3] && cosine.values == [1, 0, 0, 1])
        let euclidean = try TokenCloud(values: values, dimension: 2, weights: [1, 2, 0, 3], ground: .euclidean, side: .query)
        #expect(euclidean.kept == [0, 1, 3] && euclidean.original(2) == 3)
        #expect(try TokenCloud(values: values, dimension: 2, ground: .euclidean, side: .query).kept == nil)
    }
}

@Suite(.serialized) struct GroundCostTests {
    @Test func singlePrecisionCostsAgreeWithDoubleOnEveryInstructionSet() throws {
        try forEachKernelLevel { level in
            for seed in 0..<8 {
                var random = SeededRandom(UInt64(seed))
                let (m, n, d) = [(1, 1, 1), (13, 17, 3), (12, 16, 64), (5, 33, 300), (25, 7, 513), (3, 50, 16)][seed % 6]
                for ground in GroundCost.allCases {
                    var values = random.floats(n * d)
                    let x = try random.cloud(m, d, ground)
                    if seed > 3 { values.replaceSubrange(0..<d, with: x.values[0..<d]) }
                    let y = try TokenCloud(values: values, dimension: d, ground: ground, side: .candidate)
                    try expectAgreement(x, y, "\(ground) \(level) seed \(seed)")
                }
            }
        }
    }

    private func expectAgreement(_ x: TokenCloud, _ y: TokenCloud, _ note: String) throws {
        let exact = CostMatrix(), single = CostMatrix(), mirrored = CostMatrix()
        try exact.fillExactly(rows: x, columns: y)
        try single.fill(rows: PackedTokens(x), columns: y)
        try mirrored.fill(rows: x, columns: PackedTokens(y))
        for i in 0..<x.count {
            for j in 0..<y.count {
                let tolerance = 2e-6 * max(1, exact[i, j])
                #expect(abs(single[i, j] - exact[i, j]) <= tolerance, "\(note) at \(i), \(j)")
                #expect(abs(mirrored[i, j] - exact[i, j]) <= tolerance, "\(note) mirrored at \(i), \(j)")
            }
        }
    }

    @Test func nearTokensFarFromTheOriginKeepTheirDistance() throws {
        let x = try TokenCloud(values: [4096.5, 4095.5, 4096.25], dimension: 3, ground: .euclidean, side: .query)
        let y = try TokenCloud(values: [4096.25, 4096, 4096], dimension: 3, ground: .euclidean, side: .candidate)
        let costs = CostMatrix()
        try costs.fill(rows: PackedTokens(x), columns: y)
        #expect(abs(costs[0, 0] - 0.375.squareRoot()) < 1e-15)
    }
}

@Suite(.serialized) struct TokenLengthTests {
    @Test func tokensOfAnyLengthHaveTheirCosts() throws {
        try forEachKernelLevel { level in
            for seed in 0..<10 {
                var random = SeededRandom(UInt64(seed))
                let factor = [1e-25, 1e-17, 1e17, 1e20, 1e37][seed % 5], (m, n, d) = (18, 21, [40, 200][seed / 5])
                for ground in GroundCost.allCases {
                    let values = [m, n].map { count in
                        (0..<count).flatMap { token in
                            random.floats(d).map { token % 3 == 0 ? $0 * Float(factor) : $0 }
                        }
                    }
                    let x = try TokenCloud(values: values[0], dimension: d, ground: ground, side: .query)
                    let y = try TokenCloud(values: values[1], dimension: d, ground: ground, side: .candidate)
                    let exact = CostMatrix(), single = CostMatrix()
                    try exact.fillExactly(rows: x, columns: y)
                    try single.fill(rows: PackedTokens(x), columns: y)
                    var worst = 0.0
                    for i in 0..<m {
                        for j in 0..<n { worst = max(worst, abs(single[i, j] - exact[i, j]) / exact[i, j]) }
                    }
                    #expect(worst < 2e-6, "\(ground) \(level) seed \(seed)")
                }
            }
        }
    }
}

/// Tokens with so much in common that products of them as they are would cancel.
@Suite(.serialized) struct CommonDirectionTests {
    /// Unit tokens, each with a share of one of some directions: of their squared length when that is at most 1.
    private func tokens(
        _ count: Int, _ dimension: Int, share: Double, directions: [[Double]], _ random: inout SeededRandom
    ) -> [Float] {
        (0..<count).flatMap { token in
            let own = unit(random.doubles(dimension).map { $0 - 0.5 }), common = directions[token % directions.count]
            return zip(common, own).map { Float(share.squareRoot() * $0 + (1 - share).squareRoot() * $1) }
        }
    }

    private func unit(_ vector: [Double]) -> [Double] {
        let norm = vector.reduce(0) { $0 + $1 * $1 }.squareRoot()
        return vector.map { $0 / norm }
    }

    private func worst(
        _ x: [Float], _ y: [Float], _ dimension: Int, _ ground: GroundCost, unit: (Double) -> Double
    ) throws -> Double {
        let x = try TokenCloud(values: x, dimension: dimension, ground: ground, side: .query)
        let y = try TokenCloud(values: y, dimension: dimension, ground: ground, side: .candidate)
        let exact = CostMatrix(), single = CostMatrix(), mirrored = CostMatrix()
        try exact.fillExactly(rows: x, columns: y)
        try single.fill(rows: PackedTokens(x), columns: y)
        try mirrored.fill(rows: x, columns: PackedTokens(y))
        var worst = 0.0
        for i in 0..<x.count {
            for j in 0..<y.count {
                let error = max(abs(single[i, j] - exact[i, j]), abs(mirrored[i, j] - exact[i, j]))
                if error > 0 { worst = max(worst, error / unit(exact[i, j])) }
            }
        }
        return worst
    }

    @Test func tokensRoundOneDirectionKeepTheDigitsOfTheirCosts() throws {
        try forEachKernelLevel { level in
            for (seed, share) in [0.9, 0.95, 0.98].enumerated() {
                var random = SeededRandom(UInt64(seed))
                let (d, directions) = (768, [unit(random.doubles(768).map { $0 - 0.5 })])
                for (m, n) in [(1, 40), (13, 18)] {
                    let x = tokens(m, d, share: share, directions: directions, &random)
                    var y = tokens(n, d, share: share, directions: directions, &random)
                    y.replaceSubrange(0..<d, with: x[0..<d])  // at no distance
                    for ground in GroundCost.allCases {
                        let error = try worst(x, y, d, ground) { $0 + 1e-9 }
                        #expect(error < 1e-6, "\(ground) \(level) share \(share) \(m) by \(n)")
                    }
                }
            }
        }
    }

    @Test func tokensFarFromTheOriginKeepTheDigitsOfTheirCosts() throws {
        try forEachKernelLevel { level in
            var random = SeededRandom(9)
            let (m, n, d) = (17, 21, 513)
            let (x, y) = (random.floats(m * d).map { 3 * $0 + 5 }, random.floats(n * d).map { 3 * $0 + 5 })
            for ground in GroundCost.allCases {
                let error = try worst(x, y, d, ground) { $0 }
                #expect(error < 1e-6, "\(ground) \(level)")
            }
        }
    }

    /// Their mean is short: only the length of the sums and the cosine from which they are not trusted keep these.
    @Test func tokensRoundManyDirectionsKeepTheirCosts() throws {
        try forEachKernelLevel { level in
            for (seed, share) in [0.9, 0.93, 0.98].enumerated() {
                var random = SeededRandom(UInt64(seed + 20))
                let directions = (0..<9).map { _ in unit(random.doubles(1024).map { $0 - 0.5 }) }
                let x = tokens(18, 1024, share: share, directions: directions, &random).map { 5 * $0 }
                let y = tokens(27, 1024, share: share, directions: directions, &random).map { 5 * $0 }
                for ground in GroundCost.allCases {
                    let error = try worst(x, y, 1024, ground) { max(1, $0) }
                    #expect(error < 2e-6, "\(ground) \(level) share \(share)")
                }
            }
        }
    }

    @Test func singleTokensAreOrderedAsByFloat64() throws {
        var random = SeededRandom(31)
        let d = 768, directions = [unit(random.doubles(d).map { $0 - 0.5 })]
        let values = tokens(300, d, share: 0.98, directions: directions, &random)
        let clouds = try (0..<300).map {
            try TokenCloud(values: Array(values[$0 * d..<($0 + 1) * d]), dimension: d, ground: .euclidean, side: .query)
        }
        for query in 0..<10 {
            let packed = PackedTokens(clouds[query])
            let orders = try [TokenTransport.Precision.single, .double].map { precision in
                let transport = TokenTransport(packed, precision: precision)
                let values = try clouds.map { cloud -> Double in
                    guard case .optimal(let value) = try transport.solve(cloud) else { return .nan }
                    return value
                }
                return values.indices.sorted { (values[$0], $0) < (values[$1], $1) }
            }
            #expect(orders[0] == orders[1], "query \(query)")
        }
    }
}

@Suite struct TransportLawTests {
    @Test func transportIsSymmetricAndZeroOnlyBetweenEqualSets() throws {
        for seed in 0..<12 {
            var random = SeededRandom(UInt64(seed))
            for ground in GroundCost.allCases {
                let x = try random.cloud(3 + seed, 5, ground), y = try random.cloud(2 + seed / 2, 5, ground)
                let forth = try exactCost(x, y), back = try exactCost(y, x)
                #expect(abs(forth - back) < 1e-12 && forth > 0.01, "\(ground) seed \(seed)")
                #expect(try abs(exactCost(x, x)) < 1e-15, "\(ground) seed \(seed)")
            }
        }
    }

    @Test func movingASetByAVectorCostsItsLength() throws {
        let shift: [Float] = [1.5, -2, 0.25]
        for seed in 0..<6 {
            var random = SeededRandom(UInt64(seed))
            let values = random.floats(15).map { ($0 * 64).rounded() / 64 }
            let moved = values.enumerated().map { $1 + shift[$0 % 3] }
            for (ground, expected) in [(GroundCost.euclidean, 6.3125.squareRoot()), (.squaredEuclidean, 6.3125)] {
                let x = try TokenCloud(values: values, dimension: 3, ground: ground, side: .query)
                let y = try TokenCloud(values: moved, dimension: 3, ground: ground, side: .candidate)
                #expect(try abs(exactCost(x, y) - expected) < 1e-12, "\(ground) seed \(seed)")
            }
        }
    }

    @Test func euclideanTransportObeysTheTriangleInequality() throws {
        for seed in 0..<25 {
            var random = SeededRandom(UInt64(seed))
            let sets = try (0..<3).map { try random.cloud(2 + (seed + $0) % 7, 4, .euclidean) }
            let (a, b, c) = try (exactCost(sets[0], sets[1]), exactCost(sets[1], sets[2]), exactCost(sets[0], sets[2]))
            #expect(c <= a + b + 1e-12, "seed \(seed)")
        }
    }

    @Test func splittingATokensWeightChangesNothing() throws {
        var random = SeededRandom(2)
        let values = random.floats(12), other = try random.cloud(5, 4, .euclidean, side: .candidate)
        let merged = try TokenCloud(values: values, dimension: 4, weights: [2, 1, 1], ground: .euclidean, side: .query)
        let split = try TokenCloud(values: Array(values[0..<4]) + values, dimension: 4, ground: .euclidean, side: .query)
        #expect(try abs(exactCost(merged, other) - exactCost(split, other)) < 1e-12)
    }

    @Test func everyBoundIsAtMostTheOptimum() throws {
        for seed in 0..<30 {
            var random = SeededRandom(UInt64(seed))
            let weights = seed % 2 == 0 ? nil : random.doubles(4 + seed).map { $0 + 0.1 }
            let x = try random.cloud(4 + seed, 6, .euclidean, weights: weights), y = try random.cloud(11, 6, .euclidean)
            let costs = CostMatrix()
            try costs.fillExactly(rows: x, columns: y)
            let value = provenOptimum(costs, pairMasses(x, y), "seed \(seed)")
            let bounds = TransportBounds(costs, pairMasses(x, y))
            #expect(bounds.best <= value + 1e-12 && bounds.best > 0, "seed \(seed)")
            #expect(bounds.relaxedRows <= bounds.rowsThenColumns && bounds.relaxedColumns <= bounds.columnsThenRows)
        }
    }
}
