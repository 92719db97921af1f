/// A named set of items with embeddings in one or several modalities. A handle: it holds no data and is free to copy.
import Platform
import Storage

/// A collection of a database, by name.
public struct EmbeddingCollection: Sendable {
    public let database: Database
    public let name: String

    /// The modalities with their dimensions and counts, by name.
    /// - Throws: `.unknownCollection`.
    public func modalities() throws -> [Modality] {
        try database.read { reader in
            try reader.modalities(of: record(in: reader).id).map { try Modality($0, in: reader) }
        }
    }

    /// One modality.
    /// - Throws: `.unknownCollection`, `.unknownModality`.
    public func modality(_ name: String) throws -> Modality {
        try database.read { try Modality(modality(name, in: $0), in: $0) }
    }

    /// The embedding with an id, or nil.
    /// - Throws: `.damaged` when its stored bytes contradict their checksum.
    public func embedding(id: String, in modality: String) throws -> Embedding? {
        try database.read { reader in
            let modality = try self.modality(modality, in: reader)
            guard let row = try reader.row(id: id, in: modality.id),
                let record = try reader.embeddings([row])[0] else { return nil }
            let vector = try vector(of: row, id: id, modality: modality, in: reader)
            return Embedding(
                id: record.id, vector: vector, item: record.item, metadata: record.metadata,
                tokens: try reader.tokenSet(row, of: modality).map(TokenSet.init))
        }
    }

    /// What is stored beside the vectors, in the order of insertion: at most `limit` from after a position.
    ///
    /// Page after page, each from after the `position` of the last one before, passes over nothing that stays: what is replaced
    /// meanwhile takes a new position at the end, and is listed there again. `forEachSummary` lists one state of the database.
    /// - Throws: `.invalidArgument` for a limit below 0; `.badFilter`.
    public func list(
        in modality: String, after position: Int64? = nil, limit: Int = 100, where filter: String? = nil
    ) throws -> [EmbeddingSummary] {
        var found: [EmbeddingSummary] = []
        try forEachSummary(in: modality, after: position, limit: limit, where: filter) { found.append($0) }
        return found
    }

    /// Calls `body` with what `list` would give, one after the other and all from one state of the database, whatever is
    /// written meanwhile. While it runs, the log beside the database cannot be emptied.
    public func forEachSummary(
        in modality: String, after position: Int64? = nil, limit: Int = .max, where filter: String? = nil,
        _ body: (EmbeddingSummary) throws -> Void
    ) throws {
        guard limit >= 0 else {
            throw CausewayError.invalidArgument(reason: "a limit of \(limit)", remedy: "list 0 embeddings or more")
        }
        let after = position.map(RowID.init(rawValue:))
        try database.read { reader in
            let modality = try self.modality(modality, in: reader)
            guard let filter else {
                return try reader.forEachEmbedding(of: modality.id, after: after, limit: limit) {
                    try body(EmbeddingSummary($0))
                }
            }
            let rows = try reader.rows(of: modality.id, matching: predicate(parsing: filter))
            for row in rows.drop(while: { row in after.map { row <= $0 } ?? false }).prefix(limit) {
                if let record = try reader.embeddings([row])[0] { try body(EmbeddingSummary(record)) }
            }
        }
    }

    // MARK: For the other files of this module

    func record(in reader: Reader) throws -> CollectionRecord {
        guard let record = try reader.collection(named: name) else { throw CausewayError.unknownCollection(name) }
        return record
    }

    func modality(_ name: String, in reader: Reader) throws -> ModalityRecord {
        guard let modality = try reader.modality(named: name, in: record(in: reader).id) else {
            throw CausewayError.unknownModality(name, collection: self.name)
        }
        return modality
    }

    func vector(of row: RowID, id: String, modality: ModalityRecord, in reader: Reader) throws -> [Float] {
        var found: [Float]?
        _ = try reader.forEachVector([row], of: modality) { _, vector in
            found = Array(vector)
        }
        guard let found else {
            throw CausewayError.damaged(
                path: database.path, what: "the vector of \(modality.name) \(id) does not match its checksum",
                remedy: "ingest it again with --on-conflict replace, or run `causeway repair`")
        }
        return found
    }
}

/// An embedding without its numbers.
public struct EmbeddingSummary: Sendable, Equatable {
    public var id: String
    public var item: String
    /// A JSON object as text.
    public var metadata: String?
    /// Its place in the order of insertion, which no other ever takes. New metadata leave it; a replacement has a new one.
    public var position: Int64
    /// Grows with every change in the database; a later change has a larger one.
    public var sequence: Int64

    init(_ record: EmbeddingRecord) {
        id = record.id
        item = record.item
        metadata = record.metadata
        position = record.row.rawValue
        sequence = record.sequence.rawValue
    }
}

extension Modality {
    init(_ record: ModalityRecord, in reader: Reader) throws {
        self.init(
            name: record.name, dimension: record.dimension, tokenDimension: record.tokenDimension,
            tokenPrecision: try reader.tokenStorage(of: record.id) == .float16 ? .float16 : .float32,
            producer: record.producer, count: try reader.count(of: record.id))
    }
}
