/// Builds one modality's graph from the stored vectors and publishes it: read, build, write, flip.
/// Readers and writers go on meanwhile; what changes after the read is searched beside the graph.
import Foundation
import Platform
import ProximityGraph
import Storage

struct IndexBuilder {
    /// Below this a scan of the codes is as fast as a walk, and always exact (graph-notes: under about 2,000 no graph).
    static let graphMin = 2_000
    /// Enough vectors that the mean is known to a hundredth of its spread.
    private static let meanSampleMax = 65_536
    private static let blockRows = 4_096

    let collection: EmbeddingCollection
    let options: IndexOptions
    let progress: ProgressHandler?

    private var database: Database { collection.database }

    /// Atomic: the new generation is named by one transaction after its file is on disk, or nothing changes.
    func build(_ name: String) throws -> IndexReport {
        let clock = ContinuousClock()
        let start = clock.now
        var report = IndexReport(modality: name, outcome: .built)
        let (modality, old, count) = try database.read { reader in
            let modality = try collection.modality(name, in: reader)
            return (modality, try reader.generation(of: modality.id), try reader.count(of: modality.id))
        }
        guard count >= Self.graphMin else {
            if old != nil { try drop(modality) }
            report.outcome = .tooSmall
            return report
        }
        let recorded = old.flatMap(GenerationSettings.init(recorded:))
        let crossModal = options.crossModal ?? recorded?.crossModal ?? .automatic
        let fixing = CrossModalFixing(collection: collection, target: modality, choice: crossModal, progress: progress)
        if let old, let recorded, try isSettled(recorded, fixing), try isWorthKeeping(old, of: modality) {
            report.outcome = .current
            report.embeddings = count
            // What a build that was cut off after it published left undone: old files, and the recall table.
            try database.removeOrphanedGraphs()
            report.tuningSeconds = try tune(modality)
            report.crossModal = recorded.edges
            return report
        }
        let (builder, through, damaged) = try load(modality, options.quality ?? recorded?.quality ?? .balanced)
        report.damagedRows = damaged
        let built = try run(builder)
        report.embeddings = builder.rowCount
        report.duplicates = built.duplicates
        report.zeroVectors = built.unindexable
        report.crossModal = try fixing.run(builder)
        let settings = GenerationSettings(graph: builder.settings, crossModal: crossModal, edges: report.crossModal)
        try self.report("write", 0, builder.rowCount)
        let published = try publish(builder, built, settings, of: modality, through: through, replacing: old)
        report.seconds = clock.now.seconds(since: start)
        guard let published else {
            report.outcome = .superseded
            return report
        }
        report.bytes = published
        report.tuningSeconds = try tune(modality)
        return report
    }

    /// The seconds it took.
    private func tune(_ modality: ModalityRecord) throws -> Double {
        let clock = ContinuousClock()
        let start = clock.now
        try Tuner(collection: collection, target: modality, threads: options.threads, progress: progress).complete()
        return clock.now.seconds(since: start)
    }

    /// The published graph was built as the options ask; what they leave open is as recorded.
    private func isSettled(_ recorded: GenerationSettings, _ fixing: CrossModalFixing) throws -> Bool {
        guard !options.rebuild, options.quality == nil || options.quality == recorded.quality else { return false }
        return try database.read { try fixing.isSettled(recorded, in: $0) }
    }

    /// The published graph is sound in every byte, and too little changed since to deserve another.
    private func isWorthKeeping(_ old: GenerationRecord, of modality: ModalityRecord) throws -> Bool {
        guard case .success(let graph) = database.files.open(old, of: modality) else { return false }
        let freshness = try database.read { try $0.freshness(of: old, in: modality.id, inGraph: graph.count) }
        return !freshness.deservesRebuild && graph.verifyChecksums(threads: options.threads).isEmpty
    }

    /// The build proper; the progress handler is asked now and then whether to go on.
    private func run(_ builder: GraphBuilder) throws -> BuildReport {
        let cancellation = Cancellation()
        return try builder.build(cancellation: cancellation) { done, total in
            if progress?(Progress(stage: "link", done: done, total: total)) == false { cancellation.cancel() }
        }
    }

    private func drop(_ modality: ModalityRecord) throws {
        try database.write { try $0.dropGeneration(of: modality.id) }
        try database.removeOrphanedGraphs()
    }

