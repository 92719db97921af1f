/// Finds candidates by 8-bit codes: the graph, or a scan of the codes that match, and the rows newer than the graph.
import ProximityGraph
import Storage

/// What the codes propose for one query.
struct Narrowed {
    /// Best estimate first, no row twice.
    var candidates: [Candidate]
    var explanation: Explanation
    /// False when fewer rows were found than could answer; the caller then scans exactly.
    var isComplete: Bool
    /// What of the graph is damaged; then nothing was found.
    var damage: String?

    /// Instead of what was found, where that is too little.
    func fallback(_ matches: FilterMatches?) -> ScanPlan {
        damage.map(ScanPlan.damaged) ?? ScanPlan("the graph found too few rows" + (matches.map { " " + $0.words } ?? ""))
    }
}

struct Narrowing {
    let plan: CandidatePlan
    let matches: FilterMatches?
    let target: ModalityRecord
    let reader: Reader

    func answer(_ query: PreparedQuery, _ options: SearchOptions.Decided) throws -> Narrowed {
        let clock = ContinuousClock()
        let start = clock.now
        let snapshot = plan.snapshot
        let crossModal = query.modality.id != target.id
        let graph = snapshot.graph
        let admission = Admission.of(matches, by: snapshot)
        let coded = graph.coded(query.vector.span, hiding: query.hidden.map(\.rawValue))
        // Cosine finds its best among what a search of the width meets; another metric wants so many.
        let wanted = options.metric == .cosine && options.candidates == nil ? options.k : plan.candidates
        let best = min(wanted + query.hidden.count, plan.width)
        let answer = if let coded, let labels = admission.labels {
            graph.searchFiltered(coded, best: best, width: plan.width, admitting: labels, crossModal: crossModal)
        } else if let coded {
            graph.searchAll(coded, best: best, width: plan.width, crossModal: crossModal)
        } else {
            GraphAnswer()
        }
        if let damage = answer.damage ?? graph.damage {
            return Narrowed(candidates: [], explanation: Explanation(), isComplete: false, damage: damage)
        }
        let beside = coded.map {
            snapshot.beside.scan($0, limit: plan.width + query.hidden.count, admitting: admission.beside)
        } ?? GraphAnswer()
        var candidates = merge(answer.hits, beside.hits, hiding: query.hidden)
        candidates = options.isStrict
            ? Array(candidates.best(plan.candidates)) : candidates.thatMayBeAmongBest(plan.candidates)
        if options.metric == .cosine { candidates = try withUncoded(candidates, for: query, k: options.k) }
        var explanation = Explanation()
        explanation.plan = answer.isScan ? "code scan of the rows " + (matches?.words ?? "alive") : "graph"
        explanation.width = plan.width
        explanation.nodesVisited = answer.visited
        explanation.codesCompared = answer.distances + beside.distances
        explanation.rowsBesideGraph = snapshot.beside.count
        explanation.notes = plan.notes
        explanation.seconds[.candidates] = clock.now.seconds(since: start)
        return Narrowed(
            candidates: candidates, explanation: explanation,
            isComplete: candidates.count >= min(options.k, plan.eligible))
    }

    /// Rows without a code have a cosine of 0 with everything. They count where fewer than k candidates are surely above that.
    private func withUncoded(_ candidates: [Candidate], for query: PreparedQuery, k: Int) throws -> [Candidate] {
        let best = candidates.prefix(k)
        guard best.count < k || best.contains(where: { $0.estimate <= $0.errorBound }) else { return candidates }
        let rows = try plan.snapshot.rowsWithoutCode(of: target, in: reader).filter {
            matches?.contains($0) ?? true && !query.hidden.contains($0)
        }
        guard !rows.isEmpty else { return candidates }
        return (candidates + rows.map { Candidate(row: $0, estimate: 0, errorBound: 0) }).sorted {
            $0.estimate == $1.estimate ? $0.row < $1.row : $0.estimate > $1.estimate
        }
    }

    /// Best estimate first.
    private func merge(_ graph: [GraphHit], _ beside: [GraphHit], hiding hidden: [RowID]) -> [Candidate] {
        var all = graph + beside
        // A walk returns what shares its node with another row.
        if !hidden.isEmpty { all.removeAll { hidden.contains(RowID(rawValue: $0.label)) } }
        if !beside.isEmpty {
            all.sort { $0.similarity == $1.similarity ? $0.label < $1.label : $0.similarity > $1.similarity }
        }
        return all.map { Candidate(row: RowID(rawValue: $0.label), estimate: $0.similarity, errorBound: $0.errorBound) }
    }
}
