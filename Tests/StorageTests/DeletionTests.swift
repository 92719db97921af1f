/// What is remembered of deletions: by graphs and measurements as long as they need it, by nobody for ever.
import Storage
import Testing

private func batch(_ ids: Range<Int>) throws -> EncodedBatch {
    var input = plainBatch(ids.count, dimension: 8, seed: UInt64(ids.lowerBound + 1))
    input.ids = ids.map { "r\($0)" }
    return try EncodedBatch.encode(input)
}

private extension Fixture {
    func replace(_ ids: Range<Int>) throws {
        let batch = try batch(ids)
        _ = try store.write { try $0.insert(batch, into: modality, onConflict: .replace) }
    }

    func delete(_ ids: Range<Int>) throws {
        try store.write { writer in
            _ = try writer.delete(try ids.compactMap { try writer.row(id: "r\($0)", in: modality.id) })
        }
    }

    func state() throws -> (change: ChangeSequence, last: Int64) {
        try store.read { (try $0.lastChange(of: modality.id), try $0.lastGenerationNumber(of: modality.id)) }
    }

    /// Publishes a graph of the present state.
    @discardableResult
    func publish(through: ChangeSequence? = nil, after: Int64? = nil) throws -> Bool {
        let (change, last) = try state()
        let record = GenerationRecord(
            generation: last + 1, fileName: "db-graph-\(modality.id.rawValue)-\(last + 1)", checksum: 0,
            throughSequence: through ?? change, nodeCount: 1, settings: "{}", createdAt: "")
        return try store.write { try $0.publish(record, of: modality.id, after: after ?? last) }
    }

    func remembered() throws -> Int { try store.read { try $0.deletedRows(of: modality.id, after: .zero).count } }
    func isOutdated(since sequence: ChangeSequence) throws -> Bool {
        try store.read { try $0.isOutdated(modality.id, since: sequence) }
    }
}

@Test func replacingRowsForEverTakesNoSpaceForEver() throws {
    let fixture = try Fixture()
    for _ in 0..<5 { try fixture.replace(0..<40) }
    #expect(try fixture.remembered() == 160)
    let newest = try fixture.store.read { try $0.deletedRows(of: fixture.modality.id, after: .zero).suffix(11) }
    try fixture.store.compact()
    #expect(try fixture.store.read { try $0.deletedRows(of: fixture.modality.id, after: .zero) } == Array(newest))
    let last = try fixture.state().last
    try fixture.store.compact()
    #expect(try fixture.state().last == last, "nothing was forgotten")
    #expect(try fixture.store.check(deep: true) == [])
}

@Test func whatAGraphMustBeToldOfIsRemembered() throws {
    let fixture = try Fixture()
    try fixture.replace(0..<100)
    let (change, last) = try fixture.state()
    #expect(try fixture.publish())
    try fixture.delete(0..<60)
    try fixture.store.compact()
    #expect(try fixture.store.read { try $0.deletedRows(of: fixture.modality.id, after: change).count } == 60)
    #expect(try fixture.state().last == last + 1)
    // The graph before is still held by whoever searches with it.
    #expect(try fixture.publish())
    #expect(try fixture.remembered() == 60)
    try fixture.delete(60..<70)
    #expect(try fixture.publish())
    #expect(try fixture.remembered() == 10, "what the graph before did not know of: more than a quarter of 30")
    try fixture.delete(70..<80)
    #expect(try fixture.publish())
    #expect(try fixture.remembered() == 10)
}

/// A graph of a state whose deletions since are forgotten would take what is gone for alive.
@Test func aGraphOfAForgottenStateIsNotPublished() throws {
    let fixture = try Fixture()
    try fixture.replace(0..<100)
    let (change, last) = try fixture.state()
    try fixture.delete(0..<60)
    #expect(try fixture.store.read { try $0.hasForgettableDeletions(of: fixture.modality.id) })
    try fixture.store.write { try $0.forgetDeletions(of: fixture.modality.id) }
    #expect(try fixture.remembered() == 11)
    #expect(try !fixture.publish(through: change, after: last))
    #expect(try fixture.publish())
}

/// Whatever is deleted and inserted, and however often graphs are published meanwhile, more than a quarter is noticed.
@Test func measurementsAreOutdatedAlthoughDeletionsAreForgotten() throws {
    for seed in UInt64(0)..<12 {
        var numbers = SeededNumbers(seed: seed)
        let fixture = try Fixture()
        try fixture.replace(0..<200)
        try fixture.publish()
        let since = try fixture.state().change
        var next = 200, changes = 0, wasOutdated = false
        for step in 0..<12 {
            if numbers.next() % 3 == 0 {
                let count = Int(numbers.next() % 30) + 1
                try fixture.replace(next..<next + count)
                (next, changes) = (next + count, changes + count)
            } else {
                let rows = try fixture.store.read { try $0.rows(of: fixture.modality.id) }
                let gone = rows.filter { _ in numbers.next() % 12 == 0 }
                // Rows that came since count no more once they have gone, by either tally.
                changes += gone.count
                try fixture.store.write { _ = try $0.delete(gone) }
                changes -= gone.count { $0.rawValue > since.rawValue }
            }
            if numbers.next() % 2 == 0 { try fixture.publish() }
            let live = try fixture.store.read { try $0.count(of: fixture.modality.id) }
            let isOutdated = try fixture.isOutdated(since: since)
            if changes > live / 4 { #expect(isOutdated, "seed \(seed) step \(step): \(changes) changes, \(live) rows") }
            if wasOutdated { #expect(isOutdated, "seed \(seed) step \(step): it stays") }
            wasOutdated = isOutdated
            #expect(try fixture.store.check(deep: false) == [])
        }
        #expect(wasOutdated, "seed \(seed)")
    }
}
