/// Budgets of candidates that searches were seen to reach their recall with. Ranks by exact cosine (CandidateBudgets) say what
/// must be compared; they do not say what of it a walk finds, and in what order codes put what lies close together.
import Storage
import VectorMath

struct BudgetConfirmation {
    let searches: TuningSearches
    let context: Tuner.Measurement
    let kMax: Int

    private struct Budget { var width: Int, candidates: Int }

    /// For each row proposed the least budget that suffices: its own, or half as large again, and so on. Where reading all rows
    /// is cheaper, that is how searches by the row are answered, and it reaches everything.
    func confirm(_ proposed: [TuningRecord]) throws -> [TuningRecord] {
        let rowCount = try searches.collection.database.read { try $0.count(of: searches.target.id) }
        var rows: [TuningRecord] = []
        for metric in VectorMetric.allCases {
            let ofMetric = proposed.filter { $0.metric == metric.rawValue }
            guard ofMetric.contains(where: { !Planner.scans(insteadOf: $0.candidates, of: rowCount) }) else {
                rows += ofMetric.map { row($0, Budget(width: $0.width, candidates: $0.candidates), .everything(searches.count)) }
                continue
            }
            let truth = try searches.truth(metric, k: kMax)
            for k in Set(ofMetric.map(\.k)).sorted() {
                rows += try climb(ofMetric.filter { $0.k == k }, metric, truth, rowCount)
            }
        }
        return rows
    }

    /// Rows of one metric and k.
    private func climb(
        _ ladder: [TuningRecord], _ metric: VectorMetric, _ truth: [[Double]], _ rowCount: Int
    ) throws -> [TuningRecord] {
        var budget = Budget(width: 0, candidates: 0)
        var found: RecallSummary?
        return try ladder.sorted { $0.recallTarget < $1.recallTarget }.map { proposed in
            if proposed.candidates > budget.candidates {
                budget = Budget(width: max(proposed.width, budget.width), candidates: proposed.candidates)
                found = nil
            }
            while found?.lowerBound ?? 0 < proposed.recallTarget {
                if Planner.scans(insteadOf: budget.candidates, of: rowCount) {
                    found = .everything(searches.count)
                    break
                }
                found = try searches.recall(
                    metric, k: proposed.k, width: budget.width, candidates: budget.candidates, truth: truth,
                    showing: proposed.recallTarget)
                if found == nil {
                    budget = Budget(width: budget.width * 3 / 2 + 1, candidates: budget.candidates * 3 / 2 + 1)
                }
            }
            return row(proposed, budget, found ?? .everything(searches.count))
        }
    }

    private func row(_ proposed: TuningRecord, _ budget: Budget, _ recalls: RecallSummary) -> TuningRecord {
        context.row(
            metric: proposed.metric, k: proposed.k, target: proposed.recallTarget, width: budget.width,
            candidates: budget.candidates, recalls)
    }
}
