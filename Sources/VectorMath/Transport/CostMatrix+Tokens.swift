/// Ways to fill a cost matrix: from numbers, from tokens in float64, and from tokens by a blocked float32 product.

extension CostMatrix {
    /// Magnitudes beyond this could make path lengths overflow.
    static let magnitudeMax = 1e150

    /// rows × columns numbers, row-major; negative costs are allowed.
    package convenience init(_ values: [Double], rows: Int, columns: Int) throws(TransportError) {
        self.init()
        precondition(values.count == rows * columns, "\(values.count) costs for \(rows) by \(columns)")
        try reshape(rows: rows, columns: columns)
        for row in 0..<rows {
            for column in 0..<columns {
                let value = values[row * columns + column]
                guard abs(value) < Self.magnitudeMax else { throw .costOutOfRange(row: row, column: column) }
                set(value, row: row, paddedColumn: column)
            }
            pad(row)
        }
    }

    /// Float64 throughout: the oracle of `fill(rows:columns:)` below, and within 1e-12 of the exact costs. O(mnd).
    package func fillExactly(rows left: TokenCloud, columns right: TokenCloud) throws(TransportError) {
        try match(left, right)
        let metric: VectorMetric = left.ground == .cosine ? .cosine : .euclidean
        var scores: [Double] = []
        for row in 0..<left.count {
            let token = Array(left.values[row * left.dimension..<(row + 1) * left.dimension])
            scores.removeAll(keepingCapacity: true)
            VectorScorer(metric, query: token).score(right.values.span, into: &scores)
            for (column, score) in scores.enumerated() {
                let cost = switch left.ground {
                case .cosine: 1 - score
                case .euclidean: score
                case .squaredEuclidean: score * score
                }
                set(cost, row: row, paddedColumn: column)
            }
            pad(row)
        }
    }

    /// Costs of tokens (rows) against packed tokens (columns), products in float32: within 2e-6, relative to max(1, cost).
    /// O(mnd).
    package func fill(rows left: TokenCloud, columns right: PackedTokens) throws(TransportError) {
        try match(left, right.cloud)
        fill(left, right, transposed: false)
    }

    /// The same with the packed tokens as rows.
    package func fill(rows left: PackedTokens, columns right: TokenCloud) throws(TransportError) {
        try match(left.cloud, right)
        fill(right, left, transposed: true)
    }

    private func match(_ left: TokenCloud, _ right: TokenCloud) throws(TransportError) {
        precondition(left.ground == right.ground, "the two sets were made for different ground costs")
        guard left.dimension == right.dimension else {
            throw .dimensionMismatch(query: left.dimension, candidate: right.dimension)
        }
        try reshape(rows: left.count, columns: right.count)
    }

    private func pad(_ row: Int) {
        for column in columns..<stride { set(.infinity, row: row, paddedColumn: column) }
    }
}
