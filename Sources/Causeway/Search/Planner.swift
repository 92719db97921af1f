/// Chooses how a query is answered: by the graph, by scanning codes, or by scanning stored vectors. Runs nothing.
import ProximityGraph
import Storage

enum Plan {
    case exactScan(ScanPlan)
    case candidates(CandidatePlan)
}

/// Every row that may answer is compared, and why.
struct ScanPlan {
    /// For the user.
    var reason: String
    /// A caution, for the user too.
    var note: String?
    /// Not what an index in order would have led to.
    var isFallback = false

    init(_ reason: String, isFallback: Bool = false, note: String? = nil) {
        (self.reason, self.isFallback, self.note) = ("exact scan: " + reason, isFallback, note.map { "exact scan: " + $0 })
    }

    init(of matches: FilterMatches) { reason = "exact scan of the \(matches.rows.count) rows \(matches.words)" }

    /// Instead of an index whose file is not there.
    static func missing(_ file: String) -> ScanPlan {
        ScanPlan(
            "the index's file is missing",
            note: "the index's file \(file) is missing; run `causeway index build`")
    }

    /// Instead of an index whose file is damaged.
    static func damaged(_ what: String) -> ScanPlan {
        ScanPlan("the index is damaged", note: "the index cannot be used (\(what)); run `causeway index rebuild`")
    }

    /// What an answer that came by it begins with.
    func explanation(damaged: Int) -> Explanation {
        var explanation = Explanation()
        explanation.plan = reason
        explanation.isFallback = isFallback
        explanation.notes = [note].compactMap { $0 }
        explanation.leaveOut(damaged: damaged)
        return explanation
    }
}

struct CandidatePlan {
    var snapshot: IndexSnapshot
    /// Width of the graph search.
    var width: Int
    /// How many candidates, best estimate first, the exact metric may see.
    var candidates: Int
    /// Rows that may answer: of the modality, or of the filter.
    var eligible: Int
    var notes: [String]
}

struct Planner {
    /// Reading so few stored vectors is cheaper than any detour through codes.
    private static let directScanMax = 200
    /// A stored vector read out of order costs about this many read in order.
    private static let randomReadCost = 16
    /// A metric whose best k are among so many times k by cosine orders rows as it does, whichever match a filter: as Euclidean
    /// distance does vectors of one length. Of others nobody knows how many of the matches they need.
    private static let likeCosine = 1.5

    private let target: ModalityRecord
    private let options: SearchOptions.Decided
    private let matches: FilterMatches?
    private let rowCount: Int
    private let tunings: [TuningRecord]
    private let freshness: TuningFreshness
    private let index: IndexCache.State

    init(
        target: ModalityRecord, options: SearchOptions.Decided, matches: FilterMatches?, index: IndexCache.State, reader: Reader
    ) throws {
        self.target = target
        self.options = options
        self.matches = matches
        rowCount = try reader.count(of: target.id)
        self.index = index
        tunings = if case .recall = options.effort {
            try reader.tunings(of: target.id, metric: options.metric.name, k: min(options.k, Tuner.buckets.max() ?? 1))
        } else {
            []
        }
        freshness = try TuningFreshness(of: tunings, in: target.id, reader: reader)
    }

    /// Rows that may answer: of the modality, or of the filter.
    var eligible: Int { matches?.rows.count ?? rowCount }

    func plan(for query: PreparedQuery) -> Plan {
        let snapshot: IndexSnapshot
        switch index {
        case .ready(let ready): snapshot = ready
        case .absent(let reason): return .exactScan(ScanPlan(reason, isFallback: options.effort != .exact))
        case .missing(let file): return .exactScan(.missing(file))
        case .damaged(let what): return .exactScan(.damaged(what))
        }
        if query.vector.allSatisfy({ $0 == 0 }) { return .exactScan(ScanPlan("the query is a zero vector")) }
        guard let budget = budget(for: query) else {
            let what = "no number of cosine candidates is known to hold the best by \(options.metric)"
            return .exactScan(ScanPlan(what, isFallback: true))
        }
        if options.metric != .cosine, options.candidates == nil, Self.scans(insteadOf: budget.candidates, of: eligible) {
            return .exactScan(ScanPlan("as cheap as the \(budget.candidates) candidates \(options.metric) needs"))
        }
        if let matches, matches.rows.count <= Self.directScanMax { return .exactScan(ScanPlan(of: matches)) }
        if matches != nil, !budget.holdsForMatches {
            return .exactScan(ScanPlan("the candidates \(options.metric) needs are known for searches without a filter"))
        }
        return .candidates(
            CandidatePlan(
                snapshot: snapshot, width: budget.width, candidates: budget.candidates,
                eligible: eligible, notes: budget.notes + staleness(snapshot)))
    }

