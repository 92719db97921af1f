/// Relatives of exact transport as search metrics: bounds, zero for equal sets, and values that do not depend on the plan.
import Causeway
import Testing

struct EntropicMetricTests {
    private func values(_ metric: String, _ query: TokenSet, in temporary: TemporaryDatabase) throws -> [String: Double] {
        let answer = try temporary.collection().search(
            .tokens(query), in: "v", options: SearchOptions(k: 100, metric: try Metric(named: metric), effort: .exact))
        return Dictionary(uniqueKeysWithValues: answer.hits.map { ($0.id, $0.score) })
    }

    @Test func relativesKeepTheirPlaceBesideTheOptimum() throws {
        let temporary = try TemporaryDatabase()
        let embeddings = tokenEmbeddings(24, seed: 2)
        try temporary.collection().insert(embeddings, into: "v")
        let query = embeddings[3].tokens!
        let exact = try values("wasserstein", query, in: temporary)
        let second = try values("wasserstein2", query, in: temporary)
        let entropic = try values("sinkhorn", query, in: temporary)
        let sharp = try values("sinkhorn:epsilon=0.02", query, in: temporary)
        let divergence = try values("sinkhorn:divergence:epsilon=0.2", query, in: temporary)
        let sliced = try values("sliced-wasserstein:directions=200", query, in: temporary)
        let gaussian = try values("gaussian-wasserstein", query, in: temporary)
        for (id, value) in exact {
            #expect(second[id]! >= value - 1e-5, "Jensen, \(id)")
            #expect(entropic[id]! >= value - 1e-5, "an entropic plan is a plan, \(id)")
            #expect(sharp[id]! >= value - 1e-5 && sharp[id]! <= value + 0.1, "\(id)")
            #expect(sliced[id]! <= value + 1e-5, "projections shorten, \(id)")
            #expect(gaussian[id]! <= second[id]! + 1e-5, "Gelbrich, \(id)")
        }
        #expect(exact["3"]! < 1e-6)
        #expect(abs(divergence["3"]!) < 1e-4)
        #expect(sliced["3"]! < 1e-6)
        #expect(gaussian["3"]! < 1e-3)
    }

    /// Plain iterations need millions for some pairs of two tokens and divide by nothing for single ones.
    @Test func fewTokensConvergeAtTheDefaults() throws {
        for seed in UInt64(0)..<4 {
            let temporary = try TemporaryDatabase()
            var random = TestRandom(seed)
            let sets = (0..<60).map { number in
                Causeway.TokenSet((0..<1 + number % 2).map { _ in random.vector(4) })
            }
            try temporary.collection().insert(
                sets.enumerated().map { Embedding(id: String($0), vector: mean($1), tokens: $1) }, into: "v")
            for query in [sets[0], sets[1]] {
                let exact = try values("wasserstein", query, in: temporary)
                for metric in ["sinkhorn", "sinkhorn:dual", "sinkhorn:epsilon=0.000001"] {
                    let entropic = try values(metric, query, in: temporary)
                    #expect(entropic.count == 60)
                    for (id, value) in exact { #expect(entropic[id]! >= value - 1e-5, "\(metric) seed \(seed) \(id)") }
                    if query.count == 1 {
                        for (id, value) in exact { #expect(abs(entropic[id]! - value) < 1e-5, "one plan, \(id)") }
                    }
                }
                let divergence = try values("sinkhorn:divergence", query, in: temporary)
                #expect(divergence.values.allSatisfy { $0 > -1e-5 } && divergence.values.contains(0))
            }
        }
    }
}
