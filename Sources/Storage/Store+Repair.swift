/// Brings a damaged database back to a sound state in one transaction: what cannot be read goes, and is named; what follows
/// from other rows is made again from them. Mends no page of the file, and knows no graph file.

/// One thing that was wrong, and what was done about it.
package struct Repair: Sendable, Equatable {
    package var place: String
    package var problem: String
    package var action: String
    package init(place: String, problem: String, action: String) {
        self.place = place
        self.problem = problem
        self.action = action
    }
}

package struct RepairReport: Sendable, Equatable {
    package var repairs: [Repair] = []
    /// Damage that is still there afterwards.
    package var remaining: [Finding] = []
    /// Where the state before has been copied to.
    package var copy: String?
    package init(repairs: [Repair] = [], remaining: [Finding] = [], copy: String? = nil) {
        (self.repairs, self.remaining, self.copy) = (repairs, remaining, copy)
    }
}

extension Store {
    /// Repairs what `check(deep:)` reports, all or nothing. Every embedding whose vector can be read stays as it is.
    /// - dryRun: does it all, and takes it back.
    /// - copy: where the state before is copied to, if this changes it beyond `more`. Nothing is overwritten.
    /// - also, more: further repairs in the same transaction, those of `more` of what can be made again.
    /// - Throws: `.locked`, `.interrupted`, `.alreadyExists`, `.corrupt` where pages of the file itself are damaged; nothing is
    ///   changed then.
    /// - Complexity: O(database), twice.
    package func repair(
        dryRun: Bool, copy: String?, also: (Writer) throws -> [Repair] = { _ in [] },
        and more: (Writer) throws -> [Repair] = { _ in [] }
    ) throws -> RepairReport {
        struct TakenBack: Error { var report: RepairReport }
        do {
            return try write { writer in
                var repairing = Repairing(writer: writer)
                try repairing.everything()
                let repairs = repairing.repairs + (try also(writer))
                var report = RepairReport(repairs: repairs + (try more(writer)))
                report.remaining = try Check.findings(in: writer, deep: true, isRepaired: true)
                    .filter { $0.severity == .damage }
                if dryRun || report.repairs.isEmpty { throw TakenBack(report: report) }
                // Another connection still sees the state before this transaction.
                if let copy, !repairs.isEmpty {
                    try self.copy(to: copy, isExact: true)
                    report.copy = copy
                }
                return report
            }
        } catch let end as TakenBack {
            return end.report
        }
    }
}

private struct Repairing {
    let writer: Writer
    var repairs: [Repair] = []

    init(writer: Writer) { self.writer = writer }

    private mutating func note(_ place: String, _ problem: String, _ action: String) {
        repairs.append(Repair(place: place, problem: problem, action: action))
    }

    /// Indexes first, as everything else is found through them; counters before the deletions that count.
    mutating func everything() throws {
        try indexes()
        try orphans()
        try changeCounter()
        try impossibleChanges()
        try derivedRows()
        try counters()
        try dimensions()
        for collection in try writer.collections() {
            for modality in try writer.soundModalities(of: collection.id) {
                let place = "\(collection.name)/\(modality.name)"
                try vectors(of: modality, place)
                try tokens(of: modality, place)
                try metadata(of: modality, place)
                try attributes(of: modality, place)
            }
            for model in try writer.models(of: collection.id) {
                guard let fault = model.fault else { continue }
                note("\(collection.name) model '\(model.name)'", fault, "removed; train it again")
                _ = try writer.deleteModel(named: model.name, in: collection.id)
            }
        }
    }

    private func integrity() throws(StorageError) -> [String] {
        try writer.rows("PRAGMA integrity_check(100)") { $0.text(0) ?? "" }.filter { $0 != "ok" }
    }

    private mutating func indexes() throws(StorageError) {
        let before = try integrity()
        if before.isEmpty { return }
        do throws(StorageError) {
            try writer.connection.execute("REINDEX")
        } catch {
            if case .interrupted = error { throw error }
            throw .corrupt(path: writer.connection.path, what: "\(before[0]), which no repair mends; nothing was changed")
        }
        let after = Set(try integrity())
        let mended = before.filter { !after.contains($0) }
        guard let first = mended.first else { return }
        let more = mended.count > 1 ? ", and \(mended.count - 1) more" : ""
        note("indexes", first + more, "rebuilt from the tables")
    }

