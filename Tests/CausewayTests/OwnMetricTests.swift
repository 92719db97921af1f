/// Metrics that a user writes: taken wherever the built-in ones are, with values by their own definition.
import Causeway
import Testing

struct OwnMetricTests {
    private struct OwnManhattan: VectorComparison {
        let name = "own-manhattan"
        let isSimilarity = false
        func value(query: Span<Float>, candidate: Span<Float>) -> Double {
            query.indices.reduce(0) { $0 + abs(Double(query[$1]) - Double(candidate[$1])) }
        }
    }

    private struct NoNumber: VectorComparison {
        let name = "none"
        let isSimilarity = false
        func value(query: Span<Float>, candidate: Span<Float>) -> Double { .nan }
    }

    private struct OnVectors: VectorComparison {
        let name: String
        let isSimilarity = true
        func value(query: Span<Float>, candidate: Span<Float>) -> Double { 0 }
    }

    private struct OnTokens: TokenComparison {
        let name: String
        let isSimilarity = true
        func value(query: TokenSet, candidate: TokenSet) -> Double { 0 }
    }

    /// Has nothing to do with the vectors, so that no number of their nearest holds its best.
    private struct Unrelated: TokenComparison {
        let name = "unrelated"
        let isSimilarity = true
        func value(query: TokenSet, candidate: TokenSet) -> Double {
            var random = TestRandom(UInt64(query.values[1].bitPattern) << 32 | UInt64(candidate.values[1].bitPattern))
            return Double(random.next() >> 11)
        }
    }

    private static func metrics() throws -> [(own: Metric, builtIn: Metric)] {
        [(try Metric(OwnManhattan()), .manhattan), (try Metric(OwnMaxSim()), .maxSim)]
    }

    /// Two modalities without copies: no ties at a cut.
    private func fill(_ collection: EmbeddingCollection, _ count: Int) throws -> (a: [Embedding], b: [Embedding]) {
        let a = tokenEmbeddings(count, seed: 4, copies: false)
        let b = tokenEmbeddings(count, seed: 14, copies: false).map { given in
            var moved = given
            moved.vector = moved.vector.map { $0 + 0.3 }
            return moved
        }
        try collection.insert(a, into: "a")
        try collection.insert(b, into: "b")
        return (a, b)
    }

    private func truth(_ metric: Metric, _ query: Embedding, _ candidates: [Embedding]) throws -> [Hit] {
        guard metric.operand == .tokenSets else { return bruteForce(query.vector, candidates, metric) }
        let hits = try candidates.map {
            Hit(id: $0.id, item: $0.item, score: try oracleValue(metric, query.tokens!, $0.tokens!))
        }
        return hits.sorted { $0.score > $1.score }
    }

