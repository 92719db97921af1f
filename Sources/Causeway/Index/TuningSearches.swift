/// The queries of one measurement, searched as a user's would be, and how much of the truth they find.
import Storage
import VectorMath

/// By query the best rows that it may find, best first, by exact scores; and what ties with the last.
typealias TuningTruth = [[TopList.Entry]]

struct TuningSearches {
    /// Queries searched before the first question whether to go on; twice as many by then before each further one, up to a limit.
    private static let groupMin = 32
    private static let groupMax = 128

    let judges: [Judge]
    let source: ModalityRecord
    let target: ModalityRecord
    let collection: EmbeddingCollection
    let threads: Int
    let progress: ProgressHandler?
    private let pools = TuningPools()

    /// - Throws: `.cancelled` where the handler says so.
    func report(_ part: String, _ done: Int, of total: Int? = nil) throws {
        let step = Progress(stage: "tune \(source.name) to \(target.name), \(part)", done: done, total: total)
        if progress?(step) == false { throw CausewayError.cancelled }
    }

    /// The best k that each query may find, and what comes after them as far as it was met. One pass over the rows.
    func truth(_ metric: VectorMetric, k: Int) throws -> TuningTruth {
        try collection.database.read { reader in
            let hiddenMax = judges.map(\.sample).hiddenMax
            let scan = ExactScan(modality: target, metric: metric, k: k + hiddenMax, threads: threads)
            let total = try reader.count(of: target.id)
            let result = try scan.run(judges.map(\.vector), rows: nil, in: reader) {
                try report(metric == .cosine ? "truth" : "truth by \(metric.rawValue)", $0, of: total)
            }
            return zip(judges, result.best).map { judge, best in
                let hidden = Set(judge.sample.hidden)
                return best.filter { !hidden.contains($0.row) }
            }
        }
    }

    /// What searches find of the best: all of them, or the first few, where these leave no hope of the recall wanted.
    struct Found {
        var recalls: RecallSummary
        /// Whether the recall wanted is shown.
        var suffices: Bool
    }

    /// The recalls of the best k by searches of that width with so many candidates: the exact stage finds what is among these.
    /// Ends once they could not show `least` any more, even if all the other queries found everything: most widths that do not
    /// suffice are known by a few queries.
    func recall(
        _ metric: VectorMetric, k: Int, width: Int, candidates: Int, truth: TuningTruth, showing least: Double
    ) throws -> Found {
        var recalls: [Double] = []
        while recalls.count < judges.count {
            try report(metric == .cosine ? "widths" : "budgets by \(metric.rawValue)", candidates)
            let size = min(max(recalls.count, Self.groupMin), Self.groupMax)
            let part = recalls.count..<min(recalls.count + size, judges.count)
            let key = TuningPools.Key(width: width, k: k, isCosine: metric == .cosine, firstJudge: part.lowerBound)
            let proposed = try pools.pools(key) { try search(judges[part], metric, k: k, width: width) }
            recalls += zip(proposed, truth[part]).map { Self.recall($0?.thatMayBeAmongBest(candidates), $1, k: k) }
            let most = 1 - recalls.reduce(0) { $0 + (1 - $1) } / Double(judges.count)
            if RecallSummary.lowerBound(mean: most, queries: judges.count) < least {
                return Found(recalls: RecallSummary(recalls), suffices: false)
            }
        }
        return Found(recalls: RecallSummary(recalls), suffices: true)
    }

    /// All that searches of a width propose.
    private func search(_ judges: ArraySlice<Judge>, _ metric: VectorMetric, k: Int, width: Int) throws -> [[Candidate]?] {
        // Not strict, as a measured budget is none.
        let options = SearchOptions.Decided(
            k: k, metric: Metric(metric), effort: .width(width), candidates: metric == .cosine ? nil : width)
        let queries = judges.map { PreparedQuery(vector: $0.vector, modality: source, hidden: $0.sample.hidden) }
        let (database, target) = (collection.database, target)
        return try database.read(together: max(1, min(threads, queries.count))) { readers in
            try readers.share(queries.count) { part, reader in
                try Searcher(
                    reader: reader, cache: database.indexes, vectors: database.vectors, target: target, options: options,
                    threads: 1
                ).candidates(for: Array(queries[part]))
            }
        }
    }

    /// - candidates: nil where everything is compared.
    private static func recall(_ candidates: [Candidate]?, _ truth: [TopList.Entry], k: Int) -> Double {
        let wanted = min(k, truth.count)
        guard wanted > 0, let candidates else { return 1 }
        let found = Set(candidates.lazy.map(\.row)), worst = truth[wanted - 1].score
        let good = truth.enumerated().count { place, entry in
            (place < wanted || entry.score == worst) && found.contains(entry.row)
        }
        return Double(min(good, wanted)) / Double(wanted)
    }
}