    // MARK: Rows that belong to nothing

    /// Derived rows and what they must belong to. Embeddings, modalities and models are never removed for this. Of a column that
    /// may be NULL it must be asked whether it is: to SQLite even NULL is not in an empty table.
    private static let derived: [(table: String, isLost: String)] = [
        ("tombstone", "modality NOT IN (SELECT id FROM modality)"),
        ("attribute", """
            path NOT IN (SELECT id FROM attribute_path WHERE modality IN (SELECT id FROM modality))
            OR row NOT IN (SELECT row FROM embedding)
            """),
        ("attribute_path", "modality NOT IN (SELECT id FROM modality)"),
        ("generation", "modality NOT IN (SELECT id FROM modality)"),
        ("tuning", "modality NOT IN (SELECT id FROM modality) OR query_modality NOT IN (SELECT id FROM modality)"),
        ("calibration", """
            from_modality NOT IN (SELECT id FROM modality) OR to_modality NOT IN (SELECT id FROM modality)
            OR model IS NOT NULL AND model NOT IN (SELECT id FROM model)
            """),
    ]

    private mutating func orphans() throws(StorageError) {
        let uncoded = "row NOT IN (SELECT row FROM token_set WHERE row IN (SELECT row FROM embedding))"
        let lostCodes = try writer.run("DELETE FROM token_code WHERE \(uncoded)") { _ in }
        if lostCodes > 0 {
            note("token_code", counted(lostCodes, "row belongs", "rows belong") + " to no token set", "removed")
        }
        for table in ["vector", "token_set"] {
            let isLost = "row NOT IN (SELECT row FROM embedding)"
            for row in try writer.rows("SELECT row FROM \(table) WHERE \(isLost)", [], { $0.int(0) }) {
                note("\(table) row \(row)", "belongs to no embedding", "removed")
            }
            try writer.run("DELETE FROM \(table) WHERE \(isLost)") { _ in }
        }
        for (table, isLost) in Self.derived {
            let count = try writer.run("DELETE FROM \(table) WHERE \(isLost)") { _ in }
            if count > 0 { note(table, counted(count, "row belongs", "rows belong") + " to nothing", "removed") }
        }
    }

    /// What cannot be believed; measured or built again, it can.
    private mutating func derivedRows() throws(StorageError) {
        for table in DerivedTable.all {
            let count = try writer.run("DELETE FROM \(table.name) WHERE \(table.isSound) IS NOT TRUE") { _ in }
            if count > 0 { note(table.name, table.fault(of: count), "removed; \(table.remake)") }
        }
    }

    // MARK: Counters

    private mutating func changeCounter() throws(StorageError) {
        let says = try writer.connection.integer("SELECT value FROM setting WHERE name = 'sequence'")
        let needed = try writer.greatestNumber()
        guard !(needed...DerivedTable.numberMax).contains(says) else { return }
        try writer.setSequence(needed)
        note("change counter", "it says \(says), a row says \(needed)", "set to \(needed)")
    }

    /// A change of a number that cannot be is taken for the newest: whoever asks what has changed misses nothing.
    private mutating func impossibleChanges() throws(StorageError) {
        for (table, condition) in [("embedding", ImpossibleNumber.update), ("tombstone", ImpossibleNumber.deletion)] {
            let found = try writer.rows("SELECT modality, sequence, row FROM \(table) WHERE \(condition)") { row in
                (modality: ModalityID(rawValue: row.int(0)), sequence: row.int(1), row: row.int(2))
            }
            for change in found {
                let sequence = try writer.nextSequence()
                try writer.run("UPDATE \(table) SET sequence = ? WHERE modality = ? AND sequence = ? AND row = ?") {
                    for (place, value) in [sequence, change.modality.rawValue, change.sequence, change.row].enumerated() {
                        $0.bind(Int32(place + 1), value)
                    }
                }
                try writer.record(change.modality, inserted: 0, deleted: 0)
                note(table, "row \(change.row) has change \(change.sequence), which cannot be", "taken for change \(sequence)")
            }
        }
    }

