/// W2 between the Gaussians that have the clouds' means and population covariances (Bures metric): a lower bound of the
/// clouds' own W2 (Gelbrich 1990), not that distance.
import Platform

extension ModalityGap {
    /// From clouds: covariances are divided by n, not n − 1.
    package static func gaussianWasserstein(
        _ x: Matrix<Double>, _ y: Matrix<Double>, threads: Int = Parallel.processorCount
    ) throws(LinearAlgebraError) -> Double {
        let meanX = x.columnMeans(), meanY = y.columnMeans()
        let a = try root(ofCloud: x.subtractingFromRows(meanX), threads)
        let b = try root(ofCloud: y.subtractingFromRows(meanY), threads)
        return try distance(meanX, a, meanY, b, threads)
    }

    /// From means and covariances.
    package static func gaussianWasserstein(
        mean1: [Double], covariance1: Matrix<Double>, mean2: [Double], covariance2: Matrix<Double>,
        threads: Int = Parallel.processorCount
    ) throws(LinearAlgebraError) -> Double {
        try distance(mean1, root(of: covariance1, threads), mean2, root(of: covariance2, threads), threads)
    }

    /// From weighted token sets made ready; nil where it is certainly above `limit`. One thread; for roots of m and n rows in d
    /// dimensions O(dmn + SVD of m × n), far less beyond the limit: O(d) or O(dmn).
    package static func gaussianWasserstein(
        _ x: GaussianTokens, _ y: GaussianTokens, limit: Double = .infinity
    ) throws(LinearAlgebraError) -> Double? {
        precondition(x.mean.count == y.mean.count, "dimensions differ")
        let apart = squaredDistance(x.mean, y.mean) + x.variance + y.variance
        // What rounding may take from a square counts as within the limit.
        func isBeyond(_ sharedMax: Double) -> Bool { apart - 2 * sharedMax > limit * limit + 1e-9 * apart }
        if isBeyond((x.variance * y.variance).squareRoot()) { return nil }
        let product = x.root.timesTranspose(y.root, threads: 1)
        if isBeyond((Double(min(product.rows, product.columns)) * product.squaredFrobeniusNorm).squareRoot()) { return nil }
        return try max(apart - 2 * sumOfSingularValues(product, 1), 0).squareRoot()
    }

    /// With S = AᵀA and T = BᵀB, tr (S^½ T S^½)^½ is the sum of the singular values of A·Bᵀ: at most ‖A‖·‖B‖, and at most the
    /// root of their number times ‖A·Bᵀ‖.
    private static func distance(
        _ mean1: [Double], _ a: Matrix<Double>, _ mean2: [Double], _ b: Matrix<Double>, _ threads: Int
    ) throws(LinearAlgebraError) -> Double {
        precondition(mean1.count == mean2.count && a.columns == b.columns, "dimensions differ")
        let shared = try sumOfSingularValues(a.timesTranspose(b, threads: threads), threads)
        let apart = squaredDistance(mean1, mean2) + a.squaredFrobeniusNorm + b.squaredFrobeniusNorm
        return max(apart - 2 * shared, 0).squareRoot()
    }

    private static func squaredDistance(_ x: [Double], _ y: [Double]) -> Double {
        zip(x, y).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
    }

    private static func sumOfSingularValues(_ product: Matrix<Double>, _ threads: Int) throws(LinearAlgebraError) -> Double {
        try SingularValueDecomposition(product, threads: threads).values.reduce(0, +)
    }

    private static func root(ofCloud x: Matrix<Double>, _ threads: Int) throws(LinearAlgebraError) -> Matrix<Double> {
        try root(ofFactor: (1 / Double(max(x.rows, 1)).squareRoot()) * x, threads)
    }

    /// A with AᵀA = XᵀX: X itself when it has no more rows than columns, otherwise of as many rows as columns.
    fileprivate static func root(
        ofFactor x: Matrix<Double>, _ threads: Int
    ) throws(LinearAlgebraError) -> Matrix<Double> {
        x.rows <= x.columns ? x : try root(of: x.transposeTimes(x, threads: threads), threads)
    }

    private static func root(of covariance: Matrix<Double>, _ threads: Int) throws(LinearAlgebraError) -> Matrix<Double> {
        let eigen = try SymmetricEigen(covariance, threads: threads)
        var scaled = eigen.vectors
        for (i, value) in eigen.values.enumerated() {
            let factor = max(value, 0).squareRoot()
            for j in 0..<scaled.columns { scaled.elements[i * scaled.columns + j] *= factor }
        }
        return scaled
    }
}

/// The Gaussian of a weighted token set, ready for many comparisons: covariances are weighted means of products.
package struct GaussianTokens: Sendable {
    fileprivate let mean: [Double]
    /// Its Gram matrix is the covariance; min(tokens, dimension) rows.
    fileprivate let root: Matrix<Double>
    /// The covariance's trace.
    fileprivate let variance: Double

    /// O(nd), and O(nd² + d³) for more tokens than dimensions.
    package init(_ cloud: TokenCloud) throws(LinearAlgebraError) {
        let (n, d, weights) = (cloud.count, cloud.dimension, cloud.normalisedWeights)
        var mean = [Double](repeating: 0, count: d)
        for i in 0..<n {
            for k in 0..<d { mean[k] += weights[i] * Double(cloud.values[i * d + k]) }
        }
        var factor = Matrix<Double>(rows: n, columns: d)
        for i in 0..<n {
            let scale = weights[i].squareRoot()
            for k in 0..<d { factor.elements[i * d + k] = scale * (Double(cloud.values[i * d + k]) - mean[k]) }
        }
        self.mean = mean
        root = try ModalityGap.root(ofFactor: factor, 1)
        variance = root.squaredFrobeniusNorm
    }

    /// Numbers held.
    package var size: Int { mean.count + root.elements.count }
}
