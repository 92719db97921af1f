/// Budgets of candidates that searches were seen to reach their recall with. Ranks by exact cosine (CandidateBudgets) say what
/// must be compared; they do not say what of it a walk finds, and in what order codes put what lies close together.
import Storage
import VectorMath

struct BudgetConfirmation {
    let searches: TuningSearches
    let context: Tuner.Measurement
    let truths: [VectorMetric: TuningTruth]

    private struct Budget { var width: Int, candidates: Int }

    /// For each row proposed the least budget that suffices: its own, or half as large again, and so on. Taken as proposed are
    /// large ones, and where reading all rows is cheaper: so are searches by the row answered, which reach everything.
    func confirm(_ proposed: [TuningRecord]) throws -> [TuningRecord] {
        let rowCount = try searches.collection.database.read { try $0.count(of: searches.target.id) }
        var rows: [TuningRecord] = []
        for k in Set(proposed.map(\.k)).sorted() {
            for metric in VectorMetric.allCases {
                let ladder = proposed.filter { $0.metric == metric.rawValue && $0.k == k }
                rows += try climb(ladder, metric, truths[metric] ?? [], rowCount)
            }
        }
        return rows
    }

    /// Whether searches are to confirm it. Budgets go wrong where the best lie closer together than codes can tell, and then few
    /// candidates seem to suffice; searching with thousands of them for hundreds of queries takes minutes.
    private func isOpen(_ proposed: TuningRecord, _ rowCount: Int) -> Bool {
        proposed.candidates <= 10 * proposed.k + 100 && !Planner.scans(insteadOf: proposed.candidates, of: rowCount)
    }

    /// Rows of one metric and k.
    private func climb(
        _ ladder: [TuningRecord], _ metric: VectorMetric, _ truth: TuningTruth, _ rowCount: Int
    ) throws -> [TuningRecord] {
        var budget = Budget(width: 0, candidates: 0)
        let nothing = RecallSummary([])
        var found = nothing
        return try ladder.sorted { $0.recallTarget < $1.recallTarget }.map { proposed in
            if proposed.candidates > budget.candidates {
                guard isOpen(proposed, rowCount) else { return proposed }
                budget = Budget(width: max(proposed.width, budget.width), candidates: proposed.candidates)
                found = nothing
            }
            while found.lowerBound < proposed.recallTarget {
                if Planner.scans(insteadOf: budget.candidates, of: rowCount) {
                    found = .everything(searches.judges.count)
                    break
                }
                let measured = try searches.recall(
                    metric, k: proposed.k, width: budget.width, candidates: budget.candidates, truth: truth,
                    showing: proposed.recallTarget)
                if measured.suffices {
                    found = measured.recalls
                } else {
                    budget = Budget(width: budget.width * 3 / 2 + 1, candidates: budget.candidates * 3 / 2 + 1)
                }
            }
            return context.row(
                metric: proposed.metric, k: proposed.k, target: proposed.recallTarget, width: budget.width,
                candidates: budget.candidates, found)
        }
    }
}
