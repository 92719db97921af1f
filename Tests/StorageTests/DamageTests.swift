/// Bytes that rot, rows that vanish, counters that lie: each is found, named, and does not stop the rest. Copies and rewrites.
import Foundation
import Platform
import Storage
import TestSupport
import Testing

@Test func everyFlippedBitOfAStoredVectorIsReported() throws {
    for shape in [VectorShape.dense, .half, .sparse, .brain] {
        let fixture = try Fixture(dimension: 24)
        var numbers = SeededNumbers(seed: 2)
        var input = plainBatch(3, dimension: 24)
        for index in 24..<48 { input.vectors[index] = 0 }
        input.vectors.replaceSubrange(24..<48, with: shape.vector(24, &numbers))
        try fixture.insert(input)
        fixture.store.close()
        let blob = try blobs("SELECT bytes FROM vector WHERE row = 2", on: fixture.path)[0]
        for byte in blob.indices {
            for bit in stride(from: byte % 3, to: 8, by: 3) {
                var flipped = blob
                flipped[byte] ^= 1 << bit
                let hex = flipped.map { String(format: "%02x", $0) }.joined()
                try execute("UPDATE vector SET bytes = x'\(hex)' WHERE row = 2", on: fixture.path)
                let (found, damage) = try fixture.vectors()
                // A flip in padding may decode to the same numbers; then nothing is damaged.
                let same = found["r1"].map(bits) == bits(Array(input.vectors[24..<48]))
                #expect(same != (damage.map(\.row) == [RowID(rawValue: 2)]), "\(shape) byte \(byte) bit \(bit)")
                #expect(found["r0"] != nil && found["r2"] != nil)
            }
        }
    }
}

@Test func checkNamesWhatIsWrong() throws {
    let cases: [(String, String)] = [
        ("UPDATE vector SET codec = 9 WHERE row = 2", "c/m id 'r1'"),
        ("DELETE FROM vector WHERE row = 2", "c/m id 'r1'"),
        ("UPDATE token_set SET count = count + 1 WHERE row = 1", "c/m id 'r0'"),
        ("UPDATE token_set SET weights = x'00' WHERE row = 1", "c/m id 'r0'"),
        ("UPDATE token_set SET count = 9000000000 WHERE row = 1", "c/m id 'r0'"),
        ("UPDATE modality SET live = 7", "modality m"),
        ("UPDATE setting SET value = 1 WHERE name = 'sequence'", "change counter"),
        ("DELETE FROM attribute WHERE kind = 3", "c/m id 'r2'"),
        ("INSERT INTO attribute VALUES (1, 2, 99, 1)", "c/m"),
        ("UPDATE embedding SET metadata = 'oops' WHERE row = 3", "c/m id 'r2'"),
        ("INSERT INTO vector VALUES (77, 0, 0, x'00')", "vector row 77"),
    ]
    for (sql, place) in cases {
        let fixture = try Fixture(dimension: 4, tokenDimension: 2)
        var input = plainBatch(3, dimension: 4)
        input.tokenSets = [TokenSet(dimension: 2, values: [1, 2, 3, 4], weights: [0.3, 0.7]), nil, nil]
        input.metadata[2] = #"{"title": "red"}"#
        try fixture.insert(input)
        fixture.store.close()
        try execute(sql, on: fixture.path)
        let findings = try fixture.store.check(deep: true)
        #expect(findings.contains { $0.place == place && $0.severity == .damage }, "\(sql): \(findings)")
        #expect(findings.allSatisfy { !$0.remedy.isEmpty && !$0.problem.isEmpty })
    }
}

