// What coded tokens say of a cost or a value is never above it, whatever the numbers; and it is close enough to be of use.
import Testing
import VectorMath

@Suite struct TokenCodesTests {
    /// Numbers that embeddings have, and numbers that nobody should store.
    private enum Shape: CaseIterable {
        case plain, unit, tiny, huge, vanishing, overflowing, subnormal, mixed, spiky, equal, nearlyEqual, withZeros
        case offset, cluster

        func tokens(_ count: Int, _ dimension: Int, like query: [Float], _ random: inout SeededRandom) -> [Float] {
            var values = random.floats(count * dimension)
            let scale: Float = switch self {
            case .tiny: 1e-6
            case .huge: 1e8
            case .vanishing: 1e-22
            case .overflowing: 1e30
            case .subnormal: .leastNormalMagnitude / 3
            default: 1
            }
            for index in values.indices { values[index] *= scale }
            switch self {
            case .unit: normalise(&values, dimension)
            case .mixed:
                for index in values.indices { values[index] *= [1, 1e-8, 1e6][index / dimension % 3] }
            case .spiky:
                for token in 0..<count { values[token * dimension + token % dimension] = 1e4 }
            case .equal, .nearlyEqual:
                for index in values.indices {
                    values[index] = query[index % query.count] + (self == .equal ? 0 : values[index] * 1e-4)
                }
            case .offset:
                for index in values.indices { values[index] += 5 }
            case .cluster:  // round a query with one centre: some near, some as near the origin as it gets
                for index in values.indices where index / dimension % 2 == 0 { values[index] += 0.3 }
                for index in values.indices where index / dimension % 3 == 0 { values[index] *= 1e-3 }
            case .withZeros:
                for index in values.indices where index / dimension % 2 == 0 { values[index] = 0 }
            default: break
            }
            return values
        }

        private func normalise(_ values: inout [Float], _ dimension: Int) {
            for start in stride(from: 0, to: values.count, by: dimension) {
                let norm = values[start..<start + dimension].reduce(0) { $0 + $1 * $1 }.squareRoot()
                for index in start..<start + dimension { values[index] /= norm }
            }
        }

        /// Norms for which bounds are promised: see ck_tokens.h.
        var isBounded: Bool {
            switch self {
            case .vanishing, .overflowing, .subnormal: false
            default: true
            }
        }
    }

    private struct Pair {
        var query: TokenCloud
        var candidate: TokenCloud
        var code: [UInt8]
        var note: String

        /// Nil where the candidate has no content, which its code must say too.
        init?(_ shape: Shape, _ ground: GroundCost, dimension: Int, seed: UInt64, weighted: Bool) throws {
            var random = SeededRandom(seed)
            let (m, n) = (1 + Int(seed) % 19, 1 + Int(seed * 7) % 23)
            let scale: Float = shape == .tiny ? 1e-6 : shape == .huge ? 1e8 : 1
            let centre: Float = shape == .offset ? 5 : shape == .cluster ? 2 : 0
            let own = random.floats(m * dimension).enumerated().map { index, value in
                (value * scale + centre) * (shape == .cluster && index / dimension % 7 == 6 ? 1e-3 : 1)
            }
            let values = shape.tokens(n, dimension, like: own, &random)
            var weights: [Float]? = weighted ? random.doubles(n).map { Float($0) + 0.1 } : nil
            if weighted && n > 2 { weights?[1] = 0 }
            let query = try TokenCloud(
                values: own, dimension: dimension, weights: weighted ? random.doubles(m).map { $0 + 0.1 } : nil,
                ground: ground, side: .query)
            let code = CodedTokens.encoded(values, dimension: dimension, weights: weights)
            let candidate = try? TokenCloud(
                values: values, dimension: dimension, weights: weights.map { $0.map(Double.init) }, ground: ground,
                side: .candidate)
            let note = "\(shape) \(ground) dimension \(dimension) seed \(seed) weighted \(weighted)"
            guard let candidate else {
                let bounds = try #require(TokenCodeBounds(query))
                #expect(bounds.take(code.span) == .none, "\(note)")
                return nil
            }
            (self.query, self.candidate, self.code, self.note) = (query, candidate, code, note)
        }
    }

    private func forEachPair(_ body: (Pair, Shape) throws -> Void) throws {
        var seed: UInt64 = 0
        for dimension in [1, 3, 64, 65, 130, 512, 4_099] {
            for shape in Shape.allCases {
                for ground in GroundCost.allCases {
                    seed += 1
                    // Long tokens take long without optimisation.
                    if dimension > 512 && seed % 5 != 0 { continue }
                    let pair = try Pair(shape, ground, dimension: dimension, seed: seed, weighted: seed % 3 == 0)
                    if let pair { try body(pair, shape) }
                }
            }
        }
    }

