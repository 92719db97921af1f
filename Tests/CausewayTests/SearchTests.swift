/// Searching through the library: exact answers against brute force, approximate ones against exact, filters, ties, damage.
import Causeway
import Foundation
import Testing

struct SearchTests {
    @Test func exactAnswersEqualBruteForceUnderEveryMetric() throws {
        for seed in UInt64(0)..<3 {
            let temporary = try TemporaryDatabase()
            let embeddings = clusteredEmbeddings(300, dimension: 24, seed: seed)
            try temporary.collection().insert(embeddings, into: "v")
            var random = TestRandom(seed + 1000)
            let query = random.vector(24)
            for metric in [Metric.cosine, .dot, .euclidean, .manhattan, .chiSquare] {
                let answer = try temporary.collection().search(
                    .vector(query), in: "v", options: SearchOptions(k: 12, metric: metric, effort: .exact))
                let expected = bruteForce(query, embeddings, metric).prefix(12)
                #expect(answer.hits.map(\.id) == expected.map(\.id), "seed \(seed), \(metric)")
                for (hit, truth) in zip(answer.hits, expected) {
                    #expect(abs(hit.score - truth.score) <= 1e-9 * max(1, abs(truth.score)), "seed \(seed), \(metric)")
                }
            }
        }
    }

    @Test func anAnswerWithoutAnIndexIsExactAndSaysSo() throws {
        let temporary = try TemporaryDatabase()
        try temporary.collection().insert(clusteredEmbeddings(50, dimension: 8, seed: 1), into: "v")
        let answer = try temporary.collection().search(.embedding(id: "7"), in: "v")
        #expect(answer.hits.first?.id == "7")
        #expect(answer.explanation.plan == "exact scan: there is no index")
    }

    /// A misspelt attribute matches nothing, and is told whatever decides the order.
    @Test func aFilterThatMatchesNothingIsTold() throws {
        let temporary = try TemporaryDatabase()
        let collection = temporary.collection()
        try collection.insert(tokenEmbeddings(40, seed: 3), into: "v")
        let note = "the filter matches no embedding of v"
        for index in ["none", "built"] {
            for metric in [Metric.cosine, .manhattan, .wasserstein] {
                let options = SearchOptions(metric: metric, filter: "yaer = 2000")
                let answer = try collection.search(.embedding(id: "7"), in: "v", options: options)
                #expect(answer.hits.isEmpty && answer.explanation.filterMatches == 0, "\(metric), index \(index)")
                #expect(answer.explanation.notes == [note], "\(metric), index \(index)")
            }
            var banked = CrossSearchOptions(search: SearchOptions(filter: "yaer = 2000"))
            banked.normalization = .bank
            for effort in [SearchOptions.Effort.exact, .recall(0.9)] {
                banked.search.effort = effort
                let answer = try collection.search([.embedding(id: "7")], across: ["v"], options: banked)[0]
                #expect(answer.hits.isEmpty && answer.explanation.filterMatches == 0)
                #expect(answer.explanation.notes.contains(note), "\(effort), index \(index)")
            }
            try collection.buildIndex()
        }
        let seven = try collection.search(.embedding(id: "3"), in: "v", options: SearchOptions(filter: "id = 7"))
        #expect(seven.hits.map(\.id) == ["7"] && seven.explanation.notes.isEmpty)
    }

