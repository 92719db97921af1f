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

    /// The dimension at which stored numbers match their checksums; nil where they do at none, or at none of those that some
    /// seconds suffice to try. O(1), but for a modality whose embeddings have no token sets.
    func actualDimension(_ stated: StatedDimension) throws(StorageError) -> Int? {
        let statement = try connection.take(stated.column.witnesses)
        defer { connection.give(statement) }
        statement.bind(1, stated.modality.rawValue)
        let scratch = VectorCodec.Scratch()
        func matches(_ dimension: Int) -> Bool {
            switch stated.column {
            case .dimension: decodeVector(statement, from: 2, count: dimension, scratch) == nil
            case .tokenDimension:
                (try? TokenRow(statement: statement).decoded(dimension: dimension, scratch: scratch).get()) != nil
            }
        }
        if stated.isSound, let number = stated.number {
            while try statement.step() { if matches(Int(number)) { return Int(number) } }
            statement.reset()
        }
        var left = numbersTriedMax
        while try statement.step() {
            guard let (dimensions, vectors) = possibleDimensions(statement, scratch) else { continue }
            for dimension in dimensions {
                try connection.throwIfStopped()
                left -= dimension * vectors
                guard left >= 0 else { return nil }
                if matches(dimension) { return dimension }
            }
        }
        return nil
    }

    /// Between which the dimension of a witness lies, and how many vectors it has.
    private func possibleDimensions(
        _ witness: Statement, _ scratch: VectorCodec.Scratch
    ) -> (dimensions: ClosedRange<Int>, vectors: Int)? {
        guard let codec = VectorCodec(rawValue: witness.int(2)), let vectors = Int(exactly: witness.int(1)),
            (1...StorageLimits.tokenNumbersMax).contains(vectors)
        else { return nil }
        let most = min(StorageLimits.dimensionMax, StorageLimits.tokenNumbersMax / vectors)
        let counts = witness.withBlob(4) { codec.possibleCounts($0, atMost: most * vectors, scratch: scratch) }
        guard let counts else { return nil }
        let least = max(1, (counts.lowerBound + vectors - 1) / vectors), greatest = min(most, counts.upperBound / vectors)
        return least <= greatest ? (least...greatest, vectors) : nil
    }
}

/// Enough for all that vectors may have, and sets of some million numbers.
private let numbersTriedMax = 1 << 31

extension VectorCodec {
    /// Between how many values some bytes can be the encoding of: exactly one number where their size tells, or the end of what
    /// LZ4 makes of them.
    fileprivate func possibleCounts(_ bytes: Span<UInt8>, atMost limit: Int, scratch: Scratch) -> ClosedRange<Int>? {
        func exactly(_ count: Int?) -> ClosedRange<Int>? { count.map { $0...$0 } }
        return switch self {
        case .raw: exactly(bytes.count % 4 == 0 ? bytes.count / 4 : nil)
        case .float16: exactly(bytes.count % 2 == 0 ? bytes.count / 2 : nil)
        case .lz4: exactly(Self.blockCount(bytes, atMost: limit, scratch: scratch))
        case .exponentSplit: Self.splitCounts(size: bytes.count, planes: 3)
        case .bfloat16: Self.splitCounts(size: bytes.count, planes: 1)
        }
    }

    /// A byte a value in each plane, and exponents that LZ4 makes longer by a 255th and a few bytes at most.
    private static func splitCounts(size: Int, planes: Int) -> ClosedRange<Int>? {
        let most = (size - 2) / planes, least = max(0, size - 32) * 255 / (255 * (planes + 1) + 1)
        return least <= most ? least...most : nil
    }
}

extension StatedDimension.Column {
    /// A few rows: how many vectors each has, and the columns of those.
    fileprivate var witnesses: String {
        switch self {
        case .dimension:
            """
            SELECT e.row, 1, v.codec, v.checksum, v.bytes
            FROM embedding e CROSS JOIN vector v ON v.row = e.row WHERE e.modality = ? ORDER BY e.row LIMIT 4
            """
        case .tokenDimension:
            """
            SELECT t.row, t.count, t.codec, t.checksum, t.bytes, t.weights_codec, t.weights
            FROM embedding e CROSS JOIN token_set t ON t.row = e.row
            WHERE e.modality = ? AND t.count > 0 ORDER BY e.row LIMIT 4
            """
        }
    }
}
