/// What goes in comes out: vectors bit for bit, token sets, conflicts by policy, nothing of a batch that failed.
import Foundation
import Storage
import Testing

@Test func everyFiniteBitPatternClassSurvivesStorage() throws {
    for dimension in [1, 7, 8, 63, 64, 65, 130] {
        let fixture = try Fixture(dimension: dimension)
        var expected: [String: [Float]] = [:]
        var input = plainBatch(0, dimension: dimension)
        for seed in UInt64(0)..<3 {
            var numbers = SeededNumbers(seed: seed)
            for shape in VectorShape.allCases {
                let vector = shape.vector(dimension, &numbers)
                expected["\(shape)\(seed)"] = vector
                input.ids.append("\(shape)\(seed)")
                input.items.append(nil)
                input.metadata.append(nil)
                input.vectors += vector
            }
        }
        try fixture.insert(input)
        let (found, damage) = try fixture.vectors()
        #expect(damage.isEmpty)
        #expect(found.mapValues(bits) == expected.mapValues(bits), "dimension \(dimension)")
        #expect(try fixture.store.check(deep: true) == [])
    }
}

@Test func vectorsOfSomeRowsComeInTheOrderAskedFor() throws {
    let fixture = try Fixture(dimension: 5)
    let input = plainBatch(40, dimension: 5)
    try fixture.insert(input)
    try fixture.store.read { reader in
        let rows = try reader.rows(of: fixture.modality.id)
        let asked = [3, 4, 17, 39].map { rows[$0] } + [RowID(rawValue: 1 << 40)]
        var found: [Int: [Float]] = [:]
        let damage = try reader.forEachVector(asked, of: fixture.modality) { index, values in found[index] = array(values) }
        #expect(damage == [RowDamage(row: asked[4], reason: .missing)])
        for (index, row) in [3, 4, 17, 39].enumerated() {
            #expect(found[index] == Array(input.vectors[row * 5..<row * 5 + 5]))
        }
        #expect(try reader.row(id: "r17", in: fixture.modality.id) == rows[17])
        var ids: [String] = []
        try reader.forEachEmbedding(of: fixture.modality.id, after: rows[9], limit: 3) { ids.append($0.id) }
        #expect(ids == ["r10", "r11", "r12"])
        #expect(try reader.embeddings([rows[2], RowID(rawValue: -1)]).map { $0?.id } == ["r2", nil])
    }
}

@Test func tokenSetsComeBackWithTheirWeights() throws {
    let fixture = try Fixture(dimension: 4, tokenDimension: 6)
    var input = plainBatch(5, dimension: 4)
    var numbers = SeededNumbers(seed: 9)
    let sets: [TokenSet?] = [
        TokenSet(dimension: 6, values: (0..<60).map { _ in numbers.gaussian() }, weights: (0..<10).map { Float($0) * 0.1 }),
        nil,
        TokenSet(dimension: 6, values: []),
        TokenSet(dimension: 6, values: (0..<600).map { _ in Float(Float16(numbers.gaussian())) }),
        TokenSet(dimension: 6, values: [Float](repeating: -0.0, count: 6), weights: [1]),
    ]
    input.tokenSets = sets
    try fixture.insert(input)
    try fixture.store.read { reader in
        let rows = try reader.rows(of: fixture.modality.id)
        var found = [TokenSet?](repeating: nil, count: 5)
        #expect(try reader.forEachTokenSet(rows, of: fixture.modality) { found[$0] = $1 } == [])
        #expect(found == sets)
        #expect(found[4].map { bits($0.values) } == sets[4].map { bits($0.values) })
        #expect(try reader.tokenSet(rows[0], of: fixture.modality) == sets[0])
        #expect(try reader.tokenSet(rows[1], of: fixture.modality) == nil)
    }
    #expect(try fixture.store.check(deep: true) == [])
}

@Test func anExistingIDIsRefusedAndNothingOfTheTransactionKept() throws {
    let fixture = try Fixture()
    try fixture.insert(plainBatch(3, dimension: 8))
    var input = plainBatch(4, dimension: 8, prefix: "new")
    input.ids[2] = "r1"
    #expect(throws: StorageError.duplicateID(id: "r1", modality: "m", index: 2)) { try fixture.insert(input) }
    input.ids[2] = "new0"
    #expect(throws: StorageError.duplicateID(id: "new0", modality: "m", index: 2)) { try fixture.insert(input) }
    // Catching the error within the transaction does not save it.
    let batch = try EncodedBatch.encode(input)
    #expect(throws: StorageError.self) {
        try fixture.store.write { writer in
            let first = try EncodedBatch.encode(plainBatch(1, dimension: 8, prefix: "first"))
            _ = try writer.insert(first, into: fixture.modality, onConflict: .error)
            _ = try? writer.insert(batch, into: fixture.modality, onConflict: .error)
        }
    }
    #expect(try fixture.vectors().byID.keys.sorted() == ["r0", "r1", "r2"])
    #expect(try fixture.store.read { try $0.count(of: fixture.modality.id) } == 3)
}

