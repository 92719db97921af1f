/// Building, rebuilding and describing the indexes of a collection.
import Platform
import Storage

extension EmbeddingCollection {
    /// Builds what is missing or stale, one graph per modality, and measures the table that `recall` uses. Token sets of a
    /// database made by an earlier version get their codes.
    /// Resumable by modality: each index is published as soon as it is built; an interrupted one leaves nothing. Other writers
    /// are waited for as long as `progress` lets it.
    /// - Parameter modalities: nil means all of the collection.
    /// - Throws: `.unknownCollection`, `.unknownModality`, `.cancelled`, `.diskFull`; `.invalidArgument` for edges for a modality
    ///   whose queries fit none of the graphs to be built, and for a graph to be written by a progress handler while the one it
    ///   tells of is.
    @discardableResult
    public func buildIndex(
        modalities: [String]? = nil, options: IndexOptions = IndexOptions(), progress: ProgressHandler? = nil
    ) throws -> [IndexReport] {
        let (options, progress) = (options.validated(), database.stoppable(progress))
        return try translatingErrors {
            let names = try modalities ?? self.modalities().map(\.name)
            try refuseUnserved(options.crossModal, by: names)
            return try names.map {
                let coded = try TokenCoding(collection: self, progress: progress).complete($0)
                var report = try IndexBuilder(collection: self, options: options, progress: progress).build($0)
                report.codedTokenSets = coded
                return report
            }
        }
    }

    /// Queries that none of the graphs to be built could be asked.
    private func refuseUnserved(_ crossModal: IndexOptions.CrossModal?, by names: [String]) throws {
        guard case .modalities(let wanted)? = crossModal else { return }
        try database.read { reader in
            let targets = try names.map { try modality($0, in: reader) }
            for source in try wanted.map({ try modality($0, in: reader) }) {
                let others = targets.filter { $0.id != source.id }
                guard !others.contains(where: { $0.dimension == source.dimension }) else { continue }
                let facts = others.map { "\($0.name) \($0.dimension)" }.joined(separator: ", ")
                throw CausewayError.invalidArgument(
                    reason: others.isEmpty
                        ? "the graph of \(source.name) needs no edges for queries of \(source.name) itself"
                        : "queries of \(source.name) have \(source.dimension) dimensions, and no graph to be built has as "
                            + "many (\(facts))",
                    remedy: "name other modalities of the dimension of what is built, or none for no such edges")
            }
        }
    }

    /// Measures, on stored embeddings of modality `from`, what reaches a recall for the best k of `to` by a metric: the width
    /// of the graph search under cosine, and the number of cosine candidates under any other. Metrics on token sets need
    /// no index for that.
    /// - Parameter metric: nil is the collection's own.
    /// - Returns: the row of the table, or nil where nothing under the cap reaches it.
    /// - Throws: `.invalidArgument` for a metric on token sets where there are none, or of two token dimensions, where there is
    ///   no index, and where there are too few embeddings to measure with: those that the metric can compare.
    public func tuneIndex(
        from: String, to: String, recall: Double, k: Int = 10, metric named: Metric? = nil, threads: Int? = nil,
        progress: ProgressHandler? = nil
    ) throws -> Tuning? {
        let k = try SearchOptions(k: k, effort: .recall(recall)).validated().k
        let (threads, progress) = (ArgumentBounds.threads(threads ?? IndexOptions.processors), database.stoppable(progress))
        return try translatingErrors {
            let (source, target, metric) = try database.read {
                (try modality(from, in: $0), try modality(to, in: $0), try self.metric(named, in: $0))
            }
            try check(metric, source, target)
            let tuner = Tuner(collection: self, target: target, threads: threads, progress: progress)
            if metric.builtInVectorMetric != nil {
                guard try database.read({ try $0.generation(of: target.id) }) != nil else {
                    throw CausewayError.invalidArgument(
                        reason: "\(to) has no index, so every search of it is exact and there is nothing to tune",
                        remedy: "`causeway index build` makes one where there are enough embeddings to need it")
                }
                try tuner.tune(from: source, ks: [k], extraTarget: recall)
            } else {
                try tuner.tuneCandidates(from: source, metric: metric, k: k, extraTarget: recall)
            }
            return try indexStatus(of: to).tunings.first {
                $0.from.hasSameBytes(as: from) && $0.metric == metric.name && $0.k == k && $0.recallTarget >= recall
            }
        }
    }

    /// The state of one modality's index. Opens it, so that damage to its header shows.
    public func indexStatus(of modality: String) throws -> IndexStatus {
        try database.read { try indexStatus(of: self.modality(modality, in: $0), in: $0) }
    }

    func indexStatus(of record: ModalityRecord, in reader: Reader) throws -> IndexStatus {
        var status = IndexStatus(modality: record.name, state: .none, embeddings: try reader.count(of: record.id))
        status.tunings = try tunings(of: record, in: reader)
        guard let generation = try reader.generation(of: record.id) else {
            status.detail = status.embeddings < IndexBuilder.graphMin
                ? "under \(IndexBuilder.graphMin) embeddings a scan is as fast" : "run `causeway index build`"
            return status
        }
        status.generation = generation.generation
        status.file = generation.fileName
        let settings = GenerationSettings(recorded: generation)
        status.quality = settings?.quality
        status.crossModal = settings?.edges ?? []
        switch database.files.open(generation, of: record) {
        case .failure(let problem):
            status.state = problem.isMissingFile ? .missing : .damaged
            let what = problem.isMissingFile ? "its graph file is not there" : problem.description
            status.detail = "\(what); searches scan exactly until `causeway index build` makes it again"
        case .success(let graph):
            status.embeddingsInGraph = graph.count
            status.bytes = graph.fileBytes
            let freshness = try reader.freshness(of: generation, in: record.id, inGraph: graph.count)
            (status.changedSince, status.deletedSince) = (freshness.added, freshness.dead)
            status.state = freshness.isCurrent ? .current : .stale
            if freshness.slowsSearches {
                status.detail = "`causeway index build` makes searches faster"
            } else if status.tunings.contains(where: \.isStale) {
                status.detail = "its recall table is stale; `causeway index build` measures it anew"
            }
        }
        return status
    }

    private func tunings(of modality: ModalityRecord, in reader: Reader) throws -> [Tuning] {
        let names = Dictionary(
            try reader.modalities(of: modality.collection).map { ($0.id, $0.name) }, uniquingKeysWith: { a, _ in a })
        let rows = try reader.tunings(of: modality.id)
        let freshness = try TuningFreshness(of: rows, in: modality.id, reader: reader)
        return rows.compactMap { row in
            guard let name = names[row.queryModality] else { return nil }
            return Tuning(
                from: name, metric: row.metric, k: row.k, recallTarget: row.recallTarget, width: row.width,
                candidates: row.candidates, meanRecall: row.meanRecall, fifthPercentile: row.p5Recall,
                minimum: row.minimumRecall, lowerBound: row.lowerBound, isStale: freshness.isStale(row))
        }
    }
}
