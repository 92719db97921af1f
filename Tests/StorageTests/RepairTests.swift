/// Each kind of damage, repaired: what was hurt is named and gone, everything else is there bit for bit. Copies and rewrites.
import Foundation
import Storage
import Testing

private struct Damage: CustomStringConvertible {
    var sql: String
    var place: String
    /// Ids that are gone afterwards.
    var lost: [String] = []
    var description: String { sql }

    init(_ sql: String, _ place: String, lost: [String] = []) { (self.sql, self.place, self.lost) = (sql, place, lost) }

    static let all = [
        Damage("UPDATE vector SET codec = 9 WHERE row = 2", "c/m id 'r1'", lost: ["r1"]),
        Damage("UPDATE vector SET checksum = checksum + 1 WHERE row IN (1, 3)", "c/m id 'r2'", lost: ["r0", "r2"]),
        Damage("DELETE FROM vector WHERE row = 2", "c/m id 'r1'", lost: ["r1"]),
        Damage("UPDATE modality SET live = 0; UPDATE vector SET bytes = x'00' WHERE row = 2", "modality m", lost: ["r1"]),
        Damage("UPDATE token_set SET count = count + 1 WHERE row = 1", "c/m id 'r0'"),
        Damage("UPDATE token_set SET weights = x'00' WHERE row = 1", "c/m id 'r0'"),
        Damage("UPDATE modality SET live = 7", "modality m"),
        Damage("UPDATE modality SET last_change = 0", "modality m"),
        Damage("UPDATE modality SET last_change = last_change - 1", "modality m"),
        Damage("UPDATE embedding SET sequence = 99 WHERE row = 3", "change counter"),
        Damage("UPDATE embedding SET sequence = 9223372036854775807 WHERE row = 3", "embedding"),
        Damage("INSERT INTO tombstone VALUES (1, 9223372036854775807, 77)", "tombstone"),
        Damage("UPDATE setting SET value = 1 WHERE name = 'sequence'", "change counter"),
        Damage("DELETE FROM setting WHERE name = 'sequence'", "change counter"),
        Damage("DELETE FROM attribute", "c/m id 'r2'"),
        Damage("INSERT INTO attribute VALUES (1, 2, 99, 1)", "c/m"),
        Damage("INSERT INTO attribute VALUES (9, 2, 99, 1)", "attribute"),
        Damage("UPDATE embedding SET metadata = 'oops' WHERE row = 3", "c/m id 'r2'"),
        Damage("INSERT INTO vector VALUES (77, 0, 0, x'00')", "vector row 77"),
        Damage("INSERT INTO tombstone VALUES (5, 1, 1)", "tombstone"),
        Damage(
            "INSERT INTO generation VALUES (1, 9223372036854775807, 'f', 0, 9223372036854775807, 0, '{}', '')", "generation"),
        Damage("INSERT INTO generation VALUES (1, 1, '../db-graph-1-1', 0, 1, 1, '{}', '')", "generation"),
        Damage("INSERT INTO generation VALUES (1, 1, 'db-graph-1-2', 0, 1, 1, '{}', '')", "generation"),
        Damage("INSERT INTO tuning VALUES (1, 1, 'cosine', 10, 2.0, 10, 10, 1, 1, 1, 1, 1, 0)", "tuning"),
        Damage("INSERT INTO tuning VALUES (1, 1, 'cosine', 10, 0.9, 10, 10, 1, 1, 1, 1, 99, 0)", "tuning"),
        Damage("INSERT INTO calibration VALUES (1, 1, 's', NULL, 9e999, 0, NULL, 1, 10, 1, 1, 5, 5, '')", "calibration"),
        Damage("INSERT INTO calibration VALUES (1, 1, 's', 9, 2.5, 0, NULL, 1, 10, 1, 1, 5, 5, '')", "calibration"),
    ]
}

