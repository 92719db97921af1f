/// Thin QR decomposition by Householder reflections.
import Platform

/// A = Q·R with orthonormal columns in Q (rows × columns) and R upper triangular, for rows ≥ columns. O(rows·columns²).
package struct QRDecomposition: Sendable {
    package let q: Matrix<Double>
    package let r: Matrix<Double>

    package init(_ matrix: Matrix<Double>, threads: Int = Parallel.processorCount) {
        let m = matrix.rows, n = matrix.columns
        precondition(m >= n, "more columns than rows")
        // Columns of A are rows here, so that a reflection runs along memory.
        var a = matrix.transposed().elements
        var reflectors: [Reflector] = []
        for k in 0..<n {
            let reflector = Reflector(Array(a[k * m + k..<(k + 1) * m]))
            if reflector.tau != 0 {
                let block = Block(rows: n - k - 1, columns: m - k, stride: m, offset: min((k + 1) * m + k, a.count))
                RowKernel.reflect(&a, block, reflector.vector, tau: reflector.tau, threads: threads)
            }
            a[k * m + k] = reflector.length
            reflectors.append(reflector)
        }
        var upper = Matrix<Double>(rows: n, columns: n)
        for i in 0..<n {
            for j in i..<n { upper[i, j] = a[j * m + i] }
        }
        r = upper
        q = Self.thinQ(reflectors, m, n, threads)
    }

    private static func thinQ(_ reflectors: [Reflector], _ m: Int, _ n: Int, _ threads: Int) -> Matrix<Double> {
        var rows = Matrix<Double>(rows: n, columns: m)
        for i in 0..<n { rows[i, i] = 1 }
        for (k, reflector) in reflectors.enumerated().reversed() where reflector.tau != 0 {
            let block = Block(rows: n - k, columns: m - k, stride: m, offset: k * m + k)
            RowKernel.reflect(&rows.elements, block, reflector.vector, tau: reflector.tau, threads: threads)
        }
        return rows.transposed()
    }
}
