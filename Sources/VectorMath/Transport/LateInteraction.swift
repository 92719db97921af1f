/// Comparisons of token sets by each token's nearest partner: late interaction and its two-sided forms. No transport.

/// Values from a matrix of ground costs between query tokens (rows) and candidate tokens (columns).
/// One-sided values are asymmetric. Weights, where given, sum to 1; tokens dropped from the clouds do not count.
package struct NearestTokens: Sendable {
    /// For each query token, the cost of its nearest candidate token.
    package let rows: [Double]
    /// For each candidate token, the cost of its nearest query token.
    package let columns: [Double]

    /// O(mn).
    package init(_ costs: CostMatrix) {
        let stride = costs.stride
        let rowMinima = WorkArray<Double>(costs.rows, filledWith: 0)
        let columnMinima = WorkArray<Double>(stride, filledWith: 0)
        let rowPlaces = WorkArray<Int64>(costs.rows, filledWith: 0)
        let columnPlaces = WorkArray<Int64>(stride, filledWith: 0)
        costs.reduceRows(nil, minima: rowMinima, places: rowPlaces)
        costs.reduceColumns(nil, minima: columnMinima, places: columnPlaces)
        rows = (0..<costs.rows).map { rowMinima[$0] }
        columns = (0..<costs.columns).map { columnMinima[$0] }
    }

    private init(rows: [Double], columns: [Double]) { (self.rows, self.columns) = (rows, columns) }

    /// The two sets exchanged.
    var transposed: NearestTokens { NearestTokens(rows: columns, columns: rows) }

    /// MaxSim (Khattab and Zaharia 2020) of cosine costs: Σ over query tokens of the best similarity, unweighted.
    package var maxSimSum: Double { rows.reduce(0) { $0 + (1 - $1) } }

    /// Mean nearest cost of the query tokens plus that of the candidate tokens.
    package func chamfer(rowWeights: [Double]? = nil, columnWeights: [Double]? = nil) -> Double {
        mean(rows, rowWeights) + mean(columns, columnWeights)
    }

    private func mean(_ values: [Double], _ weights: [Double]?) -> Double {
        guard let weights else { return values.reduce(0, +) / Double(values.count) }
        precondition(weights.count == values.count, "weights of another count")
        return zip(values, weights).reduce(0) { $0 + $1.0 * $1.1 }
    }
}
