/// Whether the database holds what it says: findings with place and remedy. Repairs nothing, stops at nothing.
import Platform

extension Store {
    /// Looks for damage on one snapshot. Quick: SQLite's quick check, schema, numbers against those of the rows, sizes of indexes
    /// and measurements. Deep, in O(database): also its integrity check, foreign keys, every checksum, and attributes against
    /// metadata.
    package func check(deep: Bool) throws -> [Finding] {
        try read { try Check.findings(in: $0, deep: deep) }
    }
}

extension Finding {
    /// What no repair mends: pages of the file that cannot be read.
    package static func unreadable(_ what: String) -> Finding {
        Finding(severity: .damage, place: "database", problem: what, remedy: Check.restore)
    }
}

struct Check {
    let reader: Reader
    /// A repair has just done what it can, and is no remedy.
    private let isRepaired: Bool
    var findings: [Finding] = []

    init(reader: Reader, isRepaired: Bool = false) { (self.reader, self.isRepaired) = (reader, isRepaired) }

    private var connection: Connection { reader.connection }
    fileprivate static let restore = "restore a backup, or export what can be read and ingest it anew"

    static func findings(in reader: Reader, deep: Bool, isRepaired: Bool = false) throws -> [Finding] {
        var check = Check(reader: reader, isRepaired: isRepaired)
        do throws(StorageError) {
            try check.pages(deep: deep)
            if !deep { try check.indexes() }
            try check.schema()
            try check.counters(deep: deep)
            try check.dimensions(deep: deep)
            try check.derivedRows()
        } catch {
            try check.report(error)
        }
        guard deep else { return check.findings }
        do {
            try check.contents()
        } catch let error as StorageError {
            try check.report(error)
        }
        return check.findings
    }

    private mutating func damage(_ place: String, _ problem: String, remedy: String) {
        findings.append(Finding(severity: .damage, place: place, problem: problem, remedy: remedy))
    }

    /// - Throws: what says nothing of the file.
    mutating func report(_ error: StorageError) throws(StorageError) {
        if case .interrupted = error { throw error }
        let what = if case .corrupt(_, let what) = error { what } else { error.description }
        let finding = Finding.unreadable(what)
        if !findings.contains(finding) { findings.append(finding) }
    }

    private var repair: String { isRepaired ? Self.restore : "run `causeway repair`, which makes it again" }
    private var repairOrRestore: String { isRepaired ? Self.restore : "run `causeway repair`; otherwise " + Self.restore }

    mutating func pages(deep: Bool) throws(StorageError) {
        let pragma = deep ? "PRAGMA integrity_check(100)" : "PRAGMA quick_check(100)"
        for line in try reader.rows(pragma, [], { $0.text(0) ?? "" }) where line != "ok" {
            damage("pages", line, remedy: repairOrRestore)
        }
        guard deep else { return }
        let broken = try reader.rows("PRAGMA foreign_key_check") { "\($0.text(0) ?? "?") row \($0.int(1))" }
        for place in broken { damage(place, "refers to a row that is not there", remedy: repairOrRestore) }
    }

    /// SQLite's quick check compares no index with its table. Counting sees what most damage does, for a pass over the pages of
    /// the two that the quick check has just read; which entries are wrong only the integrity check finds.
    private mutating func indexes() throws(StorageError) {
        let rows = try connection.integer("SELECT count(*) FROM embedding NOT INDEXED")
        for index in ["embedding_by_modality", "sqlite_autoindex_embedding_1"] {
            // Without a condition SQLite counts whichever index is the smallest.
            let entries = try connection.integer(
                "SELECT count(*) FROM embedding INDEXED BY \(index) WHERE modality IS NOT NULL")
            guard entries != rows else { continue }
            damage("pages", "\(entries) entries in index \(index) for \(rows) embeddings", remedy: repairOrRestore)
        }
    }

