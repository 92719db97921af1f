/// Query banks, merged answers, bridges and probabilities, against their definitions on small seeded collections.
import Causeway
import Foundation
import Testing

struct CrossSearchTests {
    /// Noisy pairs, and one image (a hub) that is near to every text.
    private func hubCollection(_ temporary: TemporaryDatabase) throws -> (EmbeddingCollection, [Embedding], [Embedding]) {
        var random = TestRandom(31)
        let common = random.vector(16)
        var images: [Embedding] = [], texts: [Embedding] = []
        for number in 0..<80 {
            let meaning = random.vector(16)
            images.append(Embedding(id: "i\(number)", vector: meaning, item: "\(number)"))
            let text = zip(zip(meaning, random.vector(16)), common).map { 0.6 * $0.0 + 0.5 * $0.1 + 1.2 * $1 }
            texts.append(Embedding(id: "t\(number)", vector: text, item: "\(number)"))
        }
        images.append(Embedding(id: "hub", vector: common, item: "hub"))
        try temporary.collection().insert(images, into: "image")
        try temporary.collection().insert(texts, into: "text")
        return (temporary.collection(), images, texts)
    }

    @Test func aBankMarksDownHubs() throws {
        let temporary = try TemporaryDatabase()
        let (collection, _, texts) = try hubCollection(temporary)
        var banked = CrossSearchOptions(search: SearchOptions(k: 1))
        banked.normalization = .bank
        let queries = texts.map { Query.embedding(id: $0.id, from: "text") }
        let plain = try collection.search(queries, in: "image", options: SearchOptions(k: 1))
        #expect(plain.count { $0.hits[0].id == "hub" } > 40)
        for (form, effort) in [
            (ScoreNormalization.bank, SearchOptions.Effort.recall(0.98)), (.bank, .exact), (.balancedBank, .recall(0.98)),
            (.balancedBank, .exact),
        ] {
            (banked.normalization, banked.search.effort) = (form, effort)
            let answers = try collection.search(queries, across: ["image"], options: banked)
            let right = zip(answers, texts).count { $0.hits[0].item == $1.item }
            #expect(right > zip(plain, texts).count { $0.hits[0].item == $1.item } + 15, "\(form) \(effort)")
            #expect(answers.count { $0.hits[0].id == "hub" } < 15)
        }
        for form in [ScoreNormalization.bank, .balancedBank] {
            let evaluation = try collection.evaluate(
                from: "text", to: "image", scores: [.metric(.dot), .metric(.cosine)], normalization: form)
            #expect(evaluation.queries == 40 && evaluation.metrics.map(\.normalization) == [.none, .none, form])
            #expect(evaluation.metrics.map(\.metric) == [.dot, .cosine, .cosine])
            let recall = evaluation.metrics.map { $0.recall[0].figure.value }
            #expect(recall[2] > recall[1] + 0.2, "\(form)")
            #expect(evaluation.metrics[1].bankTemperature == nil && evaluation.metrics[2].bankTemperature ?? 0 > 0)
        }
    }

    @Test func aProbabilityIsCalibratedAndCutsHits() throws {
        let temporary = try TemporaryDatabase()
        let (collection, _, texts) = try hubCollection(temporary)
        var options = CrossSearchOptions(search: SearchOptions(k: 5))
        options.minProbability = 0
        options.normalization = .bank
        let queries = texts.map { Query.embedding(id: $0.id, from: "text") }
        let answers = try collection.search(queries, across: ["image"], options: options)
        var expected = 0.0, right = 0.0
        for (answer, text) in zip(answers, texts) {
            #expect(answer.hits.count == 5)
            for hit in answer.hits {
                let probability = try #require(hit.probability)
                #expect((0...1).contains(probability))
                expected += probability
                right += hit.item == text.item ? 1 : 0
            }
            #expect(answer.hits.map { $0.probability! } == answer.hits.map { $0.probability! }.sorted(by: >))
        }
        // Over the pairs it was fitted on, a calibrated probability sums to the number of matches.
        #expect(abs(expected - right) < 0.1 * right + 2, "\(expected) expected, \(right) right")
        options.minProbability = 0.5
        let sure = try collection.search(queries, across: ["image"], options: options).flatMap(\.hits)
        #expect(!sure.isEmpty && sure.count < 400 && sure.allSatisfy { $0.probability! >= 0.5 })
    }

