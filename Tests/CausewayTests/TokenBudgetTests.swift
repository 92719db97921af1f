/// How many candidates a metric on token sets needs: what is measured with few queries, where the recall stops growing, and what
/// is measured again and again.
import Causeway
import Foundation
import Testing

struct TokenBudgetTests {
    /// Of every `step` embeddings one has tokens.
    private func sparse(_ count: Int, every step: Int) throws -> TemporaryDatabase {
        let temporary = try TemporaryDatabase()
        let embeddings = tokenEmbeddings(count, dimension: 4, seed: 6, copies: false).enumerated().map { index, embedding in
            var embedding = embedding
            if index % step != 0 { embedding.tokens = nil }
            return embedding
        }
        try temporary.collection().insert(embeddings, into: "v")
        return temporary
    }

    private func table(_ temporary: TemporaryDatabase) throws -> [Tuning] {
        try temporary.collection().indexStatus(of: "v").tunings
    }

    @Test func onlyQueriesThatCanBeComparedCount() throws {
        let temporary = try sparse(900, every: 30)
        let collection = temporary.collection()
        let refusal = #expect(throws: CausewayError.self) {
            try collection.tuneIndex(from: "v", to: "v", recall: 0.95, metric: .maxSim)
        }
        #expect(refusal?.description.contains("30 embeddings of v can be measured with") == true, "\(refusal!)")
        #expect(refusal?.description.contains("fewer than 52") == true)
        let tuning = try #require(try collection.tuneIndex(from: "v", to: "v", recall: 0.9, metric: .maxSim))
        #expect(tuning.lowerBound >= 0.9 && tuning.candidates < 1_200)
        #expect(try table(temporary).map(\.recallTarget) == [0.9], "30 queries show 0.917 at most")
        for recall in [0.91, 0.9] { _ = try collection.tuneIndex(from: "v", to: "v", recall: recall, metric: .maxSim) }
        #expect(try table(temporary).map(\.recallTarget) == [0.9, 0.91], "what was asked for is measured again")
    }

    /// Where few have tokens, they are looked for among more.
    @Test func asManyQueriesAreMeasuredAsThereAre() throws {
        let temporary = try sparse(2_000, every: 20)
        let tuning = try temporary.collection().tuneIndex(from: "v", to: "v", recall: 0.92, metric: .maxSim)
        #expect(tuning != nil, "32 are needed, 64 wanted, 100 there")
    }

    @Test func noneThatCanBeComparedIsSaid() throws {
        let temporary = try sparse(100, every: 99)
        let collection = temporary.collection()
        try collection.insert([Embedding(id: "t", vector: [1, 2, 3, 4], tokens: TokenSet([[1, 2, 3, 4]]))], into: "other")
        try collection.insert((0..<60).map { Embedding(id: "n\($0)", vector: [1, 2, 3, Float($0)]) }, into: "other")
        try collection.delete(ids: ["t"], from: "other")
        let refusal = #expect(throws: CausewayError.self) {
            try collection.tuneIndex(from: "other", to: "v", recall: 0.9, metric: .maxSim)
        }
        #expect(refusal?.description.contains("no embedding of other to measure with can be compared by max-sim") == true)
    }

    /// The best lie near the query and, as many, where no budget under the cap reaches.
    private struct NearAndOpposite: TokenComparison {
        let name = "near-and-opposite"
        let isSimilarity = true
        func value(query: TokenSet, candidate: TokenSet) -> Double {
            abs(Double(query.values[0] * candidate.values[0] + query.values[1] * candidate.values[1]))
        }
    }

    @Test(.enabled(if: isOptimised, "many comparisons"))
    func whatTheCapReachesIsTheLeastBudgetAndNoTargetOfLaterOnes() throws {
        let temporary = try TemporaryDatabase()
        let collection = temporary.collection()
        try collection.insert(
            (0..<12_000).map { number in
                let angle = 2 * Double.pi * Double(number) / 12_000
                let token = [Float(cos(angle)), Float(sin(angle))]
                return Embedding(id: String(number), vector: token, tokens: TokenSet([token]))
            }, into: "v")
        let metric = try Metric(NearAndOpposite())
        #expect(try collection.tuneIndex(from: "v", to: "v", recall: 0.95, metric: metric) == nil)
        let row = try #require(try table(temporary).first)
        #expect((0.3...0.7).contains(row.recallTarget) && row.lowerBound == row.recallTarget)
        #expect(row.candidates < 100, "\(row)")
        #expect(try collection.tuneIndex(from: "v", to: "v", recall: 0.9, metric: metric) == nil)
        #expect(try table(temporary).count == 1)
    }
}
