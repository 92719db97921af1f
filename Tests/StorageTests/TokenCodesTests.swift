/// Codes of token sets: written and deleted with the sets, made where an earlier format has none, and never trusted blindly.
import Foundation
import Platform
import Storage
import Testing

private func tokens(_ count: Int, dimension: Int, seed: UInt64, weighted: Bool = false) -> TokenSet {
    var numbers = SeededNumbers(seed: seed)
    return TokenSet(
        dimension: dimension, values: (0..<count * dimension).map { _ in numbers.gaussian() },
        weights: weighted ? (0..<count).map { 0.5 + Float($0) } : nil)
}

/// Rows r0 … with sets of 1, 2, … tokens; r2 has none.
private func codedFixture(_ count: Int = 7, dimension: Int = 80) throws -> Fixture {
    let fixture = try Fixture(dimension: 4, tokenDimension: dimension)
    var input = plainBatch(count, dimension: 4)
    input.tokenSets = (0..<count).map {
        $0 == 2 ? nil : tokens($0 + 1, dimension: dimension, seed: UInt64($0), weighted: $0 % 2 == 1)
    }
    try fixture.insert(input)
    return fixture
}

private func codes(_ fixture: Fixture, _ rows: [Int64]) throws -> [Int: [UInt8]] {
    try fixture.store.read { reader in
        var found: [Int: [UInt8]] = [:]
        try reader.forEachTokenCode(rows.map(RowID.init)) { index, code in found[index] = code.indices.map { code[$0] } }
        return found
    }
}

@Test func codesComeWithTokenSetsAndGoWithThem() throws {
    let fixture = try codedFixture()
    let found = try codes(fixture, Array(1...8))
    #expect(found.count == 8 && found[2] == [] && found[7] == [], "no set, no row")
    // 16 for the header, 16 a token, weights in whole 16 bytes, 128 for 80 numbers: FORMAT.md, § Token codes.
    #expect(found[0]?.count == 160)
    #expect(found[1]?.count == 320)
    #expect(found[5]?.count == 912)
    var again = plainBatch(2, dimension: 4)
    again.tokenSets = [tokens(9, dimension: 80, seed: 50), nil]
    try fixture.insert(again, onConflict: .replace)
    try fixture.store.write { _ = try $0.delete([RowID(rawValue: 4)]) }
    let left = try codes(fixture, Array(1...12)).filter { !$0.value.isEmpty }
    let rows = left.keys.map { $0 + 1 }.sorted()
    #expect(rows.count == 4 && Array(rows[..<3]) == [5, 6, 7])
    #expect(try blobs("SELECT bytes FROM token_code", on: fixture.path).count == 4)
    #expect(try fixture.store.check(deep: true) == [])
}

@Test func shortTokensAreNotCoded() throws {
    let fixture = try codedFixture(dimension: 63)
    #expect(try blobs("SELECT bytes FROM token_code", on: fixture.path).isEmpty)
    #expect(try fixture.store.check(deep: true) == [] && !fixture.modality.codesTokens)
    #expect(try codes(fixture, [1]) == [0: []])
}

@Test func aFlippedBitOfACodeIsNeverDeliveredAndIsMended() throws {
    let fixture = try codedFixture(3)
    let sound = try blobs("SELECT bytes FROM token_code WHERE row = 2", on: fixture.path)[0]
    for byte in stride(from: 0, to: sound.count, by: 13) {
        var flipped = sound
        flipped[byte] ^= 1 << UInt8(byte % 8)
        let hex = flipped.map { String(format: "%02x", $0) }.joined()
        try execute("UPDATE token_code SET bytes = x'\(hex)' WHERE row = 2", on: fixture.path)
        let found = try codes(fixture, [1, 2])
        #expect(found[1] == [] && found[0]?.isEmpty == false, "byte \(byte)")
    }
    #expect(try fixture.store.check(deep: true).map(\.problem) == ["token codes: its checksum does not match"])
    let report = try fixture.store.repair(dryRun: false, copy: nil)
    #expect(report.repairs.map(\.action) == ["made again from the token set"] && report.remaining == [])
    #expect(try codes(fixture, [2]) == [0: sound])
    #expect(try fixture.store.check(deep: true) == [])
}

@Test func codesOfOtherSetsAndOfNoneAreFound() throws {
    let fixture = try codedFixture()
    let sound = try codes(fixture, Array(1...7))
    let first = try #require(sound[0])
    let seal = crc32c([6, 0, 0, 0, 0, 0, 0, 0], seed: crc32c(first))
    fixture.store.close()
    try execute(
        """
        DELETE FROM token_code WHERE row = 7;
        UPDATE token_code SET (checksum, bytes) = (SELECT checksum, bytes FROM token_code WHERE row = 1) WHERE row = 2;
        UPDATE token_code SET (checksum, bytes) = (\(seal), (SELECT bytes FROM token_code WHERE row = 1)) WHERE row = 6;
        INSERT INTO token_code VALUES (3, 0, x'00');
        """, on: fixture.path)
    let findings = try fixture.store.check(deep: true)
    #expect(findings.contains { $0.place == "c/m id 'r1'" && $0.problem == "token codes: its checksum does not match" })
    #expect(findings.contains { $0.place == "c/m id 'r5'" && $0.problem == "token codes: it is of another token set" })
    #expect(findings.contains { $0.severity == .warning && $0.problem.hasPrefix("1 token set has no codes") })
    #expect(findings.contains { $0.place == "token_code row 3" }, "\(findings)")
    let report = try fixture.store.repair(dryRun: false, copy: nil)
    #expect(report.remaining == [] && report.repairs.count == 4, "\(report)")
    #expect(try codes(fixture, Array(1...7)) == sound)
    #expect(try fixture.store.check(deep: true) == [])
}

/// What version 3 lacked, made in steps of two sets, one of which was cut off.
@Test func codesOfAnEarlierFormatAreMadeInSteps() throws {
    struct Stop: Error {}
    let fixture = try codedFixture(9)
    let sound = try codes(fixture, Array(1...9))
    fixture.store.close()
    try execute("DROP TABLE token_code; PRAGMA user_version = 3", on: fixture.path)
    let store = try Store(path: fixture.path, access: .readWrite)
    #expect(try store.read { try $0.mayLackTokenCodes(fixture.modality) })
    #expect(try store.check(deep: true).map(\.severity) == [.warning])
    var later = plainBatch(1, dimension: 4, prefix: "later")
    later.tokenSets = [tokens(3, dimension: 80, seed: 60)]
    try store.write { _ = try $0.insert(try EncodedBatch.encode(later), into: fixture.modality, onConflict: .error) }
    func step() throws -> RowID? {
        try store.write { try $0.codeTokenSets(of: fixture.modality, limit: 2).through }
    }
    #expect(try step() == RowID(rawValue: 2))
    #expect(throws: Stop.self) {
        try store.write {
            _ = try $0.codeTokenSets(of: fixture.modality, limit: 2)
            throw Stop()
        }
    }
    #expect(try blobs("SELECT bytes FROM token_code", on: fixture.path).count == 3, "two, and the one that came in later")
    let steps = try (0..<4).map { _ in try step()?.rawValue ?? 0 }
    #expect(steps == [5, 7, 9, 0])
    #expect(try store.write { try $0.codeTokenSets(of: fixture.modality, limit: 2).made } == 0)
    #expect(try !store.read { try $0.mayLackTokenCodes(fixture.modality) })
    #expect(try codes(fixture, Array(1...9)) == sound)
    #expect(try store.check(deep: true) == [])
}
