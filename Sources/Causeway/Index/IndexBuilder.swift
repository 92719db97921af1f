/// Builds one modality's graph and publishes it: read, build, write, flip. What is read is LoadedGraph's.
/// Readers and writers go on meanwhile; what changes after the read is searched beside the graph.
import Foundation
import Platform
import ProximityGraph
import Storage

struct IndexBuilder {
    /// Below this a scan of the codes is as fast as a walk, and always exact (graph-notes: under about 2,000 no graph).
    static let graphMin = 2_000

    let collection: EmbeddingCollection
    let options: IndexOptions
    let progress: ProgressHandler?

    var database: Database { collection.database }

    /// Atomic: the new generation is named by one transaction after its file is on disk, or nothing changes.
    func build(_ name: String) throws -> IndexReport {
        let clock = ContinuousClock()
        let start = clock.now
        var report = IndexReport(modality: name, outcome: .built)
        let (modality, old, last, count) = try database.read { reader in
            let modality = try collection.modality(name, in: reader)
            return (
                modality, try reader.generation(of: modality.id), try reader.lastGenerationNumber(of: modality.id),
                try reader.count(of: modality.id))
        }
        guard count >= Self.graphMin else {
            try drop(modality)
            report.outcome = .tooSmall
            return report
        }
        let recorded = old.flatMap(GenerationSettings.init(recorded:))
        let crossModal = options.crossModal ?? recorded?.crossModal ?? .automatic
        let fixing = CrossModalFixing(collection: collection, target: modality, choice: crossModal, progress: progress)
        let standing = try old.flatMap { try self.standing($0, recorded, fixing, of: modality) }
        if let standing, !standing.deservesMerge(options) {
            report.outcome = .current
            report.embeddings = count
            // What a build that was cut off after it published left undone: old files, and the recall table.
            try database.removeOrphanedGraphs()
            report.tuningSeconds = try tune(modality)
            report.crossModal = standing.settings.edges
            return report
        }
        let merging = standing.flatMap { $0.isOutgrown ? nil : $0 }
        let loaded = try merging.map { try load(modality, onto: $0) }
            ?? load(modality, options.quality ?? recorded?.quality ?? .balanced)
        report.take(loaded, try run(loaded.builder))
        report.crossModal = try merging?.settings.edges ?? fixing.run(loaded.builder)
        var settings = GenerationSettings(graph: loaded.builder.settings, crossModal: crossModal, edges: report.crossModal)
        settings.merged = merging.map { $0.settings.merged + loaded.added } ?? 0
        // The builder goes when the graph is written: tuning maps that, which would be as much memory again.
        let published = try publish(consume loaded, settings, of: modality, after: last, carrying: merging.map(\.record))
        report.seconds = clock.now.seconds(since: start)
        guard let published else {
            report.outcome = .superseded
            return report
        }
        if let old { database.files.removeMoved(old, of: modality.id) }
        if merging != nil { report.outcome = .merged }
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

    /// The graph in force, where it was built as the options ask and is sound in every byte.
    private func standing(
        _ record: GenerationRecord, _ settings: GenerationSettings?, _ fixing: CrossModalFixing, of modality: ModalityRecord
    ) throws -> StandingGraph? {
        guard let settings, try isSettled(settings, fixing), case .success(let graph) = database.files.open(record, of: modality),
            graph.verifyChecksums(threads: options.threads).isEmpty
        else { return nil }
        let freshness = try database.read { try $0.freshness(of: record, in: modality.id, inGraph: graph.count) }
        return StandingGraph(record: record, settings: settings, graph: graph, freshness: freshness)
    }

    /// The build proper; the progress handler is asked now and then whether to go on.
    private func run(_ builder: GraphBuilder) throws -> BuildReport {
        let cancellation = Platform.Cancellation()
        return try builder.build(cancellation: cancellation) { done, total in
            if progress?(Progress(stage: "link", done: done, total: total)) == false { cancellation.cancel() }
        }
    }

    /// Of a modality too small to need one: the graph, and the deletions that one would have to be told of.
    private func drop(_ modality: ModalityRecord) throws {
        let isDue = try database.read {
            try $0.generation(of: modality.id) != nil || $0.hasForgettableDeletions(of: modality.id)
        }
        guard isDue else { return }
        try database.write(waitingWith: progress) { writer in
            try writer.dropGeneration(of: modality.id)
            try writer.forgetDeletions(of: modality.id)
        }
        try database.removeOrphanedGraphs()
    }

    /// Writes the file and names it in one transaction; returns its bytes, or nil where another build came first, or what was
    /// deleted meanwhile has been forgotten. The recall table of a graph that the new one goes on from goes on to hold. Other
    /// writers are waited for as long as it takes: what was built is not given up for want of a turn.
    /// - Parameter last: the greatest generation number when what it was built of was read.
    private func publish(
        _ loaded: consuming LoadedGraph, _ settings: GenerationSettings, of modality: ModalityRecord, after last: Int64,
        carrying old: GenerationRecord?
    ) throws -> Int? {
        let files = database.files
        // One process at a time from here on: no two choose one name, and none tidies away what another is writing.
        let lock = try files.lockForWriting(progress)
        defer { files.endWriting(lock) }
        let number = nextGeneration(of: modality, after: last)
        let name = files.name(of: modality.id, generation: number)
        let through = loaded.through, nodes = loaded.builder.nodeCount
        let identity = files.identity(of: modality.id, generation: number, through: through)
        let checksum = try write((consume loaded).builder, to: files.path(name), identity)
        let record = GenerationRecord(
            generation: number, fileName: name, checksum: checksum, throughSequence: through,
            nodeCount: nodes, settings: try settings.jsonText(), createdAt: timestamp())
        let published: (Bool, Set<ExactText>)
        do {
            published = try database.write(waitingWith: progress) { writer in
                let flipped = try writer.publish(record, of: modality.id, after: last)
                if flipped, let old { try writer.carryTunings(of: modality.id, from: old.generation, to: number) }
                return (flipped, try writer.generationFileNames())
            }
        } catch {
            try? files.fileSystem.remove(files.path(name))
            throw error
        }
        files.removeOrphans(keeping: published.1)
        guard published.0 else { return nil }
        return try files.fileSystem.openForReading(files.path(name)).size
    }

    private func write(_ builder: GraphBuilder, to path: String, _ identity: GraphIdentity) throws -> UInt32 {
        let cancellation = Platform.Cancellation(), rows = builder.rowCount
        return try builder.write(
            to: path, identity: identity, cancellation: cancellation,
            progress: { done, total in
                let step = Progress(stage: "write", done: Int(Double(rows) * Double(done) / Double(total)), total: rows)
                if progress?(step) == false { cancellation.cancel() }
            }, fileSystem: database.files.fileSystem)
    }

    /// A name is never used twice: past every number ever published, of graphs that were dropped too, and past every file that
    /// a crash left.
    private func nextGeneration(of modality: ModalityRecord, after last: Int64) -> Int64 {
        let files = database.files
        var number = last + 1
        while database.fileSystem.exists(files.path(files.name(of: modality.id, generation: number))) { number += 1 }
        return number
    }

    func report(_ stage: String, _ done: Int, _ total: Int) throws {
        if progress?(Progress(stage: stage, done: done, total: total)) == false { throw CausewayError.cancelled }
    }
}

/// The present moment, ISO 8601 in UTC.
private func timestamp() -> String { Date().formatted(.iso8601) }

extension IndexOptions {
    static var processors: Int { Parallel.processorCount }
}
