/// What a graph is built with, whom it belongs to, and what can go wrong with it. No code that walks it.
import Platform

/// How much work a build spends for fewer visits in every later search.
///
/// Bytes of the file for each distinct vector, beside its padded dimension: 157 at M 16 (up to 1,023 dimensions, but for `high`),
/// 189 at M 20 (from 1,024 dimensions on), and with eight links a layer more, as `high` has, 220 and 252: 8 M for the links of
/// level 0, 4 for those of the upper layers, 24 for scales, error and label. Links for queries of another modality add 4
/// and 4 for each, at most 68.
package enum GraphQuality: String, Sendable, CaseIterable, Codable {
    case fast, balanced, high
}

/// The parameters of a build. Everything that decides the bytes of a graph besides the vectors is here.
package struct GraphSettings: Sendable, Equatable, Codable {
    /// Components of a vector, 1...65,536.
    package var dimension: Int
    /// M: links of a node in an upper layer. Level 0 has twice as many.
    package var connectivity: Int
    /// efConstruction: candidates a new node's neighbours are chosen from.
    package var constructionBreadth: Int
    /// Of the rotation and of the insertion order.
    package var seed: UInt64

    package init(dimension: Int, connectivity: Int, constructionBreadth: Int, seed: UInt64 = 1) {
        precondition((1...dimensionMax).contains(dimension), "dimension out of range")
        precondition((2...connectivityMax).contains(connectivity), "connectivity out of range")
        precondition(constructionBreadth >= 1, "construction breadth out of range")
        self.dimension = dimension
        self.connectivity = connectivity
        self.constructionBreadth = constructionBreadth
        self.seed = seed
    }

    /// What was encoded, where it is in range: settings are read from databases.
    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        func number(_ key: CodingKeys, in range: ClosedRange<Int>) throws -> Int {
            let found = try container.decode(Int.self, forKey: key)
            guard range.contains(found) else {
                throw DecodingError.dataCorruptedError(forKey: key, in: container, debugDescription: "\(found) is out of range")
            }
            return found
        }
        self.init(
            dimension: try number(.dimension, in: 1...dimensionMax),
            connectivity: try number(.connectivity, in: 2...connectivityMax),
            constructionBreadth: try number(.constructionBreadth, in: 1...nodesMax),
            seed: try container.decode(UInt64.self, forKey: .seed))
    }

    /// M 16 and breadth 128 up to 512 dimensions, breadth 200 above, M 20 from 1,024. M 24 there found no more for as many codes
    /// compared (40,000 × 1,024: recall 0.95 for 524 codes a query with M 20, for 613 with M 24) and takes 32 bytes more.
    package static func standard(dimension: Int, quality: GraphQuality = .balanced, seed: UInt64 = 1) -> GraphSettings {
        let connectivity = dimension >= 1024 ? 20 : 16
        let breadth = dimension <= 512 ? 128 : 200
        return switch quality {
        case .fast:
            GraphSettings(
                dimension: dimension, connectivity: connectivity, constructionBreadth: breadth / 2, seed: seed)
        case .balanced:
            GraphSettings(dimension: dimension, connectivity: connectivity, constructionBreadth: breadth, seed: seed)
        case .high:
            GraphSettings(
                dimension: dimension, connectivity: connectivity + 8, constructionBreadth: breadth * 2, seed: seed)
        }
    }

    /// Bytes of a code: the dimension padded to whole cache lines.
    package var paddedDimension: Int { (dimension + 63) / 64 * 64 }
    /// Links of a node on level 0.
    package var baseDegree: Int { 2 * connectivity }
}

let dimensionMax = 65_536  // a dot product of codes stays within int32
let connectivityMax = 128
let nodesMax = 1 << 31  // a node's number and a flag share 32 bits of a pool entry
let labelsMax = Int(UInt32.max)  // a label's place in the file has 32 bits
let layersMax = 15