    /// Codes of all sound rows, and the change they are current to.
    private func load(
        _ modality: ModalityRecord, _ quality: IndexOptions.Quality
    ) throws -> (GraphBuilder, ChangeSequence, damaged: Int) {
        try database.read { reader in
            let change = try reader.lastChange(of: modality.id)
            let rows = try reader.rows(of: modality.id)
            let mean = try sampleMean(of: modality, rows: rows, in: reader)
            var settings = GraphSettings.standard(dimension: modality.dimension, quality: quality.graph)
            settings.seed = options.seed
            let builder = try GraphBuilder(
                settings: settings, capacity: rows.count, mean: mean, threads: options.threads)
            var block = Block()
            var done = 0
            let damaged = try reader.forEachVector(of: modality) { row, vector in
                block.append(row, vector)
                guard block.labels.count == Self.blockRows else { return }
                done += block.labels.count
                try block.flush(into: builder)
                try report("read", done, rows.count)
            }
            try block.flush(into: builder)
            return (builder, change, damaged.count)
        }
    }

    /// The mean of the unit vectors of an evenly spaced sample.
    private func sampleMean(of modality: ModalityRecord, rows: [RowID], in reader: Reader) throws -> [Float] {
        let step = max(1, (rows.count + Self.meanSampleMax - 1) / Self.meanSampleMax)
        let sample = stride(from: 0, to: rows.count, by: step).map { rows[$0] }
        var mean = DirectionMean(dimension: modality.dimension)
        _ = try reader.forEachVector(sample, of: modality) { _, vector in mean.add(vector) }
        return mean.mean
    }

    /// Writes the file and names it in one transaction; returns its bytes, or nil where another build came first.
    private func publish(
        _ builder: GraphBuilder, _ built: BuildReport, _ settings: GenerationSettings, of modality: ModalityRecord,
        through: ChangeSequence, replacing old: GenerationRecord?
    ) throws -> Int? {
        let files = database.files
        // One process at a time from here on: no two choose one name, and none tidies away what another is writing.
        let lock = try files.lockForWriting()
        defer { withExtendedLifetime(lock) {} }
        let number = try nextGeneration(of: modality, after: old)
        let name = files.name(of: modality.id, generation: number)
        let identity = files.identity(of: modality.id, generation: number, through: through)
        let checksum = try builder.write(to: files.path(name), identity: identity, fileSystem: database.fileSystem)
        let record = GenerationRecord(
            generation: number, fileName: name, checksum: checksum, throughSequence: through,
            nodeCount: built.nodes, settings: try settings.jsonText(), createdAt: timestamp())
        let published: (Bool, Set<String>) = try database.write { writer in
            let flipped = try writer.publish(record, of: modality.id, replacing: old?.generation)
            return (flipped, try writer.generationFileNames())
        }
        files.removeOrphans(keeping: published.1)
        guard published.0 else { return nil }
        return try database.fileSystem.openForReading(files.path(name)).size
    }

    /// A name is never used twice: past every number ever published, of graphs that were dropped too, and past every file that
    /// a crash left.
    private func nextGeneration(of modality: ModalityRecord, after old: GenerationRecord?) throws -> Int64 {
        let files = database.files
        let last = try database.read { try $0.lastGenerationNumber(of: modality.id) }
        guard (0..<Int64.max / 2).contains(last) else {
            throw StorageError.corrupt(path: database.path, what: "the newest graph of \(modality.name) is number \(last)")
        }
        var number = max(last, old?.generation ?? 0) + 1
        while database.fileSystem.exists(files.path(files.name(of: modality.id, generation: number))) { number += 1 }
        return number
    }

    private func report(_ stage: String, _ done: Int, _ total: Int) throws {
        if progress?(Progress(stage: stage, done: done, total: total)) == false { throw CausewayError.cancelled }
    }

    /// Vectors on their way from SQLite to the encoder, many at a time so that all threads encode.
    private struct Block {
        var labels: [Int64] = []
        var values: [Float] = []

        mutating func append(_ row: RowID, _ vector: Span<Float>) {
            labels.append(row.rawValue)
            for index in vector.indices { values.append(vector[index]) }
        }

        mutating func flush(into builder: GraphBuilder) throws {
            if !labels.isEmpty { try builder.append(labels: labels, vectors: values.span) }
            labels.removeAll(keepingCapacity: true)
            values.removeAll(keepingCapacity: true)
        }
    }
}

/// The present moment, ISO 8601 in UTC.
private func timestamp() -> String { Date().formatted(.iso8601) }

extension IndexOptions {
    static var processors: Int { Parallel.processorCount }
}
