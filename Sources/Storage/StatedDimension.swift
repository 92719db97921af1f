/// What the row of a modality says of a dimension, believed or not, beside what stored numbers say: their checksums match at one
/// length alone. Changes nothing.

struct StatedDimension {
    enum Column: String, CaseIterable { case dimension, tokenDimension = "token_dimension" }

    var column: Column
    var modality: ModalityID
    /// Its collection and its name.
    var place: String
    /// Nil where no token set has been stored.
    var number: Int64?

    /// Whether a modality can have it.
    var isSound: Bool { number.map(StorageLimits.isDimension) ?? (column == .tokenDimension) }

    /// What is wrong with it, where `actual` is what stored numbers have.
    func fault(actual: Int?) -> String? {
        let stated = "its \(column.rawValue) is \(number.map(String.init) ?? "not there")"
        guard let actual else { return isSound ? nil : stated + ", which cannot be" }
        return number == Int64(actual) ? nil : stated + ", that of what is stored \(actual)"
    }
}

extension Reader {
    /// Of all modalities.
    func statedDimensions() throws(StorageError) -> [StatedDimension] {
        var found: [StatedDimension] = []
        for column in StatedDimension.Column.allCases {
            found += try rows("""
                SELECT m.id, coalesce(c.name, '?') || '/' || m.name, m.\(column.rawValue)
                FROM modality m LEFT JOIN collection c ON c.id = m.collection ORDER BY m.id
                """
            ) {
                StatedDimension(
                    column: column, modality: ModalityID(rawValue: $0.int(0)), place: $0.text(1) ?? "",
                    number: $0.isNull(2) ? nil : $0.int(2))
            }
        }
        return found
    }

    /// The dimension at which stored numbers match their checksums; nil where they do at none. O(1), but for a modality whose
    /// embeddings have no token sets.
    func actualDimension(_ stated: StatedDimension) throws(StorageError) -> Int? {
        let statement = try connection.take(stated.column.witnesses)
        defer { connection.give(statement) }
        statement.bind(1, stated.modality.rawValue)
        let scratch = VectorCodec.Scratch()
        func matches(_ dimension: Int) -> Bool {
            switch stated.column {
            case .dimension: decodeVector(statement, from: 4, count: dimension, scratch) == nil
            case .tokenDimension:
                (try? TokenRow(statement: statement, first: 3).decoded(dimension: dimension, scratch: scratch).get()) != nil
            }
        }
        if stated.isSound, let number = stated.number {
            while try statement.step() { if matches(Int(number)) { return Int(number) } }
            statement.reset()
        }
        while try statement.step() {
            let least = max(statement.int(1), 1), most = min(statement.int(2), Int64(StorageLimits.dimensionMax))
            guard least <= most else { continue }
            if let found = (Int(least)...Int(most)).first(where: matches) { return found }
        }
        return nil
    }
}

extension StatedDimension.Column {
    /// A few rows, and between which dimensions theirs must lie: no codec takes more than four bytes a number, and LZ4 alone
    /// less than one.
    fileprivate var witnesses: String {
        func range(_ table: String, per count: String) -> String {
            let bytes = "length(\(table).bytes)"
            let most = "\(bytes) * CASE \(table).codec WHEN \(VectorCodec.lz4.rawValue) THEN 64 ELSE 1 END"
            return "\(bytes) / 4 / \(count), \(most) / \(count)"
        }
        return switch self {
        case .dimension:
            """
            SELECT e.row, \(range("v", per: "1")), 1, v.codec, v.checksum, v.bytes
            FROM embedding e CROSS JOIN vector v ON v.row = e.row WHERE e.modality = ? ORDER BY e.row LIMIT 4
            """
        case .tokenDimension:
            """
            SELECT e.row, \(range("t", per: "t.count")), t.row, t.count, t.codec, t.checksum, t.bytes, t.weights_codec, t.weights
            FROM embedding e CROSS JOIN token_set t ON t.row = e.row
            WHERE e.modality = ? AND t.count > 0 ORDER BY e.row LIMIT 4
            """
        }
    }
}
