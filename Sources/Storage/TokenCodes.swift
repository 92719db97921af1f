/// Token sets once more as 8-bit codes (FORMAT.md, § Token codes): written with the sets, read before them, made where they
/// are missing. Knows no bound; a set without a sound code is simply read.
import Platform

enum TokenCode {
    /// Below this many numbers a token, padding and facts would make codes about as large as the tokens.
    static let dimensionMin = 64
    static func pays(dimension: Int) -> Bool { dimension >= dimensionMin }

    /// The checksum of bytes made to be that of one row's, so that the bytes of another row do not pass for its own.
    static func sealed(_ checksum: UInt32, row: Int64) -> Int64 {
        let number = (0..<8).map { UInt8(truncatingIfNeeded: row >> (8 * $0)) }
        return Int64(crc32c(number, seed: checksum))
    }

    static let insertion = "INSERT INTO token_code (row, checksum, bytes) VALUES (?, ?, ?)"

    /// A modality whose token sets may lack codes above the row that is its value: it comes from an earlier format.
    static func gapSetting(_ modality: ModalityID) -> String { "uncoded-tokens/\(modality.rawValue)" }
}

extension ModalityRecord {
    /// Whether its token sets are stored with codes.
    package var codesTokens: Bool { tokenDimension.map(TokenCode.pays) ?? false }
}

extension Reader {
    /// The codes of some rows' token sets in one pass; `body` gets no bytes where there are none or they are damaged, which
    /// says nothing of the set itself.
    /// - Parameter rows: should ascend, for speed.
    package func forEachTokenCode(_ rows: [RowID], _ body: (_ index: Int, Span<UInt8>) throws -> Void) throws {
        let none: [UInt8] = []
        try forEachCodeRow(rows) { index, found in
            guard let found else { return try body(index, none.span) }
            try found.withBlob(2) { bytes in try body(index, isSound(found, bytes, rows[index]) ? bytes : none.span) }
        }
    }

    /// The same, to be kept.
    package func forEachCopiedTokenCode(_ rows: [RowID], _ body: (_ index: Int, [UInt8]) throws -> Void) throws {
        try forEachCodeRow(rows) { index, found in
            guard let found else { return try body(index, []) }
            let bytes = found.blob(2)
            try body(index, isSound(found, bytes.span, rows[index]) ? bytes : [])
        }
    }

    private func isSound(_ found: Statement, _ bytes: Span<UInt8>, _ row: RowID) -> Bool {
        TokenCode.sealed(checksum(of: bytes), row: row.rawValue) == found.int(1)
    }

    private func forEachCodeRow(_ rows: [RowID], _ body: (_ index: Int, Statement?) throws -> Void) throws {
        let statement = try connection.take("SELECT row, checksum, bytes FROM token_code WHERE row >= ? ORDER BY row")
        defer { connection.give(statement) }
        var walk = RowWalk(statement, stepsMax: 1)
        try withCacheForPass(isLong: rows.count >= Self.longPass) {
            for (index, row) in rows.enumerated() {
                try body(index, try Self.isFound(row, by: &walk) ? statement : nil)
            }
        }
    }

    /// False also where SQLite finds the table's own pages damaged: `check` reports that, and the sets are elsewhere.
    private static func isFound(_ row: RowID, by walk: inout RowWalk) throws(StorageError) -> Bool {
        do throws(StorageError) {
            return try walk.find(row)
        } catch {
            guard case .corrupt = error else { throw error }
            return false
        }
    }

    /// Whether some token sets of a modality may be without codes because they were stored before there were any.
    package func mayLackTokenCodes(_ modality: ModalityRecord) throws(StorageError) -> Bool {
        guard modality.codesTokens else { return false }
        return try gap(modality.id) != nil
    }

    fileprivate func gap(_ modality: ModalityID) throws(StorageError) -> Int64? {
        try first("SELECT value FROM setting WHERE name = ?", [], TokenCode.gapSetting(modality)) { $0.int(0) }
    }

