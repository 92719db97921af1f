/// Links for queries of other modalities: which stored vectors are taken as sample queries, and whether what they gave is
/// worth keeping. Choosing the links themselves is EdgeFixer's task.
import Foundation
import Platform
import ProximityGraph
import Storage

/// What became of the links that one modality's queries asked of another modality's graph.
public struct CrossModalEdges: Sendable, Codable, Equatable {
    public enum Outcome: String, Sendable, Codable {
        case kept
        /// Searches would have gained less than they cost in size.
        case dropped
    }

    /// The modality of the queries.
    public var from: String
    public var outcome: Outcome
    /// Asked for by name, and so kept whatever they gave.
    public var isForced: Bool
    public var sampleQueries: Int
    /// Those whose neighbours an ordinary search did not all find.
    public var hardQueries: Int
    /// Links found, whether kept or not.
    public var edges: Int
    /// Codes compared per held-out query at recall@10 of 0.90, 0.95 and 0.99; nil where no width reached it.
    public var distancesBefore: [Double?]
    public var distancesAfter: [Double?]
    public var seconds: Double
}

struct CrossModalFixing {
    /// Fewer sample queries leave most of the graph as it was; fewer held-out ones say nothing.
    private static let samplesMin = 500
    private static let samplesFloor = 5_000
    private static let samplesMax = 100_000
    private static let judgesMin = 50
    private static let judgesMax = 256
    /// Searches at recall 0.95 must save so much.
    private static let gainMin = 0.05
    private static let chunk = 512

    let collection: EmbeddingCollection
    let target: ModalityRecord
    let options: IndexOptions
    let progress: ProgressHandler?

    /// The modalities whose queries the options ask for, as far as their vectors can be compared with the target's.
    func sources(in reader: Reader) throws -> [ModalityRecord] {
        let others = try reader.modalities(of: target.collection).filter {
            $0.id != target.id && $0.dimension == target.dimension
        }
        switch options.crossModal {
        case .automatic:
            return try others.filter { source in
                let rows = try reader.rows(of: source.id)
                let judges = rows.count { HoldOut.contains($0) }
                return rows.count - judges >= Self.samplesMin && judges >= Self.judgesMin
            }
        case .modalities(let names):
            for name in names { _ = try collection.modality(name, in: reader) }
            return others.filter { names.contains($0.name) }
        }
    }

    /// Whether a graph built before has what these options ask for.
    func isSettled(_ record: GenerationSettings, in reader: Reader) throws -> Bool {
        switch options.crossModal {
        case .automatic:
            if record.requested != nil { return true }
            let known = Set(record.edges.map(\.from))
            return try sources(in: reader).allSatisfy { known.contains($0.name) }
        case .modalities(let names):
            return record.requested.map(Set.init) == Set(names)
        }
    }

    /// One modality after the other; the next finds the links that those before left.
    func run(_ builder: GraphBuilder) throws -> [CrossModalEdges] {
        try collection.database.read { reader in
            try sources(in: reader).map { try fix(builder, from: $0, in: reader) }
        }
    }

    private func fix(_ builder: GraphBuilder, from source: ModalityRecord, in reader: Reader) throws -> CrossModalEdges {
        let clock = ContinuousClock()
        let start = clock.now
        let rows = try reader.rows(of: source.id)
        let wanted = max(Self.samplesFloor, min(Self.samplesMax, builder.rowCount / 10))
        let samples = evenlySpaced(rows.filter { !HoldOut.contains($0) }, wanted)
        let judges = try vectors(of: evenlySpaced(rows.filter(HoldOut.contains), Self.judgesMax), source, in: reader)
        let fixer = try builder.edgeFixer()
        let before = fixer.judge(judges)
        let stage = "edges for \(source.name) queries"
        for first in stride(from: 0, to: samples.count, by: Self.chunk) {
            let part = Array(samples[first..<min(first + Self.chunk, samples.count)])
            try fixer.fix(vectors(of: part, source, in: reader))
            let done = Progress(stage: stage, done: first + part.count, total: samples.count)
            if progress?(done) == false { throw CausewayError.cancelled }
        }
        let after = fixer.judge(judges)
        var isForced = false
        if case .modalities = options.crossModal { isForced = true }
        let report = fixer.report
        let isKept = isForced || Self.pays(before: before.distances[1], after: after.distances[1])
        if !isKept { fixer.undo() }
        return CrossModalEdges(
            from: source.name, outcome: isKept ? .kept : .dropped, isForced: isForced, sampleQueries: report.queries,
            hardQueries: report.hard, edges: report.added, distancesBefore: before.distances,
            distancesAfter: after.distances, seconds: clock.now.seconds(since: start))
    }

    private static func pays(before: Double?, after: Double?) -> Bool {
        guard let after else { return false }
        guard let before else { return true }
        return after <= before * (1 - gainMin)
    }

    private func evenlySpaced(_ rows: [RowID], _ wanted: Int) -> [RowID] {
        guard rows.count > wanted else { return rows }
        return (0..<wanted).map { rows[$0 * rows.count / wanted] }
    }

    /// Those of the rows that are sound, one after the other.
    private func vectors(of rows: [RowID], _ source: ModalityRecord, in reader: Reader) throws -> [Float] {
        var values: [Float] = []
        values.reserveCapacity(rows.count * source.dimension)
        _ = try reader.forEachVector(rows, of: source) { _, vector in
            for index in vector.indices { values.append(vector[index]) }
        }
        return values
    }
}

/// What is recorded with a published graph: how it was built. JSON in the database, one flat object.
struct GenerationSettings: Codable {
    var graph: GraphSettings
    /// The modalities named by the caller; nil when the choice was left to the build.
    var requested: [String]?
    var edges: [CrossModalEdges]
    /// Rows that came and went by merges since the graph was built from nothing.
    var merged = 0

    init(graph: GraphSettings, options: IndexOptions, edges: [CrossModalEdges]) {
        self.graph = graph
        self.edges = edges
        if case .modalities(let names) = options.crossModal { requested = names.sorted() }
    }

    private enum Key: String, CodingKey { case requestedModalities, crossModalEdges, mergedRows }

    init(from decoder: any Decoder) throws {
        graph = try GraphSettings(from: decoder)
        let container = try decoder.container(keyedBy: Key.self)
        requested = try container.decodeIfPresent([String].self, forKey: .requestedModalities)
        edges = try container.decodeIfPresent([CrossModalEdges].self, forKey: .crossModalEdges) ?? []
        merged = try container.decodeIfPresent(Int.self, forKey: .mergedRows) ?? 0
    }

    func encode(to encoder: any Encoder) throws {
        try graph.encode(to: encoder)
        var container = encoder.container(keyedBy: Key.self)
        try container.encodeIfPresent(requested, forKey: .requestedModalities)
        try container.encode(edges, forKey: .crossModalEdges)
        if merged > 0 { try container.encode(merged, forKey: .mergedRows) }
    }

    func jsonText() throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        return String(decoding: try encoder.encode(self), as: UTF8.self)
    }

    /// Nil for settings of another version.
    init?(recorded record: GenerationRecord) {
        guard let made = try? JSONDecoder().decode(Self.self, from: Data(record.settings.utf8)) else { return nil }
        self = made
    }
}
