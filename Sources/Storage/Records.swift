/// The values that cross Storage's border: identities, and what a row says. No behaviour, no SQL.

/// One version of an embedding. Never reused and its vector never changes: a replacement is a new row.
package struct RowID: RawRepresentable, Hashable, Comparable, Sendable {
    package let rawValue: Int64
    package init(rawValue: Int64) { self.rawValue = rawValue }
    package static func < (a: RowID, b: RowID) -> Bool { a.rawValue < b.rawValue }
}

package struct CollectionID: RawRepresentable, Hashable, Sendable {
    package let rawValue: Int64
    package init(rawValue: Int64) { self.rawValue = rawValue }
}

package struct ModalityID: RawRepresentable, Hashable, Sendable {
    package let rawValue: Int64
    package init(rawValue: Int64) { self.rawValue = rawValue }
}

/// A moment in the database's history: every insertion, update and deletion takes the next number of one counter.
/// A row's number is the sequence of its insertion, so `RowID(n)` was inserted at `ChangeSequence(n)`.
package struct ChangeSequence: RawRepresentable, Hashable, Comparable, Sendable {
    package let rawValue: Int64
    package init(rawValue: Int64) { self.rawValue = rawValue }
    package static func < (a: ChangeSequence, b: ChangeSequence) -> Bool { a.rawValue < b.rawValue }
    /// Before any change.
    package static let zero = ChangeSequence(rawValue: 0)
}

package struct CollectionRecord: Sendable, Equatable {
    package var id: CollectionID
    package var name: String
    package var defaultMetric: String?
}

package struct ModalityRecord: Sendable, Equatable {
    package var id: ModalityID
    package var collection: CollectionID
    package var name: String
    package var dimension: Int
    package var tokenDimension: Int?
    package var producer: String?
}

package struct EmbeddingRecord: Sendable, Equatable {
    package var row: RowID
    package var id: String
    package var item: String
    package var sequence: ChangeSequence
    /// The JSON object as it was given.
    package var metadata: String?
}

/// n vectors of t numbers, row-major, with n weights or none.
package struct TokenSet: Sendable, Equatable {
    package var dimension: Int
    package var values: [Float]
    package var weights: [Float]?
    package var count: Int { dimension > 0 ? values.count / dimension : 0 }

    package init(dimension: Int, values: [Float], weights: [Float]? = nil) {
        self.dimension = dimension
        self.values = values
        self.weights = weights
    }
}

/// A stored row that cannot be delivered as it was written.
package struct RowDamage: Sendable, Equatable {
    package enum Reason: String, Sendable {
        case missing = "its bytes are missing"
        case unknownCodec = "its codec is unknown"
        case undecodable = "its bytes do not decode to the right length"
        case wrongChecksum = "its checksum does not match"
    }
    package var row: RowID
    package var reason: Reason

    package init(row: RowID, reason: Reason) {
        self.row = row
        self.reason = reason
    }
}

/// The graph file in force for a modality.
package struct GenerationRecord: Sendable, Equatable {
    package var generation: Int64
    package var fileName: String
    package var checksum: UInt32
    /// The graph answers for every change up to here.
    package var throughSequence: ChangeSequence
    package var nodeCount: Int
    package var settings: String
    /// ISO 8601, UTC.
    package var createdAt: String

    package init(
        generation: Int64, fileName: String, checksum: UInt32, throughSequence: ChangeSequence, nodeCount: Int,
        settings: String, createdAt: String
    ) {
        self.generation = generation
        self.fileName = fileName
        self.checksum = checksum
        self.throughSequence = throughSequence
        self.nodeCount = nodeCount
        self.settings = settings
        self.createdAt = createdAt
    }
}

