/// Snapshots, the writers' lock, sequences and tombstones, crashes, and files that must be refused.
import CSQLite
import Foundation
import Platform
import Storage
import Synchronization
import Testing

@Test func aReaderSeesOneSnapshotWhileOthersWrite() throws {
    let fixture = try Fixture()
    try fixture.insert(plainBatch(5, dimension: 8))
    try fixture.store.read { (reader) throws in
        #expect(try reader.count(of: fixture.modality.id) == 5)
        try fixture.insert(plainBatch(7, dimension: 8, prefix: "later"))
        #expect(try reader.count(of: fixture.modality.id) == 5)
        #expect(try reader.rows(of: fixture.modality.id).count == 5)
        #expect(try fixture.store.read { try $0.count(of: fixture.modality.id) } == 12)
    }
}

@Test func aTransactionThatThrowsLeavesNothing() throws {
    struct Stop: Error {}
    let fixture = try Fixture()
    #expect(throws: Stop.self) {
        try fixture.store.write { writer in
            _ = try writer.insert(EncodedBatch.encode(plainBatch(9, dimension: 8)), into: fixture.modality, onConflict: .error)
            try writer.recordIngest(source: "s", position: IngestPosition(rowsDone: 9, finished: false))
            throw Stop()
        }
    }
    try fixture.store.read { (reader) throws in
        #expect(try reader.rows(of: fixture.modality.id).isEmpty)
        #expect(try reader.ingestPosition(source: "s") == nil)
        #expect(try reader.lastChange(of: fixture.modality.id) == .zero)
    }
}

@Test func aSecondWriterIsToldThatTheDatabaseIsLocked() throws {
    let fixture = try Fixture()
    var options = StoreOptions()
    options.lockWait = .milliseconds(30)
    let second = try Store(path: fixture.path, access: .readWrite, options: options)
    try fixture.store.write { (_) throws in
        #expect(throws: StorageError.locked(path: fixture.path)) { try second.write { _ in } }
        #expect(try second.read { try $0.collections().count } == 1, "readers go on")
    }
    try second.write { _ = try $0.ensureCollection(named: "other") }
    #expect(try fixture.store.read { try $0.collections().map(\.name) } == ["c", "other"])
}

@Test func aSecondThreadIsToldToo() throws {
    var options = StoreOptions()
    options.lockWait = .milliseconds(30)
    let fixture = try Fixture(options: options)
    try fixture.store.write { _ in
        let found = Mutex<StorageError?>(nil)
        let done = DispatchSemaphore(value: 0)
        Thread.detachNewThread {
            let problem = error { try fixture.store.write { _ in } }
            found.withLock { $0 = problem }
            done.signal()
        }
        #expect(done.wait(timeout: .now() + 20) == .success, "it waits for ever")
        #expect(found.withLock { $0 } == .locked(path: fixture.path))
    }
    try fixture.store.write { _ = try $0.ensureCollection(named: "after") }
}

@Test func aWriteWithinAWriteIsMisuse() async {
    await #expect(processExitsWith: .failure) {
        let fixture = try Fixture()
        try fixture.store.write { _ in try fixture.store.write { _ in } }
    }
}

@Test func writersInManyThreadsLoseNoUpdate() throws {
    let fixture = try Fixture()
    let batches = try (0..<8).map { try EncodedBatch.encode(plainBatch(20, dimension: 8, prefix: "t\($0)-")) }
    Parallel.forEach(8, threads: 4) { index, _ in
        _ = try? fixture.store.write { try $0.insert(batches[index], into: fixture.modality, onConflict: .error) }
        _ = try? fixture.store.read { try $0.rows(of: fixture.modality.id) }
    }
    #expect(try fixture.store.read { try $0.count(of: fixture.modality.id) } == 160)
    #expect(try fixture.store.check(deep: true) == [])
}

