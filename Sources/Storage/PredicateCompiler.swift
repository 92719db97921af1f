/// A predicate as SQL over `embedding`, every name and value a bound parameter. Produces text, runs nothing.

struct PredicateCompiler {
    enum Binding { case text(String), integer(Int64), real(Double) }

    /// Most parameters SQLite takes in a statement, less those of the frame.
    private static let bindingsMax = 32_000
    private static let depthMax = 100

    let modality: ModalityID
    /// Resolves an attribute path to its number; nil when no row has it.
    let pathID: (String) throws(StorageError) -> Int64?
    private(set) var bindings: [Binding] = []

    init(modality: ModalityID, pathID: @escaping (String) throws(StorageError) -> Int64?) {
        self.modality = modality
        self.pathID = pathID
    }

    /// An expression that is 1 or 0 for every row, never NULL.
    mutating func expression(_ predicate: Predicate, depth: Int = 0) throws(StorageError) -> String {
        guard depth < Self.depthMax else { throw .filterTooLarge(what: "it nests more than \(Self.depthMax) deep") }
        switch predicate {
        case .and(let parts): return try joined(parts[...], "AND", empty: "1", depth)
        case .or(let parts): return try joined(Self.folded(parts, depth)[...], "OR", empty: "0", depth)
        case .not(let inner): return "NOT (\(try expression(inner, depth: depth + 1)))"
        case .compare(let field, let comparison, let value):
            return try leaf(field, [value]) { "\($0) \(comparison.rawValue) \($1)" }
        case .among(let field, let values):
            return try among(field, values)
        case .like(let field, let pattern):
            return try leaf(field, [.text(pattern)]) { "\($0) LIKE \($1)" }
        case .contains(let field, let value):
            return try leaf(field, [value], flag: AttributeKind.elementFlag) { "\($0) = \($1)" }
        case .isNull(let field):
            guard case .attribute(let names) = field else { return "0" }
            guard let path = try pathID(attributePath(names)) else { return "1" }
            return "row NOT IN (SELECT row FROM attribute WHERE path = \(try bind(.integer(path))))"
        case .isTrue(let field):
            return try leaf(field, [.bool(true)]) { "\($0) = \($1)" }
        }
    }

    /// Equalities on one field become one list: a table of many values is then looked up once, not once a value.
    private static func folded(_ parts: [Predicate], _ depth: Int) -> [Predicate] {
        var folded: [Predicate] = []
        var places: [Predicate.Field: Int] = [:]
        var values: [Predicate.Field: [Predicate.Value]] = [:]
        func add(_ parts: [Predicate], _ depth: Int) {
            for part in parts {
                switch part {
                case .or(let inner) where depth < Self.depthMax: add(inner, depth + 1)
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
        add(parts, depth)
        for (field, place) in places {
            guard let all = values[field], all.count > 1 else { continue }
            folded[place] = .among(field, all)
        }
        return folded
    }

    /// Balanced, so that many parts stay shallow.
    private mutating func joined(
        _ parts: ArraySlice<Predicate>, _ word: String, empty: String, _ depth: Int
    ) throws(StorageError) -> String {
        guard let first = parts.first else { return empty }
        guard parts.count > 1 else { return try expression(first, depth: depth + 1) }
        let middle = parts.startIndex + parts.count / 2
        let left = try joined(parts[..<middle], word, empty: empty, depth)
        let right = try joined(parts[middle...], word, empty: empty, depth)
        return "(\(left) \(word) \(right))"
    }

    /// Values of each kind apart, as a leaf is false for an attribute of another type.
    private mutating func among(_ field: Predicate.Field, _ values: [Predicate.Value]) throws(StorageError) -> String {
        var parts: [String] = []
        for kind in [AttributeKind.bool, .number, .text] {
            let same = values.filter { $0.kind == kind }
            if same.isEmpty { continue }
            parts.append(try leaf(field, same) { "\($0) IN (\($1))" })
        }
        return parts.isEmpty ? "0" : "(" + parts.joined(separator: " OR ") + ")"
    }

    /// `test(column, parameters)` on a field, for values of one kind.
    private mutating func leaf(
        _ field: Predicate.Field, _ values: [Predicate.Value], flag: Int64 = 0, _ test: (String, String) -> String
    ) throws(StorageError) -> String {
        let kind = values[0].kind
        switch field {
        case .id, .item:
            guard kind == .text, flag == 0 else { return "0" }
            let column = field == .id ? "id" : "coalesce(item, id)"
            return "(" + test(column, try bind(values)) + ")"
        case .attribute(let names):
            guard let path = try pathID(attributePath(names)) else { return "0" }
            let place = try bind(.integer(path))
            let type = try bind(.integer(kind.rawValue + flag))
            let condition = test("value", try bind(values))
            return "row IN (SELECT row FROM attribute WHERE path = \(place) AND kind = \(type) AND \(condition))"
        }
    }

    private mutating func bind(_ values: [Predicate.Value]) throws(StorageError) -> String {
        var places: [String] = []
        for value in values { places.append(try bind(value.binding)) }
        return places.joined(separator: ",")
    }

    private mutating func bind(_ binding: Binding) throws(StorageError) -> String {
        guard bindings.count < Self.bindingsMax else {
            throw .filterTooLarge(what: "it has more than \(Self.bindingsMax) values")
        }
        bindings.append(binding)
        return "?\(bindings.count)"
    }
}

extension Predicate.Value {
    var kind: AttributeKind {
        switch self {
        case .text: .text
        case .integer, .real: .number
        case .bool: .bool
        }
    }

    var binding: PredicateCompiler.Binding {
        switch self {
        case .text(let value): .text(value)
        case .integer(let value): .integer(value)
        case .real(let value): .real(value)
        case .bool(let value): .integer(value ? 1 : 0)
        }
    }
}

extension Reader {
    /// Live rows of a modality that a predicate admits, ascending.
    package func rows(of modality: ModalityID, matching predicate: Predicate) throws(StorageError) -> [RowID] {
        var compiler = PredicateCompiler(modality: modality) { [self] (path) throws(StorageError) -> Int64? in
            try first("SELECT id FROM attribute_path WHERE modality = ? AND path = ?", [modality.rawValue], path) {
                $0.int(0)
            }
        }
        let condition = try compiler.expression(predicate)
        let frame = compiler.bindings.count + 1
        // Not from the statement cache: every filter is its own text.
        let statement = try connection.take(
            "SELECT row FROM embedding WHERE modality = ?\(frame) AND \(condition) ORDER BY row")
        for (index, binding) in compiler.bindings.enumerated() {
            let place = Int32(index + 1)
            switch binding {
            case .text(let value): statement.bind(place, value)
            case .integer(let value): statement.bind(place, value)
            case .real(let value): statement.bind(place, value)
            }
        }
        statement.bind(Int32(frame), modality.rawValue)
        var found: [RowID] = []
        while try statement.step() { found.append(RowID(rawValue: statement.int(0))) }
        return found
    }
}
