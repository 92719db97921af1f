/// Listing beside a writer that replaces what is listed: nothing is passed over, and one listing is of one state.
import Causeway
import Testing

struct ListTests {
    private func filled(_ temporary: TemporaryDatabase) throws -> EmbeddingCollection {
        let collection = temporary.collection()
        try collection.insert(clusteredEmbeddings(30, dimension: 4, seed: 1), into: "v")
        return collection
    }

    private func replace(_ ids: [String], in collection: EmbeddingCollection) throws {
        let fresh = ids.map { Embedding(id: $0, vector: [1, 2, 3, 4], item: "new") }
        try collection.insert(fresh, into: "v", options: IngestOptions(onConflict: .replace))
    }

    /// The last of every page is replaced before the next page is asked for.
    @Test func pagesPassOverNothingWhenTheirLastIsReplaced() throws {
        let temporary = try TemporaryDatabase()
        let collection = try filled(temporary)
        var listed: [String] = [], last: Int64?
        for _ in 0..<3 {
            let page = try collection.list(in: "v", after: last, limit: 10)
            listed += page.map(\.id)
            last = page.last?.position
            try replace([page[9].id], in: collection)
        }
        #expect(listed == (0..<30).map(String.init))
        let rest = try collection.list(in: "v", after: last)
        #expect(rest.map(\.id) == ["9", "19", "29"] && rest.allSatisfy { $0.item == "new" })
    }

    @Test(arguments: [nil, "id LIKE '%'"]) func oneListingIsOfOneState(filter: String?) throws {
        let temporary = try TemporaryDatabase()
        let collection = try filled(temporary)
        var listed: [EmbeddingSummary] = []
        try collection.forEachSummary(in: "v", where: filter) { summary in
            listed.append(summary)
            if summary.id.hasSuffix("9") { try replace([summary.id, "0"], in: collection) }
            if summary.id == "12" { try collection.delete(ids: ["20"], from: "v") }
        }
        #expect(listed.map(\.id) == (0..<30).map(String.init) && listed.allSatisfy { $0.item != "new" })
        #expect(zip(listed, listed.dropFirst()).allSatisfy { $0.position < $1.position })
        #expect(try collection.list(in: "v").map(\.id).suffix(4) == ["9", "19", "29", "0"])
    }

    @Test func aPositionOutlivesItsEmbeddingAndItsMetadata() throws {
        let temporary = try TemporaryDatabase()
        let collection = try filled(temporary)
        let before = try collection.list(in: "v", limit: 12)
        try collection.setMetadata(#"{"n":1}"#, of: "11", in: "v")
        let after = try collection.list(in: "v", limit: 12)[11]
        #expect(after.position == before[11].position && after.sequence > before[11].sequence)
        try collection.delete(ids: ["11"], from: "v")
        for filter in [nil, "id LIKE '%'"] {
            #expect(try collection.list(in: "v", after: after.position, limit: 2, where: filter).map(\.id) == ["12", "13"])
            #expect(try collection.list(in: "v", after: .max, where: filter).isEmpty)
        }
    }

    @Test func whatTheBodyThrowsEndsTheListing() throws {
        struct Enough: Error {}
        let temporary = try TemporaryDatabase()
        let collection = try filled(temporary)
        var seen = 0
        #expect(throws: Enough.self) {
            try collection.forEachSummary(in: "v") { _ in
                seen += 1
                if seen == 5 { throw Enough() }
            }
        }
        #expect(seen == 5)
    }
}
