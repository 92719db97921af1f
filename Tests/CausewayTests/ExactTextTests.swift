/// Two texts that look alike and differ in their bytes ("é" as one scalar and as two, as macOS spells file names) are two things
/// to every part of the library, as they are to SQLite.
import Causeway
import Foundation
import Testing

struct ExactTextTests {
    private static let forms = ["caf\u{E9}", "cafe\u{301}"]

    private func bytes(_ texts: some Sequence<String>) -> Set<[UInt8]> { Set(texts.map { Array($0.utf8) }) }
    private var both: Set<[UInt8]> { bytes(Self.forms) }

    /// An embedding for each form, each at its own place, of both forms' ids.
    private func twins(item: (String) -> String? = { _ in nil }, metadata: (String, Int) -> String? = { _, _ in nil })
        -> [Embedding]
    {
        Self.forms.enumerated().map { index, form in
            Embedding(
                id: form, vector: index == 0 ? [1, 0.25] : [0.25, 1], item: item(form), metadata: metadata(form, index + 1))
        }
    }

    private func write(_ lines: [String], to path: String) throws {
        try Data((lines.joined(separator: "\n") + "\n").utf8).write(to: URL(fileURLWithPath: path))
    }

    @Test func idsAndItemsOfBothFormsAreStoredFoundAndDeleted() throws {
        let temporary = try TemporaryDatabase()
        let collection = temporary.collection()
        #expect(try collection.insert(twins(), into: "v", options: IngestOptions(dryRun: true)).inserted == 2)
        #expect(try collection.insert(twins(), into: "v").inserted == 2)
        // The item of each is the other's id.
        try collection.insert(twins { form in Self.forms.first { Array($0.utf8) != Array(form.utf8) } }, into: "w")
        let hits = try collection.search(.vector([1, 0.25]), in: "w", options: SearchOptions(k: 2)).hits
        #expect(bytes(hits.map(\.id)) == both && bytes(hits.map(\.item)) == both)
        #expect(Array(hits[0].id.utf8) != Array(hits[0].item.utf8))
        let copy = temporary.file("w.jsonl")
        _ = try collection.export("w", to: ExportFiles(copy))
        try temporary.collection("d").ingestRecords(copy)
        let again = try temporary.collection("d").list(in: "w")
        #expect(again.allSatisfy { Array($0.id.utf8) != Array($0.item.utf8) })
        #expect(try collection.delete(ids: [Self.forms[1]], from: "v") == 1)
        #expect(try bytes(collection.list(in: "v").map(\.id)) == bytes([Self.forms[0]]))
        #expect(try temporary.database.check(deep: true).isEmpty)
    }

    @Test func metadataPathsAndValuesOfBothFormsAreFiltered() throws {
        let temporary = try TemporaryDatabase()
        let collection = temporary.collection()
        let (a, b) = (Self.forms[0], Self.forms[1])
        try collection.insert(
            twins(metadata: { form, number in #"{"\#(form)":\#(number),"name":"\#(form)"}"# })
                + [Embedding(id: "c", vector: [1, 1], metadata: #"{"\#(a)":1,"\#(b)":2}"#)], into: "v")
        func ids(_ filter: String) throws -> Set<[UInt8]> {
            let listed = try bytes(collection.list(in: "v", where: filter).map(\.id))
            let found = try collection.search(.vector([1, 1]), in: "v", options: SearchOptions(k: 9, filter: filter)).hits
            #expect(bytes(found.map(\.id)) == listed, "\(filter)")
            return listed
        }
        #expect(try ids("\"\(a)\" = 1 OR \"\(b)\" = 2") == both.union(bytes(["c"])))
        #expect(try ids("\"\(a)\" = 2 OR \"\(b)\" = 1") == [])
        #expect(try ids("name = '\(a)'") == bytes([a]))
        #expect(try ids("name = '\(b)'") == bytes([b]))
        #expect(try temporary.database.check(deep: true).isEmpty)
        #expect(try temporary.database.repair() == RepairReport(remaining: []))
    }

    @Test func modalitiesOfBothFormsInOneFileStayTwo() throws {
        let temporary = try TemporaryDatabase()
        let collection = temporary.collection()
        let path = temporary.file("r.jsonl")
        let lines = zip(Self.forms, ["[1,0]", "[0,1]"]).flatMap { form, vector in
            [form, "v"].map { #"{"modality":"\#($0)","id":"\#($0 == "v" ? vector : "1")","vector":\#(vector)}"# }
        }
        try write(lines, to: path)
        #expect(try collection.ingestRecords(path, options: IngestOptions(dryRun: true)).inserted == 4)
        #expect(try collection.ingestRecords(path).inserted == 4)
        #expect(try bytes(collection.modalities().map(\.name)) == both.union(bytes(["v"])))
        let queries = Self.forms.map { Query.embedding(id: "1", from: $0) }
        let answers = try collection.search(queries, in: "v", options: SearchOptions(k: 1))
        #expect(answers.map { $0.hits[0].id } == ["[1,0]", "[0,1]"])
    }

    @Test func pairsAreMadeByBytes() throws {
        let temporary = try TemporaryDatabase()
        let collection = temporary.collection()
        try collection.insert(twins(), into: "text")
        try collection.insert(twins(), into: "image")
        let evaluation = try collection.evaluate(from: "text", to: "image", options: EvaluationOptions(at: [1]))
        #expect(evaluation.queries == 2 && evaluation.items == 2 && evaluation.metrics[0].recall[0].figure.value == 1)
        var options = CrossSearchOptions(search: SearchOptions(k: 2))
        options.via = "text"
        let led = try collection.search([.vector([1, 0.5])], across: ["image"], options: options)[0].hits
        #expect(bytes(led.map(\.item)) == both)
    }

    @Test func aModelIsTrainedOnItemsOfBothForms() throws {
        let temporary = try TemporaryDatabase()
        let collection = temporary.collection()
        var random = TestRandom(3)
        let items = (0..<40).flatMap { number in Self.forms.map { "\(number) \($0)" } }
        let embeddings = items.map { Embedding(id: $0, vector: random.vector(4)) }
        for modality in ["text", "image"] { try collection.insert(embeddings, into: modality) }
        let model = try collection.trainModel(named: "m", from: "text", to: "image", options: TrainingOptions(method: .center))
        #expect(model.trainingItems + model.heldOutItems == items.count)
        let evaluation = try collection.evaluate(from: "text", to: "image", scores: [.model("m")])
        #expect(evaluation.queries == model.heldOutItems)
    }
}
