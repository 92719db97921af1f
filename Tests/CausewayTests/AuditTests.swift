/// Auditing an index: what an ordinary search misses is counted and named, and an exact one misses nothing.
import Causeway
import Testing

struct AuditTests {
    @Test func withoutAnIndexNothingIsMissed() throws {
        let temporary = try TemporaryDatabase()
        let collection = temporary.collection()
        var images = clusteredEmbeddings(120, dimension: 8, seed: 1)
        for index in images.indices { images[index].item = "\(index / 4)" }
        try collection.insert(images, into: "image")
        try collection.insert(clusteredEmbeddings(90, dimension: 8, seed: 2, prefix: "t"), into: "text")
        var options = IndexAuditOptions()
        options.metrics = [.cosine, .manhattan]
        options.queries = 40
        let audit = try collection.auditIndex(from: "text", to: "image", options: options)
        #expect(audit.queries == 40 && audit.items == 30 && audit.embeddings == 120)
        #expect(audit.metrics.map(\.metric) == [.cosine, .manhattan])
        for recall in audit.metrics.flatMap(\.recalls) {
            #expect(recall.mean.value == 1 && recall.mean.low == 1 && recall.mean.high == 1)
            #expect(recall.minimum == 1 && recall.fifthPercentile == 1 && recall.worst.isEmpty)
            #expect(recall.plan.hasPrefix("exact scan"))
        }
        #expect(audit.metrics[0].recalls.map(\.k) == [1, 5, 10])
    }

    @Test func anEvaluationCountsItemsAndEmbeddingsApart() throws {
        let temporary = try TemporaryDatabase()
        var texts = clusteredEmbeddings(60, dimension: 8, seed: 1)
        for index in texts.indices { texts[index].item = "\(index / 5)" }
        try temporary.collection().insert(texts, into: "text")
        try temporary.collection().insert(clusteredEmbeddings(12, dimension: 8, seed: 2), into: "image")
        let toText = try temporary.collection().evaluate(from: "image", to: "text")
        #expect(toText.queries == 12 && toText.items == 12 && toText.embeddings == 60)
        let toImage = try temporary.collection().evaluate(from: "text", to: "image")
        #expect(toImage.queries == 60 && toImage.items == 12 && toImage.embeddings == 12)
    }

    @Test func aFilterIsCountedAndKept() throws {
        let temporary = try TemporaryDatabase()
        var embeddings = clusteredEmbeddings(200, dimension: 8, seed: 3)
        for index in embeddings.indices { embeddings[index].metadata = #"{"n":\#(index)}"# }
        try temporary.collection().insert(embeddings, into: "v")
        var options = IndexAuditOptions()
        options.filter = "n < 50"
        options.queries = 20
        let audit = try temporary.collection().auditIndex(from: "v", to: "v", options: options)
        #expect(audit.filter?.matches == 50 && audit.filter?.selectivity == 0.25)
        #expect(audit.metrics[0].recalls.allSatisfy { $0.minimum == 1 })
    }

    @Test(.enabled(if: isOptimised, "kernels are slow without optimisation"))
    func whatAnIndexMissesIsNamedWorstFirst() throws {
        let temporary = try TemporaryDatabase()
        let collection = temporary.collection()
        try collection.insert(clusteredEmbeddings(3_000, dimension: 48, seed: 4), into: "image")
        try collection.insert(clusteredEmbeddings(300, dimension: 48, seed: 5, prefix: "t", offset: 1), into: "text")
        try collection.buildIndex()
        var options = IndexAuditOptions()
        options.at = [10]
        let audit = try collection.auditIndex(from: "text", to: "image", options: options)
        let recall = audit.metrics[0].recalls[0]
        #expect(recall.plan == "graph")
        #expect(recall.mean.value >= 0.95 && recall.mean.low <= recall.mean.value)
        #expect(recall.minimum <= recall.fifthPercentile && recall.fifthPercentile <= 1)
        #expect(recall.worst.map(\.recall) == recall.worst.map(\.recall).sorted())
        // Named queries are truly missed: the same search again finds as little.
        for (id, share) in recall.worst {
            let query = Query.embedding(id: id, from: "text")
            let exact = try collection.search(query, in: "image", options: SearchOptions(effort: .exact)).hits
            let found = Set(try collection.search(query, in: "image").hits.map(\.id))
            #expect(abs(Double(exact.count { found.contains($0.id) }) / 10 - share) < 1e-9, "\(id)")
        }
    }

    /// Each text's own image is nearest to it, and hidden: in the graph, beside it, and from scans, with and without an index.
    @Test(.enabled(if: isOptimised, "kernels are slow without optimisation"), arguments: [false, true])
    func recallsAreThoseOfBruteForceWithoutTheOwnItem(isIndexed: Bool) throws {
        let temporary = try TemporaryDatabase()
        let collection = temporary.collection()
        let all = tokenEmbeddings(isIndexed ? 2_300 : 1_500, seed: 31, copies: false)
        let old = all.count - 60
        try collection.insert(Array(all[..<old]), into: "image")
        if isIndexed { try collection.buildIndex() }
        try collection.insert(Array(all[old...]), into: "image")
        // Half of the texts are of images beside the graph.
        let texts = (old - 6..<old + 6).map { number in
            let image = all[number]
            return Embedding(id: "t\(number)", vector: image.vector, item: image.item, tokens: image.tokens)
        }
        try collection.insert(texts, into: "text")
        var options = IndexAuditOptions()
        (options.metrics, options.at) = ([.cosine, .wasserstein, .maxSim], [1, 10])
        let audit = try collection.auditIndex(from: "text", to: "image", options: options)
        for result in audit.metrics {
            let shares = try texts.map { try self.shares(of: options.at, result.metric, $0, all) }
            for (slot, recall) in result.recalls.enumerated() {
                let mean = shares.reduce(0) { $0 + $1[slot] } / Double(texts.count), slack = isIndexed ? 0.05 : 1e-9
                #expect(abs(recall.mean.value - mean) <= slack, "\(result.metric) @\(recall.k)")
            }
        }
    }

    /// How much of the best k by the metric is among the candidates, the nearest 1000 by cosine.
    private func shares(of ks: [Int], _ metric: Metric, _ query: Embedding, _ all: [Embedding]) throws -> [Double] {
        guard metric.operand == .tokenSets else { return ks.map { _ in 1 } }
        let others = all.filter { $0.item != query.item }, sign = metric.isSimilarity ? -1.0 : 1.0
        var values: [String: Double] = [:]
        for other in others { values[other.id] = sign * (try oracleValue(metric, query.tokens!, other.tokens!)) }
        let sorted = values.values.sorted(), near = bruteForce(query.vector, others, .cosine).prefix(1_000)
        return ks.map { k in Double(near.count { values[$0.id]! <= sorted[k - 1] + 1e-6 }) / Double(k) }
    }

    @Test func itCanBeStopped() throws {
        let temporary = try TemporaryDatabase()
        try temporary.collection().insert(clusteredEmbeddings(30, dimension: 4, seed: 6), into: "v")
        #expect(throws: CausewayError.cancelled) {
            try temporary.collection().auditIndex(from: "v", to: "v") { _ in false }
        }
    }
}
