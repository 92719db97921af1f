/// Searches that read only what the codes of token sets do not rule out answer as searches that read everything.
import Causeway
import Foundation
import Testing

struct TokenCodeSearchTests {
    private static let metrics = [
        "wasserstein", "wasserstein:cosine", "wasserstein:sqeuclidean", "wasserstein2", "wasserstein2:cosine", "max-sim",
        "chamfer", "chamfer:euclidean", "chamfer:sqeuclidean",
    ]

    private func search(
        _ temporary: TemporaryDatabase, _ query: Embedding, _ metric: String, k: Int, candidates: Int? = nil
    ) throws -> SearchAnswer {
        var options = SearchOptions(k: k, metric: try Metric(named: metric), effort: .exact)
        if let candidates { (options.effort, options.candidates) = (.recall(0.9), candidates) }
        return try temporary.collection().search(.vector(query.vector, tokens: query.tokens), in: "v", options: options)
    }

    /// With k of all nothing is considered by codes: every set is read, which is what the others must equal to the bit.
    private func expectTheSame(
        _ temporary: TemporaryDatabase, count: Int, _ query: Embedding, fewerThan share: Double = 1, _ note: String
    ) throws {
        for metric in Self.metrics {
            let all = try search(temporary, query, metric, k: count)
            #expect(all.explanation.reranked == all.hits.count, "\(note) \(metric)")
            for k in [1, 7, 20] {
                let answer = try search(temporary, query, metric, k: k)
                #expect(answer.hits == Array(all.hits.prefix(k)), "\(note) \(metric) k \(k)")
                let work = try #require(answer.explanation.tokens)
                #expect(work.solved + work.abandoned + work.pruned == all.hits.count, "\(note) \(metric) k \(k)")
                #expect(work.withoutTokens == all.explanation.tokens?.withoutTokens)
                #expect(answer.explanation.codesCompared == count && all.explanation.codesCompared == 0, "\(note) \(metric)")
                let read = Double(answer.explanation.reranked)
                #expect(read <= share * Double(count), "\(note) \(metric) k \(k): \(read) of \(count) were read")
                #expect(answer.explanation.candidates == count && answer.explanation.notes == all.explanation.notes)
            }
        }
    }

    @Test func answersEqualThoseThatReadEverything() throws {
        for (dimension, seed) in [(64, UInt64(1)), (130, 2)] {
            for precision in [TokenPrecision.float32, .float16] {
                let temporary = try TemporaryDatabase()
                var options = IngestOptions()
                options.tokenPrecision = precision
                try temporary.collection().insert(
                    tokenEmbeddings(200, dimension: dimension, seed: seed), into: "v", options: options)
                let query = tokenEmbeddings(2, dimension: dimension, seed: seed + 50)[1]
                try expectTheSame(temporary, count: 200, query, fewerThan: 0.6, "dimension \(dimension) \(precision)")
            }
        }
    }

    /// Zero tokens, tokens of no weight, copies of the query, sets without tokens, and numbers that no bound is sure of.
    @Test func hostileSetsChangeNothing() throws {
        let temporary = try TemporaryDatabase()
        var embeddings = tokenEmbeddings(160, dimension: 70, seed: 9)
        let query = tokenEmbeddings(2, dimension: 70, seed: 60)[1]
        let zero = [Float](repeating: 0, count: 70)
        let scales: [Float] = [1e-12, 1e12, 1e-30, 1e-3, 1e4]
        for index in embeddings.indices where index % 4 == 0 {
            let tokens = try #require(embeddings[index].tokens)
            let rows = stride(from: 0, to: tokens.values.count, by: 70).map { Array(tokens.values[$0..<$0 + 70]) }
            embeddings[index].tokens = switch index % 32 {
            case 0: TokenSet([zero, rows[0], zero])
            case 4: TokenSet([zero, zero])
            case 8: TokenSet(rows + [rows[0]], weights: rows.map { _ in 1 } + [0])
            case 12: query.tokens
            case 16: TokenSet([rows[0]])
            case 20: nil
            case 24: TokenSet(rows, weights: rows.indices.map { $0 == 0 ? 1e-12 : 1e9 })
            default: TokenSet(rows.map { row in row.map { $0 * scales[index / 32 % 5] } })
            }
        }
        try temporary.collection().insert(embeddings, into: "v")
        for metric in Self.metrics {
            let all = try search(temporary, query, metric, k: 160)
            for k in [1, 3, 30] {
                let answer = try search(temporary, query, metric, k: k)
                #expect(answer.hits == Array(all.hits.prefix(k)), "\(metric) k \(k)")
                #expect(answer.explanation.tokens?.withoutTokens == all.explanation.tokens?.withoutTokens, "\(metric)")
            }
        }
        // A query that cannot be coded reads everything.
        var huge = query
        huge.tokens = TokenSet(dimension: 70, values: query.tokens!.values.map { $0 * 1e11 })
        let answer = try search(temporary, huge, "wasserstein:cosine", k: 3)
        #expect(answer.hits == Array(try search(temporary, huge, "wasserstein:cosine", k: 160).hits.prefix(3)))
        #expect(answer.explanation.reranked > 100)
    }

