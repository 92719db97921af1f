/// Filters against a brute-force evaluation over the same metadata, and what metadata is accepted.
import Storage
import Testing

/// A JSON value of the model.
private indirect enum Model {
    case null, bool(Bool), integer(Int64), real(Double), text(String), list([Model]), object([(String, Model)])

    var json: String {
        switch self {
        case .null: "null"
        case .bool(let value): "\(value)"
        case .integer(let value): "\(value)"
        case .real(let value): "\(value)"
        case .text(let value): "\"" + value.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"") + "\""
        case .list(let values): "[" + values.map(\.json).joined(separator: ", ") + "]"
        case .object(let pairs): "{" + pairs.map { "\"\($0.0)\": " + $0.1.json }.joined(separator: ",") + "}"
        }
    }

    func at(_ path: [String]) -> Model? {
        guard let first = path.first else { return self }
        guard case .object(let pairs) = self else { return nil }
        return pairs.first { $0.0 == first }?.1.at(Array(path.dropFirst()))
    }

    /// nil where the types differ.
    func order(_ value: Predicate.Value) -> Int? {
        switch (self, value) {
        case (.bool(let a), .bool(let b)): (a ? 1 : 0) - (b ? 1 : 0)
        case (.text(let a), .text(let b)): Self.sign(Array(a.utf8).lexicographicallyPrecedes(Array(b.utf8)), a == b)
        case (.integer(let a), .integer(let b)): Self.sign(a < b, a == b)
        case (.integer(let a), .real(let b)): Self.sign(Double(a) < b, Double(a) == b)
        case (.real(let a), .integer(let b)): Self.sign(a < Double(b), a == Double(b))
        case (.real(let a), .real(let b)): Self.sign(a < b, a == b)
        default: nil
        }
    }

    private static func sign(_ less: Bool, _ equal: Bool) -> Int { equal ? 0 : less ? -1 : 1 }
}

private struct Row { var id: String, item: String, metadata: Model }

extension Predicate {
    fileprivate func admits(_ row: Row) -> Bool {
        switch self {
        case .and(let parts): return parts.allSatisfy { $0.admits(row) }
        case .or(let parts): return parts.contains { $0.admits(row) }
        case .not(let inner): return !inner.admits(row)
        case .compare(let field, let comparison, let value):
            guard let order = field.value(row)?.order(value) else { return false }
            return switch comparison {
            case .eq: order == 0
            case .ne: order != 0
            case .lt: order < 0
            case .le: order <= 0
            case .gt: order > 0
            case .ge: order >= 0
            }
        case .among(let field, let values): return values.contains { field.value(row)?.order($0) == 0 }
        case .like(let field, let pattern):
            guard case .text(let text)? = field.value(row) else { return false }
            return Self.like(Array(text.lowercased()), Array(pattern.lowercased()))
        case .contains(let field, let value):
            guard case .list(let values)? = field.value(row) else { return false }
            return values.contains { $0.order(value) == 0 }
        case .isNull(let field):
            if case .null? = field.value(row) { return true }
            return field.value(row) == nil
        case .isTrue(let field):
            if case .bool(true)? = field.value(row) { return true }
            return false
        }
    }

    private static func like(_ text: [Character], _ pattern: [Character]) -> Bool {
        guard let first = pattern.first else { return text.isEmpty }
        let rest = Array(pattern.dropFirst())
        if first == "%" { return (0...text.count).contains { like(Array(text[$0...]), rest) } }
        return !text.isEmpty && (first == "_" || first == text[0]) && like(Array(text.dropFirst()), rest)
    }
}

extension Predicate.Field {
    fileprivate func value(_ row: Row) -> Model? {
        switch self {
        case .id: .text(row.id)
        case .item: .text(row.item)
        case .attribute(let path): row.metadata.at(path)
        }
    }
}