@Test func sequencesGrowAndTellWhatChanged() throws {
    let fixture = try Fixture()
    let id = fixture.modality.id
    try fixture.insert(plainBatch(4, dimension: 8))
    let (first, rows) = try fixture.store.read { (try $0.lastChange(of: id), try $0.rows(of: id)) }
    try fixture.store.write { try $0.setMetadata(#"{"x":1}"#, of: rows[1]) }
    let second = try fixture.store.read { try $0.lastChange(of: id) }
    #expect(try fixture.store.write { try $0.delete([rows[0], rows[3], rows[0], RowID(rawValue: 999)]) } == 2)
    try fixture.insert(plainBatch(2, dimension: 8, prefix: "n"))
    try fixture.store.read { (reader) throws in
        #expect(try first < second && second < reader.lastChange(of: id))
        let added = try reader.changedRows(of: id, after: first)
        #expect(added.count == 2 && added.allSatisfy { !rows.contains($0) })
        #expect(try reader.deletedRows(of: id, after: second) == [rows[0], rows[3]])
        #expect(try reader.deletedRows(of: id, after: reader.lastChange(of: id)) == [])
        let record = try reader.embeddings([rows[1]])[0]
        #expect(record?.metadata == #"{"x":1}"# && record?.sequence == second)
        #expect(try reader.count(of: id) == 4)
    }
    #expect(try fixture.store.check(deep: true) == [])
}

@Test func rowNumbersAreNeverUsedAgain() throws {
    let fixture = try Fixture()
    var seen: Set<RowID> = []
    for round in 0..<3 {
        try fixture.insert(plainBatch(3, dimension: 8))
        let rows = try fixture.store.read { try $0.rows(of: fixture.modality.id) }
        #expect(seen.isDisjoint(with: rows), "round \(round)")
        seen.formUnion(rows)
        try fixture.store.write { _ = try $0.delete(rows) }
    }
}

@Test func whatWasAcknowledgedIsThereAfterACrash() throws {
    // The files as a killed process leaves them: the log not folded in, its index gone.
    let fixture = try Fixture()
    try fixture.insert(plainBatch(50, dimension: 8))
    let copy = fixture.directory.file("copy")
    for suffix in ["", "-wal"] {
        try FileManager.default.copyItem(atPath: fixture.path + suffix, toPath: copy + suffix)
    }
    // A transaction that was being written: bytes after the last commit.
    let log = try #require(FileHandle(forWritingAtPath: copy + "-wal"))
    try log.seekToEnd()
    try log.write(contentsOf: Data(repeating: 0x5A, count: 10_000))
    try log.close()
    let store = try Store(path: copy, access: .readWrite)
    #expect(try store.check(deep: true) == [])
    #expect(try store.read { try $0.count(of: fixture.modality.id) } == 50)
    #expect(store.uuid == fixture.store.uuid && store.uuid.count == 16)
}

@Test func theLogIsFoldedInWhenItGrowsAndWhenTheStoreCloses() throws {
    var options = StoreOptions()
    options.checkpointBytes = 200_000
    let fixture = try Fixture(dimension: 256, options: options)
    for round in 0..<20 { try fixture.insert(plainBatch(100, dimension: 256, prefix: "\(round)-")) }
    let log = try FileManager.default.attributesOfItem(atPath: fixture.path + "-wal")[.size] as? Int ?? 0
    #expect(log < 1_500_000, "the log has \(log) bytes")
    fixture.store.close()
    #expect(!FileManager.default.fileExists(atPath: fixture.path + "-wal"))
    #expect(try fixture.vectors().byID.count == 2000)
}

@Test func filesThatAreNotOursAreRefused() throws {
    let directory = try TemporaryDirectory()
    let missing = directory.file("missing")
    #expect(throws: StorageError.notFound(path: missing)) { try Store(path: missing, access: .readWrite) }
    #expect(throws: StorageError.notFound(path: missing)) { try Store(path: missing, access: .readOnly) }

    let text = directory.file("text")
    try Data(String(repeating: "no database at all\n", count: 900).utf8).write(to: URL(fileURLWithPath: text))
    #expect(throws: StorageError.notADatabase(path: text)) { try Store(path: text, access: .create) }

    let empty = directory.file("empty")
    try Data().write(to: URL(fileURLWithPath: empty))
    #expect(throws: StorageError.notADatabase(path: empty)) { try Store(path: empty, access: .readOnly) }
    #expect(try Store(path: empty, access: .create).read { try $0.collections() } == [])

    let foreign = directory.file("foreign")
    try execute("CREATE TABLE t (x); PRAGMA application_id = 77", on: foreign)
    #expect(throws: StorageError.foreignDatabase(path: foreign, applicationID: 77)) {
        try Store(path: foreign, access: .create)
    }
}

@Test func aNewerFormatAndAnAlteredSchemaAreRefused() throws {
    let fixture = try Fixture()
    fixture.store.close()
    try execute("PRAGMA user_version = 99", on: fixture.path)
    #expect(throws: StorageError.newerFormat(path: fixture.path, found: 99, supported: 4)) {
        try Store(path: fixture.path, access: .create)
    }
    try execute("PRAGMA user_version = 4; CREATE TABLE mine (x)", on: fixture.path)
    let store = try Store(path: fixture.path, access: .readWrite)
    #expect(try store.check(deep: false).map(\.severity) == [.warning])
    store.close()
    try execute("DROP INDEX embedding_by_item", on: fixture.path)
    #expect(throws: StorageError.corrupt(path: fixture.path, what: "index embedding_by_item is missing or altered")) {
        try Store(path: fixture.path, access: .readWrite)
    }
}