    @Test func queriesThatShareAPassAnswerAsAlone() throws {
        let temporary = try TemporaryDatabase()
        try temporary.collection().insert(tokenEmbeddings(300, dimension: 64, seed: 5), into: "v")
        let queries = (0..<40).map { Query.embedding(id: String($0)) }
        for metric in [Metric.wasserstein, .maxSim, .chamfer] {
            for effort in [SearchOptions.Effort.exact, .recall(0.9)] {
                var options = SearchOptions(k: 4, metric: metric, effort: effort)
                if effort != .exact { options.candidates = 90 }
                let alone = try queries.map { try temporary.collection().search($0, in: "v", options: options) }
                for threads in [1, 3] {
                    let together = try temporary.collection().search(queries, in: "v", options: options, threads: threads)
                    for (one, other) in zip(alone, together) {
                        #expect(one.hits == other.hits, "\(metric) \(effort) \(threads) threads")
                        // Of equal vectors, which is the last candidate by cosine is not told.
                        guard effort == .exact else { continue }
                        #expect(one.explanation.tokens == other.explanation.tokens)
                        #expect(one.explanation.reranked == other.explanation.reranked)
                    }
                }
            }
        }
    }

    /// Whatever byte of the codes rots, the answer stays, and `check` names the row.
    @Test func aDamagedCodeRulesNothingOut() throws {
        let temporary = try TemporaryDatabase()
        let embeddings = tokenEmbeddings(120, dimension: 64, seed: 11, copies: false)
        try temporary.collection().insert(embeddings, into: "v")
        let query = tokenEmbeddings(1, dimension: 64, seed: 70)[0]
        let sound = try Self.metrics.map { try search(temporary, query, $0, k: 5).hits }
        temporary.database.close()
        var file = [UInt8](try Data(contentsOf: URL(filePath: temporary.path)))
        // The header of a code of n tokens of dimension 64; facts of 16 bytes each and 64 bytes of code follow.
        var damaged = 0
        for n in UInt8(2)...6 {
            let header: [UInt8] = [n, 0, 0, 0, 64, 0, 0, 0]
            var start = file.startIndex
            while let found = Data(file[start...]).firstRange(of: Data(header)) {
                let place = start + found.lowerBound
                start = place + 8
                file[place + 16 + damaged * 7 % (80 * Int(n))] ^= 0x41
                damaged += 1
            }
        }
        #expect(damaged == 120)
        try Data(file).write(to: URL(filePath: temporary.path))
        let reader = try Database(path: temporary.path, access: .readOnly)
        defer { reader.close() }
        for (metric, hits) in zip(Self.metrics, sound) {
            let options = SearchOptions(k: 5, metric: try Metric(named: metric), effort: .exact)
            let answer = try reader.collection("c").search(
                .vector(query.vector, tokens: query.tokens), in: "v", options: options)
            #expect(answer.hits == hits && answer.explanation.reranked == 120, "\(metric)")
        }
        let findings = try reader.check(deep: true)
        #expect(findings.count == 120 && findings.allSatisfy { $0.problem.hasPrefix("token codes") }, "\(findings.prefix(3))")
    }
}
