/// The rows that a predicate admits: every leaf is one range of an index, every name and value in it a bound parameter, and
/// AND, OR and NOT are joins of ascending lists. O(rows of the leaves), whatever else is stored.

private struct PredicateRows {
    /// Most values of a list that one statement takes: fewer than SQLite's parameters, less those of the frame.
    private static let valuesMax = 32_000

    let reader: Reader
    let modality: ModalityID

    func set(_ predicate: Predicate) throws(StorageError) -> RowSet {
        switch predicate {
        case .and(let parts):
            var found = RowSet.all
            for part in parts where found != .none { found = found.intersection(try set(part)) }
            return found
        case .or(let parts):
            var found = RowSet.none
            for part in Self.folded(parts) { found = found.union(try set(part)) }
            return found
        case .not(let inner): return try set(inner).complement
        case .compare(let field, let comparison, let value):
            return try leaf(field, [value]) { "\($0) \(comparison.rawValue) \($1)" }
        case .among(let field, let values): return try among(field, values)
        case .like(let field, let pattern): return try leaf(field, [.text(pattern)]) { "\($0) LIKE \($1)" }
        case .contains(let field, let value):
            return try leaf(field, [value], flag: AttributeKind.elementFlag) { "\($0) = \($1)" }
        case .isNull(let field): return try present(field).complement
        case .isTrue(let field): return try leaf(field, [.bool(true)]) { "\($0) = \($1)" }
        }
    }

    /// Equalities on one field become one list: a table of many values is then looked up once, not once a value.
    private static func folded(_ parts: [Predicate]) -> [Predicate] {
        var folded: [Predicate] = []
        var places: [Predicate.Field: Int] = [:]
        var values: [Predicate.Field: [Predicate.Value]] = [:]
        func add(_ parts: [Predicate]) {
            for part in parts {
                switch part {
                case .or(let inner): add(inner)
                case .compare(let field, .eq, let value): add([value], field, part)
                case .among(let field, let more): add(more, field, part)
                default: folded.append(part)
                }
            }
        }
        func add(_ more: [Predicate.Value], _ field: Predicate.Field, _ part: Predicate) {
            if places[field] == nil {
                places[field] = folded.count
                folded.append(part)
            }
            values[field, default: []] += more
        }
        add(parts)
        for (field, place) in places {
            guard let all = values[field], all.count > 1 else { continue }
            folded[place] = .among(field, all)
        }
        return folded
    }

    // MARK: Leaves

    /// Values of each kind apart, as a leaf is false for an attribute of another type.
    private func among(_ field: Predicate.Field, _ values: [Predicate.Value]) throws(StorageError) -> RowSet {
        var found = RowSet.none
        for kind in [AttributeKind.bool, .number, .text] {
            let same = values.filter { $0.kind == kind }
            for start in stride(from: 0, to: same.count, by: Self.valuesMax) {
                let some = Array(same[start..<min(start + Self.valuesMax, same.count)])
                found = found.union(try leaf(field, some) { "\($0) IN (\($1))" })
            }
        }
        return found
    }

    /// `test(column, parameters)` on a field, for values of one kind, at most `valuesMax`.
    private func leaf(
        _ field: Predicate.Field, _ values: [Predicate.Value], flag: Int64 = 0, _ test: (String, String) -> String
    ) throws(StorageError) -> RowSet {
        let kind = values[0].kind
        let list = Self.parameters(values.count)
        switch field {
        case .id, .item:
            guard kind == .text, flag == 0 else { return .none }
            let named = "SELECT row FROM embedding WHERE \(test("id", list))", frame = [modality.rawValue]
            guard field == .item else { return try rows("\(named) AND modality =", values, frame) }
            // Not coalesce(item, id), for which there is no index: who has no item is his own.
            return try rows("\(named) AND item IS NULL AND modality =", values, frame)
                .union(rows("SELECT row FROM embedding WHERE \(test("item", list)) AND modality =", values, frame))
        case .attribute(let names):
            guard let path = try pathID(names) else { return .none }
            return try rows(
                "SELECT row FROM attribute WHERE \(test("value", list)) AND (path, kind) =", values,
                [path, kind.rawValue + flag])
        }
    }

    /// In order, and without the numbers by which SQLite would look up each among all of them.
    private static func parameters(_ count: Int) -> String {
        Array(repeating: "?", count: count).joined(separator: ",")
    }

    /// Rows that have a field, of any kind.
    private func present(_ field: Predicate.Field) throws(StorageError) -> RowSet {
        guard case .attribute(let names) = field else { return .all }
        guard let path = try pathID(names) else { return .none }
        return try rows("SELECT row FROM attribute WHERE path =", [], [path])
    }

    /// The number of an attribute path; nil when no row has it. A path is of one modality, and so are the rows that have it.
    private func pathID(_ names: [String]) throws(StorageError) -> Int64? {
        try reader.first(
            "SELECT id FROM attribute_path WHERE modality = ? AND path = ?", [modality.rawValue], attributePath(names)
        ) { $0.int(0) }
    }

    /// Rows of a statement that ends where the parameters of `frame` follow those of `values`.
    private func rows(_ sql: String, _ values: [Predicate.Value], _ frame: [Int64]) throws(StorageError) -> RowSet {
        let statement = try reader.connection.take(sql + " (\(Self.parameters(frame.count)))")
        // A list of many values is a text of its own, which nobody asks for again.
        defer { if values.count <= 1 { reader.connection.give(statement) } }
        for (index, value) in values.enumerated() {
            let place = Int32(index + 1)
            switch value {
            case .text(let text): statement.bind(place, text)
            case .integer(let integer): statement.bind(place, integer)
            case .real(let real): statement.bind(place, real)
            case .bool(let bool): statement.bind(place, Int64(bool ? 1 : 0))
            }
        }
        for (index, value) in frame.enumerated() { statement.bind(Int32(values.count + index + 1), value) }
        var found: [Int64] = []
        while try statement.step() { found.append(statement.int(0)) }
        return .only(ascending(found))
    }
}

extension Predicate.Value {
    fileprivate var kind: AttributeKind {
        switch self {
        case .text: .text
        case .integer, .real: .number
        case .bool: .bool
        }
    }
}

extension Reader {
    /// Live rows of a modality that a predicate admits, ascending.
    /// Complexity: O(rows of its leaves), and of the modality where rows are told by what they are not.
    /// - Precondition: the predicate is within its limits.
    package func rows(of modality: ModalityID, matching predicate: Predicate) throws(StorageError) -> [RowID] {
        precondition(predicate.isWithinLimits(), "a predicate beyond its limits")
        let set = try PredicateRows(reader: self, modality: modality).set(predicate)
        return try set.rows(among: try rows(of: modality).map(\.rawValue)).map(RowID.init(rawValue:))
    }
}