@Test func skipKeepsTheFirstAndReplaceKeepsTheLast() throws {
    let fixture = try Fixture(dimension: 2)
    func batch(_ ids: [String], _ first: Float) -> BatchInput {
        BatchInput(
            dimension: 2, ids: ids, items: ids.map { _ in nil }, metadata: ids.map { _ in #"{"a":1}"# },
            vectors: ids.indices.flatMap { [first + Float($0), 0] })
    }
    try fixture.insert(batch(["a", "b"], 0))
    let skipped = try fixture.insert(batch(["b", "c", "c"], 10), onConflict: .skip)
    #expect((skipped.inserted, skipped.replaced, skipped.skipped) == (1, 0, 2))
    #expect(try fixture.vectors().byID.mapValues { $0[0] } == ["a": 0, "b": 1, "c": 11])
    let before = try fixture.store.read { try $0.rows(of: fixture.modality.id) }
    let replaced = try fixture.insert(batch(["a", "d", "d"], 20), onConflict: .replace)
    #expect((replaced.inserted, replaced.replaced, replaced.skipped) == (1, 2, 0))
    #expect(try fixture.vectors().byID.mapValues { $0[0] } == ["a": 20, "b": 1, "c": 11, "d": 22])
    try fixture.store.read { reader in
        let rows = try reader.rows(of: fixture.modality.id)
        #expect(try reader.count(of: fixture.modality.id) == 4)
        #expect(!rows.contains(before[0]), "a replacement is a new row")
        #expect(try reader.deletedRows(of: fixture.modality.id, after: .zero).contains(before[0]))
        #expect(try reader.rows(of: fixture.modality.id, matching: .compare(.attribute(["a"]), .eq, .integer(1))) == rows)
    }
    #expect(try fixture.store.check(deep: true) == [])
}

@Test func wrongDimensionsAndBadRowsAreRefused() throws {
    let fixture = try Fixture(dimension: 8)
    #expect(throws: StorageError.dimensionMismatch(expected: 8, got: 9, modality: "m")) {
        try fixture.insert(plainBatch(1, dimension: 9))
    }
    var tokens = plainBatch(1, dimension: 8)
    tokens.tokenSets = [TokenSet(dimension: 3, values: [1, 2, 3])]
    #expect(throws: StorageError.tokenDimensionMismatch(expected: 0, got: 3, modality: "m")) { try fixture.insert(tokens) }
    for bad in [Float.nan, .infinity, -.infinity] {
        var input = plainBatch(3, dimension: 8)
        input.vectors[17] = bad
        guard case .invalidRow(let index, _) = error({ try fixture.insert(input) }) else { Issue.record("\(bad)"); continue }
        #expect(index == 2)
    }
    for id in ["", String(repeating: "x", count: 1025), "a\0b"] {
        var input = plainBatch(2, dimension: 8)
        input.ids[1] = id
        guard case .invalidRow(let index, _) = error({ try fixture.insert(input) }) else { Issue.record("\(id)"); continue }
        #expect(index == 1)
    }
    #expect(try fixture.vectors().byID.isEmpty)
}

/// A row that SQLite would refuse in words nobody knows.
@Test func theWeightsOfATokenSetCountAsItsNumbers() throws {
    var input = plainBatch(1, dimension: 2)
    let half = [Float](repeating: 0, count: StorageLimits.tokenNumbersMax / 2 + 1)
    input.tokenSets = [TokenSet(dimension: 1, values: half, weights: half)]
    let what = "the token set has more than 67108864 numbers, weights included"
    #expect(throws: StorageError.invalidRow(index: 0, what: what)) { try EncodedBatch.encode(input) }
}

@Test func producersAndTokenDimensionsAreFixedOnce() throws {
    let fixture = try Fixture()
    let id = fixture.modality.id
    try fixture.store.write { writer in
        try writer.recordProducer("clip", for: id)
        try writer.recordProducer("clip", for: id)
        try writer.recordTokenDimension(5, for: id)
    }
    #expect(throws: StorageError.producerMismatch(expected: "clip", got: "other", modality: "m")) {
        try fixture.store.write { try $0.recordProducer("other", for: id) }
    }
    #expect(throws: StorageError.tokenDimensionMismatch(expected: 5, got: 6, modality: "m")) {
        try fixture.store.write { try $0.recordTokenDimension(6, for: id) }
    }
    let record = try fixture.store.read { try $0.modality(named: "m", in: fixture.modality.collection) }
    #expect(record?.producer == "clip" && record?.tokenDimension == 5)
}

/// The storage error that a body throws, nil when it throws none.
func error<R>(_ body: () throws -> R) -> StorageError? {
    do { _ = try body() } catch { return error as? StorageError }
    return nil
}
