/// Trained models as rows: bytes under a checksum, and where they come from. Knows nothing of what the bytes mean.
import Foundation
import Platform

/// One model of a collection.
package struct ModelRecord: Sendable, Equatable {
    package var name: String
    /// Counts the trainings under this name.
    package var version: Int
    package var from: ModalityID
    package var to: ModalityID
    package var fromProducer: String?
    package var toProducer: String?
    package var method: String
    /// ISO 8601, UTC.
    package var createdAt: String
    /// A JSON object.
    package var report: String
    /// A JSON array of items, as text.
    package var heldOutItems: String
    package var checksum: UInt32
    package var bytes: [UInt8]

    /// Sets the checksum from the bytes.
    package init(
        name: String, version: Int, from: ModalityID, to: ModalityID, fromProducer: String?, toProducer: String?,
        method: String, createdAt: String, report: String, heldOutItems: String, bytes: [UInt8]
    ) {
        self.name = name
        self.version = version
        self.from = from
        self.to = to
        self.fromProducer = fromProducer
        self.toProducer = toProducer
        self.method = method
        self.createdAt = createdAt
        self.report = report
        self.heldOutItems = heldOutItems
        self.bytes = bytes
        checksum = crc32c(bytes)
    }

    fileprivate init(_ row: Statement) {
        name = row.text(0) ?? ""
        version = Int(row.int(1))
        from = ModalityID(rawValue: row.int(2))
        to = ModalityID(rawValue: row.int(3))
        fromProducer = row.text(4)
        toProducer = row.text(5)
        method = row.text(6) ?? ""
        createdAt = row.text(7) ?? ""
        report = row.text(8) ?? ""
        heldOutItems = row.text(9) ?? ""
        checksum = UInt32(truncatingIfNeeded: row.int(10))
        bytes = row.blob(11)
    }

    /// The items that no training saw; nil where the list cannot be read.
    package var decodedHeldOutItems: [String]? { try? JSONDecoder().decode([String].self, from: Data(heldOutItems.utf8)) }

    /// The version of a training in place of this one; 1 where this one's cannot be.
    package var nextVersion: Int { (1..<DerivedTable.numberMax).contains(Int64(version)) ? version + 1 : 1 }

    /// In which way it is not what was written; nil for a sound model.
    package var fault: String? {
        guard crc32c(bytes) == checksum else { return "its bytes do not match their checksum" }
        guard (1...DerivedTable.numberMax).contains(Int64(version)) else { return "it cannot have been trained \(version) times" }
        return decodedHeldOutItems == nil ? "its list of held-out items cannot be read" : nil
    }
}

extension Reader {
    private static let modelColumns = """
        name, version, from_modality, to_modality, from_producer, to_producer, method, created_at, report, held_out_items,
        checksum, bytes
        """

    /// By name. Any may be damaged: ask `fault`.
    package func models(of collection: CollectionID) throws(StorageError) -> [ModelRecord] {
        try rows(
            "SELECT \(Self.modelColumns) FROM model WHERE collection = ? ORDER BY name", [collection.rawValue],
            ModelRecord.init)
    }

    package func model(named name: String, in collection: CollectionID) throws(StorageError) -> ModelRecord? {
        try first(
            "SELECT \(Self.modelColumns) FROM model WHERE collection = ? AND name = ?", [collection.rawValue], name,
            ModelRecord.init)
    }
}

extension Writer {
    /// Stores a model in place of the one of its name.
    package func store(_ model: ModelRecord, in collection: CollectionID) throws(StorageError) {
        try changing { () throws(StorageError) in
            try validate(name: model.name)
            try run("DELETE FROM model WHERE collection = ? AND name = ?") {
                $0.bind(1, collection.rawValue)
                $0.bind(2, model.name)
            }
            try run("""
                INSERT INTO model (collection, name, version, from_modality, to_modality, from_producer, to_producer, method,
                    created_at, report, held_out_items, checksum, bytes)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                """
            ) {
                $0.bind(1, collection.rawValue)
                $0.bind(2, model.name)
                $0.bind(3, Int64(model.version))
                $0.bind(4, model.from.rawValue)
                $0.bind(5, model.to.rawValue)
                $0.bind(6, model.fromProducer)
                $0.bind(7, model.toProducer)
                $0.bind(8, model.method)
                $0.bind(9, model.createdAt)
                $0.bind(10, model.report)
                $0.bind(11, model.heldOutItems)
                $0.bind(12, Int64(model.checksum))
                $0.bind(13, blob: model.bytes)
            }
        }
    }

    /// - Returns: whether there was one.
    package func deleteModel(named name: String, in collection: CollectionID) throws(StorageError) -> Bool {
        try changing { () throws(StorageError) in
            try run("DELETE FROM model WHERE collection = ? AND name = ?") {
                $0.bind(1, collection.rawValue)
                $0.bind(2, name)
            } > 0
        }
    }
}