@Test func overwrittenPagesAreReportedAndNeverTrap() throws {
    let fixture = try Fixture(dimension: 64)
    try fixture.insert(plainBatch(600, dimension: 64))
    let expected = try fixture.vectors().byID
    fixture.store.close()
    var reported = 0
    let sound = try Data(contentsOf: URL(fileURLWithPath: fixture.path))
    for seed in UInt64(0)..<16 {
        var numbers = SeededNumbers(seed: seed)
        var rotten = sound
        let start = 16_384 + Int(numbers.next() % UInt64(sound.count - 16_384 - 700))
        for offset in 0..<700 { rotten[start + offset] = UInt8(truncatingIfNeeded: numbers.next()) }
        let copy = fixture.directory.file("rot\(seed)")
        try rotten.write(to: URL(fileURLWithPath: copy))
        do {
            let store = try Store(path: copy, access: .readOnly)
            if try !store.check(deep: true).isEmpty {
                reported += 1
            } else {
                // Unused bytes of a page: then everything must still be there.
                var found: [[Float]] = []
                let damage = try store.read { try $0.forEachVector(of: fixture.modality) { found.append(array($1)) } }
                #expect(damage.isEmpty && Set(found) == Set(expected.values), "seed \(seed): rot at \(start) is not seen")
            }
        } catch let error as StorageError {
            reported += error.description.isEmpty ? 0 : 1
        }
    }
    #expect(reported >= 4, "the rot must hit something")
}

@Test func aBackupIsTheSameDatabaseAndOverwritesNothing() throws {
    let fixture = try Fixture()
    try fixture.insert(plainBatch(100, dimension: 8))
    let destination = fixture.directory.file("backup")
    try fixture.store.backup(to: destination)
    #expect(throws: StorageError.alreadyExists(path: destination)) { try fixture.store.backup(to: destination) }
    try fixture.insert(plainBatch(1, dimension: 8, prefix: "later"))
    let copy = try Store(path: destination, access: .readWrite)
    #expect(try copy.check(deep: true) == [] && copy.uuid == fixture.store.uuid)
    #expect(try copy.read { try $0.count(of: fixture.modality.id) } == 100)
    try copy.write { _ = try $0.ensureCollection(named: "works") }
    let names = try FileManager.default.contentsOfDirectory(atPath: fixture.directory.path)
    #expect(!names.contains { $0.hasPrefix(".") }, "no temporary file is left")
    #expect(error({ try fixture.store.backup(to: fixture.directory.file("no/such/place")) }) != nil)
}

/// The real file system, but for a look that comes too early.
private struct EarlyFileSystem: ForwardingFileSystem {
    let unseen: String
    func exists(_ path: String) -> Bool { path != unseen && PosixFileSystem().exists(path) }
}

@Test func aFileThatAppearsDuringABackupIsNotOverwritten() throws {
    let fixture = try Fixture()
    let destination = fixture.directory.file("backup")
    let store = try Store(path: fixture.path, access: .readWrite, fileSystem: EarlyFileSystem(unseen: destination))
    try Data("mine".utf8).write(to: URL(fileURLWithPath: destination))
    #expect(throws: StorageError.alreadyExists(path: destination)) { try store.backup(to: destination) }
    #expect(try Data(contentsOf: URL(fileURLWithPath: destination)) == Data("mine".utf8))
    let names = try FileManager.default.contentsOfDirectory(atPath: fixture.directory.path)
    #expect(!names.contains { $0.hasPrefix(".") }, "no temporary file is left")
}

@Test func compactingGivesSpaceBackAndKeepsRows() throws {
    let fixture = try Fixture(dimension: 256)
    try fixture.insert(plainBatch(500, dimension: 256))
    let rows = try fixture.store.read { try $0.rows(of: fixture.modality.id) }
    try fixture.store.write { _ = try $0.delete(Array(rows[50...])) }
    let before = try fixture.store.info()
    #expect(before.freePages > 0)
    try fixture.store.compact()
    let after = try fixture.store.info()
    #expect(after.freePages == 0 && after.pageCount < before.pageCount)
    #expect(try fixture.store.read { try $0.rows(of: fixture.modality.id) } == Array(rows[..<50]))
    #expect(try fixture.store.check(deep: true) == [])
}

@Test func theSQLiteFixIsKnownByVersion() {
    let known = [(3_040_001, false), (3_044_005, false), (3_044_006, true), (3_045_000, false), (3_050_006, false),
        (3_050_007, true), (3_051_002, false), (3_051_003, true), (3_052_000, true)]
    for (version, isFixed) in known { #expect(SQLiteLibrary.hasWALResetFix(version: version) == isFixed, "\(version)") }
}