/// Thousands of alternatives are one list to look up; the rest of the disjunction keeps its meaning.
@Test func manyAlternativesAreLookedUpOnce() throws {
    let fixture = try Fixture(dimension: 1)
    var input = plainBatch(3_000, dimension: 1)
    for index in 0..<3_000 { input.metadata[index] = "{\"n\": \(index), \"t\": \"w\(index % 3_000)\"}" }
    try fixture.insert(input)
    func equal(_ name: String, _ value: Predicate.Value) -> Predicate { .compare(.attribute([name]), .eq, value) }
    let numbers = stride(from: 0, to: 2_900, by: 2).map { equal("n", .integer(Int64($0))) }
    let texts = stride(from: 0, to: 2_900, by: 3).map { equal("t", .text("w\($0)")) }
    let other: [Predicate] = [
        equal("n", .text("1")), equal("n", .bool(true)), equal("n", .real(2_999)), .compare(.id, .eq, .text("r2951")),
        .compare(.attribute(["n"]), .lt, .integer(3)), .or([equal("n", .integer(2_953)), .among(.id, [.text("r2955")])]),
    ]
    let start = ContinuousClock.now
    let found = try fixture.store.read { try $0.rows(of: fixture.modality.id, matching: .or(numbers + texts + other)) }
    let expected = (0..<3_000).filter {
        ($0 < 2_900 && ($0 % 2 == 0 || $0 % 3 == 0)) || $0 < 3 || [2_951, 2_953, 2_955, 2_999].contains($0)
    }
    #expect(found.map { Int($0.rawValue) - 1 } == expected)
    let none = try fixture.store.read { try $0.rows(of: fixture.modality.id, matching: .not(.or(numbers + texts + other))) }
    #expect(none.count == 3_000 - expected.count)
    #expect(ContinuousClock.now - start < .seconds(5))
}

private struct Generator {
    var numbers: SeededNumbers
    static let keys = ["a", "b", "c.d", "n"]
    static let words = ["", "cat", "Cat", "dog", "caterpillar", "ünï", "it's", "50%", "a_b"]

    mutating func pick<T>(_ values: [T]) -> T { values[Int(numbers.next() % UInt64(values.count))] }

    mutating func scalar() -> Model {
        switch numbers.next() % 5 {
        case 0: .null
        case 1: .bool(numbers.next() % 2 == 0)
        case 2: .integer(Int64(numbers.next() % 7) - 3)
        case 3: .real(Double(Int64(numbers.next() % 13) - 6) / 2)
        default: .text(pick(Self.words))
        }
    }

    mutating func object(_ depth: Int = 0) -> Model {
        var pairs: [(String, Model)] = []
        for key in Self.keys where numbers.next() % 3 > 0 {
            switch numbers.next() % 5 {
            case 0 where depth < 2: pairs.append((key, object(depth + 1)))
            case 1: pairs.append((key, .list((0..<numbers.next() % 4).map { _ in scalar() })))
            default: pairs.append((key, scalar()))
            }
        }
        return .object(pairs)
    }

    mutating func value() -> Predicate.Value {
        while true {
            switch scalar() {
            case .bool(let value): return .bool(value)
            case .integer(let value): return .integer(value)
            case .real(let value): return .real(value)
            case .text(let value): return .text(value)
            default: continue
            }
        }
    }

    mutating func field() -> Predicate.Field {
        switch numbers.next() % 8 {
        case 0: .id
        case 1: .item
        case 2, 3: .attribute([pick(Self.keys), pick(Self.keys)])
        default: .attribute([pick(Self.keys)])
        }
    }

    mutating func predicate(_ depth: Int = 0) -> Predicate {
        switch numbers.next() % (depth > 3 ? 6 : 9) {
        case 0, 1: .compare(field(), pick(Predicate.Comparison.allCases), value())
        case 2: .among(field(), (0..<numbers.next() % 4).map { _ in value() })
        case 3: .like(field(), pick(["%", "c%", "%T", "_og", "%a%", "50%", "a_b", "ünï"]))
        case 4: .contains(field(), value())
        case 5: numbers.next() % 2 == 0 ? .isNull(field()) : .isTrue(field())
        case 6: .not(predicate(depth + 1))
        case 7: .and((0..<numbers.next() % 4).map { _ in predicate(depth + 1) })
        default: .or((0..<numbers.next() % 4).map { _ in predicate(depth + 1) })
        }
    }
}

@Test func filtersAgreeWithABruteForceEvaluation() throws {
    for seed in UInt64(0)..<4 {
        var generator = Generator(numbers: SeededNumbers(seed: seed))
        let rows = (0..<80).map { index in
            Row(
                id: "\(generator.pick(Generator.words))\(index)", item: generator.pick(["cat", "dog", "x"]),
                metadata: generator.object())
        }
        let fixture = try Fixture(dimension: 1)
        try fixture.insert(BatchInput(
            dimension: 1, ids: rows.map(\.id), items: rows.map(\.item),
            metadata: rows.map { Optional($0.metadata.json) }, vectors: rows.map { _ in 0 }))
        let all = try fixture.store.read { try $0.rows(of: fixture.modality.id) }
        #expect(try fixture.store.check(deep: true) == [])
        try fixture.store.read { (reader) throws in
            for _ in 0..<150 {
                let predicate = generator.predicate()
                let found = try reader.rows(of: fixture.modality.id, matching: predicate)
                let expected = zip(rows, all).filter { predicate.admits($0.0) }.map(\.1)
                #expect(found == expected, "seed \(seed): \(predicate)")
            }
        }
    }
}

