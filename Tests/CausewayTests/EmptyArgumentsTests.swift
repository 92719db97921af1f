/// Nothing, and less than nothing, handed to the library: refused with a remedy or answered with nothing, never a trap.
import Causeway
import Testing

struct EmptyArgumentsTests {
    @Test func aListOfNoFilesIsRefused() throws {
        let temporary = try TemporaryDatabase()
        let refusal = #expect(throws: CausewayError.self) { try temporary.collection().ingest(MatrixFiles([]), into: "v") }
        #expect(refusal?.description == "there is no matrix to ingest; name at least one file")
    }

    @Test func nothingAskedIsAnsweredWithNothing() throws {
        let temporary = try TemporaryDatabase()
        let collection = try bridgedCollection(temporary, pairs: 30)
        let query = Query.embedding(id: "i3", from: "image")
        #expect(try collection.insert([], into: "image").inserted == 0)
        #expect(try collection.delete(ids: [], from: "image") == 0)
        #expect(try collection.list(in: "image", limit: 0).isEmpty)
        #expect(try collection.list(in: "image", limit: 0, where: "item = '3'").isEmpty)
        #expect(try collection.search([], in: "image").isEmpty)
        #expect(try collection.search([], across: ["image"], options: CrossSearchOptions()).isEmpty)
        #expect(try collection.search([query], across: [], options: CrossSearchOptions()).isEmpty)
        #expect(try collection.buildIndex(modalities: []).isEmpty)
        var audit = IndexAuditOptions()
        (audit.worstMax, audit.metrics) = (-1, [])
        #expect(try collection.auditIndex(from: "image", to: "image", options: audit).metrics.isEmpty)
        audit.metrics = [.cosine]
        #expect(try collection.auditIndex(from: "image", to: "image", options: audit).metrics.count == 1)
    }

    @Test func countsThatCannotBeAreRefused() throws {
        let temporary = try TemporaryDatabase()
        let collection = try bridgedCollection(temporary, pairs: 30)
        try collection.insert(clusteredEmbeddings(30, dimension: 9, seed: 3), into: "other")
        for count in [0, -1] {
            let search = SearchOptions(k: count)
            #expect(throws: CausewayError.self) {
                try collection.search(.embedding(id: "i3"), in: "image", options: search)
            }
            #expect(throws: CausewayError.self) { try collection.tuneIndex(from: "image", to: "image", recall: 0.9, k: count) }
            #expect(throws: CausewayError.self) {
                let options = EvaluationOptions(metrics: [.cosine], queries: count)
                return try collection.evaluate(from: "other", to: "image", options: options)
            }
            #expect(throws: CausewayError.self) { try collection.picture(between: "other", and: "image", pairsMax: count) }
            var training = TrainingOptions(method: .ridge)
            training.itemsMax = count
            #expect(throws: CausewayError.self) {
                try collection.trainModel(named: "m", from: "text", to: "image", options: training)
            }
            var audit = IndexAuditOptions()
            audit.at = count == 0 ? [] : [count]
            #expect(throws: CausewayError.self) { try collection.auditIndex(from: "image", to: "image", options: audit) }
        }
        for filter in [nil, "item = '3'"] {
            #expect(throws: CausewayError.self) { try collection.list(in: "image", limit: -1, where: filter) }
        }
    }
}
