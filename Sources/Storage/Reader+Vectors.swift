/// Vectors and token sets in row order: decoded, verified, and passed down one at a time. Damaged rows are reported, never
/// delivered, and never stop the pass.

extension Reader {
    /// Every vector of a modality in row order, streaming. `body` gets `dimension` numbers, valid during the call.
    /// - Returns: the rows that could not be delivered.
    package func forEachVector(
        of modality: ModalityRecord, after row: RowID? = nil, _ body: (RowID, Span<Float>) throws -> Void
    ) throws -> [RowDamage] {
        guard let least = Self.least(after: row) else { return [] }
        let statement = try connection.take("""
            SELECT e.row, v.codec, v.checksum, v.bytes FROM embedding e LEFT JOIN vector v ON v.row = e.row
            WHERE e.modality = ? AND e.row >= ? ORDER BY e.row
            """)
        defer { connection.give(statement) }
        statement.bind(1, modality.id.rawValue)
        statement.bind(2, least)
        var damage: [RowDamage] = []
        let scratch = VectorCodec.Scratch()
        while try statement.step() {
            let row = RowID(rawValue: statement.int(0))
            if let reason = decodeVector(statement, from: 1, count: modality.dimension, scratch) {
                damage.append(RowDamage(row: row, reason: reason))
            } else {
                let values = scratch.values
                try body(row, values.span)
            }
        }
        return damage
    }

    /// The vectors of some rows in one ordered pass; `rows` should ascend, for speed. `body` gets the index in `rows`.
    package func forEachVector(
        _ rows: [RowID], of modality: ModalityRecord, _ body: (_ index: Int, Span<Float>) throws -> Void
    ) throws -> [RowDamage] {
        let statement = try connection.take(
            "SELECT row, codec, checksum, bytes FROM vector WHERE row >= ? ORDER BY row")
        defer { connection.give(statement) }
        var walk = RowWalk(statement)
        var damage: [RowDamage] = []
        let scratch = VectorCodec.Scratch()
        try withCacheForPass(isLong: !connection.cacheHolds(4 * modality.dimension * rows.count)) {
            for (index, row) in rows.enumerated() {
                let found = try walk.find(row)
                let reason = found ? decodeVector(statement, from: 1, count: modality.dimension, scratch) : .missing
                if let reason {
                    damage.append(RowDamage(row: row, reason: reason))
                } else {
                    let values = scratch.values
                    try body(index, values.span)
                }
            }
        }
        return damage
    }

    /// Columns from `first`: codec, checksum, bytes.
    func decodeVector(
        _ statement: Statement, from first: Int32, count: Int, _ scratch: VectorCodec.Scratch
    ) -> RowDamage.Reason? {
        guard !statement.isNull(first) else { return .missing }
        let codec = statement.int(first)
        let checksum = statement.int(first + 1)
        return statement.withBlob(first + 2) { bytes in
            VectorCodec.decode(codec: codec, bytes, count: count, checksum: checksum, scratch: scratch)
        }
    }

    /// The token set of a row; nil when it has none.
    /// - Throws: `.corrupt` when it is damaged.
    package func tokenSet(_ row: RowID, of modality: ModalityRecord) throws -> TokenSet? {
        var found: TokenSet?
        let damage = try forEachTokenSet([row], of: modality) { _, set in found = set }
        if let damage = damage.first {
            throw StorageError.corrupt(
                path: connection.path, what: "token set of row \(row.rawValue): \(damage.reason.rawValue)")
        }
        return found
    }

    /// Token sets in a pass whose pages would push everything else out of the page cache.
    static let longPass = 256

    /// The token sets of some rows in one ordered pass; `rows` should ascend, for speed. Rows without one are passed over.
    package func forEachTokenSet(
        _ rows: [RowID], of modality: ModalityRecord, _ body: (_ index: Int, TokenSet) throws -> Void
    ) throws -> [RowDamage] {
        var damage: [RowDamage] = []
        try forEachTokenRow(rows) { index, row in
            switch row.decoded(dimension: modality.tokenDimension, scratch: scratch) {
            case .success(let set): try body(index, set)
            case .failure(let failure): damage.append(RowDamage(row: rows[index], reason: failure.reason))
            }
        }
        return damage
    }

    private func forEachTokenRow(_ rows: [RowID], _ body: (_ index: Int, TokenRow) throws -> Void) throws {
        let statement = try connection.take(TokenRow.query)
        defer { connection.give(statement) }
        var walk = RowWalk(statement, stepsMax: 1)
        try withCacheForPass(isLong: rows.count >= Self.longPass) {
            for (index, row) in rows.enumerated() where try walk.find(row) {
                try body(index, TokenRow(statement: statement))
            }
        }
    }

    /// Runs a pass that reads each page once; a long one with a cache of few pages.
    func withCacheForPass(isLong: Bool, _ body: () throws -> Void) throws {
        let narrowed = isLong ? try connection.narrowCache() : false
        defer { if narrowed { connection.widenCache() } }
        try body()
    }
}

extension Connection {
    /// Pages that fit a processor's second-level cache beside what decoding needs.
    private static let passCacheKiB = 512

    /// Holds few pages while a long pass reads each page once: they are written and read again within the processor's own
    /// cache (a sixth of the time of reading token sets, measured). Returns whether it did; `widenCache` undoes it.
    fileprivate func narrowCache() throws(StorageError) -> Bool {
        guard let readerCacheKiB, readerCacheKiB > Self.passCacheKiB else { return false }
        try execute("PRAGMA cache_size = -\(Self.passCacheKiB)")
        return true
    }

    /// Whether so much may still be there when it is read again.
    fileprivate func cacheHolds(_ bytes: Int) -> Bool { readerCacheKiB.map { bytes <= $0 << 10 } ?? true }

    /// A failure leaves a small cache, which is only slower.
    fileprivate func widenCache() {
        guard let readerCacheKiB else { return }
        try? execute("PRAGMA cache_size = -\(readerCacheKiB)")
    }
}