@Test func filtersOfManyPartsWork() throws {
    let fixture = try Fixture(dimension: 1)
    try fixture.insert(BatchInput(
        dimension: 1, ids: ["x"], items: [nil], metadata: [#"{"a": 4999}"#], vectors: [0]))
    try fixture.store.read { (reader) throws in
        let id = fixture.modality.id
        let values = (0..<5000).map { Predicate.Value.integer(Int64($0)) }
        #expect(try reader.rows(of: id, matching: .among(.attribute(["a"]), values)).count == 1)
        let parts = values[4000...].map { Predicate.compare(.attribute(["a"]), .eq, $0) }
        #expect(try reader.rows(of: id, matching: .or(parts)).count == 1)
        // More than a statement takes parameters, the one that matches in the first or the last of the lists.
        let start = ContinuousClock.now
        let more = (0..<100_000).map { Predicate.Value.integer(Int64($0)) }
        #expect(try reader.rows(of: id, matching: .among(.attribute(["a"]), more)).count == 1)
        #expect(try reader.rows(of: id, matching: .among(.attribute(["a"]), more.reversed())).count == 1)
        #expect(try reader.rows(of: id, matching: .among(.attribute(["a"]), Array(more[5_000...]))).isEmpty)
        #expect(ContinuousClock.now - start < .seconds(5))
        var deep = Predicate.isNull(.attribute(["a"]))
        for _ in 0..<Predicate.levelsMax { deep = .not(deep) }
        #expect(try reader.rows(of: id, matching: deep).isEmpty)
    }
}

/// No filter that was parsed comes there, so it is the program that is wrong.
@Test func predicatesBeyondTheirLimitsAreMisuse() async {
    await #expect(processExitsWith: .failure) {
        var deep = Predicate.isTrue(.id)
        for _ in 0...Predicate.levelsMax { deep = .or([deep]) }
        let fixture = try Fixture(dimension: 1)
        _ = try fixture.store.read { try $0.rows(of: fixture.modality.id, matching: deep) }
    }
    await #expect(processExitsWith: .failure) {
        let long = String(repeating: "x", count: StorageLimits.patternBytesMax + 1)
        let fixture = try Fixture(dimension: 1)
        _ = try fixture.store.read { try $0.rows(of: fixture.modality.id, matching: .like(.id, long)) }
    }
}

@Test func filtersFollowMetadataThatIsSetAgain() throws {
    let fixture = try Fixture(dimension: 1)
    try fixture.insert(BatchInput(
        dimension: 1, ids: ["x"], items: [nil], metadata: [#"{"a": 1, "t": ["u", "u"], "o": {}}"#], vectors: [0]))
    let row = try fixture.store.read { try $0.rows(of: fixture.modality.id) }[0]
    func matches(_ predicate: Predicate) throws -> Bool {
        try fixture.store.read { try !$0.rows(of: fixture.modality.id, matching: predicate).isEmpty }
    }
    #expect(try matches(.contains(.attribute(["t"]), .text("u"))))
    #expect(try !matches(.isNull(.attribute(["o"]))))
    try fixture.store.write { try $0.setMetadata(#"{"a": 1.5}"#, of: row) }
    #expect(try !matches(.contains(.attribute(["t"]), .text("u"))) && matches(.compare(.attribute(["a"]), .gt, .integer(1))))
    try fixture.store.write { try $0.setMetadata(nil, of: row) }
    #expect(try matches(.isNull(.attribute(["a"]))) && fixture.store.check(deep: true) == [])
}

@Test func metadataThatIsNotAJSONObjectIsRefusedWithItsRow() throws {
    let bad = [
        "", "[]", "1", "{", "{}x", #"{"a":}"#, #"{"a":1,}"#, #"{a:1}"#, #"{"a":01}"#, #"{"a":1.}"#, #"{"a":.5}"#, #"{"a":+1}"#,
        #"{"a":NaN}"#, #"{"a":1e999}"#, #"{"a":"\x"}"#, #"{"a":"\ud800"}"#, #"{"a":"\ud800\u0041"}"#, "{\"a\":\"\n\"}",
        #"{"a":1,"a":2}"#, #"{"a":tru}"#, #"{'a':1}"#, #"{"a":1 "b":2}"#, #"{"a":[1,]}"#, #"{"a":"#,
        "{\"a\":" + String(repeating: "[", count: 5000), "{\"a\":\"" + String(repeating: "x", count: 1 << 20) + "\"}",
    ]
    for json in bad {
        var input = plainBatch(2, dimension: 1)
        input.metadata[1] = json
        guard case .invalidMetadata(let index, _) = error({ try EncodedBatch.encode(input) }) else {
            Issue.record("accepted: \(json.prefix(60))")
            continue
        }
        #expect(index == 1)
    }
    for json in ["{}", " {\t} ", #"{"a":-0.0e+2,"b":"\u00fc\ud83d\ude00\"\/","":{"":[[],{}]}}"#, #"{"a":18446744073709551616}"#] {
        var input = plainBatch(1, dimension: 1)
        input.metadata[0] = json
        #expect(error({ try EncodedBatch.encode(input) }) == nil, "\(json)")
    }
}

/// Names and values that only normalisation makes equal, and a dot that a combining mark follows, which is a dot all the same.
@Test func pathsAndValuesAreToldApartByTheirBytes() throws {
    let fixture = try Fixture(dimension: 2)
    var input = plainBatch(3, dimension: 2)
    input.metadata = [
        "{\"caf\u{E9}\": 1, \"cafe\u{301}\": 2}", "{\"cafe\u{301}\": \"\u{E9}\"}",
        "{\"a.\u{301}b\": 1, \"a\": {\"\u{301}b\": 2}}",
    ]
    try fixture.insert(input)
    func rows(_ predicate: Predicate) throws -> [Int64] {
        try fixture.store.read { try $0.rows(of: fixture.modality.id, matching: predicate).map(\.rawValue) }
    }
    func equals(_ path: String..., value: Predicate.Value) -> Predicate { .compare(.attribute(path), .eq, value) }
    #expect(try rows(.or([equals("caf\u{E9}", value: .integer(9)), equals("cafe\u{301}", value: .integer(2))])) == [1])
    #expect(try rows(.or([equals("caf\u{E9}", value: .integer(1)), equals("cafe\u{301}", value: .text("\u{E9}"))])) == [1, 2])
    #expect(try rows(equals("cafe\u{301}", value: .text("e\u{301}"))) == [])
    #expect(try rows(equals("a.\u{301}b", value: .integer(2))) == [])
    #expect(try rows(equals("a", "\u{301}b", value: .integer(2))) == [3])
    #expect(try fixture.store.check(deep: true) == [])
    #expect(try fixture.store.repair(dryRun: true, copy: nil) == RepairReport())
}

/// Every value repeats the path of what it is in: a long key over many members would fill thousands of times its bytes.
@Test func aPathLongerThanItsLimitIsRefusedWithItsRow() throws {
    let fixture = try Fixture(dimension: 1)
    func batch(_ json: String) -> BatchInput {
        var input = plainBatch(2, dimension: 1)
        input.metadata[1] = json
        return input
    }
    func key(_ bytes: Int) -> String { String(repeating: "k", count: bytes) }
    let most = StorageLimits.pathBytesMax
    // A dot within a key takes two bytes of a path.
    try fixture.insert(batch("{\"\(key(most))\": 1, \"\(key(most - 4))\": {\"a.\": 2}}"))
    let members = (0..<1_000).map { "\"\($0)\": \($0)" }.joined(separator: ", ")
    for json in ["{\"\(key(most + 1))\": 1}", "{\"\(key(most - 3))\": {\"a.\": 2}}", "{\"\(key(100_000))\": {\(members)}}"] {
        guard case .invalidMetadata(1, let what) = error({ try EncodedBatch.encode(batch(json)) }) else {
            Issue.record("accepted: \(json.suffix(20))")
            continue
        }
        #expect(what.contains("\(most) are the most") && what.utf8.count < 200, "\(what)")
        let row = RowID(rawValue: 1)
        #expect(error({ try fixture.store.write { try $0.setMetadata(json, of: row) } }) != nil)
    }
    #expect(try fixture.store.check(deep: true) == [])
}

/// There was no limit when they were stored.
@Test func longerPathsThatAreStoredStayReadable() throws {
    let fixture = try Fixture(dimension: 1)
    var input = plainBatch(1, dimension: 1)
    input.metadata[0] = #"{"k": 1}"#
    try fixture.insert(input)
    fixture.store.close()
    let key = String(repeating: "k", count: 5_000)
    try execute(
        "UPDATE attribute_path SET path = '\(key)'; UPDATE embedding SET metadata = '{\"\(key)\": 1}'", on: fixture.path)
    func rows() throws -> [RowID] {
        try fixture.store.read { try $0.rows(of: fixture.modality.id, matching: .compare(.attribute([key]), .eq, .integer(1))) }
    }
    #expect(try fixture.store.check(deep: true) == [] && rows().count == 1)
    try execute("DELETE FROM attribute", on: fixture.path)
    #expect(try fixture.store.repair(dryRun: false, copy: nil).remaining == [] && rows().count == 1)
    try fixture.store.write { try $0.setMetadata("{}", of: RowID(rawValue: 1)) }
    #expect(try fixture.store.check(deep: true) == [] && rows().isEmpty)
}
