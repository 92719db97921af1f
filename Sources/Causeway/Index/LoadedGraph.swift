/// What a graph is built from: all stored vectors, or a graph that stands and what changed since. Reads; links nothing.
import Platform
import ProximityGraph
import Storage

/// A builder that has everything it needs.
struct LoadedGraph {
    var builder: GraphBuilder
    /// The change it is current to.
    var through: ChangeSequence
    /// Rows left out because they do not match their checksum.
    var damaged: Int
    /// Rows that came since the graph it goes on from; 0 without one.
    var added = 0
}

/// The graph in force, sound and as wanted, and how far it is behind.
struct StandingGraph {
    var record: GenerationRecord
    var settings: GenerationSettings
    var graph: Graph
    var freshness: IndexFreshness

    func deservesMerge(_ options: IndexOptions) -> Bool {
        freshness.slowsSearches || options.mergesEverything && !freshness.isCurrent
    }

    var isOutgrown: Bool { freshness.outgrows(merged: settings.merged) }
}

extension IndexBuilder {
    /// Enough vectors that the mean is known to a hundredth of its spread.
    private static let meanSampleMax = 65_536
    private static let blockRows = 4_096

    /// Codes of all sound rows.
    func load(_ modality: ModalityRecord, _ quality: IndexOptions.Quality) throws -> LoadedGraph {
        try database.read { reader in
            let change = try reader.lastChange(of: modality.id)
            let rows = try reader.rows(of: modality.id)
            let mean = try sampleMean(of: modality, rows: rows, in: reader)
            var settings = GraphSettings.standard(dimension: modality.dimension, quality: quality.graph)
            settings.seed = options.seed
            let builder = try GraphBuilder(
                settings: settings, capacity: rows.count, mean: mean, threads: options.threads)
            let damaged = try append(nil, rows.count, of: modality, in: reader, to: builder)
            return LoadedGraph(builder: builder, through: change, damaged: damaged)
        }
    }

    /// The graph that stands without the rows deleted since, and codes of the rows inserted since.
    func load(_ modality: ModalityRecord, onto standing: StandingGraph) throws -> LoadedGraph {
        try database.read { reader in
            let since = standing.record.throughSequence
            let change = try reader.lastChange(of: modality.id)
            let gone = try reader.deletedRows(of: modality.id, after: since).filter { $0.rawValue <= since.rawValue }
            let rows = try reader.changedRows(of: modality.id, after: since).sorted()
            let builder = try GraphBuilder(
                continuing: standing.graph, without: Set(gone.map(\.rawValue)), capacity: rows.count,
                threads: options.threads)
            let damaged = try append(rows, rows.count, of: modality, in: reader, to: builder)
            return LoadedGraph(
                builder: builder, through: change, damaged: damaged, added: rows.count)
        }
    }

    /// Appends some rows, ascending, or all there are. Returns how many are damaged.
    private func append(
        _ rows: [RowID]?, _ total: Int, of modality: ModalityRecord, in reader: Reader, to builder: GraphBuilder
    ) throws -> Int {
        var block = Block()
        var done = 0
        func take(_ row: RowID, _ vector: Span<Float>) throws {
            block.append(row, vector)
            guard block.labels.count == Self.blockRows else { return }
            done += block.labels.count
            try block.flush(into: builder)
            try report("read", done, total)
        }
        let damaged = if let rows {
            try reader.forEachVector(rows, of: modality) { try take(rows[$0], $1) }
        } else {
            try reader.forEachVector(of: modality, take)
        }
        try block.flush(into: builder)
        return damaged.count
    }

    /// The mean of the unit vectors of an evenly spaced sample.
    private func sampleMean(of modality: ModalityRecord, rows: [RowID], in reader: Reader) throws -> [Float] {
        let step = max(1, (rows.count + Self.meanSampleMax - 1) / Self.meanSampleMax)
        let sample = stride(from: 0, to: rows.count, by: step).map { rows[$0] }
        var mean = DirectionMean(dimension: modality.dimension)
        _ = try reader.forEachVector(sample, of: modality) { _, vector in mean.add(vector) }
        return mean.mean
    }

    /// Vectors on their way from SQLite to the encoder, many at a time so that all threads encode.
    private struct Block {
        var labels: [Int64] = []
        var values: [Float] = []

        mutating func append(_ row: RowID, _ vector: Span<Float>) {
            labels.append(row.rawValue)
            values.append(contentsOf: vector)
        }

        mutating func flush(into builder: GraphBuilder) throws {
            if !labels.isEmpty { try builder.append(labels: labels, vectors: values.span) }
            labels.removeAll(keepingCapacity: true)
            values.removeAll(keepingCapacity: true)
        }
    }
}

extension IndexReport {
    mutating func take(_ loaded: LoadedGraph, _ built: BuildReport) {
        damagedRows = loaded.damaged
        embeddings = loaded.builder.rowCount
        duplicates = built.duplicates
        zeroVectors = built.unindexable
    }
}
