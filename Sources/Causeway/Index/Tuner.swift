/// Measures, on stored vectors, what width reaches which recall, and how many cosine candidates another metric needs.
/// Truth is always the exact scan; a hit counts when its exact score is as good as the true k-th, so that copies do no harm.
import Platform
import Storage
import VectorMath

struct Tuner {
    /// The ladder of recalls the table promises, as far as there are queries enough to show them. Another step, to 0.995, would
    /// take twice as many queries; `index tune` adds it where it is wanted.
    static let targets = [0.90, 0.95, 0.98, 0.99]
    /// A search for k uses the smallest of these that is not smaller.
    static let buckets = [10, 100]

    let collection: EmbeddingCollection
    let target: ModalityRecord
    let threads: Int
    let progress: ProgressHandler?

    /// Measures queries of every modality of the target's dimension whose rows of the table do not hold (any more), by every
    /// metric on vectors. Stored modality by modality: an interrupted one goes on where it stopped.
    func complete() throws {
        for (source, ks) in try unmeasured() { try tune(from: source, ks: ks) }
    }

    /// The modalities that may ask and were not measured on the graph in force, each with all k that its rows are for.
    private func unmeasured() throws -> [(source: ModalityRecord, ks: [Int])] {
        try collection.database.read { reader in
            let rows = try reader.tunings(of: target.id, metric: Metric.cosine.name)
            let freshness = try TuningFreshness(of: rows, in: target.id, reader: reader)
            return try reader.modalities(of: target.collection).compactMap { source in
                let own = rows.filter { $0.queryModality == source.id }
                let ks = Set(Self.buckets + own.map(\.k)).sorted()
                let isMeasured = ks.allSatisfy { k in own.contains { $0.k == k && !freshness.isStale($0) } }
                return isMeasured || source.dimension != target.dimension ? nil : (source, ks)
            }
        }
    }

    /// Measures queries of one modality on the graph in force and stores the rows, in place of all there were for these k. None
    /// are stored where the queries are too few to show anything.
    /// - Throws: `.invalidArgument` where they are too few to show `extraTarget`.
    func tune(from source: ModalityRecord, ks: [Int], extraTarget: Double? = nil) throws {
        let (judges, known, context) = try collection.database.read { reader in
            let known = try reader.tunings(of: target.id).filter { replaces($0, from: source, ks) }
            let targets = Self.targets + known.map(\.recallTarget) + [extraTarget].compactMap { $0 }
            let wanted = RecallSummary.queriesWanted(for: targets.max() ?? 0)
            let judges = try mayJudge(of: source, in: reader).evenlySpaced(wanted) {
                try Judge.of($0, from: source, in: target, reader: reader)
            }
            let generation = try reader.generation(of: target.id)?.generation
            return (judges, known, try measurement(from: source, generation, targets, queries: judges.count, in: reader))
        }
        if let extraTarget { try refuseTooFew(judges.count, of: source, for: extraTarget) }
        guard context.generation > 0, !context.targets.isEmpty || !known.isEmpty else { return }
        let rows = context.targets.isEmpty ? [] : try measure(judges, from: source, ks, context)
        try collection.database.write(waitingWith: progress) { writer in
            let kept = try writer.tunings(of: target.id).filter { !replaces($0, from: source, ks) }
            try writer.replaceTunings(kept + rows, of: target.id)
        }
    }

    /// Whether a measurement of the graph measures this row anew. Metrics on token sets know no graph.
    private func replaces(_ row: TuningRecord, from source: ModalityRecord, _ ks: [Int]) -> Bool {
        row.queryModality == source.id && ks.contains(row.k) && VectorMetric(rawValue: row.metric) != nil
    }

    private func measure(
        _ judges: [Judge], from source: ModalityRecord, _ ks: [Int], _ context: Measurement
    ) throws -> [TuningRecord] {
        let searches = TuningSearches(
            judges: judges, source: source, target: target, collection: collection, threads: threads, progress: progress)
        var truths: [VectorMetric: TuningTruth] = [:]
        for metric in VectorMetric.allCases { truths[metric] = try searches.truth(metric, k: ks.max() ?? 1) }
        let widths = try ks.flatMap { try self.widths(searches, truths[.cosine] ?? [], k: $0, context) }
        let budgets = try CandidateBudgets(searches: searches, context: context).propose(truths, ks: ks, widths: widths)
        return try widths + BudgetConfirmation(searches: searches, context: context, truths: truths).confirm(budgets)
    }

