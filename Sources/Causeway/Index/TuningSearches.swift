/// The queries of one measurement, searched as a user's would be, and how much of the truth they find.
import Storage
import VectorMath

struct TuningSearches {
    /// Queries between two questions whether to go on.
    private static let group = 128

    let judges: [Judge]
    let source: ModalityRecord
    let target: ModalityRecord
    let collection: EmbeddingCollection
    let threads: Int
    let progress: ProgressHandler?

    var count: Int { judges.count }

    /// - Throws: `.cancelled` where the handler says so.
    func report(_ part: String, _ done: Int, of total: Int? = nil) throws {
        let step = Progress(stage: "tune \(source.name) to \(target.name), \(part)", done: done, total: total)
        if progress?(step) == false { throw CausewayError.cancelled }
    }

    /// The exact scores of the best k that each query may find, best first. One pass over the rows.
    func truth(_ metric: VectorMetric, k: Int) throws -> [[Double]] {
        try collection.database.read { reader in
            let hiddenMax = judges.map(\.sample).hiddenMax
            let scan = ExactScan(modality: target, metric: metric, k: k + hiddenMax, threads: threads)
            let total = try reader.count(of: target.id)
            let result = try scan.run(judges.map(\.vector), rows: nil, in: reader) {
                try report(metric == .cosine ? "truth" : "truth by \(metric.rawValue)", $0, of: total)
            }
            return zip(judges, result.best).map { judge, best in
                let hidden = Set(judge.sample.hidden)
                return best.lazy.filter { !hidden.contains($0.row) }.prefix(k).map(\.score)
            }
        }
    }

    /// The recalls of the best k by searches of that width with so many candidates. Nil once they could not show `least` any
    /// more, even if all the other queries found everything: most widths that do not suffice are known by a few queries.
    func recall(
        _ metric: VectorMetric, k: Int, width: Int, candidates: Int, truth: [[Double]], showing least: Double
    ) throws -> RecallSummary? {
        var options = SearchOptions(k: k, metric: Metric(metric), effort: .width(width), candidates: candidates)
        options.measuresBudget = true
        var recalls: [Double] = []
        for start in stride(from: 0, to: judges.count, by: Self.group) {
            try report(metric == .cosine ? "widths" : "budgets by \(metric.rawValue)", candidates)
            let part = judges[start..<min(start + Self.group, judges.count)]
            let answers = try collection.search(
                part.map { $0.query(from: source) }, in: target.name, options: options, threads: threads)
            recalls += zip(answers, truth[part.indices]).map { Self.recall($0.hits, truth: $1.prefix(k), by: metric) }
            let most = 1 - recalls.reduce(0) { $0 + (1 - $1) } / Double(judges.count)
            if RecallSummary.lowerBound(mean: most, queries: judges.count) < least { return nil }
        }
        return RecallSummary(recalls)
    }

    private static func recall(_ found: [Hit], truth: ArraySlice<Double>, by metric: VectorMetric) -> Double {
        guard let worst = truth.last else { return 1 }
        return Double(found.count { !metric.isBetter(worst, than: $0.score) }) / Double(truth.count)
    }
}
