/// Closed-form maps between two spaces: orthogonal Procrustes (Schönemann 1966), ridge regression (Hoerl and Kennard 1970),
/// canonical correlation (Hotelling 1936; regularised as Vinod 1976). Rows are vectors: y ≈ x·W.
import Foundation
import Platform

package enum LinearMaps {
    /// The orthogonal R (semi-orthogonal between different dimensions) with x·R nearest to y. Nothing is centred here.
    package static func procrustes(
        _ x: Matrix<Double>, _ y: Matrix<Double>, threads: Int = Parallel.processorCount
    ) throws(LinearAlgebraError) -> Matrix<Double> {
        precondition(x.rows == y.rows, "pairs need equally many rows")
        return try polarFactor(x.transposeTimes(y, threads: threads), threads)
    }

    /// (XᵀX + λI)⁻¹XᵀY. Nothing is centred here; λ above 0 unless x has full column rank.
    package static func ridge(
        _ x: Matrix<Double>, _ y: Matrix<Double>, lambda: Double, threads: Int = Parallel.processorCount
    ) throws(LinearAlgebraError) -> Matrix<Double> {
        precondition(x.rows == y.rows, "pairs need equally many rows")
        var gram = x.transposeTimes(x, threads: threads)
        for i in 0..<gram.rows { gram[i, i] += lambda }
        return try Cholesky(gram, threads: threads).solve(x.transposeTimes(y, threads: threads), threads: threads)
    }

    /// U·Vᵀ of a thin singular value decomposition, of its leading `components` where given.
    static func polarFactor(
        _ m: Matrix<Double>, components: Int? = nil, _ threads: Int
    ) throws(LinearAlgebraError) -> Matrix<Double> {
        let svd = try SingularValueDecomposition(m, threads: threads)
        let k = min(components ?? svd.values.count, svd.values.count)
        return svd.left.leadingColumns(k).timesTranspose(svd.right.leadingColumns(k), threads: threads)
    }
}

/// Ridge maps for many λ from one eigendecomposition.
struct RidgePath {
    private let eigen: SymmetricEigen
    private let zero: Matrix<Double>  // Vᵀ·Cxy
    private let identity: Matrix<Double>?  // Vᵀ·(Cxy − Cxx), for equal dimensions
    private let scale: Double
    private let threads: Int

    init(_ moments: PairMoments, threads: Int) throws(LinearAlgebraError) {
        let xx = moments.covarianceXX, xy = moments.covarianceXY
        eigen = try SymmetricEigen(xx, threads: threads)
        zero = eigen.vectors.times(xy, threads: threads)
        identity = xx.columns == xy.columns ? eigen.vectors.times(xy - xx, threads: threads) : nil
        scale = max(eigen.values.reduce(0, +) / Double(max(eigen.values.count, 1)), .leastNormalMagnitude)
        self.threads = threads
    }

    /// λ is in units of the mean variance of x. Towards the identity, an infinite λ leaves vectors as they are; otherwise it
    /// sends them to zero.
    func map(lambda: Double, towardsIdentity: Bool) -> Matrix<Double> {
        let right = towardsIdentity ? identity ?? zero : zero
        var scaled = right
        for (i, value) in eigen.values.enumerated() {
            let factor = 1 / (max(value, 0) + lambda * scale)
            for j in 0..<scaled.columns { scaled.elements[i * scaled.columns + j] *= factor }
        }
        let map = eigen.vectors.transposeTimes(scaled, threads: threads)
        return towardsIdentity && identity != nil ? map + .identity(map.rows) : map
    }
}

/// Canonical directions for one regulariser: embeddings (x − mean)·a and (y − mean)·b, best correlated column first.
struct CanonicalMaps: Sendable {
    let a: Matrix<Double>
    let b: Matrix<Double>
    let correlations: [Double]
}

/// Canonical correlation for many regularisers from one eigendecomposition a side.
struct CanonicalPath {
    private let eigenX: SymmetricEigen
    private let eigenY: SymmetricEigen
    private let cross: Matrix<Double>  // Vxᵀ·Cxy·Vy
    private let threads: Int

    init(_ moments: PairMoments, threads: Int) throws(LinearAlgebraError) {
        eigenX = try SymmetricEigen(moments.covarianceXX, threads: threads)
        eigenY = try SymmetricEigen(moments.covarianceYY, threads: threads)
        cross = eigenX.vectors.times(moments.covarianceXY, threads: threads).timesTranspose(eigenY.vectors, threads: threads)
        self.threads = threads
    }

    /// Each covariance gets `regularizer` times its mean variance on its diagonal.
    func maps(regularizer: Double) throws(LinearAlgebraError) -> CanonicalMaps {
        let wx = Self.whitening(eigenX.values, regularizer), wy = Self.whitening(eigenY.values, regularizer)
        var whitened = cross
        for i in 0..<cross.rows {
            for j in 0..<cross.columns { whitened.elements[i * cross.columns + j] *= wx[i] * wy[j] }
        }
        let svd = try LeadingSingularVectors(whitened, threads: threads)
        return CanonicalMaps(
            a: eigenX.vectors.transposeTimes(Self.scaled(svd.left, wx), threads: threads),
            b: eigenY.vectors.transposeTimes(Self.scaled(svd.right, wy), threads: threads), correlations: svd.values)
    }

    private static func whitening(_ values: [Double], _ regularizer: Double) -> [Double] {
        let mean = values.reduce(0) { $0 + max($1, 0) } / Double(max(values.count, 1))
        return values.map { value in
            let variance = max(value, 0) + regularizer * mean
            return variance > 0 ? 1 / variance.squareRoot() : 0
        }
    }

    private static func scaled(_ m: Matrix<Double>, _ rows: [Double]) -> Matrix<Double> {
        var result = m
        for i in 0..<m.rows { for j in 0..<m.columns { result.elements[i * m.columns + j] *= rows[i] } }
        return result
    }
}