    /// Measures how many cosine candidates a metric on token sets needs, and stores the rows. Needs no index.
    /// - Throws: `.invalidArgument` where no query can be compared or they are too few to show the recall, where no budget under
    ///   the cap holds a share of the best k worth a name, and where cosine cannot compare the vectors.
    func tuneCandidates(from source: ModalityRecord, metric: Metric, k: Int, extraTarget: Double) throws {
        guard source.dimension == target.dimension else {
            throw CausewayError.invalidArgument(
                reason: "candidates are the nearest by cosine, and vectors of \(source.name) have \(source.dimension) "
                    + "dimensions, those of \(target.name) \(target.dimension)",
                remedy: "search with --exact, which compares tokens alone")
        }
        func replaces(_ row: TuningRecord) -> Bool {
            row.queryModality == source.id && row.metric == metric.name && row.k == k
        }
        let budgets = TokenBudgets(
            collection: collection, target: target, source: source, metric: metric, threads: threads, progress: progress)
        let rows = try collection.database.read { reader in
            let known = try reader.tunings(of: target.id, metric: metric.name).filter { replaces($0) && !$0.saysWhatIsReached }
            let queries = try budgets.queries(
                mayJudge(of: source, in: reader), wanted: RecallSummary.queriesWanted(for: extraTarget), in: reader)
            if queries.isEmpty {
                throw CausewayError.invalidArgument(
                    reason: "no embedding of \(source.name) to measure with can be compared by \(metric)",
                    remedy: "ingest tokens for more of them, or search with --exact")
            }
            try refuseTooFew(queries.count, of: source, for: extraTarget)
            let context = try measurement(
                from: source, nil, Self.targets + known.map(\.recallTarget) + [extraTarget], queries: queries.count, in: reader)
            return try budgets.measure(queries, k: k, context, in: reader)
        }
        guard !rows.isEmpty else {
            let count = try collection.database.read { try $0.count(of: target.id) }
            throw CausewayError.invalidArgument(
                reason: "no number of candidates up to \(TokenBudgets.budgetMax) is known to hold the best \(k) by \(metric) of "
                    + "the \(count) embeddings of \(target.name)",
                remedy: "tune for fewer hits, or search with --exact")
        }
        try collection.database.write(waitingWith: progress) { writer in
            try writer.replaceTunings(try writer.tunings(of: target.id).filter { !replaces($0) } + rows, of: target.id)
        }
    }

    // MARK: Queries to measure with

    /// Those that made no links, ascending: a query finds what its own links lead to.
    private func mayJudge(of source: ModalityRecord, in reader: Reader) throws -> [RowID] {
        let rows = try reader.rows(of: source.id)
        guard let generation = try reader.generation(of: target.id) else { return rows }
        let madeLinks = GenerationSettings(recorded: generation)?.hasEdges(from: source.name) ?? true
        return madeLinks ? rows.filter(HoldOut.contains) : rows
    }

    private func refuseTooFew(_ count: Int, of source: ModalityRecord, for recall: Double) throws(CausewayError) {
        let needed = RecallSummary.queriesNeeded(for: recall)
        guard count < needed else { return }
        throw .invalidArgument(
            reason: "\(count) embeddings of \(source.name) can be measured with, and a recall of \(recall) cannot be shown "
                + "with fewer than \(needed), even if every search finds everything",
            remedy: "ingest more of them, ask for a smaller recall, or search with --exact")
    }

    // MARK: Rows

    /// What all rows of one measurement share.
    struct Measurement {
        var queryModality: ModalityID
        var measuredAt: ChangeSequence
        /// 0 where no graph was searched.
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

    /// - Parameter targets: those beyond what so many queries can show are left out.
    private func measurement(
        from source: ModalityRecord, _ generation: Int64?, _ targets: [Double], queries: Int, in reader: Reader
    ) throws -> Measurement {
        let attainable = RecallSummary.attainable(queries: queries)
        return Measurement(
            queryModality: source.id, measuredAt: try reader.lastChange(of: target.id), generation: generation ?? 0,
            targets: Set(targets).filter { $0 <= attainable }.sorted())
    }

    /// One row per target that the ladder of widths reaches, the smallest width for each.
    private func widths(
        _ searches: TuningSearches, _ truth: TuningTruth, k: Int, _ context: Measurement
    ) throws -> [TuningRecord] {
        var rows: [TuningRecord] = []
        var remaining = context.targets
        var ladder = WidthLadder(from: k)
        while let least = remaining.first, let width = ladder.next(for: least) {
            let found = try searches.recall(.cosine, k: k, width: width, candidates: width, truth: truth, showing: least)
            ladder.note(width, loss: 1 - found.recalls.mean)
            while let next = remaining.first, found.suffices, found.recalls.lowerBound >= next {
                rows.append(
                    context.row(
                        metric: Metric.cosine.name, k: k, target: next, width: width, candidates: width, found.recalls))
                remaining.removeFirst()
            }
        }
        return rows
    }
}

/// Which stored vectors may judge an index: an eighth, by a hash of the row, never used to build anything.
enum HoldOut {
    static func contains(_ row: RowID) -> Bool {
        var hash = SeededRandom(seed: UInt64(bitPattern: row.rawValue))
        return hash.next() % 8 == 0
    }
}
