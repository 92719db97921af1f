/// Searching by metrics on token sets: exact answers against brute force, candidates, plans, notes and refusals.
import Causeway
import Foundation
import Testing

struct TokenSearchTests {
    private static let exactMetrics = [
        "wasserstein", "wasserstein:cosine", "wasserstein:sqeuclidean", "wasserstein2", "wasserstein2:cosine", "max-sim",
        "chamfer",
    ]

    private func expectBruteForce(
        _ answer: SearchAnswer, _ query: Causeway.TokenSet, _ embeddings: [Embedding], k: Int, _ comment: String
    ) throws {
        var truth: [String: Double] = [:]
        for embedding in embeddings { truth[embedding.id] = try oracleValue(answer.metric, query, embedding.tokens!) }
        let sign = answer.metric.isSimilarity ? -1.0 : 1.0
        #expect(answer.hits.count == min(k, embeddings.count), "\(comment)")
        for hit in answer.hits {
            #expect(abs(hit.score - truth[hit.id]!) <= 4e-6 * max(1, abs(hit.score)), "\(comment) \(hit.id)")
        }
        for (a, b) in zip(answer.hits, answer.hits.dropFirst()) {
            let inOrder = a.score == b.score ? idPrecedes(a.id, b.id) : sign * a.score < sign * b.score
            #expect(inOrder, "\(comment) \(a.id) \(b.id)")
        }
        let found = Set(answer.hits.map(\.id))
        let worst = answer.hits.last.map { sign * $0.score } ?? .infinity
        for (id, value) in truth where !found.contains(id) { #expect(sign * value >= worst - 4e-6, "\(comment) \(id)") }
    }

    @Test func exactAnswersEqualBruteForceUnderEveryTokenMetric() throws {
        for seed in UInt64(0)..<2 {
            let temporary = try TemporaryDatabase()
            let embeddings = tokenEmbeddings(70, seed: seed)
            try temporary.collection().insert(embeddings, into: "v")
            let query = tokenEmbeddings(3, seed: seed + 100)[Int(seed)]
            for name in Self.exactMetrics {
                func search(_ k: Int) throws -> SearchAnswer {
                    try temporary.collection().search(
                        .vector(query.vector, tokens: query.tokens), in: "v",
                        options: SearchOptions(k: k, metric: try Metric(named: name), effort: .exact))
                }
                // With k of all nothing can be pruned: that is the brute force the lazy answers must equal to the bit.
                let all = try search(70)
                try expectBruteForce(all, query.tokens!, embeddings, k: 70, "seed \(seed) \(name)")
                for k in [1, 5, 23] {
                    let answer = try search(k)
                    #expect(answer.hits == Array(all.hits.prefix(k)), "seed \(seed) \(name) k \(k)")
                    let work = try #require(answer.explanation.tokens)
                    #expect(work.solved + work.abandoned + work.pruned == 70)
                }
            }
        }
    }

    /// Sets of the same tokens in another order, or each twice, whose distances are equal but for the last bits: the best k are
    /// the first of the best k + 1, ties by id, whatever was pruned.
    @Test func aShorterAnswerIsTheBeginningOfALongerOne() throws {
        let more = ["sinkhorn", "chamfer:euclidean", "sliced-wasserstein", "gaussian-wasserstein"]
        for seed in UInt64(0)..<3 {
            let temporary = try TemporaryDatabase()
            var random = TestRandom(seed)
            let bases = (0..<3).map { _ in (0..<3).map { _ in random.vector(30) } }
            let ids = (0..<28).map { $0 % 3 == 0 ? "x\($0)" : "\(100 - $0)" }.shuffled(using: &random)
            let embeddings = ids.enumerated().map { number, id in
                let tokens = bases[number % 3].shuffled(using: &random)
                let set = Causeway.TokenSet(number % 4 == 3 ? tokens + tokens : tokens)
                return Embedding(id: id, vector: mean(set), tokens: set)
            }
            try temporary.collection().insert(embeddings, into: "v")
            let query = Causeway.TokenSet((0..<4).map { _ in random.vector(30) })
            for name in Self.exactMetrics + more {
                func hits(_ k: Int) throws -> [Hit] {
                    try temporary.collection().search(
                        .vector(mean(query), tokens: query), in: "v",
                        options: SearchOptions(k: k, metric: try Metric(named: name), effort: .exact)).hits
                }
                let all = try hits(ids.count)
                for k in 1..<ids.count { #expect(try hits(k) == Array(all.prefix(k)), "seed \(seed) \(name) k \(k)") }
            }
        }
    }

    @Test func copiesTieAndAreOrderedById() throws {
        let temporary = try TemporaryDatabase()
        let set = Causeway.TokenSet([[1, 0.5], [0.2, 2]])
        let ids = ["b", "10", "9", "a", "-3"]
        try temporary.collection().insert(ids.map { Embedding(id: $0, vector: [1, 2], tokens: set) }, into: "v")
        for k in [1, 3, 5] {
            let answer = try temporary.collection().search(
                .tokens(Causeway.TokenSet([[1, 1], [0, 1]])), in: "v", options: SearchOptions(k: k, metric: .wasserstein))
            #expect(answer.hits.map(\.id) == Array(["-3", "9", "10", "a", "b"].prefix(k)))
        }
    }

    @Test func manyQueriesOnSeveralThreadsAnswerAsOneByOne() throws {
        let temporary = try TemporaryDatabase()
        try temporary.collection().insert(tokenEmbeddings(120, seed: 5), into: "v")
        let queries = (0..<40).map { Query.embedding(id: String($0)) }
        for effort in [SearchOptions.Effort.exact, .recall(0.9)] {
            for metric in [Metric.wasserstein, .maxSim] {
                var options = SearchOptions(k: 4, metric: metric, effort: effort)
                if effort != .exact { options.candidates = 30 }
                let together = try temporary.collection().search(queries, in: "v", options: options, threads: 3)
                for (query, answer) in zip(queries, together) {
                    #expect(try temporary.collection().search(query, in: "v", options: options).hits == answer.hits)
                }
            }
        }
    }

    @Test func candidatesAreTheNearestByCosineAndDecidedByTheMetric() throws {
        let temporary = try TemporaryDatabase()
        let embeddings = tokenEmbeddings(150, seed: 8, copies: false)
        try temporary.collection().insert(embeddings, into: "v")
        let query = tokenEmbeddings(1, seed: 9)[0]
        let near = Set(bruteForce(query.vector, embeddings, .cosine).prefix(25).map(\.id))
        let answer = try temporary.collection().search(
            .vector(query.vector, tokens: query.tokens), in: "v",
            options: SearchOptions(k: 6, metric: .wasserstein, candidates: 25))
        let among = embeddings.filter { near.contains($0.id) }
        try expectBruteForce(answer, query.tokens!, among, k: 6, "candidates")
        #expect(answer.explanation.candidates == 25)
        #expect(answer.explanation.tokens.map { $0.solved + $0.abandoned + $0.pruned } == 25)
        #expect(answer.explanation.notes == [])
    }

    @Test func aFilterRestrictsWhatIsCompared() throws {
        let temporary = try TemporaryDatabase()
        var embeddings = tokenEmbeddings(60, seed: 3)
        for index in embeddings.indices { embeddings[index].metadata = "{\"even\": \(index % 2 == 0)}" }
        try temporary.collection().insert(embeddings, into: "v")
        let query = tokenEmbeddings(1, seed: 4)[0]
        let answer = try temporary.collection().search(
            .vector(query.vector, tokens: query.tokens), in: "v",
            options: SearchOptions(k: 40, metric: .wasserstein, filter: "even"))
        let matching = embeddings.enumerated().filter { $0.offset % 2 == 0 }.map(\.element)
        try expectBruteForce(answer, query.tokens!, matching, k: 40, "filter")
        #expect(answer.explanation.filterMatches == 30)
    }

    @Test func thePlanHasExactMarginalsAndTheCostOfTheScore() throws {
        let temporary = try TemporaryDatabase()
        let embeddings = tokenEmbeddings(30, seed: 12)
        try temporary.collection().insert(embeddings, into: "v")
        let query = Causeway.TokenSet([[1, 0, 0, 0, 1, 2], [0, 1, 0, 2, 0, 0], [1, 1, 1, 0, 0, 0]], weights: [1, 2, 1])
        var options = SearchOptions(k: 5, metric: .wasserstein, effort: .exact)
        #expect(try temporary.collection().search(.tokens(query), in: "v", options: options).hits[0].transportPlan == nil)
        options.transportPlans = true
        for hit in try temporary.collection().search(.tokens(query), in: "v", options: options).hits {
            let plan = try #require(hit.transportPlan)
            let other = embeddings.first { $0.id == hit.id }!.tokens!
            var sent = [Double](repeating: 0, count: 3)
            var cost = 0.0
            for flow in plan {
                sent[flow.queryToken] += flow.mass
                let distance = (0..<6).reduce(0.0) { sum, k in
                    let difference = Double(query.values[flow.queryToken * 6 + k] - other.values[flow.token * 6 + k])
                    return sum + difference * difference
                }
                cost += flow.mass * distance.squareRoot()
            }
            for (mass, weight) in zip(sent, [0.25, 0.5, 0.25]) { #expect(abs(mass - weight) < 1e-12) }
            #expect(abs(cost - hit.score) < 1e-5)
        }
    }

    @Test func rowsWithoutTokensAreLeftOutAndNoted() throws {
        let temporary = try TemporaryDatabase()
        var embeddings = tokenEmbeddings(20, seed: 1, copies: false)
        embeddings[3].tokens = nil
        embeddings[4].tokens = nil
        try temporary.collection().insert(embeddings, into: "v")
        let answer = try temporary.collection().search(
            .embedding(id: "0"), in: "v", options: SearchOptions(k: 20, metric: .wasserstein))
        #expect(answer.hits.count == 18)
        #expect(answer.explanation.tokens?.withoutTokens == 2)
        #expect(answer.explanation.notes == ["2 rows have no tokens to compare by wasserstein and were left out"])
    }

    @Test func whatCannotBeComparedIsRefusedBeforeAnything() throws {
        let temporary = try TemporaryDatabase()
        let collection = temporary.collection()
        try collection.insert(tokenEmbeddings(5, seed: 1), into: "v")
        try collection.insert([Embedding(id: "0", vector: [1, 2, 3, 4, 5, 6])], into: "plain")
        func refusal(_ query: Query, _ modality: String = "v", _ metric: Metric = .wasserstein) -> String? {
            do {
                _ = try collection.search(query, in: modality, options: SearchOptions(metric: metric))
                return nil
            } catch { return "\(error)" }
        }
        let vector: [Float] = [1, 2, 3, 4, 5, 6]
        #expect(refusal(.vector(vector), "plain")?.hasPrefix("wasserstein compares token sets, and modality plain") == true)
        #expect(refusal(.vector(vector))?.hasPrefix("wasserstein compares token sets, and the query has none") == true)
        #expect(refusal(.embedding(id: "0", from: "plain"))?.contains("the query has none") == true)
        let short = Causeway.TokenSet([[1, 2], [3, 4]])
        #expect(refusal(.vector(vector, tokens: short))?.hasPrefix("the query's tokens have 2 dimensions") == true)
        let bad: [(Causeway.TokenSet, String)] = [
            (Causeway.TokenSet([vector], weights: [-1]), "weight 0 of the query is negative"),
            (Causeway.TokenSet([vector], weights: [0]), "all weights of the query are zero"),
            (Causeway.TokenSet([vector], weights: [.nan]), "weight 0 of the query is not a finite number"),
            (Causeway.TokenSet([vector], weights: [1, 2]), "the query has 1 tokens and 2 weights"),
            (Causeway.TokenSet([[1, 2, .nan, 4, 5, 6]]), "token 0 of the query holds NaN"),
            (Causeway.TokenSet(dimension: 6, values: vector + [1]), "7 values of the query are no whole number of 6-dim"),
            (Causeway.TokenSet(dimension: 6, values: []), "the query has no tokens"),
        ]
        for metric in [Metric.wasserstein, try Metric(OwnMaxSim())] {
            for (tokens, reason) in bad {
                #expect(refusal(.vector(vector, tokens: tokens), "v", metric)?.hasPrefix(reason) == true, "\(metric) \(reason)")
            }
        }
        #expect(refusal(.tokens(Causeway.TokenSet([])))?.hasPrefix("the query has no tokens; give at least one") == true)
        let zeros = Causeway.TokenSet([[0, 0, 0, 0, 0, 0]])
        #expect(refusal(.vector(vector, tokens: zeros), "v", .maxSim)?.hasPrefix("no token of the query has") == true)
    }

    /// Only what proposes candidates compares the vectors.
    @Test func setsOfOneTokenDimensionAreComparedThoughTheirVectorsAreNot() throws {
        let temporary = try TemporaryDatabase()
        let collection = temporary.collection()
        let embeddings = tokenEmbeddings(30, seed: 2, copies: false)
        try collection.insert(embeddings, into: "image")
        let other = tokenEmbeddings(1, seed: 3)[0]
        try collection.insert([Embedding(id: "t", vector: [1, 2], tokens: other.tokens)], into: "text")
        let query = Query.embedding(id: "t", from: "text")
        for effort in [SearchOptions.Effort.exact, .recall(0.9)] {
            let answer = try collection.search(
                query, in: "image", options: SearchOptions(k: 4, metric: .maxSim, effort: effort))
            try expectBruteForce(answer, other.tokens!, embeddings, k: 4, "\(effort)")
        }
        let mismatch = CausewayError.dimensionMismatch(expected: 6, got: 2, modality: "image")
        for options in [SearchOptions(k: 4, metric: .maxSim, candidates: 9), SearchOptions(k: 4)] {
            #expect(throws: mismatch) { try collection.search(query, in: "image", options: options) }
        }
        #expect(throws: CausewayError.self) { try collection.tuneIndex(from: "text", to: "image", recall: 0.9, metric: .maxSim) }
    }

    /// Skipped where the sample data are not beside the package.
    @Test(.enabled(if: sharedFile("debian-tokens/short_tokens.npy") != nil, "no shared data beside the package"))
    func realTokenSetsAreRankedAsBruteForceRanksThem() throws {
        let temporary = try TemporaryDatabase()
        let sides = try ["short", "long"].map { side -> [Embedding] in
            let file = try QueryTokenFile(
                QueryTokens(
                    tokens: sharedFile("debian-tokens/\(side)_tokens.npy")!,
                    offsets: sharedFile("debian-tokens/\(side)_offsets.npy")!), count: 300)
            return try (0..<300).map { row in
                let tokens = try file.tokens(of: row)
                return Embedding(id: String(row), vector: mean(tokens), tokens: tokens)
            }
        }
        try temporary.collection().insert(sides[1], into: "long")
        for query in isOptimised ? [0, 57, 299] : [57] {
            for metric in [Metric.wasserstein, .maxSim] {
                let answer = try temporary.collection().search(
                    .tokens(sides[0][query].tokens!), in: "long",
                    options: SearchOptions(k: 10, metric: metric, effort: .exact))
                try expectBruteForce(answer, sides[0][query].tokens!, sides[1], k: 10, "debian \(query) \(metric)")
            }
        }
    }
}

/// A file of the data beside the package root, nil where it is absent.
func sharedFile(_ name: String) -> String? {
    var root = URL(fileURLWithPath: #filePath)
    for _ in 0..<3 { root.deleteLastPathComponent() }
    for shared in [root.appendingPathComponent("../shared"), URL(fileURLWithPath: "../shared")] {
        let path = shared.appendingPathComponent("data/" + name).standardizedFileURL.path
        if FileManager.default.fileExists(atPath: path) { return path }
    }
    return nil
}
