/// Searches over a modality between against their definition: by brute force, and by the work they say they did.
import Causeway
import Testing

struct BridgeTests {
    /// Items 0 ..< count; an item has up to three texts and up to two images, and some have only one or the other.
    private func fill(
        _ collection: EmbeddingCollection, items: Int, seed: UInt64
    ) throws -> (texts: [Embedding], images: [Embedding]) {
        var random = TestRandom(seed)
        var texts = clusteredEmbeddings(2 * items, dimension: 8, seed: seed, prefix: "t")
        var images = clusteredEmbeddings(items + items / 2, dimension: 4, seed: seed + 1, prefix: "i")
        for index in texts.indices { texts[index].item = String(Int.random(in: 0..<items, using: &random)) }
        for index in images.indices {
            images[index].item = String(items / 10 + Int.random(in: 0..<items, using: &random))
            images[index].metadata = #"{"n":\#(index),"g":\#(index % 100)}"#
        }
        try collection.insert(texts, into: "text")
        try collection.insert(images, into: "image")
        return (texts, images)
    }

    private struct Found: Equatable {
        var id: String
        var item: String
        var via: String?
    }

    /// The images that show the item of a text, the nearest text first, each item once.
    private func truth(_ order: [Hit], _ images: [Embedding]) -> [Found] {
        let byItem = Dictionary(grouping: images, by: \.item)
        var seen = Set<String>(), found: [Found] = []
        for text in order where seen.insert(text.item).inserted {
            let ids = (byItem[text.item] ?? []).map(\.id).sorted(by: idPrecedes)
            found += ids.map { Found(id: $0, item: text.item, via: text.id) }
        }
        return found
    }

    @Test func answersAreThoseOfTheDefinitionHoweverTheyAreFound() throws {
        for seed in UInt64(0)..<2 {
            let temporary = try TemporaryDatabase()
            let collection = temporary.collection()
            let (texts, images) = try fill(collection, items: 400, seed: 40 + seed)
            let filters: [(text: String?, admits: (Int) -> Bool)] = [
                (nil, { _ in true }), ("n = 7", { $0 == 7 }), ("g = 3", { $0 % 100 == 3 }), ("n < 90", { $0 < 90 }),
                ("n >= 5", { $0 >= 5 }), ("n < 0", { _ in false }),
            ]
            for (number, queries) in [(3, 1), (91, 25)] {
                let asked = (0..<queries).map { texts[(number + 7 * $0) % texts.count].vector }
                let orders = asked.map { bruteForce($0, texts, .cosine) }
                for (filter, admits) in filters {
                    let admitted = images.indices.filter(admits).map { images[$0] }
                    for (k, effort) in [(1, SearchOptions.Effort.recall(0.98)), (5, .exact), (70, .recall(0.9))] {
                        var options = CrossSearchOptions(search: SearchOptions(k: k, effort: effort, filter: filter))
                        options.via = "text"
                        let answers = try collection.search(
                            asked.map { .vector($0, from: "text") }, across: ["image"], options: options, threads: 2)
                        for (answer, order) in zip(answers, orders) {
                            let expected = truth(order, admitted).prefix(k)
                            let found = answer.hits.map { Found(id: $0.id, item: $0.item, via: $0.via) }
                            #expect(found == Array(expected), "seed \(seed), \(filter ?? "all"), k \(k), \(queries) queries")
                            #expect(answer.explanation.filterMatches == filter.map { _ in admitted.count })
                        }
                    }
                }
            }
        }
    }

    /// Few rows that the filter admits are looked up from their side, and the explanation says what was done.
    @Test func aSelectiveFilterComparesOnlyWhatLeadsToItsRows() throws {
        let temporary = try TemporaryDatabase()
        let collection = temporary.collection()
        try collection.insert(clusteredEmbeddings(3_000, dimension: 8, seed: 50, prefix: "t"), into: "text")
        var images = clusteredEmbeddings(3_000, dimension: 8, seed: 51, prefix: "i")
        for index in images.indices { images[index].metadata = #"{"g":\#(index % 600)}"# }
        try collection.insert(images, into: "image")
        var options = CrossSearchOptions(search: SearchOptions(k: 5, filter: "g = 7"))
        options.via = "text"
        let queries = (0..<20).map { Query.embedding(id: "t\($0)", from: "text") }
        for plan in ["exact scan: there is no index", "exact scan of the 5 rows that lead to image"] {
            for answer in try collection.search(queries, across: ["image"], options: options) {
                #expect(answer.hits.count == 5)
                #expect(answer.explanation.plan == plan + ", then the image embeddings of the same items")
                #expect(answer.explanation.reranked == 5 && answer.explanation.filterMatches == 5)
                #expect(answer.explanation.isFallback == plan.hasSuffix("no index") && answer.explanation.notes.isEmpty)
            }
            try collection.buildIndex(modalities: ["text"])
        }
        options.search.filter = "g = 7 AND item = 'nothing'"
        let none = try collection.search(queries, across: ["image"], options: options)
        #expect(none.allSatisfy { $0.explanation.notes == ["the filter matches no embedding of image"] })
        #expect(none.allSatisfy { $0.explanation.reranked == 0 && $0.explanation.filterMatches == 0 })
        // What matches, but shows no item of the modality between.
        try collection.insert([Embedding(id: "alone", vector: images[0].vector, metadata: #"{"g":-1}"#)], into: "image")
        options.search.filter = "g = -1"
        let alone = try collection.search(queries, across: ["image"], options: options)[0]
        #expect(alone.hits.isEmpty && alone.explanation.filterMatches == 1)
        #expect(alone.explanation.notes == ["no hit of text shows an item of which image has embeddings that match the filter"])
    }

    /// The nearest texts have no images: the search is widened once, and its work is that of both rounds.
    @Test func workIsAddedUpOverWidenings() throws {
        let temporary = try TemporaryDatabase()
        let collection = temporary.collection()
        let texts = clusteredEmbeddings(2_000, dimension: 8, seed: 60, prefix: "t")
        try collection.insert(texts, into: "text")
        let order = bruteForce(texts[9].vector, texts, .cosine)
        try collection.insert(
            order[150..<400].map { Embedding(id: "i" + $0.item, vector: [1, 0], item: $0.item) }, into: "image")
        var options = CrossSearchOptions(search: SearchOptions(k: 3))
        options.via = "text"
        let answer = try collection.search([.embedding(id: "t9", from: "text")], across: ["image"], options: options)[0]
        #expect(answer.hits.map(\.id) == order[150..<153].map { "i" + $0.item })
        #expect(answer.explanation.reranked == 2 * texts.count && answer.explanation.candidates == 2 * texts.count)
        #expect(answer.explanation.filterMatches == nil && answer.explanation.notes.isEmpty)
    }
}
