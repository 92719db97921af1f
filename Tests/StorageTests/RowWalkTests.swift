/// Rows asked for in any order come as if each were asked for alone, over small gaps, large ones, and missing rows: vectors,
/// token sets and their codes.
import Storage
import Testing

@Test(arguments: UInt64(0)..<6)
func rowsComeAsIfAskedForOneByOne(seed: UInt64) throws {
    let fixture = try Fixture(dimension: 4)
    try fixture.insert(plainBatch(120, dimension: 4, seed: seed))
    var numbers = SeededNumbers(seed: seed)
    let all = try fixture.store.read { try $0.rows(of: fixture.modality.id) }
    // Gaps of every size: runs, single holes, and a long one.
    let dead = all.enumerated().filter { $0.offset % 7 == 3 || (40..<60).contains($0.offset) || numbers.next() % 5 == 0 }
    try fixture.store.write { _ = try $0.delete(dead.map(\.element)) }
    var vectors: [RowID: [Float]] = [:]
    try fixture.store.read { reader in
        _ = try reader.forEachVector(of: fixture.modality) { vectors[$0] = array($1) }
        var asked = (0..<60).map { _ in all.randomElement(using: &numbers)! }
        asked += [RowID(rawValue: 0), RowID(rawValue: -5), RowID(rawValue: .min), RowID(rawValue: .max), asked[0], asked[0]]
        for order in [asked, asked.sorted(), asked.sorted(by: >), all] {
            var found: [Int: [Float]] = [:]
            let damage = try reader.forEachVector(order, of: fixture.modality) { found[$0] = array($1) }
            #expect(damage == order.filter { vectors[$0] == nil }.map { RowDamage(row: $0, reason: .missing) }, "seed \(seed)")
            let names = try reader.names(order)
            for (index, row) in order.enumerated() {
                #expect(found[index] == vectors[row], "seed \(seed), row \(row.rawValue)")
                let record = try reader.embeddings([row])[0]
                #expect(names[index]?.id == record?.id && names[index]?.item == record?.item, "seed \(seed)")
            }
        }
    }
}

@Test(arguments: UInt64(0)..<4)
func tokenSetsAndCodesComeAsIfAskedForOneByOne(seed: UInt64) throws {
    let fixture = try Fixture(dimension: 4, tokenDimension: 64)
    var numbers = SeededNumbers(seed: seed)
    var batch = plainBatch(80, dimension: 4, seed: seed)
    batch.tokenSets = (0..<80).map { (row: Int) -> TokenSet? in
        if row % 9 == 4 || (30..<45).contains(row) { return nil }
        let count = 64 * (1 + row % 3)
        return TokenSet(dimension: 64, values: (0..<count).map { _ in numbers.gaussian() })
    }
    try fixture.insert(batch)
    try fixture.store.read { reader in
        let all = try reader.rows(of: fixture.modality.id)
        var asked: [RowID] = (0..<50).map { _ in all.randomElement(using: &numbers)! }
        asked += [RowID(rawValue: 0), RowID(rawValue: 1 << 50), asked[0], asked[0]]
        let orders: [[RowID]] = [asked, asked.sorted(), asked.sorted(by: >), all]
        for order in orders {
            var sets: [Int: TokenSet] = [:], codes: [Int: [UInt8]] = [:]
            #expect(try reader.forEachTokenSet(order, of: fixture.modality) { sets[$0] = $1 }.isEmpty)
            try reader.forEachTokenCode(order) { index, code in codes[index] = code.indices.map { code[$0] } }
            for (index, row) in order.enumerated() {
                let expected: TokenSet? = all.firstIndex(of: row).flatMap { batch.tokenSets[$0] }
                #expect(sets[index] == expected, "seed \(seed), row \(row.rawValue)")
                #expect(codes[index]?.isEmpty == (expected == nil), "seed \(seed), row \(row.rawValue)")
                try reader.forEachTokenCode([row]) { _, code in #expect(codes[index] == code.indices.map { code[$0] }) }
            }
        }
    }
}
