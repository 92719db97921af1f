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
    func fallback(isFiltered: Bool) -> ScanPlan {
        damage.map(ScanPlan.damaged) ?? ScanPlan("the graph found too few rows" + (isFiltered ? " that match the filter" : ""))
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
        let answer = if let coded, let labels = admission.labels {
            graph.searchFiltered(coded, width: plan.width, admitting: labels, crossModal: crossModal)
        } else if let coded {
            graph.search(coded, width: plan.width, crossModal: crossModal)
        } else {
            GraphAnswer()
        }
        if let damage = answer.damage ?? graph.damage {
            return Narrowed(candidates: [], explanation: Explanation(), isComplete: false, damage: damage)
        }
        let beside = coded.map {
            snapshot.beside.scan($0, limit: plan.width + query.hidden.count, admitting: admission.beside)
        } ?? GraphAnswer()
        // What a scan finds beyond the width is read only where its certified bound says that it may be among the best.
        let isOpen = answer.isScan && options.metric == .cosine && options.candidates == nil
        var candidates = merge(
            answer.hits, beside.hits, hiding: query.hidden, limit: isOpen ? .max : plan.candidates)
        if options.metric == .cosine { candidates = try withUncoded(candidates, for: query, k: options.k) }
        var explanation = Explanation()
        let scanned = options.filter == nil ? "code scan of the rows alive" : "code scan of the rows that match the filter"
        explanation.plan = answer.isScan ? scanned : "graph"
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

    private func merge(_ graph: [GraphHit], _ beside: [GraphHit], hiding hidden: [RowID], limit: Int) -> [Candidate] {
        var all = graph + beside
        // A walk returns what shares its node with another row.
        if !hidden.isEmpty { all.removeAll { hidden.contains(RowID(rawValue: $0.label)) } }
        if !beside.isEmpty {
            all.sort { $0.similarity == $1.similarity ? $0.label < $1.label : $0.similarity > $1.similarity }
        }
        return all[..<Self.end(of: all, estimates: limit)].map {
            Candidate(row: RowID(rawValue: $0.label), estimate: $0.similarity, errorBound: $0.errorBound)
        }
    }

    /// Copies have one estimate and count as one: a limit that cut between them would leave out what is as good as what it kept,
    /// and one that they filled what may be better.
    private static func end(of hits: [GraphHit], estimates limit: Int) -> Int {
        var different = 0
        for index in hits.indices where index == 0 || hits[index].similarity != hits[index - 1].similarity {
            if different == limit { return index }
            different += 1
        }
        return hits.count
    }
}
