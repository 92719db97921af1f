/// Chooses how a query is answered: by the graph, by scanning codes, or by scanning stored vectors. Runs nothing.
import ProximityGraph
import Storage

enum Plan {
    /// The reason is for the user, and starts with "exact scan".
    case exactScan(reason: String)
    case candidates(CandidatePlan)
}

struct CandidatePlan {
    enum Method { case graph, codeScan }
    var snapshot: IndexSnapshot
    var method: Method
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
    private static let directScanMax = 1_000
    /// Up to here a scan of the matching codes beats a filtered walk, whatever the width.
    private static let codeScanMax = 10_000
    /// Visits per unit of width, the middle of what was measured (11…31).
    private static let visitsPerWidth = 16.0
    /// A stored vector read out of order costs about this many read in order.
    private static let randomReadCost = 16

    private let target: ModalityRecord
    private let options: SearchOptions
    private let matchCount: Int?
    private let rowCount: Int
    private let tunings: [TuningRecord]
    private let index: IndexCache.State

    init(
        target: ModalityRecord, options: SearchOptions, matchCount: Int?, reader: Reader, cache: IndexCache
    ) throws {
        self.target = target
        self.options = options
        self.matchCount = matchCount
        rowCount = try reader.count(of: target.id)
        if options.effort == .exact {
            index = .absent(reason: "asked for")
            tunings = []
        } else {
            index = try cache.state(of: target, in: reader)
            tunings = try reader.tunings(of: target.id)
        }
    }

    /// Rows that may answer: of the modality, or of the filter.
    var eligible: Int { matchCount ?? rowCount }

    func plan(for query: PreparedQuery) -> Plan {
        guard case .ready(let snapshot) = index else {
            guard case .absent(let reason) = index else { return .exactScan(reason: "exact scan") }
            return .exactScan(reason: "exact scan: \(reason)")
        }
        if query.vector.allSatisfy({ $0 == 0 }) { return .exactScan(reason: "exact scan: the query is a zero vector") }
        guard let budget = budget(for: query) else {
            return .exactScan(
                reason: "exact scan: no number of cosine candidates is known to hold the best by \(options.metric)")
        }
        let readsMost = options.candidates == nil && budget.candidates * Self.randomReadCost > eligible
        if options.metric != .cosine && readsMost {
            return .exactScan(reason: "exact scan: as cheap as the \(budget.candidates) candidates \(options.metric) needs")
        }
        if let matchCount, matchCount <= Self.directScanMax {
            return .exactScan(reason: "exact scan of the \(matchCount) rows that match the filter")
        }
        return .candidates(
            CandidatePlan(
                snapshot: snapshot, method: method(width: budget.width), width: budget.width,
                candidates: budget.candidates, eligible: eligible, notes: budget.notes + staleness(snapshot)))
    }

    private func method(width: Int) -> CandidatePlan.Method {
        guard let matchCount else { return .graph }
        let walk = (Self.visitsPerWidth * Double(width) * Double(rowCount)).squareRoot()
        return matchCount <= max(Self.codeScanMax, Int(walk)) ? .codeScan : .graph
    }

    private func staleness(_ snapshot: IndexSnapshot) -> [String] {
        let changed = snapshot.beside.count + snapshot.dead.count
        guard changed * 5 > max(snapshot.graph.count, 1) else { return [] }
        return ["\(changed) rows changed since the index was built; `causeway index build` makes searches faster"]
    }

    // MARK: Width and candidates

    private struct Budget { var width: Int, candidates: Int, notes: [String] = [] }

    /// Nil where nothing says how many candidates the metric needs.
    private func budget(for query: PreparedQuery) -> Budget? {
        switch options.effort {
        case .exact: return nil
        case .width(let width):
            let wide = max(width, options.k, options.candidates ?? 0)
            return Budget(width: wide, candidates: options.candidates ?? wide)
        case .recall(let recall):
            if let tuned = tuned(for: query, recall: recall) { return tuned }
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
    private func tuned(for query: PreparedQuery, recall: Double) -> Budget? {
        let rows = tunings.filter {
            $0.queryModality == query.modality.id && $0.metric == options.metric.name && $0.k >= options.k
        }
        guard let bucket = rows.map(\.k).min() else { return nil }
        let ladder = rows.filter { $0.k == bucket }.sorted { $0.recallTarget < $1.recallTarget }
        guard let row = ladder.first(where: { $0.recallTarget >= recall }) else {
            guard options.metric == .cosine, let best = ladder.last else { return nil }
            return Budget(
                width: max(best.width * 2, options.candidates ?? 0), candidates: options.candidates ?? best.width * 2,
                notes: ["recall \(recall) is above the largest measured, \(best.recallTarget); twice its width was used"])
        }
        let candidates = options.candidates ?? row.candidates
        return Budget(width: max(row.width, candidates, options.k), candidates: candidates)
    }

    /// Starting widths by dimension, for queries of the target's own modality and of another ; tuning replaces them.
    private func defaultWidth(for query: PreparedQuery) -> Int {
        let own = query.modality.id == target.id
        switch target.dimension {
        case ..<513: return own ? 64 : 128
        case ..<1024: return own ? 80 : 192
        default: return own ? 96 : 256
        }
    }
}
