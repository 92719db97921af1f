/// The best k of one query among the rows offered to it, and what codes rule out unread. Exact transport is solved lazily, by
/// bounds; other metrics are compared one by one. Reads no storage (see MetricScan).
import Storage
import Synchronization
import VectorMath

/// What one query's comparison came to.
struct MetricOutcome: Sendable {
    /// Best first: k and all ties with the k-th.
    var entries: [TopList.Entry] = []
    var work = TokenWork()
    /// Of its rows; the time is its share of a pass that served others too.
    var reading = MetricReading()
    /// Rows compared by their own numbers, not their codes.
    var read = 0
    /// Rows compared by their codes, whatever came of it.
    var codes = 0
}

/// Collects rows in any order; one thread at a time. The answer equals comparing every row to the end.
final class MetricCollector {
    private enum Form {
        case ranking(TransportRanking)
        case list(MetricScorer)
    }

    /// A row that its code has not ruled out yet.
    private struct Waiting {
        /// In the order of ranking: small is good.
        var bound: Double
        var position: Int
    }

    /// Rows read at a time once bounds have put them in order: few are read in vain, and some lie side by side.
    private static let groupMin = 16

    private let form: Form
    private let metric: Metric
    private let k: Int
    private var list: TopList
    /// Of metrics in `list`: what a key must not pass.
    private var bar = Double.infinity
    private var read = 0
    private var bytes = 0
    private var damaged: [RowID] = []
    private let bounds: (codes: TokenCodeBounds, metric: TokenMetric)?
    private var waiting: [Waiting] = []
    private var isOrdered = true
    /// Rows whose codes tell nothing.
    private var uncoded: [Int] = []
    private var ruledOut = 0
    private var codesCompared = 0

    /// - Parameter memoryBudget: bytes for cost matrices kept until they are solved or ruled out.
    /// - Parameter byCodes: rows are considered by their codes before some are offered.
    init(_ query: MetricQuery, k: Int, memoryBudget: Int, byCodes: Bool) {
        (self.k, metric) = (k, query.metric)
        list = TopList(k: k, largerIsBetter: query.metric.isSimilarity)
        form = query.transport.map { metric, tokens in
            .ranking(TransportRanking(tokens, memoryBudget: memoryBudget, reporting: { metric.value(ofOptimum: $0) }))
        } ?? .list(MetricScorer(query))
        bounds = byCodes ? query.codeBounds : nil
    }

    func offer(_ row: RowID, _ operand: MetricOperand) throws {
        read += 1
        bytes += operand.byteCount
        switch form {
        case .ranking(let ranking):
            guard case .cloud(let cloud) = operand else { preconditionFailure("an operand of another metric") }
            try ranking.offer(id: row.rawValue, cloud)
        case .list(let scorer):
            let limit = metric.isSimilarity ? .infinity : list.last() ?? .infinity
            if let value = try scorer.value(operand, limit: limit) { list.insert(row, value) }
        }
    }

    /// A row that cannot be offered.
    func miss(damaged row: RowID) { damaged.append(row) }

    /// Compares what has been offered, as far as it may be among the best.
    /// - Parameter reload: reads a row again whose costs no longer fitted the memory budget. Where it throws, another call
    ///   goes on.
    func settle(reload: (RowID) throws -> TokenCloud) throws {
        switch form {
        case .ranking(let ranking):
            try ranking.settle(k, keepingTies: true) { try reload(RowID(rawValue: $0)) }
        case .list:
            if let last = list.last() { bar = metric.isSimilarity ? -last : last }
        }
    }

    /// All rows must have been settled.
    /// - Parameter rows: how many it was to compare.
    func finish(of rows: Int) throws -> MetricOutcome {
        var outcome = try ranked()
        outcome.reading = MetricReading(compared: ruledOut + read, damaged: damaged, bytes: bytes)
        if metric.operand == .tokenSets {
            outcome.reading.withoutTokens = rows - outcome.reading.compared - damaged.count
        }
        return outcome
    }

    private func ranked() throws -> MetricOutcome {
        guard case .ranking(let ranking) = form else {
            return MetricOutcome(
                entries: list.finish(), work: TokenWork(solved: read, pruned: ruledOut), read: read, codes: codesCompared)
        }
        let (hits, statistics) = try ranking.best(k, keepingTies: true) { _ in
            preconditionFailure("finished before all rows were settled")
        }
        let entries = hits.map { TopList.Entry(row: RowID(rawValue: $0.id), score: $0.value) }
        return MetricOutcome(
            entries: entries,
            work: TokenWork(
                solved: statistics.solved, abandoned: statistics.abandoned, pruned: statistics.pruned + ruledOut,
                reloaded: statistics.reloaded),
            read: read, codes: codesCompared)
    }

    // MARK: Codes

    /// Takes the code of the row at a position, no bytes where it has none.
    func consider(_ position: Int, _ code: Span<UInt8>) {
        bytes += code.count
        guard let bounds else { return uncoded.append(position) }
        switch bounds.codes.take(code) {
        case .none: break
        case .unknown: uncoded.append(position)
        case .tokens:
            codesCompared += 1
            let bound = bounds.codes.key(of: bounds.metric)
            if isRuledOut(bound) {
                ruledOut += 1
            } else {
                waiting.append(Waiting(bound: bound, position: position))
                isOrdered = false
            }
        }
    }

    /// The positions of rows to be read next, none where all others are ruled out.
    func nextGroup() -> [Int] {
        if !isOrdered {
            waiting.sort { $0.bound == $1.bound ? $0.position > $1.position : $0.bound > $1.bound }
            isOrdered = true
        }
        var group = uncoded
        uncoded = []
        let size = group.count + max(k, Self.groupMin)
        while group.count < size, let next = waiting.popLast() {
            if isRuledOut(next.bound) {
                ruledOut += 1 + waiting.count
                waiting = []
                break
            }
            group.append(next.position)
        }
        return group
    }

    private func isRuledOut(_ bound: Double) -> Bool {
        switch form {
        case .ranking(let ranking): ranking.isRuledOut(bound)
        // The sums that are bounded round in their own order.
        case .list: bound > bar + 1e-11 * max(1, abs(bar))
        }
    }
}

extension TokenCodeBounds {
    /// A bound of what ranks the row taken, small being good: the transport optimum, the distance, the negated similarity.
    fileprivate func key(of metric: TokenMetric) -> Double {
        let key = switch metric {
        case .wasserstein: transport()
        case .maxSim: -maxSim()
        case .chamfer: chamfer()
        case .sinkhorn, .sliced, .gaussian: preconditionFailure("\(metric.name) has no bound by codes")
        }
        return key.isNaN ? -.infinity : key
    }
}

/// A collector that threads use in turn.
final class LentCollector: Sendable {
    private let collector: Mutex<MetricCollector>

    init(_ query: MetricQuery, k: Int, memoryBudget: Int, byCodes: Bool) {
        collector = Mutex(MetricCollector(query, k: k, memoryBudget: memoryBudget, byCodes: byCodes))
    }

    func use<Value: Sendable>(_ body: (MetricCollector) throws -> Value) rethrows -> Value {
        try collector.withLock { try body($0) }
    }
}
