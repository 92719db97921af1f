/// Measures, on held-out stored vectors, what width reaches which recall, and how many cosine candidates another metric needs.
/// Truth is always the exact scan; a hit counts when its exact score is as good as the true k-th, so that copies do no harm.
import Platform
import Storage

struct Tuner {
    /// The ladder of recalls the table promises.
    static let targets = [0.90, 0.95, 0.98, 0.99, 0.995]
    /// A search for k uses the smallest of these that is not smaller.
    static let buckets = [10, 100]
    private static let queriesMax = 256
    private static let widthMax = 8_192

    let collection: EmbeddingCollection
    let target: ModalityRecord
    let threads: Int
    let progress: ProgressHandler?

    /// Makes the whole table anew: queries of every modality of the target's dimension, every metric.
    func tuneAll() throws {
        let sources = try collection.database.read { try $0.modalities(of: target.collection) }
        for source in sources where source.dimension == target.dimension {
            try tune(from: source, k: nil, extraTarget: nil)
        }
    }

    /// Measures queries of one modality and stores the rows.
    func tune(from source: ModalityRecord, k: Int?, extraTarget: Double?) throws {
        let (ids, measuredAt, generation) = try collection.database.read { reader in
            (try heldOutIDs(of: source, in: reader), try reader.lastChange(of: target.id),
             try reader.generation(of: target.id)?.generation)
        }
        guard !ids.isEmpty, let generation else { return }
        var rows: [TuningRecord] = []
        let context = Measurement(
            queryModality: source.id, measuredAt: measuredAt, generation: generation,
            targets: Set(Self.targets + [extraTarget].compactMap { $0 }).sorted())
        let buckets = k.map { [$0] } ?? Self.buckets
        let searches = Searches(ids: ids, source: source, target: target, collection: collection, threads: threads)
        // One exact pass over the rows is the truth for every k.
        let truth = try searches.run(k: buckets.max() ?? 1, .exact)
        for bucket in buckets { rows += try widths(searches, truth.map { Array($0.prefix(bucket)) }, k: bucket, context) }
        if k == nil || k == 10 {
            rows += try CandidateBudgets(collection: collection, target: target, source: source, threads: threads)
                .measure(Array(ids.prefix(128)), widths: rows, context)
        }
        let measured = Set(rows.map { [$0.metric, String($0.k)] })
        try collection.database.write { writer in
            let kept = try writer.tunings(of: target.id).filter {
                $0.queryModality != source.id || !measured.contains([$0.metric, String($0.k)])
            }
            try writer.replaceTunings(kept + rows, of: target.id)
        }
    }

    /// Measures how many cosine candidates a metric on token sets needs, and stores the rows. Needs no index.
    /// - Returns: false when no held-out embedding of the source has tokens.
    func tuneCandidates(from source: ModalityRecord, metric: Metric, k: Int, extraTarget: Double) throws -> Bool {
        let (ids, measuredAt, generation) = try collection.database.read { reader in
            (try heldOutIDs(of: source, in: reader), try reader.lastChange(of: target.id),
             try reader.generation(of: target.id)?.generation)
        }
        let context = Measurement(
            queryModality: source.id, measuredAt: measuredAt, generation: generation ?? 0,
            targets: Set(Self.targets + [extraTarget]).sorted())
        let step = max(1, ids.count / TokenBudgets.queriesMax)
        let sample = stride(from: 0, to: ids.count, by: step).prefix(TokenBudgets.queriesMax).map { ids[$0] }
        let budgets = TokenBudgets(
            collection: collection, target: target, source: source, metric: metric, threads: threads, progress: progress)
        let rows = try budgets.measure(sample, k: k, context)
        guard !rows.isEmpty else { return false }
        try collection.database.write { writer in
            let kept = try writer.tunings(of: target.id).filter {
                $0.queryModality != source.id || $0.metric != metric.name || $0.k != k
            }
            try writer.replaceTunings(kept + rows, of: target.id)
        }
        return true
    }

    /// What all rows of one measurement share.
    struct Measurement {
        var queryModality: ModalityID
        var measuredAt: ChangeSequence
        var generation: Int64
        var targets: [Double]

