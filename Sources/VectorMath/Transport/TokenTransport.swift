/// Exact transport between one query's tokens and candidates, one after the other. Ranks nothing (see TransportRanking).

/// Holds the query packed and the memory of the last candidate; one thread at a time.
package final class TokenTransport {
    package enum Precision: Sendable {
        /// Costs by blocked float32 products: values within 2e-6 of the optimum, relative to max(1, value).
        case single
        /// Costs in float64 throughout: several times slower.
        case double
    }

    package let query: PackedTokens
    package let precision: Precision
    private let costs = CostMatrix()
    private let solver = TransportSolver()
    private var equalMasses = EqualMasses()

    package init(_ query: PackedTokens, precision: Precision = .single) {
        (self.query, self.precision) = (query, precision)
    }

    /// The optimal mean cost (W1 under Euclidean, W2 squared under squared Euclidean), or a bound above `limit`.
    package func solve(_ candidate: TokenCloud, limit: Double = .infinity) throws(TransportError) -> TransportOutcome {
        try Self.fill(costs, query, candidate, precision)
        let masses = equalMasses.masses(query, candidate.weights, count: candidate.count)
        return solver.solve(costs, masses, limit: limit)
    }

    /// Which query token (row) went to which candidate token (column), in the numbering of the sets given, dropped
    /// tokens counted; by row and column.
    package func plan(_ candidate: TokenCloud) throws(TransportError) -> [TransportFlow] {
        _ = try solve(candidate)
        let swapped = Self.candidateIsRows(query, candidate.count)
        let plan = solver.plan().map { flow in
            let (row, column) = swapped ? (flow.column, flow.row) : (flow.row, flow.column)
            return TransportFlow(
                row: query.cloud.original(row), column: candidate.original(column), units: flow.units, share: flow.share)
        }
        return plan.sorted { ($0.row, $0.column) < ($1.row, $1.column) }
    }

    // MARK: The problem's shape

    /// The larger side is the rows: measured up to a third faster at 77 by 50 and 16 by 50 tokens. Of equals the candidate,
    /// whose costs come in rows.
    static func candidateIsRows(_ query: PackedTokens, _ candidateCount: Int) -> Bool {
        candidateCount >= query.cloud.count
    }

    package static func fill(
        _ costs: CostMatrix, _ query: PackedTokens, _ candidate: TokenCloud, _ precision: Precision
    ) throws(TransportError) {
        switch (precision, candidateIsRows(query, candidate.count)) {
        case (.single, true): try costs.fill(rows: candidate, columns: query)
        case (.single, false): try costs.fill(rows: query, columns: candidate)
        case (.double, true): try costs.fillExactly(rows: candidate, columns: query.cloud)
        case (.double, false): try costs.fillExactly(rows: query.cloud, columns: candidate)
        }
    }

    package static func masses(_ query: PackedTokens, _ weights: [Double]?, count: Int) -> TransportMasses {
        let cloud = query.cloud
        return candidateIsRows(query, count)
            ? TransportMasses(
                rowWeights: weights, rowCount: count, columnWeights: cloud.weights, columnCount: cloud.count)
            : TransportMasses(
                rowWeights: cloud.weights, rowCount: cloud.count, columnWeights: weights, columnCount: count)
    }
}

/// The masses of a query and its candidates; those of equal weights are kept, since most candidates have as many tokens as
/// the one before.
struct EqualMasses {
    private var last: (count: Int, masses: TransportMasses)?

    mutating func masses(_ query: PackedTokens, _ weights: [Double]?, count: Int) -> TransportMasses {
        guard weights == nil else { return TokenTransport.masses(query, weights, count: count) }
        if let last, last.count == count { return last.masses }
        let masses = TokenTransport.masses(query, nil, count: count)
        last = (count, masses)
        return masses
    }
}