/// The search width that reaches a recall, measured for queries of one modality.
package struct TuningRecord: Sendable, Equatable {
    package var queryModality: ModalityID
    package var metric: String
    package var k: Int
    package var recallTarget: Double
    package var width: Int
    package var candidates: Int
    package var meanRecall: Double
    package var p5Recall: Double
    package var minimumRecall: Double
    /// Lower end of the 95 % interval of the mean.
    package var lowerBound: Double
    package var measuredAt: ChangeSequence
    package var generation: Int64

    package init(
        queryModality: ModalityID, metric: String, k: Int, recallTarget: Double, width: Int, candidates: Int,
        meanRecall: Double, p5Recall: Double, minimumRecall: Double, lowerBound: Double,
        measuredAt: ChangeSequence, generation: Int64
    ) {
        self.queryModality = queryModality
        self.metric = metric
        self.k = k
        self.recallTarget = recallTarget
        self.width = width
        self.candidates = candidates
        self.meanRecall = meanRecall
        self.p5Recall = p5Recall
        self.minimumRecall = minimumRecall
        self.lowerBound = lowerBound
        self.measuredAt = measuredAt
        self.generation = generation
    }
}

/// How far a source has been ingested; committed with the rows it counts.
package struct IngestPosition: Sendable, Equatable {
    package var rowsDone: Int
    package var finished: Bool
    package init(rowsDone: Int, finished: Bool) {
        self.rowsDone = rowsDone
        self.finished = finished
    }
}

package enum ConflictPolicy: String, Sendable { case error, skip, replace }

package struct InsertCounts: Sendable, Equatable {
    package var inserted = 0
    package var replaced = 0
    package var skipped = 0
    package init() {}
    package static func + (a: InsertCounts, b: InsertCounts) -> InsertCounts {
        var sum = a
        sum.inserted += b.inserted
        sum.replaced += b.replaced
        sum.skipped += b.skipped
        return sum
    }
}

/// One thing `check` found wrong, or worth knowing.
package struct Finding: Sendable, Equatable {
    package enum Severity: String, Sendable { case damage, warning }
    package var severity: Severity
    package var place: String
    package var problem: String
    package var remedy: String
}

/// "1 row holds", "2 rows hold".
func counted(_ count: some BinaryInteger, _ one: String, _ more: String) -> String { "\(count) \(count == 1 ? one : more)" }

/// Limits of stored data, each with its reason.
package enum StorageLimits {
    /// A block of this many float32 stays far below LZ4's limit and SQLite's (FORMAT.md, § Limits).
    package static let dimensionMax = 65_536
    package static func isDimension(_ number: Int64) -> Bool { (1...Int64(dimensionMax)).contains(number) }
    /// Ids are keys of an index: long ones overflow its pages.
    package static let idBytesMax = 1024
    package static let metadataBytesMax = 1 << 20
    /// Numbers in one token set, weights included: 256 MiB of float32, below the 300 MiB that a connection allows a row.
    package static let tokenNumbersMax = 1 << 26
    /// The largest code of a set within those limits is smaller: FORMAT.md, § Token codes.
    package static let tokenCodeBytesMax = 1 << 28
    package static let nameBytesMax = 255
    /// Of an attribute's path, which every value below repeats: without a limit, a mebibyte of metadata could fill gigabytes.
    package static let pathBytesMax = 1024
    /// Metadata nesting.
    package static let metadataDepthMax = 64
    /// Of a LIKE: what it compares grows with its length times the text's.
    package static let patternBytesMax = 4_096

    /// What keeps a text from naming a collection, a modality or a model; nil where nothing does.
    package static func nameFault(_ name: String) -> String? {
        if name.isEmpty { return "is empty" }
        if name.utf8.count > nameBytesMax { return "has \(name.utf8.count) bytes" }
        let isClean = !name.unicodeScalars.contains { $0.properties.generalCategory == .control }
        return isClean ? nil : "has a control character"
    }

    /// What keeps a text from naming a modality that is new: in a list of them it could not be told from others.
    package static func modalityFault(_ name: String) -> String? {
        if let fault = nameFault(name) { return fault }
        if name.utf8.contains(UInt8(ascii: ",")) { return "has a comma" }
        return name.hasPrefix(" ") || name.hasSuffix(" ") ? "has a blank at an end" : nil
    }
}
