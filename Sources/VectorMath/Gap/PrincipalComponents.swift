/// The leading principal components of one or several clouds together, for pictures. Subspace iteration, seeded.
import Platform

package struct PrincipalComponents: Sendable {
    package let mean: [Double]
    /// count × dimension, unit rows, largest variance first; the sign makes each row's largest entry positive.
    package let axes: Matrix<Double>
    /// Variance along each axis (population).
    package let variances: [Double]
    /// Clouds without a dominant direction never settle on one; any of their directions serves a picture.
    private static let iterationsMax = 40

    /// - count: components wanted, at most the dimension. O(rows · dimension · iterations).
    package init(
        _ x: Matrix<Double>, count: Int = 2, seed: UInt64 = 0, threads: Int = Parallel.processorCount
    ) throws(LinearAlgebraError) {
        precondition(count >= 1 && count <= x.columns && x.rows > 0, "more components than dimensions, or no rows")
        mean = x.columnMeans()
        let centred = x.subtractingFromRows(mean)
        let width = min(count + 6, x.columns)
        var random = SeededRandom(seed: seed)
        var basis = Matrix<Double>(
            rows: x.columns, columns: width, elements: (0..<x.columns * width).map { _ in random.normal() })
        basis = QRDecomposition(basis, threads: threads).q
        var values = [Double](repeating: 0, count: count)
        for _ in 0..<Self.iterationsMax {
            let image = centred.transposeTimes(centred.times(basis, threads: threads), threads: threads)
            let inner = try SymmetricEigen(basis.transposeTimes(image, threads: threads), threads: threads)
            let before = values
            values = Array(inner.values.prefix(count))
            basis = QRDecomposition(image.timesTranspose(inner.vectors, threads: threads), threads: threads).q
            if zip(values, before).allSatisfy({ abs($0 - $1) <= 1e-10 * values[0] }) { break }
        }
        var rows = basis.transposed().gathering(Array(0..<count))
        for i in 0..<count {
            let range = i * rows.columns..<(i + 1) * rows.columns
            let largest = range.max { abs(rows.elements[$0]) < abs(rows.elements[$1]) } ?? range.lowerBound
            if rows.elements[largest] < 0 { for j in range { rows.elements[j] = -rows.elements[j] } }
        }
        axes = rows
        variances = values.map { max($0, 0) / Double(x.rows) }
    }

    /// rows × count coordinates.
    package func project(_ x: Matrix<Double>, threads: Int = Parallel.processorCount) -> Matrix<Double> {
        x.subtractingFromRows(mean).timesTranspose(axes, threads: threads)
    }
}