    private mutating func counters() throws(StorageError) {
        let early = try writer.run("UPDATE embedding SET sequence = row WHERE sequence < row") { _ in }
        if early > 0 { note("embedding", "\(early) rows say that they were changed before they were inserted", "corrected") }
        for stated in try writer.statedCounters(counting: true) where !stated.faults.isEmpty {
            for fault in stated.faults { note(stated.place, fault, "corrected") }
            try writer.run("UPDATE modality SET live = ?, last_change = ?, last_generation = ? WHERE id = ?") {
                let values = [stated.counted ?? 0, stated.soundChange, stated.soundGraph, stated.modality]
                for (place, value) in values.enumerated() { $0.bind(Int32(place + 1), value) }
            }
        }
    }

    /// What stored numbers have by their checksums; a token dimension that none has and none can have is none.
    private mutating func dimensions() throws(StorageError) {
        for stated in try writer.statedDimensions() {
            let actual = try writer.actualDimension(stated)
            guard let fault = stated.fault(actual: actual), actual != nil || stated.column == .tokenDimension else { continue }
            try writer.run("UPDATE modality SET \(stated.column.rawValue) = ? WHERE id = ?") {
                if let actual { $0.bind(1, Int64(actual)) }
                $0.bind(2, stated.modality.rawValue)
            }
            note(stated.place, fault, "corrected")
        }
    }

    // MARK: Contents

    private func place(of row: RowID, _ place: String) throws(StorageError) -> String {
        "\(place) id '\(try writer.embeddings([row]).first.flatMap { $0?.id } ?? "?")'"
    }

    /// An embedding whose vector cannot be read is none.
    private mutating func vectors(of modality: ModalityRecord, _ place: String) throws {
        let damaged = try writer.forEachVector(of: modality) { _, _ in }
        for row in damaged {
            note(try self.place(of: row.row, place), "vector: \(row.reason.rawValue)", "embedding removed; ingest it again")
        }
        if !damaged.isEmpty { try writer.delete(damaged.map(\.row)) }
    }

    private mutating func tokens(of modality: ModalityRecord, _ place: String) throws {
        let (damaged, faults) = try writer.tokenFaults(of: modality)
        for row in damaged {
            note(
                try self.place(of: row.row, place), "token set: \(row.reason.rawValue)",
                "token set removed; its vector stays")
            for table in ["token_code", "token_set"] {
                try writer.run("DELETE FROM \(table) WHERE row = ?") { $0.bind(1, row.row.rawValue) }
            }
            let sequence = try writer.nextSequence()
            try writer.run("UPDATE embedding SET sequence = ? WHERE row = ?") {
                $0.bind(1, sequence)
                $0.bind(2, row.row.rawValue)
            }
            try writer.record(modality.id, inserted: 0, deleted: 0)
        }
        try codes(of: modality, faults, place)
    }

    private mutating func codes(
        of modality: ModalityRecord, _ faults: [(row: RowID, fault: String)], _ place: String
    ) throws {
        for (row, fault) in faults {
            note(try self.place(of: row, place), "token codes: \(fault)", "made again from the token set")
            try writer.run("DELETE FROM token_code WHERE row = ?") { $0.bind(1, row.rawValue) }
        }
        let missing = try writer.codeAllTokenSets(of: modality) - faults.count
        if missing > 0 { note(place, Check.uncoded(missing), "made from the token sets") }
    }

    private mutating func metadata(of modality: ModalityRecord, _ place: String) throws {
        var unreadable: [EmbeddingRecord] = []
        try writer.forEachEmbedding(of: modality.id) { record in
            guard let metadata = record.metadata, (try? metadataAttributes(of: metadata)) == nil else { return }
            unreadable.append(record)
        }
        for record in unreadable {
            let text = String((record.metadata ?? "").prefix(80))
            note(
                "\(place) id '\(record.id)'", "the metadata is not a JSON object: \(text)",
                "metadata removed; the embedding stays")
            try writer.setMetadata(nil, of: record.row)
        }
    }

    private mutating func attributes(of modality: ModalityRecord, _ place: String) throws {
        var check = Check(reader: writer)
        try check.attributes(of: modality, place)
        guard let first = check.findings.first else { return }
        let more = check.findings.count > 1 ? ", and \(check.findings.count - 1) more" : ""
        try writer.refillAttributes(of: modality.id)
        note(first.place, first.problem + more, "filter table refilled from the metadata")
    }
}
