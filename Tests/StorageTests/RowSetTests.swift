/// Row sets against Swift's own sets: what filters join must be what the words say, wherever the rows lie.
import Storage
import Testing

/// Rows that lie close together, far apart, and at the ends of what a number can be.
private func someRows(_ numbers: inout SeededNumbers) -> [Int64] {
    let spread: Int64 = [40, 500, 1 << 40][Int(numbers.next() % 3)]
    var rows = (0..<numbers.next() % 60).map { _ in Int64(numbers.next() % UInt64(spread)) - spread / 3 }
    if numbers.next() % 5 == 0 { rows += [.min, .max, .max, 0] }
    return rows
}

@Test(arguments: UInt64(0)..<200)
func rowsAscendEachOnceWhereverTheyLie(seed: UInt64) {
    var numbers = SeededNumbers(seed: seed)
    let rows = someRows(&numbers)
    #expect(ascending(rows) == Set(rows).sorted(), "seed \(seed)")
    #expect(ascending(rows.sorted()) == Set(rows).sorted() && ascending(Set(rows).sorted()) == Set(rows).sorted(), "seed \(seed)")
}

@Test(arguments: UInt64(0)..<100)
func rowSetsAreJoinedAsSetsAre(seed: UInt64) throws {
    var numbers = SeededNumbers(seed: seed)
    let all = Set(someRows(&numbers) + someRows(&numbers))
    func pick() -> (RowSet, Set<Int64>) {
        let rows = all.filter { _ in numbers.next() % 2 == 0 }
        return numbers.next() % 2 == 0
            ? (.only(rows.sorted()), rows) : (.allBut(rows.sorted()), all.subtracting(rows))
    }
    let (a, inA) = pick(), (b, inB) = pick()
    func rows(_ set: RowSet) throws -> [Int64] { try set.rows(among: all.sorted()) }
    #expect(try rows(a.intersection(b)) == inA.intersection(inB).sorted(), "seed \(seed)")
    #expect(try rows(a.union(b)) == inA.union(inB).sorted(), "seed \(seed)")
    #expect(try rows(a.complement) == all.subtracting(inA).sorted(), "seed \(seed)")
    #expect(try rows(RowSet.all) == all.sorted() && rows(.none) == [], "seed \(seed)")
}
