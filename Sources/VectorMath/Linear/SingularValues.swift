/// Thin singular value decomposition: one-sided Jacobi, started from the eigenvectors of AᵀA so that few sweeps remain.
/// Small singular values keep their relative accuracy, which the eigenvalues of AᵀA alone would lose.
import Platform

package struct SingularValueDecomposition: Sendable {
    /// Largest first; min(rows, columns) of them.
    package let values: [Double]
    /// rows × r, orthonormal columns.
    package let left: Matrix<Double>
    /// columns × r, orthonormal columns: A = left · diag(values) · rightᵀ.
    package let right: Matrix<Double>

    package init(_ matrix: Matrix<Double>, threads: Int = Parallel.processorCount) throws(LinearAlgebraError) {
        let wide = matrix.columns > matrix.rows
        let tall = wide ? matrix.transposed() : matrix
        let jacobi = try OneSidedJacobi(tall, threads: threads)
        values = jacobi.values
        let (u, v) = (jacobi.left.transposed(), jacobi.right.transposed())
        left = wide ? v : u
        right = wide ? u : v
    }
}

/// The singular vectors of all values above 1e-4 of the largest, from the eigenvectors of the smaller Gram matrix: several
/// times faster than the whole decomposition, and exact to about 1e-8. For statistics, where smaller values are noise.
struct LeadingSingularVectors: Sendable {
    let values: [Double]
    let left: Matrix<Double>
    let right: Matrix<Double>

    init(_ matrix: Matrix<Double>, threads: Int) throws(LinearAlgebraError) {
        let wide = matrix.columns > matrix.rows
        let gram = wide
            ? matrix.timesTranspose(matrix, threads: threads) : matrix.transposeTimes(matrix, threads: threads)
        let eigen = try SymmetricEigen(gram, threads: threads)
        let all = eigen.values.map { max($0, 0).squareRoot() }
        let count = max(1, all.count { $0 > 1e-4 * all[0] })
        values = Array(all.prefix(count))
        let own = eigen.vectors.gathering(Array(0..<count)).transposed()
        let image = wide ? matrix.transposeTimes(own, threads: threads) : matrix.times(own, threads: threads)
        let other = image.scalingColumns(by: values.map { $0 > 0 ? 1 / $0 : 0 })
        left = wide ? own : other
        right = wide ? other : own
    }
}

/// Works on rows: `left` holds (A·V)ᵀ, its rows made orthogonal by rotations that `right` = Vᵀ follows.
private struct OneSidedJacobi {
    var values: [Double] = []
    var left: Matrix<Double>
    var right: Matrix<Double>

    init(_ tall: Matrix<Double>, threads: Int) throws(LinearAlgebraError) {
        right = try SymmetricEigen(tall.transposeTimes(tall, threads: threads), threads: threads).vectors
        left = right.timesTranspose(tall, threads: threads)
        try orthogonalize()
        sortAndScale()
    }

    private mutating func orthogonalize() throws(LinearAlgebraError) {
        let n = left.rows, m = left.columns, sweepsMax = 40
        var squares = (0..<n).map { RowKernel.dot(left.elements, at: $0 * m, and: $0 * m, count: m) }
        let largest = squares.max() ?? 0
        // Rows this short are rounding noise of a matrix without full rank; turning them towards each other never ends.
        let noise = largest * Double.ulpOfOne * Double.ulpOfOne * Double(max(m, 1))
        let tolerance = Double.ulpOfOne * Double(max(m, 16)).squareRoot()
        for _ in 0..<sweepsMax {
            var rotated = false
            for p in 0..<n where squares[p] > noise {
                for q in p + 1..<max(n, p + 1) where squares[q] > noise && squares[p] > noise {
                    let dot = RowKernel.dot(left.elements, at: p * m, and: q * m, count: m)
                    if abs(dot) <= tolerance * (squares[p] * squares[q]).squareRoot() { continue }
                    rotate(p, q, dot, &squares)
                    rotated = true
                }
            }
            for p in 0..<n { squares[p] = RowKernel.dot(left.elements, at: p * m, and: p * m, count: m) }
            if !rotated { return }
            guard largest.isFinite else { break }
        }
        throw .notConverged(iterations: sweepsMax)
    }

    private mutating func rotate(_ p: Int, _ q: Int, _ dot: Double, _ squares: inout [Double]) {
        let n = right.columns, m = left.columns
        let zeta = (squares[q] - squares[p]) / (2 * dot)
        let tangent = (zeta < 0 ? -1 : 1) / (abs(zeta) + (1 + zeta * zeta).squareRoot())
        let cosine = 1 / (1 + tangent * tangent).squareRoot(), sine = cosine * tangent
        RowKernel.rotate(&left.elements, p * m, q * m, count: m, c: cosine, s: sine)
        RowKernel.rotate(&right.elements, p * n, q * n, count: n, c: cosine, s: sine)
        squares[p] -= tangent * dot
        squares[q] += tangent * dot
    }

    private mutating func sortAndScale() {
        let lengths = left.squaredRowNorms().map { $0.squareRoot() }
        let order = lengths.indices.sorted { (lengths[$1], $0) < (lengths[$0], $1) }
        values = order.map { lengths[$0] }
        left = left.gathering(order)
        right = right.gathering(order)
        let zero = (values.first ?? 0) * Double.ulpOfOne * Double(max(left.columns, 1))
        for (i, value) in values.enumerated() {
            if value > zero {
                for j in i * left.columns..<(i + 1) * left.columns { left.elements[j] /= value }
            } else {
                completeRow(i)
            }
        }
    }

    /// A unit row orthogonal to the rows before it, for a singular value of zero.
    private mutating func completeRow(_ index: Int) {
        let m = left.columns
        for axis in 0..<m {
            var candidate = [Double](repeating: 0, count: m)
            candidate[(axis + index) % m] = 1
            for _ in 0..<2 {
                for other in 0..<index {
                    let dot = RowKernel.dot(left.elements, at: other * m, candidate, count: m)
                    RowKernel.axpy(-dot, left.elements, at: other * m, into: &candidate, count: m)
                }
            }
            let norm = RowKernel.dot(candidate, candidate, count: m).squareRoot()
            guard norm > 0.5 / Double(m).squareRoot() else { continue }
            for j in 0..<m { left.elements[index * m + j] = candidate[j] / norm }
            return
        }
    }
}
