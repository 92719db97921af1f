/// Cholesky factors of symmetric positive definite matrices and the solution of linear systems with them.
import Platform

/// What a decomposition could not do.
package enum LinearAlgebraError: Error, Equatable, Sendable, CustomStringConvertible {
    case notPositiveDefinite(pivot: Int)
    case notConverged(iterations: Int)

    package var description: String {
        switch self {
        case .notPositiveDefinite(let pivot):
            "the matrix is not positive definite (pivot \(pivot)): add a larger regularisation, or check the input for NaN"
        case .notConverged(let iterations):
            "a decomposition did not converge in \(iterations) iterations: check the input for NaN or infinity"
        }
    }
}

/// A = L·Lᵀ, L lower triangular. O(n³/3), blocked.
package struct Cholesky: Sendable {
    package let lower: Matrix<Double>
    private static let blockSize = 64

    package init(_ matrix: Matrix<Double>, threads: Int = Parallel.processorCount) throws(LinearAlgebraError) {
        precondition(matrix.rows == matrix.columns, "the matrix is not square")
        let n = matrix.rows
        var a = matrix.elements
        for first in stride(from: 0, to: n, by: Self.blockSize) {
            let last = min(first + Self.blockSize, n)
            try Self.factorDiagonal(&a, n, first..<last)
            Self.solvePanel(&a, n, first..<last)
            Self.updateTrailing(&a, n, first..<last, threads)
        }
        for i in 0..<n {
            for j in i + 1..<max(n, i + 1) { a[i * n + j] = 0 }
        }
        lower = Matrix(rows: n, columns: n, elements: a)
    }

    private static func factorDiagonal(_ a: inout [Double], _ n: Int, _ range: Range<Int>) throws(LinearAlgebraError) {
        for j in range {
            for i in j..<range.upperBound {
                var sum = a[i * n + j]
                for k in range.lowerBound..<j { sum -= a[i * n + k] * a[j * n + k] }
                if i == j {
                    guard sum > 0 && sum.isFinite else { throw .notPositiveDefinite(pivot: j) }
                    a[j * n + j] = sum.squareRoot()
                } else {
                    a[i * n + j] = sum / a[j * n + j]
                }
            }
        }
    }

    /// Rows below the diagonal block: x·L₁₁ᵀ = a by forward substitution.
    private static func solvePanel(_ a: inout [Double], _ n: Int, _ range: Range<Int>) {
        for i in range.upperBound..<max(n, range.upperBound) {
            for j in range {
                var sum = a[i * n + j]
                for k in range.lowerBound..<j { sum -= a[i * n + k] * a[j * n + k] }
                a[i * n + j] = sum / a[j * n + j]
            }
        }
    }

    /// A₂₂ −= L₂₁·L₂₁ᵀ.
    private static func updateTrailing(_ a: inout [Double], _ n: Int, _ range: Range<Int>, _ threads: Int) {
        let rest = n - range.upperBound, width = range.count
        guard rest > 0 else { return }
        var panel: [Double] = []
        panel.reserveCapacity(rest * width)
        for i in range.upperBound..<n { panel.append(contentsOf: a[i * n + range.lowerBound..<i * n + range.upperBound]) }
        let block = Block(rows: rest, columns: width)
        accumulateProduct(
            panel.map { -$0 }, block, transposed: false, panel, block, transposed: true, into: &a,
            Block(rows: rest, columns: rest, stride: n, offset: range.upperBound * n + range.upperBound), threads: threads)
    }

    /// X with A·X = B. O(n²·columns of B).
    package func solve(_ right: Matrix<Double>, threads: Int = Parallel.processorCount) -> Matrix<Double> {
        precondition(right.rows == lower.rows, "shapes differ")
        let n = lower.rows, columns = right.columns
        var x = right.elements
        for i in 0..<n { eliminate(&x, row: i, using: 0..<i, columns) { lower.elements[i * n + $0] } }
        for i in (0..<n).reversed() {
            eliminate(&x, row: i, using: i + 1..<max(n, i + 1), columns) { lower.elements[$0 * n + i] }
        }
        return Matrix(rows: n, columns: columns, elements: x)
    }

    private func eliminate(
        _ x: inout [Double], row i: Int, using others: Range<Int>, _ columns: Int, _ factor: (Int) -> Double
    ) {
        var line = Array(x[i * columns..<(i + 1) * columns])
        for k in others { RowKernel.axpy(-factor(k), x, at: k * columns, into: &line, count: columns) }
        let pivot = lower.elements[i * lower.rows + i]
        for j in 0..<columns { x[i * columns + j] = line[j] / pivot }
    }
}
