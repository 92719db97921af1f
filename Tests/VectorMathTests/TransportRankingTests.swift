// Lazy top k against solving every candidate: same values, same order, same ties.
import Testing
import VectorMath

@Suite struct TransportRankingTests {
    private struct Corpus {
        var query: PackedTokens
        var candidates: [(id: Int64, cloud: TokenCloud)]
    }

    /// Clusters of candidates, some exactly equal under different ids.
    private func corpus(_ seed: Int, _ ground: GroundCost, count: Int) throws -> Corpus {
        var random = SeededRandom(UInt64(seed))
        let d = 12
        let query = try PackedTokens(random.cloud(6, d, ground))
        var candidates: [(id: Int64, cloud: TokenCloud)] = []
        for index in 0..<count {
            if index % 5 == 4 {
                candidates.append((Int64(1000 - index), candidates[index - 3].cloud))
                continue
            }
            let tokens = 3 + index % 7
            let near = Float.random(in: 0..<1, using: &random)
            let values = zip(random.floats(tokens * d), (0..<tokens * d).map { query.cloud.values[$0 % (6 * d)] })
                .map { $0 * (1 - near) + $1 * near }
            let weights = index % 2 == 0 ? nil : random.doubles(tokens).map { $0 + 0.1 }
            let cloud = try TokenCloud(
                values: values, dimension: d, weights: weights, ground: ground, side: .candidate)
            candidates.append((Int64(1000 - index), cloud))
        }
        return Corpus(query: query, candidates: candidates)
    }

    private func bruteForce(_ corpus: Corpus, _ k: Int) throws -> [TransportHit] {
        let transport = TokenTransport(corpus.query)
        var hits: [TransportHit] = []
        for candidate in corpus.candidates {
            guard case .optimal(let value) = try transport.solve(candidate.cloud) else { continue }
            hits.append(TransportHit(id: candidate.id, value: value))
        }
        return Array(hits.sorted { $0.value == $1.value ? $0.id < $1.id : $0.value < $1.value }.prefix(k))
    }

    // Single-precision costs may differ in their last bits between instruction sets: compare within each.
    @Test func theAnswerEqualsBruteForceIncludingTies() throws {
        try forEachKernelLevel { level in
            for seed in 0..<4 {
                for ground in GroundCost.allCases { try expectBruteForce(seed, ground, level) }
            }
        }
    }

    private func expectBruteForce(_ seed: Int, _ ground: GroundCost, _ level: String) throws {
        let corpus = try corpus(seed, ground, count: 80)
        let all = try bruteForce(corpus, 80)
        for k in [1, 7, 80, 200] {
            let ranking = TransportRanking(corpus.query)
            for candidate in corpus.candidates { try ranking.offer(id: candidate.id, candidate.cloud) }
            let (hits, statistics) = try ranking.best(k) { _ in throw TransportError.emptyTokenSet(.candidate) }
            #expect(hits == Array(all.prefix(k)), "seed \(seed) \(ground) \(level) k \(k)")
            #expect(statistics.solved + statistics.abandoned + statistics.pruned == 80)
            if k == 1 { #expect(statistics.pruned > 40, "seed \(seed) \(ground): \(statistics)") }
        }
    }

    /// The optima of one set in several orders differ in their last bits, and some have one root: ranks are those of the roots.
    @Test func tiesAreThoseOfTheValueReported() throws {
        let dimension = 40, count = 24
        var oneRoot = 0
        for seed in 0..<6 {
            var random = SeededRandom(UInt64(seed))
            let query = try PackedTokens(random.cloud(4, dimension, .squaredEuclidean))
            let tokens = (0..<5).map { _ in random.floats(dimension) }
            let clouds = try (0..<count).map { number in
                let order = tokens.shuffled(using: &random)
                return try TokenCloud(
                    values: (number % 3 == 0 ? order + order : order).flatMap { $0 }, dimension: dimension, weights: nil,
                    ground: .squaredEuclidean, side: .candidate)
            }
            let transport = TokenTransport(query)
            let optima = try clouds.map { cloud in
                guard case .optimal(let optimum) = try transport.solve(cloud) else { return Double.nan }
                return optimum
            }
            oneRoot += Set(optima).count - Set(optima.map { $0.squareRoot() }).count
            let all = optima.indices.map { TransportHit(id: Int64(count - $0), value: optima[$0].squareRoot()) }
                .sorted { $0.value == $1.value ? $0.id < $1.id : $0.value < $1.value }
            for k in 1...count {
                let ranking = TransportRanking(query, reporting: { $0.squareRoot() })
                for (number, cloud) in clouds.enumerated() { try ranking.offer(id: Int64(count - number), cloud) }
                let (hits, _) = try ranking.best(k) { _ in throw TransportError.emptyTokenSet(.candidate) }
                #expect(hits == Array(all.prefix(k)), "seed \(seed) k \(k)")
            }
        }
        #expect(oneRoot > 0, "no two optima had one root")
    }

    @Test func droppedCostsAreLoadedAgainAndRanksJoin() throws {
        let corpus = try corpus(3, .euclidean, count: 60)
        let ranking = TransportRanking(corpus.query, memoryBudget: 2000), other = TransportRanking(corpus.query)
        for (index, candidate) in corpus.candidates.enumerated() {
            try (index % 2 == 0 ? ranking : other).offer(id: candidate.id, candidate.cloud)
        }
        ranking.absorb(other)
        let clouds = Dictionary(uniqueKeysWithValues: corpus.candidates.map { ($0.id, $0.cloud) })
        let (hits, statistics) = try ranking.best(20) { try #require(clouds[$0]) }
        #expect(try hits.map(\.id) == bruteForce(corpus, 20).map(\.id))
        #expect(statistics.reloaded > 0 && statistics.candidates == 60)
    }

    @Test func thePlanNamesTheTokensGivenWhicheverSideIsLarger() throws {
        let few: [Float] = [1, 0, 0, 0, 0, 1], many: [Float] = [0, 2, 0, 0, 3, 0, 0, 4, 5, 0]
        for (left, right) in [(few, many), (many, few)] {
            let query = try TokenCloud(values: left, dimension: 2, ground: .cosine, side: .query)
            let candidate = try TokenCloud(values: right, dimension: 2, ground: .cosine, side: .candidate)
            let transport = TokenTransport(PackedTokens(query))
            #expect(try transport.solve(candidate) == .optimal(0))
            let plan = try transport.plan(candidate)
            #expect(plan.map(\.share) == [0.25, 0.25, 0.25, 0.25])
            for flow in plan {
                let x = left[2 * flow.row..<2 * flow.row + 2], y = right[2 * flow.column..<2 * flow.column + 2]
                #expect((x.first == 0) == (y.first == 0), "\(flow) joins tokens of other directions")
            }
            #expect(plan == plan.sorted { ($0.row, $0.column) < ($1.row, $1.column) } && plan.count == 4)
        }
    }

    @Test func doublePrecisionAgreesWithSingle() throws {
        let corpus = try corpus(4, .cosine, count: 30)
        let ranks = try [TokenTransport.Precision.single, .double].map { precision in
            let ranking = TransportRanking(corpus.query, precision: precision)
            for candidate in corpus.candidates { try ranking.offer(id: candidate.id, candidate.cloud) }
            return try ranking.best(5) { _ in throw TransportError.emptyTokenSet(.candidate) }.hits
        }
        #expect(ranks[0].map(\.id) == ranks[1].map(\.id))
        for (a, b) in zip(ranks[0], ranks[1]) { #expect(abs(a.value - b.value) < 2e-6) }
    }
}