    mutating func schema() throws(StorageError) {
        let found = try Schema.objects(in: connection)
        let expected = Schema.expected ?? []
        for object in expected where !found.contains(object) {
            damage("schema", "\(object.type) \(object.name) is missing or altered", remedy: Self.restore)
        }
        for object in found where !expected.contains(where: { $0.type == object.type && $0.name == object.name }) {
            findings.append(Finding(
                severity: .warning, place: "schema", problem: "\(object.type) \(object.name) is not Causeway's",
                remedy: "DROP it with an SQLite tool, unless you made it; it is never used"))
        }
    }

    mutating func counters(deep: Bool) throws(StorageError) {
        let says = try connection.integer("SELECT value FROM setting WHERE name = 'sequence'")
        let needed = try reader.greatestNumber()
        if !(needed...DerivedTable.numberMax).contains(says) {
            damage("change counter", "it says \(says), a row says \(needed)", remedy: repair)
        }
        try impossibleNumbers()
        // SQLite knows no CHECK of a database that is opened for reading.
        if deep, try connection.integer("SELECT count(*) FROM embedding WHERE sequence < row") > 0 {
            damage("embedding", "rows say that they were changed before they were inserted", remedy: repair)
        }
        let most = max(try connection.integer("SELECT max(row) FROM embedding"), 0)
        for stated in try reader.statedCounters(counting: deep) {
            for fault in stated.faults { damage(stated.place, fault, remedy: repair) }
            if stated.counted == nil, !(0...most).contains(stated.live) {
                damage(stated.place, "it says \(stated.live) embeddings, which cannot be", remedy: repair)
            }
        }
    }

    private mutating func impossibleNumbers() throws(StorageError) {
        for (table, condition, what, remedy) in [
            ("embedding", ImpossibleNumber.row, "number", Self.restore),
            ("embedding", ImpossibleNumber.update, "change", repair), ("tombstone", ImpossibleNumber.deletion, "change", repair),
        ] {
            let count = try connection.integer("SELECT count(*) FROM \(table) WHERE \(condition)")
            if count > 0 { damage(table, "\(counted(count, "row has", "rows have")) a \(what) that cannot be", remedy: remedy) }
        }
    }

    /// What is stored is asked where a dimension cannot be, and by a deep check.
    private mutating func dimensions(deep: Bool) throws(StorageError) {
        for stated in try reader.statedDimensions() where deep || !stated.isSound {
            guard let fault = stated.fault(actual: try reader.actualDimension(stated)) else { continue }
            damage(stated.place, fault, remedy: repairOrRestore)
        }
    }

    private mutating func derivedRows() throws(StorageError) {
        for table in DerivedTable.all {
            let count = try connection.integer("SELECT count(*) FROM \(table.name) WHERE \(table.isSound) IS NOT TRUE")
            guard count > 0 else { continue }
            damage(
                table.name, "\(table.fault(of: count)), and count as absent",
                remedy: "run `causeway repair`, which removes them; then \(table.remake)")
        }
    }

    mutating func contents() throws {
        for collection in try reader.collections() {
            for modality in try reader.soundModalities(of: collection.id) {
                let place = "\(collection.name)/\(modality.name)"
                try vectors(of: modality, place)
                try tokens(of: modality, place)
                try attributes(of: modality, place)
            }
            for model in try reader.models(of: collection.id) {
                guard let fault = model.fault else { continue }
                damage(
                    "\(collection.name) model '\(model.name)'", fault,
                    remedy: "train it again, or delete it with `causeway align delete`")
            }
        }
    }

    private mutating func report(_ rows: [RowDamage], what: String, _ place: String) throws(StorageError) {
        for row in rows {
            let id = try reader.embeddings([row.row]).first.flatMap { $0?.id } ?? "?"
            damage(
                "\(place) id '\(id)'", "\(what): \(row.reason.rawValue)",
                remedy: "ingest this id again with --on-conflict replace, delete it, or run `causeway repair`")
        }
    }

    private mutating func vectors(of modality: ModalityRecord, _ place: String) throws {
        try report(try reader.forEachVector(of: modality) { _, _ in }, what: "vector", place)
    }