    @Test func noLowerCostIsAboveTheCostComputedOrTrue() throws {
        try forEachPair { pair, shape in
            let bounds = try #require(TokenCodeBounds(pair.query), "\(pair.note)")
            let content = bounds.take(pair.code.span)
            guard content != .unknown else {
                #expect(!shape.isBounded, "\(pair.note)")
                return
            }
            #expect(bounds.costs.rows == pair.candidate.count && bounds.costs.columns == pair.query.count, "\(pair.note)")
            let computed = CostMatrix(), exact = CostMatrix()
            try computed.fill(rows: pair.candidate, columns: PackedTokens(pair.query))
            try exact.fillExactly(rows: pair.candidate, columns: pair.query)
            var excess = -Double.infinity
            for i in 0..<computed.rows {
                for j in 0..<computed.columns {
                    excess = max(excess, bounds.costs[i, j] - min(computed[i, j], exact[i, j]))
                }
            }
            #expect(excess <= 0, "\(pair.note)")
        }
    }

    @Test func noBoundPassesTheValue() throws {
        try forEachPair { pair, shape in
            let bounds = try #require(TokenCodeBounds(pair.query), "\(pair.note)")
            guard bounds.take(pair.code.span) == .tokens else { return }
            let packed = PackedTokens(pair.query)
            guard case .optimal(let optimum) = try TokenTransport(packed).solve(pair.candidate) else { return }
            #expect(bounds.transport() <= optimum + 1e-11 * max(1, optimum), "\(pair.note)")
            let costs = CostMatrix()
            try costs.fill(rows: packed, columns: pair.candidate)
            let nearest = NearestTokens(costs)
            let chamfer = nearest.chamfer(
                rowWeights: pair.query.weights.map { _ in pair.query.normalisedWeights },
                columnWeights: pair.candidate.weights.map { _ in pair.candidate.normalisedWeights })
            #expect(bounds.chamfer() <= chamfer + 1e-11 * max(1, chamfer), "\(pair.note)")
            if pair.query.ground == .cosine { #expect(bounds.maxSim() >= nearest.maxSimSum - 1e-11, "\(pair.note)") }
        }
    }

    @Test func boundsAreWithinTwoHundredthsOfTheCosts() throws {
        for (ground, share) in [(GroundCost.euclidean, 0.02), (.squaredEuclidean, 0.04), (.cosine, 0.04)] {
            let pair = try #require(try Pair(.unit, ground, dimension: 512, seed: 18, weighted: false))
            let bounds = try #require(TokenCodeBounds(pair.query))
            #expect(bounds.take(pair.code.span) == .tokens)
            let exact = CostMatrix()
            try exact.fillExactly(rows: pair.candidate, columns: pair.query)
            for i in 0..<exact.rows {
                for j in 0..<exact.columns { #expect(bounds.costs[i, j] >= exact[i, j] * (1 - share), "\(ground)") }
            }
        }
    }

    @Test func codesAndBoundsAreTheSameOnEveryInstructionSet() throws {
        for (index, ground) in GroundCost.allCases.enumerated() {
            for dimension in [5, 192, 700] {
                var seen: [([UInt8], [UInt64])] = []
                try forEachKernelLevel { _ in
                    let pair = try #require(
                        try Pair(.plain, ground, dimension: dimension, seed: UInt64(40 + index), weighted: true))
                    let bounds = try #require(TokenCodeBounds(pair.query))
                    #expect(bounds.take(pair.code.span) == .tokens)
                    var bits: [UInt64] = []
                    for i in 0..<bounds.costs.rows {
                        for j in 0..<bounds.costs.columns { bits.append(bounds.costs[i, j].bitPattern) }
                    }
                    seen.append((pair.code, bits))
                }
                for other in seen { #expect(other.0 == seen[0].0 && other.1 == seen[0].1, "\(ground) \(dimension)") }
            }
        }
    }

    @Test func bytesThatAreNoCodeOfThisDimensionBoundNothing() throws {
        let pair = try #require(try Pair(.plain, .euclidean, dimension: 70, seed: 5, weighted: true))
        let bounds = try #require(TokenCodeBounds(pair.query))
        #expect(bounds.take(pair.code.span) == .tokens)
        #expect(bounds.take([UInt8]().span) == .unknown)
        for length in [1, 15, 16, 17, 100, pair.code.count - 1] {
            #expect(bounds.take(Array(pair.code[..<length]).span) == .unknown, "\(length) bytes")
        }
        for byte in 0..<16 {
            for value in [UInt8(1), 2, 64, 128, 255] {
                var altered = pair.code
                altered[byte] ^= value
                #expect(bounds.take(altered.span) == .unknown, "byte \(byte) changed by \(value)")
            }
        }
        let other = try TokenCloud(
            values: [Float](repeating: 1, count: 128), dimension: 128, ground: .euclidean, side: .query)
        #expect(try #require(TokenCodeBounds(other)).take(pair.code.span) == .unknown)
        let tooLong = try TokenCloud(values: [1e20, 0], dimension: 2, ground: .euclidean, side: .query)
        #expect(TokenCodeBounds(tooLong) == nil)
    }
}
