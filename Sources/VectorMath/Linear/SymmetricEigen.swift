/// Eigenvalues and eigenvectors of a symmetric matrix: Householder tridiagonalisation, then QL with implicit shifts
/// (Golub and Van Loan, Matrix Computations, 8.3). O(n³). Not for general matrices.
import Foundation
import Platform

package struct SymmetricEigen: Sendable {
    /// Largest first.
    package let values: [Double]
    /// Row i is the unit eigenvector of values[i].
    package let vectors: Matrix<Double>

    /// Reads both triangles; they must agree.
    package init(_ matrix: Matrix<Double>, threads: Int = Parallel.processorCount) throws(LinearAlgebraError) {
        precondition(matrix.rows == matrix.columns, "the matrix is not square")
        var tridiagonal = Tridiagonal(matrix, threads: threads)
        try tridiagonal.diagonalize(threads: threads)
        let n = matrix.rows
        let order = (0..<n).sorted {
            (tridiagonal.diagonal[$1], $0) < (tridiagonal.diagonal[$0], $1)
        }
        values = order.map { tridiagonal.diagonal[$0] }
        vectors = Matrix(rows: n, columns: n, elements: tridiagonal.basis).gathering(order)
    }
}

/// A = Q·T·Qᵀ with T tridiagonal; `basis` holds Qᵀ, so that rotations mix whole rows.
private struct Tridiagonal {
    let n: Int
    var diagonal: [Double]
    /// Element i lies between diagonal[i] and diagonal[i + 1]; the last is 0.
    var subdiagonal: [Double]
    var basis: [Double]
    /// What is lost in rounding the largest entries. Without it, the block of a rank-deficient matrix whose diagonal is
    /// itself rounding noise would never come apart.
    private var floor = 0.0

    init(_ matrix: Matrix<Double>, threads: Int) {
        n = matrix.rows
        diagonal = [Double](repeating: 0, count: n)
        subdiagonal = [Double](repeating: 0, count: n)
        var a = matrix.elements
        let reflectors = Self.reduce(&a, n, &subdiagonal, threads)
        for i in 0..<n { diagonal[i] = a[i * n + i] }
        basis = Matrix<Double>.identity(n).elements
        floor = Double.ulpOfOne * zip(diagonal, subdiagonal).reduce(0) { max($0, abs($1.0) + abs($1.1)) }
        for (k, reflector) in reflectors.enumerated().reversed() where reflector.tau != 0 {
            let rest = n - k - 1
            let block = Block(rows: rest, columns: rest, stride: n, offset: (k + 1) * n + k + 1)
            RowKernel.reflect(&basis, block, reflector.vector, tau: reflector.tau, threads: threads)
        }
    }

    /// Annihilates column after column below the subdiagonal.
    private static func reduce(
        _ a: inout [Double], _ n: Int, _ subdiagonal: inout [Double], _ threads: Int
    ) -> [Reflector] {
        var reflectors: [Reflector] = []
        for k in 0..<max(n - 1, 0) {
            let rest = n - k - 1
            let reflector = Reflector((k + 1..<n).map { a[$0 * n + k] })
            subdiagonal[k] = reflector.length
            if reflector.tau != 0 {
                let block = Block(rows: rest, columns: rest, stride: n, offset: (k + 1) * n + k + 1)
                let v = reflector.vector
                var p = [Double](repeating: 0, count: rest)
                RowKernel.multiply(a, block, v, into: &p, threads: threads)
                for i in 0..<rest { p[i] *= reflector.tau }
                RowKernel.axpy(-reflector.tau / 2 * RowKernel.dot(p, v, count: rest), v, into: &p, count: rest)
                RowKernel.subtractSymmetric(&a, block, v, p)
            }
            reflectors.append(reflector)
        }
        return reflectors
    }

    /// QL with Wilkinson's shift, one eigenvalue after the other.
    mutating func diagonalize(threads: Int) throws(LinearAlgebraError) {
        let iterationsMax = 60
        for l in 0..<n {
            var iterations = 0
            while true {
                let m = endOfBlock(from: l)
                if m == l { break }
                guard iterations < iterationsMax else { throw .notConverged(iterations: iterations) }
                iterations += 1
                sweep(l, m, threads)
            }
        }
    }

    private func endOfBlock(from l: Int) -> Int {
        var m = l
        while m < n - 1 {
            let scale = abs(diagonal[m]) + abs(diagonal[m + 1])
            if abs(subdiagonal[m]) <= max(Double.ulpOfOne * scale, floor) { break }
            m += 1
        }
        return m
    }

    private mutating func sweep(_ l: Int, _ m: Int, _ threads: Int) {
        let half = (diagonal[l + 1] - diagonal[l]) / (2 * subdiagonal[l])
        let root = hypot(half, 1)
        var g = diagonal[m] - diagonal[l] + subdiagonal[l] / (half + (half < 0 ? -root : root))
        var sine = 1.0, cosine = 1.0, shift = 0.0
        var sines: [Double] = [], cosines: [Double] = []
        var finished = true
        for i in stride(from: m - 1, through: l, by: -1) {
            let f = sine * subdiagonal[i], b = cosine * subdiagonal[i]
            let r = hypot(f, g)
            subdiagonal[i + 1] = r
            if r == 0 {
                diagonal[i + 1] -= shift
                subdiagonal[m] = 0
                finished = false
                break
            }
            sine = f / r
            cosine = g / r
            g = diagonal[i + 1] - shift
            let t = (diagonal[i] - g) * sine + 2 * cosine * b
            shift = sine * t
            diagonal[i + 1] = g + shift
            g = cosine * t - b
            sines.append(sine)
            cosines.append(cosine)
        }
        if finished {
            diagonal[l] -= shift
            subdiagonal[l] = g
            subdiagonal[m] = 0
        }
        RowKernel.rotateUpwards(&basis, Block(rows: n, columns: n), from: m, cosines, sines, threads: threads)
    }
}

/// I − tau·v·vᵀ, which takes a vector to (length, 0, …, 0).
struct Reflector: Sendable {
    var vector: [Double]
    var tau: Double
    var length: Double

    init(_ x: [Double]) {
        let tail = RowKernel.dot(x, at: min(1, x.count), and: min(1, x.count), count: max(x.count - 1, 0))
        guard let head = x.first, tail > 0 else {
            (vector, tau, length) = (x, 0, x.first ?? 0)
            return
        }
        let norm = (head * head + tail).squareRoot()
        length = head > 0 ? -norm : norm
        vector = x
        vector[0] = head - length
        tau = 2 / (vector[0] * vector[0] + tail)
    }
}
