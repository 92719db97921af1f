/// Which rows a metric without an index of its own compares: all that may answer, or the nearest by cosine.
/// How many is measured (`index tune --metric`), asked for, or a default that says it is one. Compares nothing itself.
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
    /// The graph finds the last candidates better when it looks a little further.
    private static func width(for candidates: Int) -> Int { candidates + candidates / 4 }
    /// Queries whose vectors are compared in one pass over the stored ones.
    private static let scanGroup = 256

    let reader: Reader
    let cache: IndexCache
    let target: ModalityRecord
    let options: SearchOptions.Decided
    /// Rows of the filter; nil without one.
    let matches: [RowID]?
    let threads: Int

    private struct Budget: Hashable { var candidates: Int, notes: [String] = [] }

    func candidates(for queries: [PreparedQuery]) throws -> [CandidateRows] {
        let eligible = try matches?.count ?? reader.count(of: target.id)
        let tunings = options.effort == .exact ? [] : try reader.tunings(of: target.id)
        var found = [CandidateRows?](repeating: nil, count: queries.count)
        var narrowed: [Int: [Int]] = [:]
        for (index, query) in queries.enumerated() {
            var everything = CandidateRows(rows: nil, explanation: Explanation())
            let budget = budget(for: query, tunings)
            if let budget, budget.candidates < eligible {
                everything.explanation.notes = budget.notes
                narrowed[budget.candidates, default: []].append(index)
            } else {
                everything.explanation.plan = options.effort == .exact
                    ? "exact scan: asked for" : "exact scan: \(eligible) rows are no more than the candidates"
            }
            found[index] = everything
        }
        for (count, indices) in narrowed.sorted(by: { $0.key < $1.key }) {
            let rows = try nearest(count, to: indices.map { queries[$0] })
            for (index, candidates) in zip(indices, rows) {
                let notes = found[index]!.explanation.notes
                found[index] = candidates
                found[index]!.explanation.notes = notes + candidates.explanation.notes
            }
        }
        return found.map { $0! }
    }

    // MARK: The nearest by cosine

    /// Through the index where there is one, otherwise by scanning the stored vectors; one pass serves a group of queries.
    private func nearest(_ count: Int, to queries: [PreparedQuery]) throws -> [CandidateRows] {
        let narrow = SearchOptions.Decided(
            k: count, metric: .cosine, effort: .width(Self.width(for: count)), candidates: count)
        let planner = try Planner(
            target: target, options: narrow, matchCount: matches?.count, reader: reader, cache: cache)
        var found = [CandidateRows?](repeating: nil, count: queries.count)
        var scanned: [Scanned] = []
        var admission: Admission?
        for (index, query) in queries.enumerated() {
            switch planner.plan(for: query) {
            case .exactScan(let reason, let note): scanned.append(Scanned(index: index, reason: reason, note: note))
            case .candidates(let plan):
                let admitted = admission ?? Admission(matches: matches, snapshot: plan.snapshot)
                admission = admitted
                var answer = Narrowing(plan: plan, admission: admitted, target: target.id).answer(query, narrow)
                guard answer.isComplete else {
                    var scan = Scanned(
                        index: index, reason: "exact scan: the graph found too few rows that match the filter")
                    if let damage = answer.damage, case .exactScan(let reason, let note) = Plan.damaged(damage) {
                        (scan.reason, scan.note) = (reason, note)
                    }
                    scanned.append(scan)
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

    /// A query whose candidates are found without the index, and why.
    private struct Scanned {
        var index: Int
        var reason: String
        /// What the user should know of it, such as damage.
        var note: String?
    }

    private func scan(
        _ count: Int, _ group: ArraySlice<Scanned>, of queries: [PreparedQuery]
    ) throws -> [(Int, CandidateRows)] {
        let clock = ContinuousClock()
        let start = clock.now
        let scan = ExactScan(modality: target, metric: .cosine, k: count, threads: threads)
        let result = try scan.run(group.map { queries[$0.index].vector }, rows: matches, in: reader)
        let seconds = clock.now.seconds(since: start) / Double(group.count)
        return zip(group, result.best).map { entry, best in
            var explanation = Explanation()
            explanation.plan = "candidates by cosine by \(entry.reason), then \(options.metric)"
            explanation.notes = [entry.note].compactMap { $0 }
            explanation.seconds[.candidates] = seconds
            explanation.damagedRows = result.damaged.count
            if !result.damaged.isEmpty { explanation.notes.append(Searcher.damageNote(result.damaged.count)) }
            return (entry.index, CandidateRows(rows: best.prefix(count).map(\.row).sorted(), explanation: explanation))
        }
    }

    // MARK: How many

    /// Nil where every row is compared.
    private func budget(for query: PreparedQuery, _ tunings: [TuningRecord]) -> Budget? {
        let metric = options.metric
        switch options.effort {
        case .exact: return nil
        case .width(let width): return Budget(candidates: options.candidates ?? max(width, options.k))
        case .recall(let recall):
            if let candidates = options.candidates { return Budget(candidates: candidates) }
            guard metric.operand == .tokenSets else { return nil }
            let rows = tunings.filter {
                $0.queryModality == query.modality.id && $0.metric == metric.name && $0.k >= options.k
            }
            guard let bucket = rows.map(\.k).min() else {
                let count = max(Self.unmeasuredCandidates, options.k)
                let note = "no candidate budget is measured for \(metric) and \(query.modality.name) queries: "
                    + "the \(count) nearest by cosine were compared; `causeway index tune --metric` measures one"
                return Budget(candidates: count, notes: [note])
            }
            let ladder = rows.filter { $0.k == bucket }.sorted { $0.recallTarget < $1.recallTarget }
            if let row = ladder.first(where: { $0.recallTarget >= recall }) { return Budget(candidates: row.candidates) }
            guard let best = ladder.last else { return nil }
            let note = "no measured candidate budget reaches recall \(recall) under \(metric): "
                + "\(best.candidates) candidates reach \(best.recallTarget); --exact compares every row"
            return Budget(candidates: best.candidates, notes: [note])
        }
    }
}