    @Test func aStoredQueryBringsItsOwnModality() throws {
        let temporary = try TemporaryDatabase()
        let collection = temporary.collection()
        let rows = clusteredEmbeddings(40, dimension: 8, seed: 2)
        try collection.insert(rows, into: "image")
        let texts = [Embedding(id: "x1", vector: rows[5].vector), Embedding(id: "7", vector: rows[9].vector)]
        try collection.insert(texts, into: "text")
        var banked = CrossSearchOptions()
        banked.normalization = .bank
        for options in [CrossSearchOptions(), banked] {
            let crossed = try collection.search([.embedding(id: "x1")], across: ["image"], options: options)[0]
            let named = try collection.search([.embedding(id: "x1", from: "text")], across: ["image"], options: options)[0]
            #expect(crossed.hits == named.hits && !crossed.hits.isEmpty)
        }
        #expect(try collection.search(.embedding(id: "x1"), in: "image").hits.first?.id == "5")
        #expect(try collection.search(.embedding(id: "7"), in: "image").hits.first?.id == "7", "the target's own goes first")
        try collection.insert([Embedding(id: "x1", vector: rows[6].vector)], into: "sound")
        #expect(throws: CausewayError.self) { try collection.search(.embedding(id: "x1"), in: "image") }
        #expect(throws: CausewayError.unknownID("x2", modality: "image")) {
            try collection.search(.embedding(id: "x2"), in: "image")
        }
    }

    @Test func tiesAreOrderedByIdWithNumbersByValue() throws {
        let temporary = try TemporaryDatabase()
        let ids = ["b", "10", "9", "a", "-3", "010"]
        try temporary.collection().insert(ids.map { Embedding(id: $0, vector: [1, 2]) }, into: "v")
        let answer = try temporary.collection().search(.vector([2, 1]), in: "v", options: SearchOptions(k: 6))
        #expect(answer.hits.map(\.id) == ["-3", "9", "10", "010", "a", "b"])
        let four = try temporary.collection().search(.vector([2, 1]), in: "v", options: SearchOptions(k: 2))
        #expect(four.hits.map(\.id) == ["-3", "9"])
    }

    @Test(.enabled(if: isOptimised, "kernels are slow without optimisation"))
    func theIndexReachesItsRecallInAndAcrossModalities() throws {
        let temporary = try TemporaryDatabase()
        let collection = temporary.collection()
        let images = clusteredEmbeddings(4_000, dimension: 48, seed: 3)
        let texts = clusteredEmbeddings(2_500, dimension: 48, seed: 4, prefix: "t", offset: 1.5)
        try collection.insert(images, into: "image")
        try collection.insert(texts, into: "text")
        let reports = try collection.buildIndex()
        #expect(reports.allSatisfy { $0.outcome == .built })
        for metric in Metric.all {
            var found = 0
            for number in 0..<60 {
                let query = texts[number * 37].vector
                let truth = Set(bruteForce(query, images, metric).prefix(10).map(\.id))
                let answer = try collection.search(
                    .vector(query, from: "text"), in: "image", options: SearchOptions(metric: metric))
                found += answer.hits.count { truth.contains($0.id) }
            }
            #expect(Double(found) / 600 >= 0.95, "\(metric)")
        }
    }

    @Test(.enabled(if: isOptimised, "kernels are slow without optimisation"))
    func rowsAddedReplacedAndDeletedAfterTheBuildAreFoundOrGoneAtOnce() throws {
        let temporary = try TemporaryDatabase()
        let collection = temporary.collection()
        try collection.insert(clusteredEmbeddings(2_500, dimension: 32, seed: 5), into: "v")
        try collection.buildIndex()
        var random = TestRandom(6)
        let fresh = random.vector(32)
        try collection.insert([Embedding(id: "new", vector: fresh)], into: "v")
        #expect(try collection.search(.vector(fresh), in: "v").hits.first?.id == "new")
        try collection.insert(
            [Embedding(id: "17", vector: fresh.map { 2 * $0 })], into: "v", options: IngestOptions(onConflict: .replace))
        let both = try collection.search(.vector(fresh), in: "v").hits.prefix(2).map(\.id)
        #expect(Set(both) == ["new", "17"])
        try collection.delete(ids: ["new"], from: "v")
        #expect(try !collection.search(.vector(fresh), in: "v").hits.contains { $0.id == "new" })
        #expect(try collection.indexStatus(of: "v").state == .stale)
        let second = try Database(path: temporary.path, access: .readOnly)
        #expect(try second.collection("c").search(.vector(fresh), in: "v").hits.first?.id == "17")
    }

    @Test(.enabled(if: isOptimised, "kernels are slow without optimisation"))
    func aFilterNeverReturnsFewerThanMatch() throws {
        let temporary = try TemporaryDatabase()
        let collection = temporary.collection()
        var embeddings = clusteredEmbeddings(3_000, dimension: 32, seed: 7)
        for index in embeddings.indices { embeddings[index].metadata = #"{"n":\#(index),"even":\#(index % 2 == 0)}"# }
        try collection.insert(embeddings, into: "v")
        try collection.buildIndex()
        for (filter, keep) in [
            ("n < 5", { (n: Int) in n < 5 }), ("even", { $0 % 2 == 0 }), ("n < 1500", { $0 < 1500 }),
            ("NOT even AND n >= 2990", { $0 % 2 == 1 && $0 >= 2990 }),
        ] {
            let allowed = embeddings.filter { keep(Int($0.id)!) }
            let truth = bruteForce(embeddings[42].vector, allowed, .cosine).prefix(10)
            let answer = try collection.search(
                .vector(embeddings[42].vector), in: "v", options: SearchOptions(filter: filter))
            #expect(answer.hits.count == min(10, allowed.count), "\(filter)")
            #expect(answer.explanation.filterMatches == allowed.count, "\(filter)")
            let found = Set(answer.hits.map(\.id))
            #expect(truth.count { found.contains($0.id) } >= truth.count - 1, "\(filter): \(answer.explanation.plan)")
        }
    }

    @Test func whatCannotBeAskedIsRefused() throws {
        let temporary = try TemporaryDatabase()
        let collection = temporary.collection()
        try collection.insert([Embedding(id: "1", vector: [1, 2, 3])], into: "v")
        #expect(throws: CausewayError.unknownModality("w", collection: "c")) {
            try collection.search(.vector([1, 2, 3]), in: "w")
        }
        #expect(throws: CausewayError.unknownID("2", modality: "v")) { try collection.search(.embedding(id: "2"), in: "v") }
        #expect(throws: CausewayError.self) { try collection.search(.vector([1, 2]), in: "v") }
        #expect(throws: CausewayError.self) { try collection.search(.vector([1, .nan, 2]), in: "v") }
        #expect(throws: CausewayError.self) {
            try collection.search(.vector([1, 2, 3]), in: "v", options: SearchOptions(k: 0))
        }
        #expect(throws: CausewayError.unknownCollection("other")) {
            try temporary.collection("other").search(.vector([1, 2, 3]), in: "v")
        }
        do {
            _ = try collection.search(.vector([1, 2, 3]), in: "v", options: SearchOptions(filter: "a >="))
            Issue.record("a broken filter was taken")
        } catch let error as CausewayError {
            guard case .badFilter(_, let column, _) = error else { throw error }
            #expect(column == 5)
        }
    }

    @Test func aZeroVectorIsStoredAndFoundByAnExactScan() throws {
        let temporary = try TemporaryDatabase()
        let collection = temporary.collection()
        try collection.insert(
            [Embedding(id: "zero", vector: [0, 0]), Embedding(id: "against", vector: [-1, 0])], into: "v")
        let answer = try collection.search(.vector([1, 0]), in: "v", options: SearchOptions(effort: .exact))
        #expect(answer.hits == [Hit(id: "zero", item: "zero", score: 0), Hit(id: "against", item: "against", score: -1)])
    }
}
