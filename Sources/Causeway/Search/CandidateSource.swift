/// Which rows a metric without an index of its own compares: all that may answer, or the nearest by cosine.
/// How many is measured (`index tune --metric`), asked for, or a default that says it is one. Where nothing is known to reach
/// the recall, a metric on vectors compares every row, as built-in ones do; token sets, tens of times as large, are compared as
/// far as was measured, or the default, with a note. Compares nothing itself.
import Storage

/// The rows for one query.
struct CandidateRows {
    /// Ascending. Nil means every row that may answer.
    var rows: [RowID]?
    var explanation: Explanation
}

struct CandidateSource {
    /// Candidates where nothing is measured for a metric on token sets.
    static let unmeasuredCandidates = 1_000
    /// Queries whose vectors are compared in one pass over the stored ones.
    private static let scanGroup = 256

    let reader: Reader
    let index: IndexCache.State
    let target: ModalityRecord
    let options: SearchOptions.Decided
    /// Of the filter; nil without one.
    let matches: FilterMatches?
    let threads: Int

    /// How many rows are compared for a query, and why.
    private enum Extent {
        case everything(ScanPlan)
        case nearest(Int, notes: [String] = [])
    }

    /// - Throws: `.dimensionMismatch` for a query whose vector cosine cannot compare, where it must.
    func candidates(for queries: [PreparedQuery]) throws -> [CandidateRows] {
        let eligible = try matches?.rows.count ?? reader.count(of: target.id)
        let tunings = options.effort == .exact ? [] : try reader.tunings(of: target.id, metric: options.metric.name)
        let freshness = try TuningFreshness(of: tunings, in: target.id, reader: reader)
        var found = [CandidateRows?](repeating: nil, count: queries.count)
        var narrowed: [Int: [(index: Int, notes: [String])]] = [:]
        for (index, query) in queries.enumerated() {
            switch extent(for: query, tunings, freshness) {
            case .nearest(let count, let notes) where count < eligible: narrowed[count, default: []].append((index, notes))
            case .nearest: found[index] = everything(ScanPlan("\(eligible) rows are no more than the candidates"))
            case .everything(let plan): found[index] = everything(plan)
            }
        }
        for (count, entries) in narrowed.sorted(by: { $0.key < $1.key }) {
            let group = entries.map { queries[$0.index] }
            for query in group { try query.refuseUnfit(for: target) }
            for (entry, rows) in zip(entries, try nearest(count, to: group)) {
                found[entry.index] = rows
                found[entry.index]!.explanation.notes = entry.notes + rows.explanation.notes
            }
        }
        return found.map { $0! }
    }

    private func everything(_ plan: ScanPlan) -> CandidateRows {
        CandidateRows(rows: nil, explanation: plan.explanation(damaged: 0))
    }

    // MARK: The nearest by cosine

    /// Through the index where there is one, otherwise by scanning the stored vectors; one pass serves a group of queries.
    private func nearest(_ count: Int, to queries: [PreparedQuery]) throws -> [CandidateRows] {
        let narrow = SearchOptions.Decided(
            k: count, metric: .cosine, effort: .width(try width(for: count)), candidates: count, isStrict: options.isStrict)
        let planner = try Planner(
            target: target, options: narrow, matches: matches, index: index, reader: reader)
        var found = [CandidateRows?](repeating: nil, count: queries.count)
        var scanned: [Scanned] = []
        for (index, query) in queries.enumerated() {
            switch planner.plan(for: query) {
            case .exactScan(let plan): scanned.append((index, plan))
            case .candidates(let plan):
                var answer = try Narrowing(plan: plan, matches: matches, target: target, reader: reader).answer(query, narrow)
                guard answer.isComplete else {
                    scanned.append((index, answer.fallback(matches)))
                    continue
                }
                answer.explanation.plan += ", then \(options.metric)"
                found[index] = CandidateRows(
                    rows: answer.candidates.map(\.row).sorted(), explanation: answer.explanation)
            }
        }
        for start in stride(from: 0, to: scanned.count, by: Self.scanGroup) {
            let group = scanned[start..<min(start + Self.scanGroup, scanned.count)]
            for (index, candidates) in try scan(count, group, of: queries) { found[index] = candidates }
        }
        return found.map { $0! }
    }

    /// The graph finds the last candidates better when it looks a little further, and as far as cosine itself was found to need.
    private func width(for count: Int) throws -> Int {
        let ladder = TuningLadder(try reader.tunings(of: target.id, metric: Metric.cosine.name), k: count)
        let widest = ladder.map { $0.scaled($0.rows.map(\.width).max() ?? 0) }
        return max(count + count / 4, widest ?? 0)
    }

    /// A query whose candidates are found without the index.
    private typealias Scanned = (index: Int, plan: ScanPlan)

    private func scan(
        _ count: Int, _ group: ArraySlice<Scanned>, of queries: [PreparedQuery]
    ) throws -> [(Int, CandidateRows)] {
        let clock = ContinuousClock()
        let start = clock.now
        let hiddenMax = group.map { queries[$0.index].hidden.count }.max() ?? 0
        let scan = ExactScan(modality: target, metric: .cosine, k: count + hiddenMax, threads: threads)
        let result = try scan.run(group.map { queries[$0.index].vector }, rows: matches?.rows, in: reader)
        let seconds = clock.now.seconds(since: start) / Double(group.count)
        return zip(group, result.best).map { entry, best in
            var explanation = entry.plan.explanation(damaged: result.damaged.count)
            explanation.plan = "candidates by cosine by \(entry.plan.reason), then \(options.metric)"
            explanation.isFallback = false
            explanation.seconds[.candidates] = seconds
            let rows = queries[entry.index].admitted(best).prefix(count).map(\.row).sorted()
            return (entry.index, CandidateRows(rows: rows, explanation: explanation))
        }
    }

    // MARK: How many

    private func extent(
        for query: PreparedQuery, _ tunings: [TuningRecord], _ freshness: TuningFreshness
    ) -> Extent {
        switch options.effort {
        case .exact: return .everything(ScanPlan("asked for"))
        case .width(let width): return .nearest(options.candidates ?? max(width, options.k))
        case .recall(let recall):
            if let candidates = options.candidates { return .nearest(candidates) }
            let rows = tunings.filter { $0.queryModality == query.modality.id && $0.k >= options.k }
            let ladder = TuningLadder(rows, k: options.k)
            if let row = ladder?.row(reaching: recall) {
                let filtered = matches == nil ? [] : ["the candidate budget was measured without a filter"]
                return .nearest(row.candidates, notes: freshness.notes(of: row) + filtered)
            }
            return unreached(recall, query, best: ladder?.rows.last, freshness)
        }
    }

    /// Where no measured budget reaches the recall.
    private func unreached(
        _ recall: Double, _ query: PreparedQuery, best: TuningRecord?, _ freshness: TuningFreshness
    ) -> Extent {
        let metric = options.metric
        guard metric.operand == .tokenSets else {
            return .everything(
                ScanPlan("no number of cosine candidates is known to hold the best by \(metric)", isFallback: true))
        }
        if let best {
            return .nearest(best.candidates, notes: freshness.notes(of: best) + [
                "no measured candidate budget reaches recall \(recall) under \(metric): "
                    + "\(best.candidates) candidates reach \(best.recallTarget); --exact compares every row",
            ])
        }
        let count = max(Self.unmeasuredCandidates, options.k)
        return .nearest(count, notes: [
            "no candidate budget is measured for \(metric) and \(query.modality.name) queries: "
                + "the \(count) nearest by cosine were compared; `causeway index tune --metric` measures one",
        ])
    }
}
