/// Auditing an index: the ordinary search against the exact one, on stored queries. Knows no pairs; see `evaluate`.
import Storage
import VectorMath

extension EmbeddingCollection {
    /// Compares ordinary searches of `to`, at their default settings, with exact ones, for stored queries of `from`.
    /// What shows the query's own item is hidden from both: the answers are those of queries that nobody stored.
    /// - Throws: what a search throws; `.invalidArgument` for a filter that matches nothing and where no k or no query is named;
    ///   `.cancelled` when `progress` returns false.
    /// - Complexity: O(metrics × queries × embeddings × dimension) for the exact side.
    public func auditIndex(
        from: String, to: String, options: IndexAuditOptions = IndexAuditOptions(), progress: ProgressHandler? = nil
    ) throws -> IndexAudit {
        let (options, progress) = (try options.validated(), database.stoppable(progress))
        return try database.read(together: options.threads) { readers in
            let reader = readers.first
            let source = try modality(from, in: reader), target = try modality(to, in: reader)
            let queries = try sample(of: source, in: target, options, reader)
            let embeddings = try reader.count(of: target.id)
            guard !queries.isEmpty, embeddings > 0 else {
                throw CausewayError.invalidArgument(
                    reason: "\(queries.isEmpty ? from : to) holds no embeddings", remedy: "ingest some first")
            }
            var audit = IndexAudit(
                from: from, to: to, queries: queries.count, items: try reader.itemCount(of: target.id),
                embeddings: embeddings, metrics: [])
            if let filter = options.filter {
                let matches = try matches(filter, in: target, reader)
                audit.filter = (filter, matches, Double(matches) / Double(embeddings))
            }
            for metric in try options.metrics ?? [metric(nil, in: reader)] {
                let run = AuditRun(
                    collection: self, source: source, to: to, metric: metric, options: options, readers: readers)
                audit.metrics.append(IndexAudit.MetricResult(metric: metric, recalls: try run.recalls(of: queries, progress)))
            }
            return audit
        }
    }

    private func matches(_ filter: String, in target: ModalityRecord, _ reader: Reader) throws -> Int {
        let count = try reader.rows(of: target.id, matching: predicate(parsing: filter)).count
        guard count > 0 else {
            throw CausewayError.invalidArgument(
                reason: "the filter matches nothing: no embedding of \(target.name) has \(filter)",
                remedy: "audit with a filter that admits some")
        }
        return count
    }

    private func sample(
        of source: ModalityRecord, in target: ModalityRecord, _ options: IndexAuditOptions, _ reader: Reader
    ) throws -> [SampleQuery] {
        var rows = try reader.rows(of: source.id)
        if rows.count > options.queries {
            var random = SeededRandom(seed: options.seed)
            random.shuffle(&rows)
            rows = rows.prefix(options.queries).sorted()
        }
        return try SampleQuery.of(rows, from: source, in: target, reader: reader)
    }
}

/// Searches for blocks of stored queries, without what shows the query's own item among their answers.
private struct AuditRun {
    /// One exact pass over the rows serves a block; between blocks the work can be stopped.
    private static let blockSize = 128

    let collection: EmbeddingCollection
    let source: ModalityRecord
    let to: String
    let metric: Metric
    let options: IndexAuditOptions
    let readers: Readers

    /// By k, ascending.
    func recalls(of queries: [SampleQuery], _ progress: ProgressHandler?) throws -> [IndexAudit.Recall] {
        var tables = options.at.sorted().map { AuditTable(k: $0) }
        for start in stride(from: 0, to: queries.count, by: Self.blockSize) {
            let step = Progress(stage: "audit \(metric)", done: start, total: queries.count)
            if progress?(step) == false { throw CausewayError.cancelled }
            let block = Array(queries[start..<min(start + Self.blockSize, queries.count)])
            let truth = try answers(to: block, k: options.at.max() ?? 1, effort: .exact)
            for slot in tables.indices {
                let found = try answers(to: block, k: tables[slot].k, effort: options.effort)
                for (index, query) in block.enumerated() {
                    tables[slot].add(found[index], truth: truth[index].hits, id: query.id, metric: metric)
                }
            }
        }
        return tables.map { $0.summary(options) }
    }

    private func answers(
        to queries: [SampleQuery], k: Int, effort: SearchOptions.Effort?
    ) throws -> [SearchAnswer] {
        var search = SearchOptions(k: k, metric: metric, filter: options.filter)
        if let effort { search.effort = effort }
        // The ordinary side runs on one thread, so that its times are those of a search.
        return try collection.answers(
            to: queries.map { $0.query(from: source) }, in: to, options: search,
            effort == .exact ? readers : Readers(readers.first))
    }
}

/// What is collected for one k of one metric.
private struct AuditTable {
    let k: Int
    private var recalls: [(id: String, recall: Double)] = []
    private var nodesVisited = 0, vectorsRead = 0, seconds = 0.0
    private var plans: [String: Int] = [:]

    init(k: Int) { self.k = k }

    /// A hit counts when its exact score is as good as the true k-th, so that copies do no harm.
    mutating func add(_ answer: SearchAnswer, truth: [Hit], id: String, metric: Metric) {
        let best = truth.prefix(k)
        nodesVisited += answer.explanation.nodesVisited
        vectorsRead += answer.explanation.reranked
        seconds += answer.explanation.totalSeconds
        plans[answer.explanation.plan, default: 0] += 1
        guard let bar = best.last?.score else { return recalls.append((id, 1)) }
        let found = answer.hits.prefix(k).count { metric.isSimilarity ? $0.score >= bar : $0.score <= bar }
        recalls.append((id, Double(min(found, best.count)) / Double(best.count)))
    }

    func summary(_ options: IndexAuditOptions) -> IndexAudit.Recall {
        let n = Double(recalls.count), values = recalls.map(\.recall).sorted()
        let mean = values.reduce(0, +) / n
        var random = SeededRandom(seed: options.seed, stream: k)
        let draws = (0..<1_000).map { _ in
            values.indices.reduce(0.0) { sum, _ in sum + values[random.index(below: values.count)] } / n
        }
        let missed = recalls.filter { $0.recall < 1 }.sorted {
            $0.recall == $1.recall ? idPrecedes($0.id, $1.id) : $0.recall < $1.recall
        }
        let plan = plans.max { ($0.value, $1.key) < ($1.value, $0.key) }?.key ?? ""
        return IndexAudit.Recall(
            k: k, mean: Evaluation.Figure(interval(mean, draws)), fifthPercentile: values[Int(0.05 * n)],
            minimum: values[0], worst: Array(missed.prefix(options.worstMax)), nodesVisited: Double(nodesVisited) / n,
            vectorsRead: Double(vectorsRead) / n, milliseconds: seconds * 1000 / n, plan: plan)
    }
}