    @Test func aStoredCalibrationServesUntilTheDataMovesOn() throws {
        let temporary = try TemporaryDatabase()
        let (collection, _, texts) = try hubCollection(temporary)
        let query = [Query.embedding(id: texts[3].id, from: "text")]
        for normalization in ScoreNormalization.allCases {
            var options = CrossSearchOptions(search: SearchOptions(k: 5))
            (options.minProbability, options.normalization) = (0, normalization)
            let learned = try collection.search(query, across: ["image"], options: options)[0]
            #expect(learned.explanation.notes.contains { $0.contains("no calibration is stored") })
            let stored = try collection.calibrate(from: "text", to: "image", options: options)
            #expect(stored.queries == 80 && stored.hits == 800 && (10...80).contains(stored.matches), "\(stored)")
            #expect((stored.temperature == nil) == (normalization == .none))
            let served = try collection.search(query, across: ["image"], options: options)[0]
            #expect(served.hits == learned.hits && served.explanation.notes.isEmpty, "\(normalization)")
            options.minProbability = nil
            #expect(try collection.search(query, across: ["image"], options: options)[0].explanation.notes.isEmpty)
        }
        var options = CrossSearchOptions(search: SearchOptions(k: 5))
        options.minProbability = 0
        // The other direction has none.
        let back = try collection.search([.embedding(id: "i3", from: "image")], across: ["text"], options: options)[0]
        #expect(!back.explanation.notes.isEmpty)
        var random = TestRandom(8)
        func notes(adding count: Int, _ prefix: String) throws -> [String] {
            try collection.insert(
                (0..<count).map { Embedding(id: "\(prefix)\($0)", vector: random.vector(16)) }, into: "text")
            return try collection.search(query, across: ["image"], options: options)[0].explanation.notes
        }
        #expect(try notes(adding: 8, "a").isEmpty)
        #expect(try notes(adding: 1, "b").contains { $0.contains("stale") && $0.contains("9 embeddings of text") })
        try collection.calibrate(from: "text", to: "image", options: options)
        #expect(try notes(adding: 1, "c").isEmpty)
        _ = try collection.delete(ids: (0..<9).map { "i\($0)" }, from: "image")
        #expect(try notes(adding: 0, "d").contains { $0.contains("9 embeddings of image") })
    }

