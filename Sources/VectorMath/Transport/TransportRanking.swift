/// Exact top k of many token sets under optimal transport, solving as few as the bounds allow. Reads no storage.

package struct TransportHit: Sendable, Equatable {
    package var id: Int64
    /// What is reported of the optimal mean cost; that itself where nothing else is named.
    package var value: Double

    package init(id: Int64, value: Double) { (self.id, self.value) = (id, value) }
}

/// How much work the bounds saved. `candidates` = solved + abandoned + pruned.
package struct TransportRankingStatistics: Sendable, Equatable {
    package var candidates = 0
    /// Solved to the optimum.
    package var solved = 0
    /// Begun, and left once the dual value passed the k-th best.
    package var abandoned = 0
    /// Never begun: the bound was above the k-th best.
    package var pruned = 0
    /// Candidates whose costs no longer fitted the memory budget when they were to be solved.
    package var reloaded = 0
}

/// Collects candidates of one query in any order, then solves in order of (bound, id) while the bound can still enter the
/// best k; then perhaps collects more, since what has been solved tells which. Values, order and ties (ascending id) equal
/// those of solving every candidate. Ranks are those of the values reported: neighbouring optima may have one root.
/// One thread at a time; ranks filled by several threads are joined with `absorb`.
package final class TransportRanking {
    private struct Pending {
        var bound: Double
        var id: Int64
        var costs: CostMatrix?
        var weights: [Double]?
        var count: Int
    }

    private struct Settled {
        var hit: TransportHit
        var optimum: Double

        func precedes(_ other: Settled) -> Bool {
            hit.value == other.hit.value ? hit.id < other.hit.id : hit.value < other.hit.value
        }
    }

    private let query: PackedTokens
    private let precision: TokenTransport.Precision
    private let limitBytes: Int
    private let value: @Sendable (Double) -> Double
    private let scratch = BoundScratch()
    private var pending: [Pending] = []
    private var keptBytes = 0
    private let solver = TransportSolver()
    /// The best among those settled, with ties of the last.
    private var settled: [Settled] = []
    /// The k-th best value among those settled, and the optimum behind it; infinite while there are fewer.
    private var bar = (value: Double.infinity, optimum: Double.infinity)
    package private(set) var statistics = TransportRankingStatistics()
    /// Those of the last candidate with equal weights: most candidates have as many tokens as the one before.
    private var equalMasses = EqualMasses()

    /// - Parameter memoryBudget: bytes of cost matrices kept between the two phases; the least promising go first.
    /// - Parameter value: what is reported of an optimum. Increasing; where it gives two optima one value, they differ by less
    ///   than the solver's slack, as their square roots do when they round to one number.
    package init(
        _ query: PackedTokens, precision: TokenTransport.Precision = .single, memoryBudget: Int = 256 << 20,
        reporting value: @escaping @Sendable (Double) -> Double = { $0 }
    ) {
        (self.query, self.precision, limitBytes, self.value) = (query, precision, memoryBudget, value)
    }

    /// Takes one candidate: computes its costs and its bound. O(mnd).
    package func offer(id: Int64, _ candidate: TokenCloud) throws(TransportError) {
        let costs = try costMatrix(candidate)
        let masses = equalMasses.masses(query, candidate.weights, count: candidate.count)
        let bound = TransportBounds(costs, masses, scratch: scratch).best
        statistics.candidates += 1
        if isRuledOut(bound) {
            statistics.pruned += 1
            return
        }
        pending.append(Pending(bound: bound, id: id, costs: costs, weights: candidate.weights, count: candidate.count))
        keptBytes += costs.byteCount
        if keptBytes > limitBytes { dropLeastPromising() }
    }

    /// Takes over the candidates of a ranking of the same query.
    package func absorb(_ other: TransportRanking) {
        precondition(other.settled.isEmpty, "the other ranking has settled some already")
        pending += other.pending
        keptBytes += other.keptBytes
        statistics.candidates += other.statistics.candidates
        other.statistics = TransportRankingStatistics()
        other.pending = []
        other.keptBytes = 0
        if keptBytes > limitBytes { dropLeastPromising() }
    }

    /// Whether a lower bound of the optimum shows that a candidate cannot be among the best k, nor tie with them.
    package func isRuledOut(_ bound: Double) -> Bool { bound > bar.optimum + TransportSolver.slack(bar.optimum) }

    /// The k best candidates, nearest first. `reload` is asked again for candidates whose costs were dropped.
    /// - Parameter keepingTies: also those whose value equals the k-th, for a caller that orders ties by something else.
    package func best(
        _ k: Int, keepingTies: Bool = false, reload: (Int64) throws -> TokenCloud
    ) throws -> (hits: [TransportHit], statistics: TransportRankingStatistics) {
        try settle(k, keepingTies: keepingTies, reload: reload)
        return (settled.map(\.hit), statistics)
    }

    /// Solves those collected that may be among the best k, and forgets the others. Always with the same k. Where `reload`
    /// throws, what was settled before stays so, and another call goes on.
    package func settle(_ k: Int, keepingTies: Bool = false, reload: (Int64) throws -> TokenCloud) throws {
        pending.sort { $0.bound == $1.bound ? $0.id < $1.id : $0.bound < $1.bound }
        var done = 0
        defer {
            pending.removeFirst(done)
            keptBytes = pending.reduce(0) { $0 + ($1.costs?.byteCount ?? 0) }
        }
        while done < pending.count {
            let candidate = pending[done]
            if k <= 0 || isRuledOut(candidate.bound) {
                statistics.pruned += pending.count - done
                done = pending.count
                return
            }
            let costs: CostMatrix
            if let kept = candidate.costs {
                costs = kept
            } else {
                costs = try costMatrix(reload(candidate.id))
                statistics.reloaded += 1
            }
            done += 1
            let masses = equalMasses.masses(query, candidate.weights, count: candidate.count)
            guard case .optimal(let optimum) = solver.solve(costs, masses, limit: bar.optimum) else {
                statistics.abandoned += 1
                continue
            }
            statistics.solved += 1
            insert(Settled(hit: TransportHit(id: candidate.id, value: value(optimum)), optimum: optimum), k, keepingTies)
        }
    }

    private func insert(_ new: Settled, _ k: Int, _ keepingTies: Bool) {
        if new.hit.value > bar.value { return }
        let place = settled.firstIndex { new.precedes($0) } ?? settled.count
        settled.insert(new, at: place)
        guard settled.count >= k else { return }
        bar = (settled[k - 1].hit.value, settled[k - 1].optimum)
        let end = keepingTies ? settled[k...].firstIndex { $0.hit.value > bar.value } ?? settled.count : k
        settled.removeSubrange(end...)
    }

    private func costMatrix(_ candidate: TokenCloud) throws(TransportError) -> CostMatrix {
        let costs = CostMatrix()
        try TokenTransport.fill(costs, query, candidate, precision)
        return costs
    }

    /// Drops the costs of the larger bounds until half the budget is free again.
    private func dropLeastPromising() {
        let order = pending.indices.sorted { pending[$0].bound > pending[$1].bound }
        for index in order where keptBytes > limitBytes / 2 {
            guard let costs = pending[index].costs else { continue }
            keptBytes -= costs.byteCount
            pending[index].costs = nil
        }
    }
}
