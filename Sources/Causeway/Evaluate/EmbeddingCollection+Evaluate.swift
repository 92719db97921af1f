/// Evaluating a collection on its own pairs: embeddings of two modalities that show the same item.
import Platform
import Storage
import VectorMath

extension EmbeddingCollection {
    /// Ranks, exactly, the right answers of every query of `from` among all of `to`; pairs are made by item.
    /// - Throws: `.invalidArgument` when no item has embeddings in both, the dimensions differ, no query is to be asked, or a k
    ///   is below 1.
    /// - Complexity: O(metrics × queries × embeddings × dimension).
    public func evaluate(
        from: String, to: String, options: EvaluationOptions = EvaluationOptions(), progress: ProgressHandler? = nil
    ) throws -> Evaluation {
        let (options, progress) = (try options.validated(), database.stoppable(progress))
        return try database.read { reader in
            try evaluation(
                from: from, to: to, options.metrics ?? [metric(nil, in: reader)], options, in: reader, progress: progress)
        }
    }

    func evaluation(
        from: String, to: String, _ metrics: [Metric], _ options: EvaluationOptions, in reader: Reader,
        progress: ProgressHandler?
    ) throws -> Evaluation {
        let source = try modality(from, in: reader)
        let target = try modality(to, in: reader)
        for metric in metrics { try check(metric, source, target) }
        let pairs = try Pairs(from: source, to: target, options: options, in: reader)
        try pairs.refuseNone(of: self, from, to)
        var evaluation = Evaluation(
            from: from, to: to, queries: pairs.queries.count, items: pairs.itemCount, embeddings: pairs.candidates.count,
            metrics: [])
        let ranks = try ranks(of: pairs, metrics, options, source, target, in: reader, progress)
        for (metric, found) in zip(metrics, ranks) {
            var result = try summarise(found.ranks, metric, pairs.candidates.count, options)
            result.embeddings = found.compared
            result.candidateBudgets = try candidateBudgets(
                metric, source, target, pairs.rows, options, in: reader, progress: progress)
            evaluation.metrics.append(result)
            evaluation.notes += found.notes
        }
        return evaluation
    }

    /// Ranks by metric and query. What has a kernel shares one pass over the target's rows; any other metric takes its own.
    private func ranks(
        of pairs: Pairs, _ metrics: [Metric], _ options: EvaluationOptions, _ source: ModalityRecord,
        _ target: ModalityRecord, in reader: Reader, _ progress: ProgressHandler?
    ) throws -> [(ranks: [[Int]], compared: Int, notes: [String])] {
        func visited(_ names: String) -> (Int) throws -> Void {
            { done in
                let step = Progress(stage: "evaluate \(names)", done: done, total: pairs.candidates.count)
                if progress?(step) == false { throw CausewayError.cancelled }
            }
        }
        let built = metrics.filter { $0.builtInVectorMetric != nil }
        let kernels = built.compactMap(\.builtInVectorMetric)
        let shared = kernels.isEmpty
            ? []
            : try RankScan(target: target, metrics: kernels, threads: options.threads).ranks(
                of: pairs.queries, among: pairs.candidates, order: pairs.order, in: reader,
                visited: visited(built.map(\.name).joined(separator: ", ")))
        let queries = zip(pairs.rows, pairs.queries).map { MetricRankScan.Query(row: $0, relevant: $1.relevant) }
        return try metrics.map { metric in
            if let kernel = metric.builtInVectorMetric, let slot = kernels.firstIndex(of: kernel) {
                return (shared[slot].map { $0.map(\.rank).sorted() }, pairs.candidates.count, [])
            }
            return try MetricRankScan(source: source, target: target, metric: metric, threads: options.threads)
                .ranks(of: queries, order: pairs.order, in: reader, visited: visited(metric.name))
        }
    }

    /// What a search under a metric on token sets must compare for 95 % and 99 % of the exact best 10; empty for others.
    private func candidateBudgets(
        _ metric: Metric, _ source: ModalityRecord, _ target: ModalityRecord, _ queries: [RowID],
        _ options: EvaluationOptions, in reader: Reader, progress: ProgressHandler?
    ) throws -> [Evaluation.CandidateBudget] {
        guard metric.operand == .tokenSets, source.dimension == target.dimension else { return [] }
        let (k, recalls) = (10, [0.95, 0.99])
        let step = max(1, (queries.count + TokenBudgets.queriesMax - 1) / TokenBudgets.queriesMax)
        let sample = stride(from: 0, to: queries.count, by: step).map { queries[$0] }
        let budgets = TokenBudgets(
            collection: self, target: target, source: source, metric: metric, threads: options.threads, progress: progress,
            work: "candidate budget of")
        let measured = try budgets.measure(
            budgets.queries(sample.sorted(), in: reader), k: k,
            Tuner.Measurement(
                queryModality: source.id, measuredAt: reader.lastChange(of: target.id), generation: 0, targets: recalls),
            in: reader)
        let count = try reader.count(of: target.id)
        return recalls.map { recall in
            let row = measured.first { $0.recallTarget == recall }
            return Evaluation.CandidateBudget(k: k, recall: recall, candidates: row.map { min($0.candidates, count) })
        }
    }