        func row(metric: String, k: Int, target: Double, width: Int, candidates: Int, _ recalls: RecallSummary) -> TuningRecord {
            TuningRecord(
                queryModality: queryModality, metric: metric, k: k, recallTarget: target, width: width,
                candidates: candidates, meanRecall: recalls.mean, p5Recall: recalls.fifthPercentile,
                minimumRecall: recalls.minimum, lowerBound: recalls.lowerBound, measuredAt: measuredAt,
                generation: generation)
        }
    }

    func heldOutIDs(of source: ModalityRecord, in reader: Reader) throws -> [String] {
        let rows = try reader.rows(of: source.id).filter(HoldOut.contains)
        let step = max(1, rows.count / Self.queriesMax)
        let sample = stride(from: 0, to: rows.count, by: step).prefix(Self.queriesMax).map { rows[$0] }
        return try reader.embeddings(sample).compactMap { $0?.id }
    }

    /// One row per target that the ladder of widths reaches, the smallest width for each.
    private func widths(
        _ searches: Searches, _ truth: [[Hit]], k: Int, _ context: Measurement
    ) throws -> [TuningRecord] {
        var rows: [TuningRecord] = []
        var remaining = context.targets
        var width = searches.isOwnModality ? k + 1 : k
        while !remaining.isEmpty && width <= Self.widthMax {
            let recalls = zip(truth, try searches.run(k: k, .width(width))).map(recall)
            let summary = RecallSummary(recalls)
            while let next = remaining.first, summary.lowerBound >= next {
                rows.append(
                    context.row(
                        metric: Metric.cosine.name, k: k, target: next, width: width, candidates: width, summary))
                remaining.removeFirst()
            }
            let step = Progress(stage: "tune \(searches.source.name) to \(target.name)", done: rows.count, total: nil)
            if progress?(step) == false { throw CausewayError.cancelled }
            width = max(width + 2, width * 5 / 4)
        }
        return rows
    }

    private func recall(truth: [Hit], found: [Hit]) -> Double {
        guard let worst = truth.last?.score else { return 1 }
        return Double(found.count { $0.score >= worst }) / Double(truth.count)
    }
}

/// The sample queries of one measurement, searched as a user's would be.
private struct Searches {
    let ids: [String]
    let source: ModalityRecord
    let target: ModalityRecord
    let collection: EmbeddingCollection
    let threads: Int

    var isOwnModality: Bool { source.id == target.id }

    /// The best k per query, of all others. A query of the target's own modality is hidden in the graph: users' queries are
    /// mostly not stored, and one that is finds its neighbours over its own links at a third of the width.
    func run(k: Int, _ effort: SearchOptions.Effort) throws -> [[Hit]] {
        let queries = ids.map { Query.embedding(id: $0, from: source.name) }
        var options = SearchOptions(k: isOwnModality ? k + 1 : k, effort: effort)
        options.hidesStoredQuery = true
        let answers = try collection.search(queries, in: target.name, options: options, threads: threads)
        return zip(ids, answers).map { id, answer in
            Array(answer.hits.filter { !isOwnModality || $0.id != id }.prefix(k))
        }
    }
}

/// Which stored vectors may judge an index: an eighth, by a hash of the row, never used to build anything.
enum HoldOut {
    static func contains(_ row: RowID) -> Bool {
        var hash = SeededRandom(seed: UInt64(bitPattern: row.rawValue))
        return hash.next() % 8 == 0
    }
}

/// Recalls of many queries: the mean hides the tail, so the tail is reported too.
struct RecallSummary: Sendable, Equatable {
    var mean: Double
    var fifthPercentile: Double
    var minimum: Double
    /// One-sided 95 % confidence bound of the mean (normal approximation).
    var lowerBound: Double

    init(_ recalls: [Double]) {
        let n = Double(max(recalls.count, 1))
        let sorted = recalls.sorted()
        let mean = recalls.reduce(0, +) / n
        let variance = recalls.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / max(n - 1, 1)
        self.mean = mean
        fifthPercentile = sorted.isEmpty ? 0 : sorted[Int(0.05 * n)]
        minimum = sorted.first ?? 0
        lowerBound = mean - 1.645 * (variance / n).squareRoot()
    }
}