    /// Rows after one whose token set has no code, ascending.
    fileprivate func uncodedRows(of modality: ModalityID, after row: Int64, limit: Int) throws(StorageError) -> [RowID] {
        try rows(
            """
            SELECT e.row FROM embedding e CROSS JOIN token_set t ON t.row = e.row
            WHERE e.modality = ? AND e.row > ? AND NOT EXISTS (SELECT 1 FROM token_code c WHERE c.row = e.row)
            ORDER BY e.row LIMIT ?
            """, [modality.rawValue, row, Int64(limit)]) { RowID(rawValue: $0.int(0)) }
    }

    /// Damage of a modality's token sets, and what is wrong with the codes of the others. O(numbers).
    func tokenFaults(of modality: ModalityRecord) throws -> (sets: [RowDamage], codes: [(row: RowID, fault: String)]) {
        let rows = try rows(
            "SELECT t.row FROM embedding e JOIN token_set t ON t.row = e.row WHERE e.modality = ? ORDER BY t.row",
            [modality.id.rawValue]) { RowID(rawValue: $0.int(0)) }
        var codes: [(row: RowID, fault: String)] = []
        let sets = try forEachTokenSet(rows, of: modality) { index, set in
            if let fault = try faultOfCode(rows[index], of: set) { codes.append((rows[index], fault)) }
        }
        return (sets, codes)
    }

    /// What is wrong with a row's code, given its token set; nil also where there is none.
    private func faultOfCode(_ row: RowID, of set: TokenSet) throws(StorageError) -> String? {
        let stored = try first("SELECT checksum, bytes FROM token_code WHERE row = ?", [row.rawValue]) {
            (checksum: $0.int(0), bytes: $0.blob(1))
        }
        guard let stored else { return nil }
        guard TokenCode.sealed(checksum(of: stored.bytes.span), row: row.rawValue) == stored.checksum else {
            return RowDamage.Reason.wrongChecksum.rawValue
        }
        var expected: [UInt8] = []
        _ = TokenCode.append(set, to: &expected)
        return expected == stored.bytes ? nil : "it is of another token set"
    }

    /// Token sets of a modality without a code. O(token sets).
    func uncodedCount(of modality: ModalityRecord) throws(StorageError) -> Int {
        guard modality.codesTokens else { return 0 }
        return try uncodedRows(of: modality.id, after: 0, limit: .max).count
    }
}

extension Writer {
    /// Codes the next at most `limit` token sets that lack it. Damaged sets are passed over.
    /// - Returns: how many were coded, and up to which row all are now; no row when none is left.
    package func codeTokenSets(of modality: ModalityRecord, limit: Int) throws -> (made: Int, through: RowID?) {
        guard modality.codesTokens, let start = try gap(modality.id) else { return (0, nil) }
        let rows = try uncodedRows(of: modality.id, after: start, limit: limit)
        let made = try code(rows, of: modality)
        let through = rows.count == limit ? rows.last : nil
        try changing { () throws(StorageError) in
            let sql = through == nil ? "DELETE FROM setting WHERE name = ?1" : "UPDATE setting SET value = ?2 WHERE name = ?1"
            try run(sql) {
                $0.bind(1, TokenCode.gapSetting(modality.id))
                if let through { $0.bind(2, through.rawValue) }
            }
        }
        return (made, through)
    }

    /// Codes all token sets that lack it, for `repair`; returns how many.
    func codeAllTokenSets(of modality: ModalityRecord) throws -> Int {
        guard modality.codesTokens else { return 0 }
        var made = 0
        var last = RowID(rawValue: 0)
        while true {
            let rows = try uncodedRows(of: modality.id, after: last.rawValue, limit: 256)
            made += try code(rows, of: modality)
            guard let end = rows.last else { break }
            last = end
        }
        try run("DELETE FROM setting WHERE name = ?") { $0.bind(1, TokenCode.gapSetting(modality.id)) }
        return made
    }

    private func code(_ rows: [RowID], of modality: ModalityRecord) throws -> Int {
        var made = 0
        _ = try forEachTokenSet(rows, of: modality) { index, set in
            var bytes: [UInt8] = []
            let checksum = TokenCode.append(set, to: &bytes)
            try changing { () throws(StorageError) in
                try run(TokenCode.insertion) {
                    $0.bind(1, rows[index].rawValue)
                    $0.bind(2, TokenCode.sealed(checksum, row: rows[index].rawValue))
                    $0.bind(3, blob: bytes)
                }
            }
            made += 1
        }
        return made
    }
}