@Test func anOlderFormatIsBroughtUpToDateWithItsRows() throws {
    let fixture = try Fixture()
    try fixture.insert(plainBatch(3, dimension: 8))
    fixture.store.close()
    // What version 2 lacked.
    try execute("DROP TABLE token_code; DROP TABLE calibration; PRAGMA user_version = 2", on: fixture.path)
    #expect(throws: StorageError.olderFormat(path: fixture.path, found: 2, needed: 4)) {
        try Store(path: fixture.path, access: .readOnly)
    }
    let store = try Store(path: fixture.path, access: .readWrite)
    #expect(try store.info().formatVersion == 4 && store.check(deep: true).isEmpty)
    #expect(try store.read { try $0.count(of: $0.modalities(of: $0.collections()[0].id)[0].id) } == 3)
}

@Test func aCalibrationIsKeptPerScoreAndGoesWithItsModel() throws {
    let fixture = try Fixture()
    try fixture.insert(plainBatch(4, dimension: 8))
    let (collection, modality) = try fixture.store.read { reader in
        let collection = try reader.collections()[0]
        return (collection, try reader.modalities(of: collection.id)[0])
    }
    func calibration(_ score: String, model: Int64?, slope: Double = 3) throws -> CalibrationRecord {
        CalibrationRecord(
            from: modality.id, to: modality.id, score: score, model: model, slope: slope, intercept: -1.5,
            temperature: model == nil ? nil : 0.05, queries: 4, hits: 40, matches: 4,
            measuredAt: try fixture.store.read { try $0.sequence() }, fromCount: 4, toCount: 4, createdAt: "2025-01-01T00:00:00Z")
    }
    try fixture.store.write { writer in
        try writer.store(
            ModelRecord(
                name: "m", version: 1, from: modality.id, to: modality.id, fromProducer: nil, toProducer: nil, method: "ridge",
                createdAt: "", report: "{}", heldOutItems: "[]", bytes: [1]), in: collection.id)
    }
    let number = try fixture.store.read { try $0.modelNumber(named: "m", in: collection.id) }
    let records = [try calibration("cosine", model: nil), try calibration("learned:m", model: number)]
    try fixture.store.write { writer in
        try writer.store(try calibration("cosine", model: nil, slope: 1))
        for record in records { try writer.store(record) }
    }
    func stored(_ score: String) throws -> CalibrationRecord? {
        try fixture.store.read { try $0.calibration(of: score, from: modality.id, to: modality.id) }
    }
    #expect(try [stored("cosine"), stored("learned:m"), stored("dot")] == records + [nil])
    try fixture.insert(plainBatch(9, dimension: 8, prefix: "s"))
    _ = try fixture.store.write { try $0.deleteModel(named: "m", in: collection.id) }
    #expect(try [stored("cosine"), stored("learned:m")] == [records[0], nil])
    let turnover = try fixture.store.read {
        try $0.turnover(of: modality.id, since: records[0].measuredAt, count: records[0].fromCount)
    }
    #expect(turnover == 9)
}

@Test func aStoreForReadingRefusesToWrite() throws {
    let fixture = try Fixture()
    let store = try Store(path: fixture.path, access: .readOnly)
    guard case .readOnly = error({ try store.write { _ in } }) else { Issue.record("written"); return }
    #expect(try store.read { try $0.collections().map(\.name) } == ["c"])
}

