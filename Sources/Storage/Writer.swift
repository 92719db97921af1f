/// Changes within one write transaction. Whatever throws here dooms the transaction: nothing of it is kept, also when the
/// caller catches the error. Valid only within `Store.write`.
import Platform

package final class Writer: Reader {
    /// The first error of a change; `Store.write` rolls back for it.
    private(set) var failure: StorageError?
    /// The newest change of the database.
    private var sequence: Int64
    /// Attribute paths resolved in this transaction.
    private var pathIDs: [ModalityID: [ExactText: Int64]] = [:]

    init(writing connection: Connection) throws(StorageError) {
        sequence = try connection.integer("SELECT value FROM setting WHERE name = 'sequence'")
        super.init(connection)
    }

    /// Runs a change and remembers its failure.
    @discardableResult
    func changing<R>(_ body: () throws(StorageError) -> R) throws(StorageError) -> R {
        do throws(StorageError) {
            return try body()
        } catch {
            failure = failure ?? error
            throw error
        }
    }

    func nextSequence() throws(StorageError) -> Int64 {
        guard (0..<DerivedTable.numberMax).contains(sequence) else {
            throw .corrupt(path: connection.path, what: "its change counter is \(sequence)")
        }
        sequence += 1
        return sequence
    }

    /// Puts the change counter where it must be; for `repair` alone.
    func setSequence(_ value: Int64) throws(StorageError) {
        sequence = value
        try run("INSERT OR REPLACE INTO setting (name, value) VALUES ('sequence', ?)") { $0.bind(1, value) }
    }

    /// Takes back the last number, when nothing was written under it.
    func returnSequence() { sequence -= 1 }

    /// Brings the maintained counters up to date after a change.
    func record(_ modality: ModalityID, inserted: Int, deleted: Int) throws(StorageError) {
        try run("UPDATE setting SET value = ? WHERE name = 'sequence'") { $0.bind(1, sequence) }
        try run("UPDATE modality SET live = live + ?, last_change = ? WHERE id = ?") {
            $0.bind(1, Int64(inserted - deleted))
            $0.bind(2, sequence)
            $0.bind(3, modality.rawValue)
        }
    }

    @discardableResult
    func run(_ sql: String, _ bind: (Statement) -> Void) throws(StorageError) -> Int {
        let statement = try connection.take(sql)
        defer { connection.give(statement) }
        bind(statement)
        try statement.run()
        return connection.changes
    }

    // MARK: Collections and modalities

    func validate(name: String) throws(StorageError) {
        guard StorageLimits.nameFault(name) == nil else { throw .invalidName(name) }
    }

    /// The collection of that name, made when there is none.
    package func ensureCollection(named name: String) throws(StorageError) -> CollectionRecord {
        try changing { () throws(StorageError) in
            if let known = try collection(named: name) { return known }
            try validate(name: name)
            try run("INSERT INTO collection (name) VALUES (?)") { $0.bind(1, name) }
            guard let made = try collection(named: name) else {
                throw .corrupt(path: connection.path, what: "a new collection cannot be found")
            }
            return made
        }
    }

    package func setDefaultMetric(_ metric: String?, of collection: CollectionID) throws(StorageError) {
        try changing { () throws(StorageError) in
            try run("UPDATE collection SET default_metric = ? WHERE id = ?") {
                $0.bind(1, metric)
                $0.bind(2, collection.rawValue)
            }
        }
    }

    /// Makes a modality.
    /// - Throws: `.modalityMismatch` when the name is taken, `.invalidName`.
    package func createModality(
        named name: String, in collection: CollectionID, dimension: Int, tokenDimension: Int? = nil,
        producer: String? = nil
    ) throws(StorageError) -> ModalityRecord {
        precondition((1...StorageLimits.dimensionMax).contains(dimension))
        return try changing { () throws(StorageError) in
            try validate(name: name)
            if let known = try modality(named: name, in: collection) {
                throw .modalityMismatch(name: name, what: "dimension \(known.dimension)")
            }
            try run("""
                INSERT INTO modality (collection, name, dimension, token_dimension, producer) VALUES (?, ?, ?, ?, ?)
                """
            ) {
                $0.bind(1, collection.rawValue)
                $0.bind(2, name)
                $0.bind(3, Int64(dimension))
                if let tokenDimension { $0.bind(4, Int64(tokenDimension)) }
                $0.bind(5, producer)
            }
            guard let made = try modality(named: name, in: collection) else {
                throw .corrupt(path: connection.path, what: "a new modality cannot be found")
            }
            return made
        }
    }

    /// Fixes the token dimension of a modality that had none.
    package func recordTokenDimension(_ dimension: Int, for modality: ModalityID) throws(StorageError) {
        precondition((1...StorageLimits.dimensionMax).contains(dimension))
        try changing { () throws(StorageError) in
            guard let known = try self.modality(modality) else { return }
            if let expected = known.tokenDimension {
                guard expected == dimension else {
                    throw .tokenDimensionMismatch(expected: expected, got: dimension, modality: known.name)
                }
                return
            }
            try run("UPDATE modality SET token_dimension = ? WHERE id = ?") {
                $0.bind(1, Int64(dimension))
                $0.bind(2, modality.rawValue)
            }
        }
    }

    /// Fixes the producer of a modality that had none.
    /// - Throws: `.producerMismatch` when another is recorded.
    package func recordProducer(_ producer: String, for modality: ModalityID) throws(StorageError) {
        try changing { () throws(StorageError) in
            guard let known = try self.modality(modality) else { return }
            if let expected = known.producer {
                guard expected == producer else {
                    throw .producerMismatch(expected: expected, got: producer, modality: known.name)
                }
                return
            }
            try run("UPDATE modality SET producer = ? WHERE id = ?") {
                $0.bind(1, producer)
                $0.bind(2, modality.rawValue)
            }
        }
    }

    // MARK: Attributes

    /// The number of an attribute path, made when it is new.
    func pathID(_ path: String, in modality: ModalityID) throws(StorageError) -> Int64 {
        let key = ExactText(path)
        if let known = pathIDs[modality]?[key] { return known }
        try run("INSERT INTO attribute_path (modality, path) VALUES (?, ?) ON CONFLICT DO NOTHING") {
            $0.bind(1, modality.rawValue)
            $0.bind(2, path)
        }
        let found = try first(
            "SELECT id FROM attribute_path WHERE modality = ? AND path = ?", [modality.rawValue], path) { $0.int(0) }
        guard let found else { throw .corrupt(path: connection.path, what: "attribute path '\(path)' cannot be found") }
        pathIDs[modality, default: [:]][key] = found
        return found
    }

    private static let insertAttribute =
        "INSERT INTO attribute (path, kind, value, row) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING"

    private func change(
        _ attributes: [MetadataAttribute], sql: String, row: Int64, in modality: ModalityID
    ) throws(StorageError) {
        guard !attributes.isEmpty else { return }
        let statement = try connection.take(sql)
        defer { connection.give(statement) }
        for attribute in attributes {
            statement.bind(1, try pathID(attribute.path, in: modality))
            statement.bind(2, attribute.kind)
            switch attribute.value {
            case .integer(let value): statement.bind(3, value)
            case .real(let value): statement.bind(3, value)
            case .text(let value): statement.bind(3, value)
            }
            statement.bind(4, row)
            try statement.run()
        }
    }

    /// Makes a modality's part of the filter table again from its metadata, all of which must parse.
    func refillAttributes(of modality: ModalityID) throws {
        try run("DELETE FROM attribute WHERE path IN (SELECT id FROM attribute_path WHERE modality = ?)") {
            $0.bind(1, modality.rawValue)
        }
        try forEachEmbedding(of: modality) { record in
            guard let metadata = record.metadata else { return }
            try change(metadataAttributes(of: metadata), sql: Self.insertAttribute, row: record.row.rawValue, in: modality)
        }
        // Who remembers what a filter listed before goes by the newest change.
        _ = try nextSequence()
        try record(modality, inserted: 0, deleted: 0)
    }

    /// Removes a row's attributes, which its metadata names; metadata that no longer parses costs a whole pass instead.
    private func removeAttributes(of metadata: String?, row: Int64, in modality: ModalityID) throws(StorageError) {
        guard let metadata else { return }
        do throws(StorageError) {
            try change(
                metadataAttributes(of: metadata),
                sql: "DELETE FROM attribute WHERE path = ? AND kind = ? AND value = ? AND row = ?", row: row, in: modality)
        } catch {
            guard case .invalidMetadata = error else { throw error }
            try run("DELETE FROM attribute WHERE row = ?") { $0.bind(1, row) }
        }
    }

    /// Inserts the attributes of one encoded row.
    func insertAttributes(
        of row: EncodedBatch.Row, number: Int64, batch: EncodedBatch, pinned: PinnedBytes, paths: [Int64]
    ) throws(StorageError) {
        let statement = try connection.take(Self.insertAttribute)
        defer { connection.give(statement) }
        statement.bind(4, number)
        for attribute in batch.attributes[row.attributes] {
            statement.bind(1, paths[attribute.path])
            statement.bind(2, attribute.kind)
            switch attribute.value {
            case .integer(let value): statement.bind(3, value)
            case .real(let value): statement.bind(3, value)
            case .text(let range): statement.bind(3, text: range, of: pinned)
            }
            try statement.run()
        }
    }

    // MARK: Deleting and updating

    /// Deletes rows; those that are no more are passed over.
    /// - Returns: how many were deleted.
    @discardableResult
    package func delete(_ rows: [RowID]) throws(StorageError) -> Int {
        try changing { () throws(StorageError) in
            var deleted: [ModalityID: Int] = [:]
            for row in rows {
                guard let modality = try deleteOne(row.rawValue) else { continue }
                deleted[modality, default: 0] += 1
            }
            for (modality, count) in deleted.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
                try record(modality, inserted: 0, deleted: count)
            }
            return deleted.values.reduce(0, +)
        }
    }

    /// Deletes a row and leaves a tombstone, without the counters; the modality it belonged to, nil when there is none.
    func deleteOne(_ row: Int64) throws(StorageError) -> ModalityID? {
        let found = try first("SELECT modality, metadata FROM embedding WHERE row = ?", [row]) {
            (ModalityID(rawValue: $0.int(0)), $0.text(1))
        }
        guard let (modality, metadata) = found else { return nil }
        try removeAttributes(of: metadata, row: row, in: modality)
        for table in ["vector", "token_code", "token_set", "embedding"] {
            try run("DELETE FROM \(table) WHERE row = ?") { $0.bind(1, row) }
        }
        let sequence = try nextSequence()
        try run("INSERT INTO tombstone (modality, sequence, row) VALUES (?, ?, ?)") {
            $0.bind(1, modality.rawValue)
            $0.bind(2, sequence)
            $0.bind(3, row)
        }
        return modality
    }

    /// Replaces a row's metadata (nil removes it). The row and its vector stay; the row takes a new sequence.
    /// - Throws: `.noSuchRow`, `.invalidMetadata`.
    package func setMetadata(_ json: String?, of row: RowID) throws(StorageError) {
        try changing { () throws(StorageError) in
            let found = try first("SELECT modality, metadata FROM embedding WHERE row = ?", [row.rawValue]) {
                (ModalityID(rawValue: $0.int(0)), $0.text(1))
            }
            guard let (modality, old) = found else { throw .noSuchRow(row) }
            try removeAttributes(of: old, row: row.rawValue, in: modality)
            if let json {
                let attributes = try metadataAttributes(of: json, pathBytesMax: StorageLimits.pathBytesMax)
                try change(attributes, sql: Self.insertAttribute, row: row.rawValue, in: modality)
            }
            let sequence = try nextSequence()
            try run("UPDATE embedding SET metadata = ?, sequence = ? WHERE row = ?") {
                $0.bind(1, json)
                $0.bind(2, sequence)
                $0.bind(3, row.rawValue)
            }
            try record(modality, inserted: 0, deleted: 0)
        }
    }
}
