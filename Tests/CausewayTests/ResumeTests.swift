/// What `--resume` says of files that are others than those that were interrupted, and which names new modalities may have.
import Causeway
import Foundation
import Testing

@Suite struct ResumeTests {
    private func write(_ ids: Range<Int>, modality: String = "v", more: String = "", to path: String) throws {
        let lines = ids.map { #"{"modality":"\#(modality)","id":"\#($0)","vector":[1,2]}"# } + (more.isEmpty ? [] : [more])
        try (lines.joined(separator: "\n") + "\n").write(toFile: path, atomically: true, encoding: .utf8)
    }

    @Test(arguments: [false, true]) func aFileThatHasChangedIsNotResumed(dryRun: Bool) throws {
        let temporary = try TemporaryDatabase()
        let path = temporary.file("r.jsonl")
        var options = IngestOptions(batchSize: 10)
        func refusal() -> String {
            let error = #expect(throws: CausewayError.self) { try temporary.collection().ingestRecords(path, options: options) }
            return error?.description ?? ""
        }
        try write(0..<20, more: #"{"modality":"v","id":"20","vector":[1,"x"]}"#, to: path)
        _ = refusal()
        try write(0..<21, to: path)
        #expect(refusal().contains("or continue an interrupted ingest with --resume"))
        options.resume = true
        options.dryRun = dryRun
        let resumed = refusal()
        #expect(resumed.contains("line 1: id 0 is already") && resumed.contains("unchanged"), "\(resumed)")
        #expect(!resumed.contains("continue an interrupted"), "\(resumed)")
        options.onConflict = .skip
        #expect(try temporary.collection().ingestRecords(path, options: options).skipped == 20)
    }

    @Test(arguments: ["x,y", " x", "x "]) func aNewModalityCanBeNamedInAList(name: String) throws {
        let temporary = try TemporaryDatabase()
        let path = temporary.file("r.jsonl")
        try write(0..<2, modality: name, to: path)
        for dryRun in [true, false] {
            let error = #expect(throws: CausewayError.self) {
                try temporary.collection().ingestRecords(path, options: IngestOptions(dryRun: dryRun))
            }
            #expect(error?.description.contains("line 1: the modality's name has a ") == true, "\(String(describing: error))")
        }
        #expect(try temporary.database.collections().isEmpty)
    }

    /// One of an earlier version stays what it was.
    @Test func aStoredModalityIsUsedWhateverItsName() throws {
        let temporary = try TemporaryDatabase()
        try temporary.collection().insert([Embedding(id: "1", vector: [1, 2])], into: "xy")
        temporary.database.close()
        try execute("UPDATE modality SET name = 'x,y'", on: temporary.path)
        let database = try Database(path: temporary.path, upkeep: .manual)
        defer { database.close() }
        let collection = database.collection("c")
        #expect(try collection.insert([Embedding(id: "2", vector: [2, 1])], into: "x,y").inserted == 1)
        #expect(try collection.search(.embedding(id: "1", from: "x,y"), in: "x,y").hits.map(\.id) == ["1", "2"])
    }
}