    @Test func answersOfSeveralModalitiesAreMergedOnOneScale() throws {
        let temporary = try TemporaryDatabase()
        let (collection, _, _) = try hubCollection(temporary)
        let options = CrossSearchOptions(search: SearchOptions(k: 20))
        let query = Query.embedding(id: "t3", from: "text")
        let answer = try collection.search([query], across: ["image", "text"], options: options)[0]
        #expect(answer.hits.count == 20)
        let scores = answer.hits.compactMap(\.standardized)
        #expect(scores == scores.sorted(by: >) && scores.count == 20)
        #expect(answer.hits.first { $0.modality == "text" }?.id == "t3")
        // By raw cosine the query's own modality, close together, would take every place.
        #expect(Set(answer.hits.map(\.modality)) == ["image", "text"])
        let distances = CrossSearchOptions(search: SearchOptions(k: 5, metric: .euclidean))
        let near = try collection.search([query], across: ["text", "image"], options: distances)[0]
        #expect(near.hits.first { $0.modality == "text" }?.id == "t3" && !near.isSimilarity)
        #expect(throws: CausewayError.self) {
            try collection.search([query], across: ["text", "text"], options: options)
        }
    }

    @Test func aBridgeLeadsOverItemsToAModalityWithoutPairs() throws {
        let temporary = try TemporaryDatabase()
        let (collection, _, texts) = try hubCollection(temporary)
        var random = TestRandom(5)
        // Audio near to its text, of no item that anything else has; video of another dimension, of the texts' items.
        try collection.insert(
            texts.prefix(20).map { text in
                Embedding(id: "a" + text.id, vector: text.vector.map { $0 + 0.05 * random.gaussian() }, item: "a" + text.item)
            }, into: "audio")
        try collection.insert(
            texts.prefix(30).map { Embedding(id: "v" + $0.item, vector: random.vector(3), item: $0.item) }, into: "video")
        var options = CrossSearchOptions(search: SearchOptions(k: 3))
        options.via = "text"
        for number in 0..<20 {
            let answer = try collection.search(
                [.embedding(id: "at\(number)", from: "audio")], across: ["video"], options: options)[0]
            #expect(answer.hits.count == 3 && answer.hits[0].id == "v\(number)" && answer.hits[0].via == "t\(number)")
            #expect(answer.hits.allSatisfy { $0.modality == "video" })
        }
    }

    /// The best k of the target among the items of the filter, by the cosine of the text of the same item.
    @Test func aFilterOverABridgeIsOfTheTarget() throws {
        let temporary = try TemporaryDatabase()
        let collection = temporary.collection()
        let texts = clusteredEmbeddings(400, dimension: 8, seed: 11, prefix: "t")
        var images = clusteredEmbeddings(400, dimension: 8, seed: 12, prefix: "i")
        for index in images.indices { images[index].metadata = #"{"year":\#(2000 + index % 20)}"# }
        try collection.insert(texts, into: "text")
        try collection.insert(images, into: "image")
        var options = CrossSearchOptions(search: SearchOptions(k: 3, filter: "year = 2001"))
        options.via = "text"
        for number in [5, 77, 230] {
            let query = Query.vector(texts[number].vector, from: "text")
            let answer = try collection.search([query], across: ["image"], options: options)[0]
            let order = bruteForce(texts[number].vector, texts, .cosine).map(\.item).filter { Int($0)! % 20 == 1 }
            #expect(answer.hits.map(\.id) == order.prefix(3).map { "i" + $0 }, "query \(number)")
            #expect(answer.explanation.filterMatches == 20 && answer.explanation.notes.isEmpty)
        }
        // The last rows of all that are further away than every first guess at how many are needed.
        options.search = SearchOptions(k: 30, filter: "year = 2001")
        let query = Query.vector(texts[0].vector, from: "text")
        #expect(try collection.search([query], across: ["image"], options: options)[0].hits.count == 20)
        options.search.filter = "year = 1900"
        let none = try collection.search([query], across: ["image"], options: options)[0]
        #expect(none.hits.isEmpty && none.explanation.notes == ["the filter matches no embedding of image"])
    }

    @Test func aBetterScoreIsNeverLessProbable() throws {
        let temporary = try TemporaryDatabase()
        let collection = temporary.collection()
        // The true partner is the worst of each query's hits: the fit would say that worse is likelier.
        var images: [Embedding] = [], texts: [Embedding] = []
        for number in 0..<30 {
            let angle = Float(number) * 0.2
            images.append(Embedding(id: "i\(number)", vector: [sinf(angle), cosf(angle)], item: "\(number)"))
            texts.append(Embedding(id: "t\(number)", vector: [sinf(angle + 0.8), cosf(angle + 0.8)], item: "\(number)"))
        }
        try collection.insert(images, into: "image")
        try collection.insert(texts, into: "text")
        var options = CrossSearchOptions(search: SearchOptions(k: 10))
        options.minProbability = 0
        let query = [Query.embedding(id: "t7", from: "text")]
        let answer = try collection.search(query, across: ["image"], options: options)[0]
        let probabilities = answer.hits.compactMap(\.probability)
        #expect(probabilities.count == 10 && probabilities == probabilities.sorted(by: >))
        #expect(answer.explanation.notes.contains { $0.contains("one probability") })
    }

    @Test func aWidthIsTheNumberOfCandidatesThatABankDecides() throws {
        let temporary = try TemporaryDatabase()
        let collection = temporary.collection()
        try collection.insert(clusteredEmbeddings(700, dimension: 8, seed: 21, prefix: "i"), into: "image")
        try collection.insert(clusteredEmbeddings(60, dimension: 8, seed: 22, prefix: "t"), into: "text")
        var options = CrossSearchOptions(search: SearchOptions(k: 5))
        options.normalization = .bank
        let query = [Query.embedding(id: "t3", from: "text")]
        func decided(_ effort: SearchOptions.Effort, _ candidates: Int? = nil) throws -> String {
            (options.search.effort, options.search.candidates) = (effort, candidates)
            return try collection.search(query, across: ["image"], options: options)[0].explanation.plan
        }
        #expect(try decided(.recall(0.9)).contains(", 100 candidates"))
        #expect(try decided(.width(350)).contains(", 350 candidates"))
        #expect(try decided(.width(2)).contains(", 5 candidates"))
        #expect(try decided(.width(350), 40).contains(", 40 candidates"))
    }

    @Test func withoutPairsThereIsNoProbability() throws {
        let temporary = try TemporaryDatabase()
        let collection = temporary.collection()
        try collection.insert([Embedding(id: "a", vector: [1, 0]), Embedding(id: "b", vector: [0, 1])], into: "image")
        try collection.insert([Embedding(id: "t", vector: [1, 1])], into: "text")
        var options = CrossSearchOptions()
        options.minProbability = 0.5
        #expect(throws: CausewayError.self) {
            try collection.search([.embedding(id: "t", from: "text")], across: ["image"], options: options)
        }
    }
}