    static func uncoded(_ count: Int) -> String { counted(count, "token set has", "token sets have") + " no codes" }

    private mutating func tokens(of modality: ModalityRecord, _ place: String) throws {
        let (damaged, faults) = try reader.tokenFaults(of: modality)
        try report(damaged, what: "token set", place)
        for (row, fault) in faults {
            let id = try reader.embeddings([row]).first.flatMap { $0?.id } ?? "?"
            damage("\(place) id '\(id)'", "token codes: \(fault)", remedy: repair)
        }
        let uncoded = try reader.uncodedCount(of: modality)
        guard uncoded > 0 else { return }
        findings.append(Finding(
            severity: .warning, place: place, problem: "\(Self.uncoded(uncoded)), so searches read them in full",
            remedy: "run `causeway index build` after an upgrade, otherwise `causeway repair`"))
    }

    /// Every attribute that metadata implies must be found, and as many as are found must be implied.
    mutating func attributes(of modality: ModalityRecord, _ place: String) throws {
        let remedy = "set this metadata again, or run `causeway repair`"
        var implied = 0
        let paths = Dictionary(
            try reader.rows("SELECT path, id FROM attribute_path WHERE modality = ?", [modality.id.rawValue]) {
                (ExactText($0.text(0) ?? ""), $0.int(1))
            }, uniquingKeysWith: { first, _ in first })
        let find = try connection.take("SELECT 1 FROM attribute WHERE path = ? AND kind = ? AND value = ? AND row = ?")
        defer { connection.give(find) }
        let rows = try connection.take("SELECT row, id, metadata FROM embedding WHERE modality = ? AND metadata IS NOT NULL")
        defer { connection.give(rows) }
        rows.bind(1, modality.id.rawValue)
        while try rows.step() {
            let here = "\(place) id '\(rows.text(1) ?? "")'"
            guard let found = try? metadataAttributes(of: rows.text(2) ?? "") else {
                damage(here, "the metadata is not a JSON object", remedy: remedy)
                continue
            }
            let distinct = distinctAttributes(found)
            implied += distinct.count
            for attribute in distinct where try !isThere(attribute, row: rows.int(0), paths, find) {
                damage(here, "metadata '\(attribute.path)' is missing from the filter table", remedy: remedy)
            }
        }
        let stored = try reader.rows("""
            SELECT count(*) FROM attribute WHERE path IN (SELECT id FROM attribute_path WHERE modality = ?)
            """, [modality.id.rawValue]) { Int($0.int(0)) }.first ?? 0
        if stored > implied {
            let entries = counted(stored - implied, "entry", "entries")
            damage(place, "the filter table has \(entries) that no metadata has", remedy: repair)
        }
    }

    private func isThere(
        _ attribute: MetadataAttribute, row: Int64, _ paths: [ExactText: Int64], _ find: Statement
    ) throws(StorageError) -> Bool {
        guard let path = paths[ExactText(attribute.path)] else { return false }
        find.bind(1, path)
        find.bind(2, attribute.kind)
        switch attribute.value {
        case .integer(let value): find.bind(3, value)
        case .real(let value): find.bind(3, value)
        case .text(let value): find.bind(3, value)
        }
        find.bind(4, row)
        defer { find.reset() }
        return try find.step()
    }

    /// As the table's key sees them: 1 and 1.0 are one, texts are compared by bytes.
    private func distinctAttributes(_ all: [MetadataAttribute]) -> [MetadataAttribute] {
        struct Key: Hashable {
            var path: ExactText
            var kind: Int64
            var text: ExactText?
            var number: Double?
            var integer: Int64?
        }
        var seen: Set<Key> = []
        return all.filter { attribute in
            var key = Key(path: ExactText(attribute.path), kind: attribute.kind)
            switch attribute.value {
            case .integer(let value): key.integer = value
            case .real(let value):
                if let whole = Int64(exactly: value) { key.integer = whole } else { key.number = value }
            case .text(let value): key.text = ExactText(value)
            }
            return seen.insert(key).inserted
        }
    }
}
