/// Taking embeddings in through the library: all or nothing a batch, conflicts, resuming, producers, records and matrices.
import Causeway
import Foundation
import Testing

struct IngestTests {
    private func write(_ lines: [String], to path: String) throws {
        try Data((lines.joined(separator: "\n") + "\n").utf8).write(to: URL(fileURLWithPath: path))
    }

    @Test func whatIsStoredComesBackBitForBit() throws {
        let temporary = try TemporaryDatabase()
        let vector: [Float] = [-0.0, .leastNonzeroMagnitude, .greatestFiniteMagnitude, -1.5, 1 / 3, 0]
        let tokens = TokenSet([[1, 2], [3, 4], [5, 6]], weights: [0.5, 0, 2])
        let embedding = Embedding(
            id: "é", vector: vector, item: "thing", metadata: #"{"a": [1, null, {"b": "ü"}]}"#, tokens: tokens)
        try temporary.collection().insert([embedding], into: "m")
        let stored = try #require(try temporary.collection().embedding(id: "é", in: "m"))
        #expect(stored == embedding)
        #expect(stored.vector.map(\.bitPattern) == vector.map(\.bitPattern))
        #expect(try temporary.collection().embedding(id: "e", in: "m") == nil)
    }

    @Test func aBadRowRefusesItsBatchAndKeepsTheOnesBefore() throws {
        let temporary = try TemporaryDatabase()
        var embeddings = clusteredEmbeddings(25, dimension: 4, seed: 1)
        embeddings[17].vector[2] = .infinity
        #expect(throws: CausewayError.badInput(
            file: nil, row: 17, line: nil, reason: "component 2 is inf", remedy: "remove or repair the row")
        ) {
            try temporary.collection().insert(embeddings, into: "v", options: IngestOptions(batchSize: 10))
        }
        #expect(try temporary.collection().modality("v").count == 10)
        #expect(try temporary.database.check(deep: true).isEmpty)
    }

    @Test func conflictsFollowThePolicy() throws {
        let temporary = try TemporaryDatabase()
        let collection = temporary.collection()
        try collection.insert([Embedding(id: "a", vector: [1]), Embedding(id: "b", vector: [2])], into: "v")
        let again = [Embedding(id: "b", vector: [20]), Embedding(id: "c", vector: [3])]
        #expect(throws: CausewayError.duplicateID(id: "b", modality: "v", row: 0)) {
            try collection.insert(again, into: "v")
        }
        #expect(try collection.modality("v").count == 2)
        let skipped = try collection.insert(again, into: "v", options: IngestOptions(onConflict: .skip))
        #expect(skipped.inserted == 1 && skipped.skipped == 1)
        #expect(try collection.embedding(id: "b", in: "v")?.vector == [2])
        let replaced = try collection.insert(again, into: "v", options: IngestOptions(onConflict: .replace))
        #expect(replaced.replaced == 2)
        #expect(try collection.embedding(id: "b", in: "v")?.vector == [20])
    }

    @Test func aModalityKeepsItsDimensionAndItsProducer() throws {
        let temporary = try TemporaryDatabase()
        let collection = temporary.collection()
        try collection.insert([Embedding(id: "a", vector: [1, 2])], into: "v", options: IngestOptions(producer: "clip"))
        #expect(throws: CausewayError.dimensionMismatch(expected: 2, got: 3, modality: "v")) {
            try collection.insert([Embedding(id: "b", vector: [1, 2, 3])], into: "v")
        }
        #expect(throws: CausewayError.producerMismatch(expected: "clip", got: "siglip", modality: "v")) {
            try collection.insert([Embedding(id: "b", vector: [1, 2])], into: "v", options: IngestOptions(producer: "siglip"))
        }
        #expect(try collection.modality("v").producer == "clip")
        #expect(try collection.modality("v").count == 1)
    }

    @Test func recordsOfSeveralModalitiesMakeThemAll() throws {
        let temporary = try TemporaryDatabase()
        let path = temporary.file("r.jsonl")
        try write(
            [
                #"{"modality":"text","id":"cap-7","item":"img-3","vector":[1,2],"metadata":{"lang":"de"}}"#,
                #"{"modality":"image","id":"img-3","vector":[0.5,1,2]}"#,
                #"{"modality":"sound","id":1,"tokens":[[1,0],[3,2]],"weights":[1,3]}"#,
            ], to: path)
        let report = try temporary.collection().ingestRecords(path)
        #expect(report.inserted == 3)
        #expect(try temporary.collection().modalities().map(\.name).sorted() == ["image", "sound", "text"])
        #expect(try temporary.collection().embedding(id: "cap-7", in: "text")?.item == "img-3")
        let sound = try #require(try temporary.collection().embedding(id: "1", in: "sound"))
        #expect(sound.vector == [2, 1], "without a vector, the mean of the tokens")
        #expect(sound.tokens == TokenSet([[1, 0], [3, 2]], weights: [1, 3]))
    }

    @Test func aNameThatNoModalityCanHaveIsRefusedWithItsLine() throws {
        let temporary = try TemporaryDatabase()
        let path = temporary.file("r.jsonl")
        let longest = String(repeating: "m", count: 255)
        for name in [longest + "m", #"a\u0001b"#, ""] {
            try write(
                [
                    #"{"modality":"\#(longest)","id":"1","vector":[1,2]}"#, #"{"modality":"\#(name)","id":"1","vector":[1]}"#,
                ], to: path)
            do {
                try temporary.collection().ingestRecords(path)
                Issue.record("taken: \(name)")
            } catch CausewayError.badInput(let file, let row, let line, _, _) {
                #expect(file == path && row == nil && line == 2)
            }
        }
        #expect(throws: CausewayError.badInput(
            file: nil, row: 0, line: nil, reason: "the modality's name has 256 bytes",
            remedy: "use 1 to 255 bytes without commas, control characters, and blanks at its ends")
        ) {
            try temporary.collection().insert([Embedding(id: "1", vector: [1])], into: longest + "m")
        }
        #expect(try temporary.collection().insert([Embedding(id: "1", vector: [1])], into: longest).inserted == 1)
    }

    /// In another batch it is stored already when it comes again.
    @Test(arguments: [false, true]) func anIdThatComesAgainIsToldFromOneThatWasThere(dryRun: Bool) throws {
        let temporary = try TemporaryDatabase()
        let path = temporary.file("r.jsonl")
        let options = IngestOptions(batchSize: 10, dryRun: dryRun)
        func refusal(_ ids: [Int]) throws -> String {
            try write(ids.map { #"{"modality":"v","id":"\#($0)","vector":[1]}"# }, to: path)
            let error = #expect(throws: CausewayError.self) { try temporary.collection().ingestRecords(path, options: options) }
            return error?.description ?? ""
        }
        #expect(try refusal([1, 2, 1]).contains("line 3: id 1 is also that of line 1;"))
        #expect(try refusal(Array(10..<30) + [13]).contains("line 21: id 13 is also that of an embedding before it;"))
        try temporary.collection().insert([Embedding(id: "50", vector: [1])], into: "v")
        #expect(try refusal(Array(60..<80) + [50]).contains("line 21: id 50 is already in modality v;"))
    }

    @Test func anInterruptedIngestGoesOnWhereItStopped() throws {
        let temporary = try TemporaryDatabase()
        let path = temporary.file("r.jsonl")
        try write((0..<50).map { #"{"modality":"v","id":"\#($0)","vector":[\#($0),1]}"# }, to: path)
        let options = IngestOptions(batchSize: 10)
        #expect(throws: CausewayError.cancelled) {
            try temporary.collection().ingestRecords(path, options: options) { $0.done < 30 }
        }
        #expect(try temporary.collection().modality("v").count == 30)
        #expect(throws: CausewayError.self, "the rows are there already") {
            try temporary.collection().ingestRecords(path, options: options)
        }
        let resumed = try temporary.collection().ingestRecords(
            path, options: IngestOptions(batchSize: 10, resume: true))
        #expect(resumed.resumedAfter == 30 && resumed.inserted == 20)
        let again = try temporary.collection().ingestRecords(path, options: IngestOptions(resume: true))
        #expect(again.resumedAfter == 50 && again.inserted == 0)
    }

    /// Every file counts: those that go on must be those that were interrupted.
    @Test(arguments: ["ids", "items", "metadata", "offsets", "weights", "mask"])
    func anIngestWithOtherFilesIsAnotherIngest(changed: String) throws {
        let temporary = try TemporaryDatabase()
        let rows = 20
        func numbers(_ name: String, _ values: [Float]) throws -> String {
            try writeMatrix([values], to: temporary.file(name))
            return temporary.file(name)
        }
        func offsets(_ second: Int) throws -> String {
            let writer = try IDMatrixWriter(path: temporary.file("offsets.npy"), rows: 1, columns: rows + 1)
            try writer.append(["0", "\(second)"] + (2...rows).map { "\(2 * $0)" })
            try writer.finish()
            return temporary.file("offsets.npy")
        }
        func lines(_ name: String, _ line: (Int) -> String) throws -> String {
            try write((0..<rows).map(line), to: temporary.file(name))
            return temporary.file(name)
        }
        try writeMatrix((0..<rows).map { [Float($0), 1] }, to: temporary.file("m.npy"))
        try writeMatrix((0..<2 * rows).map { [Float($0), 1] }, to: temporary.file("tokens.npy"))
        func files(changing changed: String?) throws -> MatrixFiles {
            var files = MatrixFiles([temporary.file("m.npy")])
            files.ids = try lines("ids") { "\($0)\($0 == 19 && changed == "ids" ? "new" : "")" }
            files.items = try lines("items") { "\($0)\($0 == 19 && changed == "items" ? "new" : "")" }
            files.metadata = try lines("metadata") { #"{"n":\#($0 == 19 && changed == "metadata" ? -1 : $0)}"# }
            files.tokens = temporary.file("tokens.npy")
            files.tokenOffsets = try offsets(changed == "offsets" ? 1 : 2)
            files.tokenWeights = try numbers("weights.npy", [changed == "weights" ? 2 : 1] + Array(repeating: 1, count: 39))
            files.tokenMask = try numbers("mask.npy", [changed == "mask" ? 0 : 1] + Array(repeating: 1, count: 39))
            return files
        }
        let collection = temporary.collection()
        #expect(throws: CausewayError.cancelled) {
            try collection.ingest(files(changing: nil), into: "v", options: IngestOptions(batchSize: 5)) { $0.done < 10 }
        }
        var options = IngestOptions(onConflict: .skip, batchSize: 5, resume: true, dryRun: true)
        let other = try collection.ingest(files(changing: changed), into: "v", options: options)
        options.dryRun = false
        #expect(other.resumedAfter == 0, "from the start, where every id that is there is a conflict")
        let same = try collection.ingest(files(changing: nil), into: "v", options: options)
        #expect(same.resumedAfter == 10 && same.inserted == 10)
    }

    @Test(arguments: ["01", "+2", "-0", "-1", " 1", "1.0", "image7", "٣", "9223372036854775808"])
    func anotherSpellingOfARowNumberIsAnotherID(id: String) throws {
        let temporary = try TemporaryDatabase()
        let writer = try IDMatrixWriter(path: temporary.file("ids.npy"), rows: 2, columns: 2)
        try writer.append(["0", "9223372036854775807"])
        #expect { try writer.append([id]) } throws: { error in
            guard case .badInput(_, _, _, let reason, _)? = error as? CausewayError else { return false }
            return reason.contains("id \(id) ")
        }
    }

    @Test func aDryRunFindsTheSameFaultsAndWritesNothing() throws {
        let temporary = try TemporaryDatabase()
        let path = temporary.file("r.jsonl")
        try write([#"{"modality":"v","id":"1","vector":[1,2]}"#, #"{"modality":"v","id":"2","vector":[1]}"#], to: path)
        #expect(throws: CausewayError.self) {
            try temporary.collection().ingestRecords(path, options: IngestOptions(dryRun: true))
        }
        try write([#"{"modality":"v","id":"1","vector":[1,2]}"#], to: path)
        #expect(try temporary.collection().ingestRecords(path, options: IngestOptions(dryRun: true)).inserted == 1)
        #expect(try temporary.database.collections().isEmpty)
    }

    @Test func metadataIsReplacedAndFiltersSeeItAtOnce() throws {
        let temporary = try TemporaryDatabase()
        let collection = temporary.collection()
        try collection.insert([Embedding(id: "a", vector: [1], metadata: #"{"year":2019}"#)], into: "v")
        #expect(try collection.list(in: "v", where: "year >= 2019").map(\.id) == ["a"])
        try collection.setMetadata(#"{"year":2001,"tags":["old"]}"#, of: "a", in: "v")
        #expect(try collection.list(in: "v", where: "year >= 2019").isEmpty)
        #expect(try collection.list(in: "v", where: "tags CONTAINS 'old'").map(\.id) == ["a"])
        #expect(throws: CausewayError.self) { try collection.setMetadata("[1]", of: "a", in: "v") }
        try collection.setMetadata(nil, of: "a", in: "v")
        #expect(try collection.list(in: "v", where: "tags CONTAINS 'old'").isEmpty)
        #expect(try collection.embedding(id: "a", in: "v")?.metadata == nil)
        #expect(throws: CausewayError.unknownID("b", modality: "v")) { try collection.setMetadata(nil, of: "b", in: "v") }
        #expect(try temporary.database.check(deep: true).isEmpty)
    }

    @Test func deletingIsAllOrNone() throws {
        let temporary = try TemporaryDatabase()
        let collection = temporary.collection()
        try collection.insert(clusteredEmbeddings(10, dimension: 2, seed: 2), into: "v")
        #expect(throws: CausewayError.unknownID("x", modality: "v")) { try collection.delete(ids: ["1", "x"], from: "v") }
        #expect(try collection.modality("v").count == 10)
        #expect(try collection.delete(ids: ["1", "2", "x"], from: "v", ignoringMissing: true) == 2)
        #expect(try collection.delete(where: "id IN ('3','4')", from: "v") == 2)
        #expect(try collection.modality("v").count == 6)
        #expect(try temporary.database.check(deep: true).isEmpty)
    }
}
