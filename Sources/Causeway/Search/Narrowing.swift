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
}

/// The rows that may answer, in the forms the two searches need. Made once for all queries of a call.
struct Admission {
    /// Label positions of the graph; nil admits all.
    let labels: LabelSet?
    /// Rows beside the graph; nil admits all.
    let rows: [RowID]?

    init(matches: [RowID]?, snapshot: IndexSnapshot) {
        rows = matches
        labels = matches.map { snapshot.graph.labelSet(containing: $0.map(\.rawValue)) } ?? snapshot.alive
    }
}

struct Narrowing {
    let plan: CandidatePlan
    let admission: Admission
    let target: ModalityID

    func answer(_ query: PreparedQuery, _ options: SearchOptions) -> Narrowed {
        let clock = ContinuousClock()
        let start = clock.now
        let snapshot = plan.snapshot
        let answer: GraphAnswer
        switch plan.method {
        case .graph:
            answer = snapshot.graph.search(
                query.vector.span, width: plan.width, admitting: admission.labels, crossModal: query.modality.id != target)
        case .codeScan:
            answer = snapshot.graph.scan(query.vector.span, limit: plan.width, admitting: admission.labels)
        }
        let beside = snapshot.beside.scan(
            query.vector.span, limit: plan.width, admitting: admission.rows.map { $0.map(\.rawValue) })
        let candidates = merge(answer.hits, beside.hits)
        var explanation = Explanation()
        explanation.plan = plan.method == .graph ? "graph" : "code scan of the rows that match the filter"
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

    private func merge(_ graph: [GraphHit], _ beside: [GraphHit]) -> [Candidate] {
        var seen = Set<Int64>()
        var all = (graph + beside).filter { seen.insert($0.label).inserted }
        if !beside.isEmpty {
            all.sort { $0.similarity == $1.similarity ? $0.label < $1.label : $0.similarity > $1.similarity }
        }
        return all.prefix(plan.candidates).map {
            Candidate(row: RowID(rawValue: $0.label), estimate: $0.similarity, errorBound: $0.errorBound)
        }
    }
}