@Test func pageSizeFollowsTheDimension() throws {
    for (dimension, size) in [(nil, 16_384), (384, 16_384), (1024, 32_768), (1536, 16_384), (4096, 32_768)] {
        let directory = try TemporaryDirectory()
        var options = StoreOptions()
        options.expectedDimension = dimension
        let store = try Store(path: directory.file("db"), access: .create, options: options)
        #expect(try store.info().pageSize == size, "dimension \(dimension ?? 0)")
    }
}

@Test func publishingIsACompareAndSwap() throws {
    let fixture = try Fixture()
    let id = fixture.modality.id
    func generation(_ number: Int64, through: Int64) -> GenerationRecord {
        GenerationRecord(
            generation: number, fileName: "db-graph-\(id.rawValue)-\(number)", checksum: 0xFFFF_FFFF,
            throughSequence: .init(rawValue: through), nodeCount: 3, settings: "{}", createdAt: "2026-01-01T00:00:00Z")
    }
    try fixture.insert(plainBatch(3, dimension: 8))
    #expect(try fixture.store.write { try $0.publish(generation(1, through: 3), of: id, after: 0) })
    #expect(try fixture.store.read { try $0.generation(of: id) } == generation(1, through: 3))
    #expect(try fixture.store.write { try $0.publish(generation(2, through: 3), of: id, after: 0) } == false, "not first")
    #expect(try fixture.store.write { try $0.publish(generation(1, through: 3), of: id, after: 1) } == false, "not new")
    try fixture.store.write { try $0.dropGeneration(of: id) }
    #expect(try fixture.store.write { try $0.publish(generation(1, through: 3), of: id, after: 0) } == false)
    #expect(try fixture.store.write { try $0.publish(generation(2, through: 3), of: id, after: 1) }, "1 was dropped since")
    let tuning = TuningRecord(
        queryModality: id, metric: "cosine", k: 10, recallTarget: 0.95, width: 64, candidates: 40, meanRecall: 0.97,
        p5Recall: 0.9, minimumRecall: 0.7, lowerBound: 0.96, measuredAt: .init(rawValue: 3), generation: 2)
    try fixture.store.write { try $0.replaceTunings([tuning], of: id) }
    #expect(try fixture.store.read { try $0.tunings(of: id) } == [tuning])
    try fixture.store.write { try $0.recordIngest(source: "f", position: .init(rowsDone: 10, finished: true)) }
    #expect(try fixture.store.read { try $0.ingestPosition(source: "f") } == IngestPosition(rowsDone: 10, finished: true))
}

@Test func itemsPairModalities() throws {
    let fixture = try Fixture(dimension: 1)
    let text = try fixture.store.write {
        try $0.createModality(named: "text", in: fixture.modality.collection, dimension: 1)
    }
    func batch(_ rows: [(String, String?)]) throws -> EncodedBatch {
        try EncodedBatch.encode(BatchInput(
            dimension: 1, ids: rows.map(\.0), items: rows.map(\.1), metadata: rows.map { _ in nil },
            vectors: rows.map { _ in 1 }))
    }
    let images = try batch([("a", nil), ("b", "b"), ("x", "c")])
    let captions = try batch([("a1", "a"), ("a2", "a"), ("b", nil), ("c", nil), ("d", "e")])
    try fixture.store.write { writer in
        _ = try writer.insert(images, into: fixture.modality, onConflict: .error)
        _ = try writer.insert(captions, into: text, onConflict: .error)
    }
    try fixture.store.read { reader in
        func id(_ row: RowID) throws -> String { try reader.embeddings([row])[0]!.id }
        let pairs = try reader.itemPairs(from: fixture.modality.id, to: text.id).map { "\(try id($0.0))-\(try id($0.1))" }
        #expect(pairs == ["a-a1", "a-a2", "b-b", "x-c"])
        #expect(try reader.itemPairs(from: text.id, to: fixture.modality.id).count == 4)
        #expect(try reader.rows(ofItem: "a", in: text.id).map(id) == ["a1", "a2"])
        #expect(try reader.rows(ofItem: "b", in: text.id).map(id) == ["b"])
        #expect(try reader.rows(ofItem: "a1", in: text.id).isEmpty)
    }
}