    @Test func searchesEqualBruteForceWhateverProposesTheCandidates() throws {
        let temporary = try TemporaryDatabase()
        let (a, b) = try fill(temporary.collection(), 80)
        for (own, builtIn) in try Self.metrics() {
            func search(_ effort: SearchOptions.Effort, candidates: Int? = nil) throws -> SearchAnswer {
                try temporary.collection().search(
                    .embedding(id: "5", from: "b"), in: "a",
                    options: SearchOptions(k: 9, metric: own, effort: effort, candidates: candidates))
            }
            let near = Set(bruteForce(b[5].vector, a, .cosine).prefix(30).map(\.id))
            let cases = [
                (try search(.exact), a, "exact scan: asked for"),
                (try search(.recall(0.9), candidates: 30), a.filter { near.contains($0.id) }, "candidates by cosine"),
                (try search(.width(30)), a.filter { near.contains($0.id) }, "candidates by cosine"),
                (
                    try search(.recall(0.9)), a,
                    own.operand == .vectors
                        ? "exact scan: no number of cosine candidates is known to hold the best by own-manhattan"
                        : "exact scan: 80 rows are no more than the candidates"
                ),
            ]
            for (answer, among, plan) in cases {
                let expected = try truth(builtIn, b[5], among).prefix(9)
                #expect(answer.hits.map(\.id) == expected.map(\.id), "\(own) \(plan)")
                for (hit, right) in zip(answer.hits, expected) { #expect(abs(hit.score - right.score) < 1e-4, "\(own)") }
                #expect(answer.metric == own && answer.explanation.plan.hasPrefix(plan), "\(answer.explanation.plan)")
                #expect(answer.explanation.candidates == among.count, "\(own) \(plan)")
            }
        }
    }

    @Test func evaluationEqualsThatOfTheBuiltInTwin() throws {
        let temporary = try TemporaryDatabase()
        _ = try fill(temporary.collection(), 60)
        for (own, builtIn) in try Self.metrics() {
            let options = EvaluationOptions(metrics: [own, builtIn], at: [1, 5])
            let results = try temporary.collection().evaluate(from: "b", to: "a", options: options).metrics
            #expect(results[0].recall.map(\.figure) == results[1].recall.map(\.figure), "\(own)")
        }
    }

    @Test func aMeasuredBudgetIsUsedByTheSearchesAndHoldsInTheAudit() throws {
        let temporary = try TemporaryDatabase()
        let collection = temporary.collection()
        _ = try fill(collection, 1_200)
        for (own, _) in try Self.metrics() {
            let tuning = try #require(try collection.tuneIndex(from: "b", to: "a", recall: 0.9, metric: own))
            #expect(tuning.metric == own.name && tuning.candidates < 1_200)
            let options = SearchOptions(metric: own, effort: .recall(0.9))
            let answer = try collection.search(.embedding(id: "5", from: "b"), in: "a", options: options)
            #expect(answer.explanation.candidates == tuning.candidates && answer.explanation.notes == [], "\(own)")
            var audited = IndexAuditOptions()
            (audited.metrics, audited.at, audited.queries, audited.effort) = ([own], [10], 40, .recall(0.9))
            let recall = try collection.auditIndex(from: "b", to: "a", options: audited).metrics[0].recalls[0]
            #expect(recall.mean.value >= 0.9 && recall.vectorsRead < 1_200, "\(own) \(recall.mean.value)")
        }
    }

    @Test(.enabled(if: isOptimised, "many comparisons"))
    func whereNoBudgetUnderTheCapReachesTheRecallSearchesSaySo() throws {
        let temporary = try TemporaryDatabase()
        let collection = temporary.collection()
        var random = TestRandom(3)
        let embeddings = (0..<12_000).map { number in
            let token = random.vector(2)
            return Embedding(id: String(number), vector: token, tokens: TokenSet([token]))
        }
        try collection.insert(embeddings, into: "v")
        let metric = try Metric(Unrelated())
        #expect(try collection.tuneIndex(from: "v", to: "v", recall: 0.95, metric: metric) == nil)
        let options = SearchOptions(metric: metric, effort: .recall(0.95))
        let notes = try collection.search(.embedding(id: "3"), in: "v", options: options).explanation.notes
        #expect(notes.count == 1 && notes[0].hasPrefix("no measured candidate budget reaches recall 0.95 under unrelated: "))
        #expect(notes[0].hasSuffix("; --exact compares every row"), "\(notes)")
    }

    @Test func builtInNamesAreRefused() throws {
        for name in Metric.names + ["wasserstein:cosine", "cosine:own", "learned:bridge", ""] {
            #expect(throws: CausewayError.self, "\(name)") { try Metric(OnVectors(name: name)) }
            #expect(throws: CausewayError.self, "\(name)") { try Metric(OnTokens(name: name)) }
        }
        #expect(throws: CausewayError.invalidArgument(
            reason: "cosine is the name of a built-in metric", remedy: "give the metric a name of its own")) {
            try Metric(OnVectors(name: "cosine"))
        }
        #expect(try Metric(OnVectors(name: "cosine2")).name == "cosine2")
    }

    @Test func whatIsNoNumberOrNoDefaultIsRefused() throws {
        let temporary = try TemporaryDatabase()
        _ = try fill(temporary.collection(), 10)
        #expect(throws: CausewayError.self) {
            try temporary.collection().search(
                .embedding(id: "5"), in: "a", options: SearchOptions(metric: try Metric(NoNumber())))
        }
        #expect(throws: CausewayError.self) {
            try temporary.collection().setDefaultMetric(try Metric(OwnManhattan()))
        }
    }
}

/// By the definition in the oracles.
struct OwnMaxSim: TokenComparison {
    let name = "own-max-sim"
    let isSimilarity = true
    func value(query: TokenSet, candidate: TokenSet) throws -> Double { try oracleValue(.maxSim, query, candidate) }
}