/// The database, modality and generation a graph file was made for.
package struct GraphIdentity: Sendable, Equatable {
    /// 16 bytes.
    package var database: [UInt8]
    package var modality: Int64
    package var generation: Int64
    /// The newest change the graph knows of.
    package var throughSequence: Int64

    package init(database: [UInt8], modality: Int64, generation: Int64, throughSequence: Int64) {
        precondition(database.count == 16, "a database's identity has 16 bytes")
        self.database = database
        self.modality = modality
        self.generation = generation
        self.throughSequence = throughSequence
    }

    /// What tells `other` from this one, in words.
    func difference(to other: GraphIdentity) -> String {
        if database != other.database { return "it was made for another database" }
        if modality != other.modality { return "it was made for modality \(other.modality), not \(modality)" }
        if generation != other.generation { return "it is generation \(other.generation), not \(generation)" }
        return "it knows changes up to \(other.throughSequence), not \(throughSequence)"
    }
}

package enum GraphError: Error, Equatable, Sendable, CustomStringConvertible {
    case cancelled
    case file(FileError)
    /// The file's content contradicts itself or its checksums.
    case damaged(path: String, what: String)
    /// A sound graph, but of another database, modality or generation.
    case identityMismatch(path: String, what: String)
    case unsupportedVersion(path: String, version: Int)
    /// More vectors than the builder was made for, or than a graph can hold.
    case capacity(limit: Int)

    package var description: String {
        switch self {
        case .cancelled: "the build was cancelled; nothing was written"
        case .file(let error): error.description
        case .damaged(let path, let what): "graph \(path) is damaged: \(what); rebuild the index"
        case .identityMismatch(let path, let what): "graph \(path) belongs elsewhere: \(what); rebuild the index"
        case .unsupportedVersion(let path, let version):
            version < Int(GraphFormat.major)
                ? "graph \(path) has format \(version), which this program no longer reads; rebuild the index"
                : "graph \(path) has format \(version), newer than this program reads; update it or rebuild the index"
        case .capacity(let limit): "more vectors than the graph has room for (\(limit)); build it with a larger capacity"
        }
    }
}

/// What a build did.
package struct BuildReport: Sendable, Equatable {
    /// Nodes of the graph: distinct codes.
    package var nodes = 0
    /// Rows that share another row's node.
    package var duplicates = 0
    /// Rows without a direction: norm zero.
    package var unindexable = 0
    package var distances = 0
    /// Links the reachability repair added.
    package var repairedLinks = 0
    package var insertSeconds = 0.0
    package var repairSeconds = 0.0

    package init() {}
}

/// One label found, with what the code says of it.
package struct GraphHit: Sendable, Equatable {
    package var label: Int64
    /// Estimated cosine.
    package var similarity: Float
    /// The true cosine lies within this of the estimate, always.
    package var errorBound: Float

    package init(label: Int64, similarity: Float, errorBound: Float) {
        (self.label, self.similarity, self.errorBound) = (label, similarity, errorBound)
    }
}

/// What a search found, best first, and what it cost.
package struct GraphAnswer: Sendable, Equatable {
    package var hits: [GraphHit] = []
    /// Nodes that the hits are labels of.
    var nodes = 0
    /// Nodes whose neighbours were looked at.
    package var visited = 0
    /// Codes scored.
    package var distances = 0
    /// False when a filtered search gave up, at its budget, for want of a way on or of enough that match: nodes it did not reach
    /// may be better.
    package var exhausted = true
    /// Every admitted code was compared.
    package var isScan = false
    /// What is wrong with the file, in words; then there are no hits, and an exact scan must answer.
    package var damage: String?

    package init(damage: String? = nil) { self.damage = damage }
}

/// SplitMix64 (Steele, Lea, Flood 2014): the next number of the stream and the hash of a number.
struct SplitMix64: Sendable {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        return Self.mix(state)
    }

    static func mix(_ value: UInt64) -> UInt64 {
        var z = value
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
