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

    /// Measures queries of one modality and stores the rows: for `k`, or for all buckets.
    /// - Returns: false when there is no index, or no held-out embedding of the source.
    @discardableResult
    func tune(from source: ModalityRecord, k: Int?, extraTarget: Double?) throws -> Bool {
        let buckets = k.map { [$0] } ?? Self.buckets
        let (sample, context) = try collection.database.read { reader in
            let known = try reader.tunings(of: target.id).filter { $0.queryModality == source.id && buckets.contains($0.k) }
            return (
                try sampleQueries(of: source, in: reader),
                try measurement(from: source, also: known.map(\.recallTarget) + [extraTarget].compactMap { $0 }, in: reader))
        }
        guard !sample.isEmpty, context.generation > 0 else { return false }
        let searches = Searches(sample: sample, source: source, target: target, collection: collection, threads: threads)
        // One exact pass over the rows is the truth for every k.
        let truth = try searches.run(k: buckets.max() ?? 1, .exact)
        var rows: [TuningRecord] = []
        for bucket in buckets { rows += try widths(searches, truth.map { Array($0.prefix(bucket)) }, k: bucket, context) }
        let budgets = CandidateBudgets(collection: collection, target: target, source: source, threads: threads)
        rows += try budgets.measure(sample, buckets: buckets, widths: rows, context)
        let measured = Set(rows.map { [$0.metric, String($0.k)] })
        try collection.database.write { writer in
            let kept = try writer.tunings(of: target.id).filter {
                $0.queryModality != source.id || !measured.contains([$0.metric, String($0.k)])
            }
            try writer.replaceTunings(kept + rows, of: target.id)
        }
        return true
    }

    /// The ladder, with what was asked for before and now: a table forgets nothing.
    private func measurement(from source: ModalityRecord, also more: [Double], in reader: Reader) throws -> Measurement {
        Measurement(
            queryModality: source.id, measuredAt: try reader.lastChange(of: target.id),
            generation: try reader.generation(of: target.id)?.generation ?? 0,
            targets: Set(Self.targets + more).sorted())
    }

    /// Measures how many cosine candidates a metric on token sets needs, and stores the rows. Needs no index.
    /// - Returns: false when no held-out embedding of the source has tokens.
    func tuneCandidates(from source: ModalityRecord, metric: Metric, k: Int, extraTarget: Double) throws -> Bool {
        let (ids, context) = try collection.database.read { reader in
            let known = try reader.tunings(of: target.id, metric: metric.name).filter {
                $0.queryModality == source.id && $0.k == k
            }
            return (
                try heldOutIDs(of: source, in: reader),
                try measurement(from: source, also: known.map(\.recallTarget) + [extraTarget], in: reader))
        }
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

    private func heldOutIDs(of source: ModalityRecord, in reader: Reader) throws -> [String] {
        try reader.embeddings(heldOut(of: source, in: reader)).compactMap { $0?.id }
    }

    private func sampleQueries(of source: ModalityRecord, in reader: Reader) throws -> [SampleQuery] {
        try SampleQuery.of(heldOut(of: source, in: reader), from: source, in: target, reader: reader)
    }

    private func heldOut(of source: ModalityRecord, in reader: Reader) throws -> [RowID] {
        let rows = try reader.rows(of: source.id).filter(HoldOut.contains)
        let step = max(1, rows.count / Self.queriesMax)
        return stride(from: 0, to: rows.count, by: step).prefix(Self.queriesMax).map { rows[$0] }
    }

    /// One row per target that the ladder of widths reaches, the smallest width for each.
    private func widths(
        _ searches: Searches, _ truth: [[Hit]], k: Int, _ context: Measurement
    ) throws -> [TuningRecord] {
        var rows: [TuningRecord] = []
        var remaining = context.targets
        var width = k
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
    let sample: [SampleQuery]
    let source: ModalityRecord
    let target: ModalityRecord
    let collection: EmbeddingCollection
    let threads: Int

    /// The best k per query, of what is not hidden from it.
    func run(k: Int, _ effort: SearchOptions.Effort) throws -> [[Hit]] {
        // A graph hides what a scan returns.
        let options = SearchOptions(k: effort == .exact ? k + sample.hiddenMax : k, metric: .cosine, effort: effort)
        let answers = try collection.search(
            sample.map { $0.query(from: source) }, in: target.name, options: options, threads: threads)
        return zip(sample, answers).map { query, answer in query.others(answer.hits, k: k) }
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
