/// The metric of a collection: what searches, evaluations, audits, measurements and calibrations go by where none is named.
import Causeway
import Testing

struct DefaultMetricTests {
    /// Items of two modalities, with tokens.
    private func pairs() throws -> (temporary: TemporaryDatabase, collection: EmbeddingCollection) {
        let temporary = try TemporaryDatabase()
        let collection = temporary.collection()
        try collection.insert(tokenEmbeddings(64, seed: 1, prefix: "i", copies: false), into: "image")
        try collection.insert(tokenEmbeddings(64, seed: 2, prefix: "t", copies: false), into: "text")
        return (temporary, collection)
    }

    @Test(arguments: [nil, Metric.manhattan, .maxSim]) func everythingGoesByIt(stored: Metric?) throws {
        let (temporary, collection) = try pairs()
        let expected = stored ?? .cosine
        try collection.setDefaultMetric(stored)
        #expect(try collection.defaultMetric() == expected && collection.storedDefaultMetric() == stored)

        let query = Query.embedding(id: "t3", from: "text")
        let answer = try collection.search(query, in: "image", options: SearchOptions(k: 5, effort: .exact))
        let named = try collection.search(query, in: "image", options: SearchOptions(k: 5, metric: expected, effort: .exact))
        #expect(answer.metric == expected && answer.hits == named.hits)
        let parts = try collection.search([query, query], in: "image", threads: 2)
        #expect(parts.map(\.metric) == [expected, expected])

        let options = EvaluationOptions(at: [1], queries: 20)
        #expect(try collection.evaluate(from: "text", to: "image", options: options).metrics.map(\.metric) == [expected])
        let scored = try collection.evaluate(from: "text", to: "image", scores: nil, options: options)
        #expect(scored.metrics.map(\.metric) == [expected])
        var audited = IndexAuditOptions()
        (audited.at, audited.queries) = ([3], 8)
        #expect(try collection.auditIndex(from: "text", to: "image", options: audited).metrics.map(\.metric) == [expected])

        let across = try collection.search([query], across: ["image"], options: CrossSearchOptions())
        #expect(across[0].metricName == expected.name && across[0].isSimilarity == expected.isSimilarity)
        #expect(across[0].hits.map(\.id) == (try collection.search(query, in: "image")).hits.map(\.id))
        #expect(try collection.calibrate(from: "text", to: "image").score == expected.name)
        withExtendedLifetime(temporary) {}
    }

    @Test func tuningGoesByIt() throws {
        let (temporary, collection) = try pairs()
        try collection.setDefaultMetric(.wasserstein)
        #expect(try collection.tuneIndex(from: "text", to: "image", recall: 0.5, k: 2)?.metric == "wasserstein")
        try collection.setDefaultMetric(nil)
        // Back at cosine, which is tuned on an index.
        #expect(throws: CausewayError.self) { try collection.tuneIndex(from: "text", to: "image", recall: 0.5, k: 2) }
        withExtendedLifetime(temporary) {}
    }

    @Test func buildingMeasuresWidthsByCosineWhateverItIs() throws {
        let temporary = try TemporaryDatabase()
        let collection = temporary.collection()
        try collection.insert(clusteredEmbeddings(2_500, dimension: 16, seed: 3), into: "v")
        try collection.setDefaultMetric(.manhattan)
        try collection.buildIndex()
        let tunings = try collection.indexStatus(of: "v").tunings
        #expect(tunings.contains { $0.metric == "cosine" && $0.meanRecall > 0.9 }, "\(tunings)")
        #expect(try collection.search(.embedding(id: "7"), in: "v").metric == .manhattan)
    }
}