    /// Whether so many candidates are dearer to read than all rows.
    static func scans(insteadOf candidates: Int, of rows: Int) -> Bool { candidates * randomReadCost > rows }

    private func staleness(_ snapshot: IndexSnapshot) -> [String] {
        let freshness = IndexFreshness(
            inGraph: snapshot.graph.count, dead: snapshot.deadCount, added: snapshot.beside.count)
        guard freshness.slowsSearches else { return [] }
        return [
            "\(freshness.dead + freshness.added) rows changed since the index was built; "
                + "`causeway index build` makes searches faster",
        ]
    }

    // MARK: Width and candidates

    private struct Budget {
        var width: Int, candidates: Int, notes: [String] = []
        /// Asked for, or known not to depend on which rows may answer.
        var holdsForMatches = true
    }

    /// Nil where nothing says how many candidates the metric needs.
    private func budget(for query: PreparedQuery) -> Budget? {
        switch options.effort {
        case .exact: return nil
        case .width(let width):
            let wide = max(width, options.k, options.candidates ?? 0)
            return Budget(width: wide, candidates: options.candidates ?? wide)
        case .recall(let recall):
            if let tuned = tuned(from: query.modality.id, recall: recall) { return tuned }
            if let candidates = options.candidates {
                return Budget(width: max(defaultWidth(for: query), candidates, options.k), candidates: candidates)
            }
            guard options.metric == .cosine else { return nil }
            let width = max(defaultWidth(for: query), options.k * 3 / 2)
            return Budget(
                width: width, candidates: width,
                notes: ["no tuning is stored for \(query.modality.name) queries; the default width was used"])
        }
    }

    /// The cheapest measured row of the table that promises the recall for at least this k.
    private func tuned(from modality: ModalityID, recall: Double) -> Budget? {
        guard let ladder = TuningLadder(tunings.filter { $0.queryModality == modality }, k: options.k) else { return nil }
        let bucket = ladder.bucket
        var notes = ladder.isScaled
            ? ["recall was measured for the best \(bucket): what they need was scaled up to \(options.k)"] : []
        if let closer = Tuner.buckets.filter({ $0 >= options.k }).min(), closer < bucket {
            guard options.metric == .cosine else { return nil }
            notes.append("no width is known to reach a recall for the best \(closer): that for the best \(bucket) was used")
        }
        guard let row = ladder.row(reaching: recall) else {
            guard options.metric == .cosine, let best = ladder.rows.last else { return nil }
            let width = ladder.scaled(best.width * 2)
            notes += freshness.notes(of: best)
            notes.append("recall \(recall) is above the largest measured, \(best.recallTarget); twice its width was used")
            return Budget(width: max(width, options.candidates ?? 0), candidates: options.candidates ?? width, notes: notes)
        }
        notes += freshness.notes(of: row)
        let candidates = options.candidates ?? ladder.scaled(row.candidates)
        let ordersAsCosine = Double(row.candidates) <= Self.likeCosine * Double(ladder.bucket)
        return Budget(
            width: max(ladder.scaled(row.width), candidates, options.k), candidates: candidates, notes: notes,
            holdsForMatches: options.metric == .cosine || options.candidates != nil || ordersAsCosine)
    }

    /// Starting widths by dimension, for queries of the target's own modality and of another; tuning replaces them.
    private func defaultWidth(for query: PreparedQuery) -> Int {
        let own = query.modality.id == target.id
        switch target.dimension {
        case ..<513: return own ? 64 : 128
        case ..<1024: return own ? 80 : 192
        default: return own ? 96 : 256
        }
    }
}