private func damagedFixture() throws -> Fixture {
    let fixture = try Fixture(dimension: 4, tokenDimension: 2)
    var input = plainBatch(5, dimension: 4)
    let tokens = TokenSet(dimension: 2, values: [1, 2, 3, 4], weights: [0.3, 0.7])
    input.tokenSets = [tokens, nil, nil, nil, tokens]
    input.metadata[2] = #"{"title": "red", "year": 1999}"#
    input.metadata[4] = #"{"title": "blue"}"#
    try fixture.insert(input)
    fixture.store.close()
    return fixture
}

@Test(arguments: Damage.all.indices) func damageIsRepairedAndTheRestStays(index: Int) throws {
    let damage = Damage.all[index]
    let fixture = try damagedFixture()
    let expected = try fixture.vectors().byID.filter { !damage.lost.contains($0.key) }
    try execute(damage.sql, on: fixture.path)
    let copy = fixture.directory.file("before")

    let rehearsal = try fixture.store.repair(dryRun: true, copy: copy)
    #expect(rehearsal.repairs.contains { $0.place == damage.place }, "\(damage): \(rehearsal)")
    #expect(!FileManager.default.fileExists(atPath: copy), "a dry run copies nothing")
    let before = try fixture.store.check(deep: true)

    let report = try fixture.store.repair(dryRun: false, copy: copy)
    #expect(report.repairs == rehearsal.repairs && report.remaining == [], "\(damage): \(report)")
    #expect(try fixture.store.check(deep: true) == [], "\(damage)")
    let (found, broken) = try fixture.vectors()
    #expect(broken.isEmpty && found.mapValues(bits) == expected.mapValues(bits), "\(damage)")
    let tokens = try fixture.store.read { try $0.tokenSet(RowID(rawValue: 5), of: fixture.modality) }
    #expect(tokens?.values == [1, 2, 3, 4] && tokens?.weights == [0.3, 0.7])
    let blue = try fixture.store.read {
        try $0.rows(of: fixture.modality.id, matching: .compare(.attribute(["title"]), .eq, .text("blue")))
    }
    #expect(blue == [RowID(rawValue: 5)], "\(damage): filters work again")

    #expect(try Store(path: copy, access: .readOnly).check(deep: true) == before, "the copy is as it was")
    #expect(try fixture.store.repair(dryRun: false, copy: nil) == RepairReport(), "nothing is left to repair")
    try fixture.insert(plainBatch(1, dimension: 4, prefix: "new"))
    #expect(try fixture.store.check(deep: true) == [], "\(damage): writing goes on")
}

/// An index that lies is rebuilt from its table: an entry is taken out of it by letting SQLite think it has no rows.
@Test func anIndexThatMissesRowsIsRebuilt() throws {
    let fixture = try damagedFixture()
    let expected = try fixture.vectors().byID
    try execute(
        """
        PRAGMA writable_schema = ON;
        UPDATE sqlite_schema SET sql = sql || ' AND item = ''nothing''' WHERE name = 'embedding_by_item';
        """, on: fixture.path)
    try execute("UPDATE embedding SET item = 'i' WHERE row = 2", on: fixture.path)
    try execute(
        """
        PRAGMA writable_schema = ON;
        UPDATE sqlite_schema SET sql = replace(sql, ' AND item = ''nothing''', '') WHERE name = 'embedding_by_item';
        """, on: fixture.path)
    #expect(try fixture.store.check(deep: true).contains { $0.place == "pages" })
    let report = try fixture.store.repair(dryRun: false, copy: nil)
    #expect(report.repairs.map(\.place) == ["indexes"] && report.remaining == [], "\(report)")
    #expect(try fixture.vectors().byID == expected)
}

@Test func aSoundDatabaseIsNotChangedByRepair() throws {
    let fixture = try damagedFixture()
    let before = try Data(contentsOf: URL(fileURLWithPath: fixture.path))
    #expect(try fixture.store.repair(dryRun: false, copy: fixture.directory.file("copy")) == RepairReport())
    fixture.store.close()
    #expect(try Data(contentsOf: URL(fileURLWithPath: fixture.path)) == before)
    #expect(!FileManager.default.fileExists(atPath: fixture.directory.file("copy")))
}

