/// Links for queries of other modalities: which stored vectors are taken as sample queries, and whether what they gave is
/// worth keeping. Choosing the links themselves is EdgeFixer's task.
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
    let choice: IndexOptions.CrossModal
    let progress: ProgressHandler?

    /// The modalities whose queries are chosen, as far as their vectors can be compared with the target's.
    func sources(in reader: Reader) throws -> [ModalityRecord] {
        let others = try reader.modalities(of: target.collection).filter {
            $0.id != target.id && $0.dimension == target.dimension
        }
        switch choice {
        case .automatic:
            return try others.filter { source in
                let rows = try reader.rows(of: source.id)
                let judges = rows.count { HoldOut.contains($0) }
                return rows.count - judges >= Self.samplesMin && judges >= Self.judgesMin
            }
        case .modalities(let names):
            for name in names { _ = try collection.modality(name, in: reader) }
            return others.filter { other in names.contains { $0.hasSameBytes(as: other.name) } }
        }
    }

    /// Whether a graph built before has what is chosen.
    func isSettled(_ record: GenerationSettings, in reader: Reader) throws -> Bool {
        switch choice {
        case .automatic:
            let known = Set(record.edges.map { ExactText($0.from) })
            return try record.requested == nil && sources(in: reader).allSatisfy { known.contains(ExactText($0.name)) }
        case .modalities(let names):
            return record.requested.map { Set($0.map(ExactText.init)) } == Set(names.map(ExactText.init))
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
        let samples = rows.filter { !HoldOut.contains($0) }.evenlySpaced(wanted)
        let judges = try vectors(of: rows.filter(HoldOut.contains).evenlySpaced(Self.judgesMax), source, in: reader)
        func report(_ done: Int) throws {
            let step = Progress(stage: "edges for \(source.name) queries", done: done, total: samples.count)
            if progress?(step) == false { throw CausewayError.cancelled }
        }
        try report(0)
        let fixer = try builder.edgeFixer()
        let before = try judge(fixer, judges, of: source)
        for first in stride(from: 0, to: samples.count, by: Self.chunk) {
            let part = Array(samples[first..<min(first + Self.chunk, samples.count)])
            try fixer.fix(vectors(of: part, source, in: reader))
            try report(first + part.count)
        }
        let after = try judge(fixer, judges, of: source)
        let isForced = choice != .automatic
        let report = fixer.report
        let isKept = isForced || Self.pays(before: before.distances[1], after: after.distances[1])
        if !isKept { fixer.undo() }
        return CrossModalEdges(
            from: source.name, outcome: isKept ? .kept : .dropped, isForced: isForced, sampleQueries: report.queries,
            hardQueries: report.hard, edges: report.added, distancesBefore: before.distances,
            distancesAfter: after.distances, seconds: clock.now.seconds(since: start))
    }

    private func judge(_ fixer: EdgeFixer, _ queries: [Float], of source: ModalityRecord) throws -> SearchCosts {
        let cancellation = Platform.Cancellation()
        return try fixer.judge(queries, cancellation: cancellation) { width in
            let step = Progress(stage: "judge edges for \(source.name) queries", done: width, total: nil)
            if progress?(step) == false { cancellation.cancel() }
        }
    }

    private static func pays(before: Double?, after: Double?) -> Bool {
        guard let after else { return false }
        guard let before else { return true }
        return after <= before * (1 - gainMin)
    }

    /// Those of the rows that are sound, one after the other.
    private func vectors(of rows: [RowID], _ source: ModalityRecord, in reader: Reader) throws -> [Float] {
        try StoredVectors(of: rows, modality: source, in: reader).matrix.elements
    }
}
