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

    /// From weighted token sets: covariances are weighted means of products. One thread; O(mnd + SVD of m × n).
    package static func gaussianWasserstein(_ x: TokenCloud, _ y: TokenCloud) throws(LinearAlgebraError) -> Double {
        precondition(x.dimension == y.dimension, "dimensions differ")
        let (meanX, a) = weightedRoot(x), (meanY, b) = weightedRoot(y)
        return try distance(meanX, a, meanY, b, 1)
    }

    /// The mean, and rows √w·(x − mean): their Gram matrix is the covariance.
    private static func weightedRoot(_ cloud: TokenCloud) -> (mean: [Double], root: Matrix<Double>) {
        let (n, d, weights) = (cloud.count, cloud.dimension, cloud.normalisedWeights)
        var mean = [Double](repeating: 0, count: d)
        for i in 0..<n {
            for k in 0..<d { mean[k] += weights[i] * Double(cloud.values[i * d + k]) }
        }
        var root = Matrix<Double>(rows: n, columns: d)
        for i in 0..<n {
            let scale = weights[i].squareRoot()
            for k in 0..<d { root.elements[i * d + k] = scale * (Double(cloud.values[i * d + k]) - mean[k]) }
        }
        return (mean, root)
    }

    /// With S = AᵀA and T = BᵀB, tr (S^½ T S^½)^½ is the sum of the singular values of A·Bᵀ.
    private static func distance(
        _ mean1: [Double], _ a: Matrix<Double>, _ mean2: [Double], _ b: Matrix<Double>, _ threads: Int
    ) throws(LinearAlgebraError) -> Double {
        precondition(mean1.count == mean2.count && a.columns == b.columns, "dimensions differ")
        let product = a.timesTranspose(b, threads: threads)
        let shared = try SingularValueDecomposition(product, threads: threads).values.reduce(0, +)
        let means = zip(mean1, mean2).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
        let squared = means + a.squaredFrobeniusNorm + b.squaredFrobeniusNorm - 2 * shared
        return max(squared, 0).squareRoot()
    }

    /// A with AᵀA the covariance of a centred cloud: the cloud itself when it has fewer rows than columns.
    private static func root(ofCloud x: Matrix<Double>, _ threads: Int) throws(LinearAlgebraError) -> Matrix<Double> {
        let n = Double(max(x.rows, 1))
        if x.rows <= x.columns { return (1 / n.squareRoot()) * x }
        return try root(of: (1 / n) * x.transposeTimes(x, threads: threads), threads)
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