/// The calibration of a metric that is no model's belongs to its modalities alone, whether there are models or not.
@Test func aCalibrationWithoutAModelStays() throws {
    let fixture = try damagedFixture()
    try execute("INSERT INTO calibration VALUES (1, 1, 's', NULL, 2.5, 0, NULL, 1, 10, 1, 1, 5, 5, '')", on: fixture.path)
    #expect(try fixture.store.check(deep: true) == [])
    #expect(try fixture.store.repair(dryRun: false, copy: nil) == RepairReport())
    try execute("UPDATE calibration SET model = 9", on: fixture.path)
    #expect(try fixture.store.check(deep: true).contains { $0.place.hasPrefix("calibration") })
    #expect(try fixture.store.repair(dryRun: true, copy: nil).repairs.map(\.problem) == ["1 row belongs to nothing"])
}

/// What these numbers hide from a search must not wait for a deep check.
@Test func numbersThatTheRowsContradictAreSeenByTheQuickCheck() throws {
    let fixture = try damagedFixture()
    try fixture.store.write { try $0.setMetadata(#"{"x": 1}"#, of: RowID(rawValue: 2)) }
    #expect(try fixture.store.check(deep: false) == [])
    fixture.store.close()
    for (sql, place) in [
        ("UPDATE modality SET last_change = last_change - 1", "modality m"),
        ("UPDATE setting SET value = value - 1 WHERE name = 'sequence'", "change counter"),
    ] {
        try execute(sql, on: fixture.path)
        let found = try fixture.store.check(deep: false)
        #expect(found.contains { $0.place == place && $0.remedy.contains("causeway repair") }, "\(sql): \(found)")
        #expect(try fixture.store.repair(dryRun: false, copy: nil).remaining == [], "\(sql)")
        #expect(try fixture.store.check(deep: true) == [], "\(sql)")
    }
}

/// Everything knows a row by its number: none can be given another.
@Test func aRowOfANumberThatCannotBeIsSaidToBeBeyondRepair() throws {
    let fixture = try damagedFixture()
    let most = "9223372036854775807"
    try execute(
        "UPDATE embedding SET row = \(most), sequence = \(most) WHERE row = 2; UPDATE vector SET row = \(most) WHERE row = 2",
        on: fixture.path)
    let found = try fixture.store.check(deep: true)
    #expect(found.map(\.problem) == ["1 row has a number that cannot be"], "\(found)")
    let left = try fixture.store.repair(dryRun: false, copy: nil).remaining
    #expect(left == found && left.allSatisfy { !$0.remedy.contains("causeway repair") }, "\(left)")
}

/// By each codec: what their sizes leave open is tried.
@Test(arguments: [VectorShape.dense, .sparse, .half, .brain, .anyFinite]) func aDimensionIsKnownAgain(shape: VectorShape) throws {
    let fixture = try Fixture(dimension: 48)
    var input = plainBatch(5, dimension: 48), numbers = SeededNumbers(seed: 7)
    input.vectors = (0..<5).flatMap { _ in shape.vector(48, &numbers) }
    try fixture.insert(input)
    let expected = try fixture.vectors().byID
    fixture.store.close()
    try execute("UPDATE modality SET dimension = 7", on: fixture.path)
    #expect(try fixture.store.repair(dryRun: false, copy: nil).remaining == [])
    #expect(try fixture.store.check(deep: true) == [])
    #expect(try fixture.vectors().byID.mapValues(bits) == expected.mapValues(bits))
}

/// A quarter of a mebibyte that decodes to 64, in as many vectors as leave thousands of dimensions to try.
@Test(.timeLimit(.minutes(10))) func aBlockThatExpandsFarIsDecodedOnce() throws {
    let fixture = try damagedFixture()
    let block = try #require(VectorCodec.lz4.encoded([Float](repeating: 0, count: 1 << 24)))
    let digits = Array("0123456789abcdef".utf8)
    let hex = String(decoding: block.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    try execute(
        """
        UPDATE token_set SET count = 1024, codec = 4, checksum = 0, bytes = x'\(hex)', weights_codec = NULL, weights = NULL;
        UPDATE modality SET token_dimension = NULL
        """, on: fixture.path)
    #expect(try fixture.store.check(deep: true).contains { $0.place == "c/m id 'r0'" })
}

/// The copy that cannot be made stops the repair.
@Test func withoutItsCopyNothingIsRepaired() throws {
    let fixture = try damagedFixture()
    try execute("UPDATE modality SET live = 7", on: fixture.path)
    let taken = fixture.directory.file("taken")
    try Data().write(to: URL(fileURLWithPath: taken))
    #expect(throws: StorageError.alreadyExists(path: taken)) { try fixture.store.repair(dryRun: false, copy: taken) }
    #expect(try fixture.store.check(deep: true).count == 1)
}

/// Noise over whole stretches of the file: repair mends what it can or refuses, and no readable embedding goes or changes.
@Test func repairOfOverwrittenPagesLosesNothingReadable() throws {
    let fixture = try Fixture(dimension: 64)
    var input = plainBatch(400, dimension: 64)
    for index in 0..<400 { input.metadata[index] = "{\"n\": \(index)}" }
    try fixture.insert(input)
    fixture.store.close()
    let sound = try Data(contentsOf: URL(fileURLWithPath: fixture.path))
    func readable(_ store: Store) throws -> [RowID: [UInt32]] {
        try store.read { reader in
            var found: [RowID: [UInt32]] = [:]
            _ = try reader.forEachVector(of: fixture.modality) { row, values in found[row] = bits(array(values)) }
            return found
        }
    }
    for seed in UInt64(0)..<16 {
        var numbers = SeededNumbers(seed: seed)
        var rotten = sound
        let length = seed % 2 == 0 ? 40 : 700
        let start = 16_384 + Int(numbers.next() % UInt64(sound.count - 16_384 - length))
        for offset in 0..<length { rotten[start + offset] = UInt8(truncatingIfNeeded: numbers.next()) }
        let copy = fixture.directory.file("rot\(seed)")
        try rotten.write(to: URL(fileURLWithPath: copy))
        do {
            let store = try Store(path: copy, access: .readWrite)
            let before = try readable(store)
            let report = try store.repair(dryRun: false, copy: nil)
            let after = try readable(store)
            #expect(before.allSatisfy { after[$0.key] == $0.value }, "seed \(seed): \(length) bytes at \(start)")
            let left = try store.check(deep: true).filter { $0.severity == .damage }
            func facts(_ findings: [Finding]) -> [[String]] { findings.map { [$0.place, $0.problem] } }
            #expect(facts(left) == facts(report.remaining), "seed \(seed): \(length) bytes at \(start)")
            let advised = report.remaining.filter { $0.place == "pages" && $0.remedy.contains("repair") }
            #expect(advised.isEmpty, "seed \(seed): a repair that has been done is no remedy")
        } catch let error as StorageError {
            #expect(!error.description.isEmpty, "seed \(seed)")
        }
    }
}

/// Who remembers what a filter listed goes by the newest change, so a filter table that is refilled counts as one.
@Test func aRefilledFilterTableCountsAsAChange() throws {
    let fixture = try damagedFixture()
    let before = try fixture.store.read { try $0.lastChange(of: fixture.modality.id) }
    try execute("DELETE FROM attribute", on: fixture.path)
    #expect(try fixture.store.repair(dryRun: false, copy: nil).repairs.count > 0)
    #expect(try fixture.store.read { try $0.lastChange(of: fixture.modality.id) } > before)
}