    /// Refuses before anything is computed what the metric cannot compare.
    func check(_ metric: Metric, _ source: ModalityRecord, _ target: ModalityRecord) throws(CausewayError) {
        var dimensions = (source.dimension, target.dimension)
        if metric.operand == .tokenSets {
            for modality in [source, target] { try refuseWithoutTokens(modality, metric) }
            dimensions = (source.tokenDimension ?? 0, target.tokenDimension ?? 0)
        }
        guard dimensions.0 == dimensions.1 else {
            let what = metric.operand == .tokenSets ? "token dimensions" : "dimensions"
            throw .invalidArgument(
                reason: "\(source.name) has \(dimensions.0) \(what) and \(target.name) has \(dimensions.1)",
                remedy: "evaluate embeddings of one joint space")
        }
    }

    /// - Throws: `.damaged` when no right answer could be read.
    func summarise(
        _ ranks: [[Int]], _ metric: Metric, _ candidates: Int, _ options: EvaluationOptions
    ) throws(CausewayError) -> Evaluation.MetricResult {
        var accumulator = RetrievalAccumulator()
        for ranks in ranks where !ranks.isEmpty {
            let precisions = ranks.enumerated().map { Double($0 + 1) / Double($1) }
            accumulator.add(
                QueryOutcome(
                    firstRank: ranks[0], averagePrecision: precisions.reduce(0, +) / Double(ranks.count),
                    relevantCount: ranks.count, candidateCount: candidates))
        }
        guard let summary = accumulator.summary(at: options.at, seed: options.seed, threads: options.threads) else {
            throw .damaged(
                path: database.path, what: "no right answer's vector matches its checksum",
                remedy: "run `causeway check --deep`, and ingest the damaged rows again")
        }
        return Evaluation.MetricResult(
            metric: metric, queries: ranks.count { !$0.isEmpty }, embeddings: candidates,
            recall: summary.recall.map { ($0.k, Evaluation.Figure($0.hits)) },
            medianRank: Evaluation.Figure(summary.medianRank),
            meanReciprocalRank: Evaluation.Figure(summary.meanReciprocalRank),
            meanAveragePrecision: Evaluation.Figure(summary.meanAveragePrecision))
    }
}

/// The queries that have a right answer, with the positions of their answers among the target's rows.
struct Pairs {
    var queries: [RankScan.Query] = []
    /// The rows of the queries.
    var rows: [RowID] = []
    /// All rows of the target, ascending.
    var candidates: [RowID]
    /// By position among them: the place of its id among all ids, which breaks ties.
    var order: [Int32]
    /// Distinct items among the target's rows.
    var itemCount: Int

    init(from: ModalityRecord, to: ModalityRecord, options: EvaluationOptions, in reader: Reader) throws {
        let rows = try reader.rows(of: to.id)
        candidates = rows
        itemCount = try reader.itemCount(of: to.id)
        let ids = try reader.names(rows).map { $0?.id ?? "" }
        order = [Int32](repeating: 0, count: rows.count)
        for (place, position) in ids.indices.sorted(by: { idPrecedes(ids[$0], ids[$1]) }).enumerated() {
            order[position] = Int32(place)
        }
        var positions: [RowID: Int] = [:]
        for (position, row) in rows.enumerated() { positions[row] = position }
        var answers: [RowID: [Int]] = [:]
        for (query, answer) in try reader.itemPairs(from: from.id, to: to.id) {
            if let position = positions[answer] { answers[query, default: []].append(position) }
        }
        var chosen = try options.restriction.admitted(answers.keys.sorted(), in: reader)
        if let limit = options.queries, limit < chosen.count {
            var random = SeededRandom(seed: options.seed)
            chosen.shuffle(using: &random)
            chosen = chosen.prefix(limit).sorted()
        }
        _ = try reader.forEachVector(chosen, of: from) { index, vector in
            self.rows.append(chosen[index])
            queries.append(
                RankScan.Query(
                    vector: Array(vector), relevant: answers[chosen[index]]!.sorted()))
        }
    }
}

extension Evaluation.Figure {
    init(_ estimate: Estimate) { self.init(value: estimate.value, low: estimate.low, high: estimate.high) }
}
