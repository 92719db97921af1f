/// How many of the best by cosine must be compared exactly so that the best by another metric are among them: a proposal, from
/// stored vectors and exact scores, which searches then confirm.
import Storage
import VectorMath

struct CandidateBudgets {
    private static let budgetMax = 50_000

    let searches: TuningSearches
    let context: Tuner.Measurement

    /// Rows of the table for every metric but cosine, for the targets that a budget reaches.
    /// - widths: what cosine itself was found to need.
    func propose(_ truths: [VectorMetric: TuningTruth], ks: [Int], widths: [TuningRecord]) throws -> [TuningRecord] {
        let metrics = VectorMetric.allCases.filter { $0 != .cosine }
        let ranks = try ranks(metrics.compactMap { truths[$0] }, kMax: ks.max() ?? 1)
        return ks.flatMap { k in
            let base = widths.filter { $0.k == k }.map(\.width).max() ?? k
            return metrics.flatMap { metric in
                let perQuery = zip(truths[metric] ?? [], ranks).map { best, ranks in
                    best.prefix(k).compactMap { ranks[$0.row] }
                }
                return ladder(metric, perQuery, k: k, base: base)
            }
        }
    }

    /// The least budget for each target, from the ranks by cosine of every query's best k.
    private func ladder(_ metric: VectorMetric, _ perQuery: [[Int]], k: Int, base: Int) -> [TuningRecord] {
        guard !perQuery.isEmpty else { return [] }
        var rows: [TuningRecord] = []
        let attainable = RecallSummary.attainable(queries: perQuery.count)
        var remaining = context.targets.filter { $0 <= attainable }
        var budget = k
        while !remaining.isEmpty && budget <= Self.budgetMax {
            let summary = RecallSummary(perQuery.map { ranks in
                Double(ranks.count { $0 < budget }) / Double(max(ranks.count, 1))
            })
            while let next = remaining.first, summary.lowerBound >= next {
                // Half as wide again: the graph must find nearly all of the candidates, not only the best of them.
                rows.append(
                    context.row(
                        metric: metric.rawValue, k: k, target: next, width: max(base, budget * 3 / 2),
                        candidates: budget, summary))
                remaining.removeFirst()
            }
            budget = max(budget + 1, budget * 5 / 4)
        }
        return rows
    }

    /// Per query, by row: how many rows that it may find are nearer by cosine.
    private func ranks(_ truths: [TuningTruth], kMax: Int) throws -> [[RowID: Int]] {
        let queries = searches.judges.enumerated().map { index, judge in
            CosineRanks.Query(
                vector: judge.vector, rows: truths.flatMap { $0[index].prefix(kMax).map(\.row) }, hidden: judge.sample.hidden)
        }
        return try searches.collection.database.read { reader in
            let rows = try reader.rows(of: searches.target.id)
            return try CosineRanks(target: searches.target, threads: searches.threads)
                .ranks(of: queries, among: rows, in: reader) { try searches.report("budgets", $0, of: rows.count) }
        }
    }
}
