/// A small network that scores a pair of embedded vectors: scale·(a·b) + w·act([c·a⊙b, √c·|a − b|]·H + bias). The features are
/// scaled by the dimension c so that they are of order one. Symmetric in a and b.
import Platform

package struct PairScorer<Scalar: MatrixScalar>: Sendable {
    package var hidden: Matrix<Scalar>  // 2c × width
    package var bias: Matrix<Scalar>  // 1 × width
    package var output: Matrix<Scalar>  // width × 1
    package var scale: Matrix<Scalar>  // 1 × 1
    package var activation: Activation

    package init(
        hidden: Matrix<Scalar>, bias: Matrix<Scalar>, output: Matrix<Scalar>, scale: Matrix<Scalar>, activation: Activation
    ) {
        (self.hidden, self.bias, self.output, self.scale) = (hidden, bias, output, scale)
        self.activation = activation
    }

    /// Starts as plain cosine: the network's output weights are zero.
    package init(dimension: Int, width: Int, activation: Activation, random: inout SeededRandom) {
        let spread = (1 / Double(dimension)).squareRoot()
        hidden = Matrix(
            rows: 2 * dimension, columns: width,
            elements: (0..<2 * dimension * width).map { _ in Scalar(spread * random.normal()) })
        bias = Matrix(rows: 1, columns: width)
        output = Matrix(rows: width, columns: 1)
        scale = Matrix(rows: 1, columns: 1, repeating: 14)
        self.activation = activation
    }

    package struct Tape: Sendable {
        var features: Matrix<Scalar>
        var before: Matrix<Scalar>
        var after: Matrix<Scalar>
        var cosines: Matrix<Scalar>
        /// Rows of a × rows of b.
        package var scores: Matrix<Scalar>
    }

    /// Scores all pairs of rows. Memory: rows(a)·rows(b)·2c values.
    package func forward(_ a: Matrix<Scalar>, _ b: Matrix<Scalar>, threads: Int = Parallel.processorCount) -> Tape {
        precondition(a.columns == b.columns && hidden.rows == 2 * a.columns, "shapes differ")
        let features = Self.features(a, b, threads: threads)
        let before = features.times(hidden, threads: threads).addingToRows(bias)
        let after = before.map { activate($0, activation) }
        let cosines = a.timesTranspose(b, threads: threads)
        let corrections = after.times(output, threads: threads)
        var scores = cosines
        for i in scores.elements.indices {
            scores.elements[i] = scale.elements[0] * cosines.elements[i] + corrections.elements[i]
        }
        return Tape(features: features, before: before, after: after, cosines: cosines, scores: scores)
    }

    private static func features(_ a: Matrix<Scalar>, _ b: Matrix<Scalar>, threads: Int) -> Matrix<Scalar> {
        let c = a.columns, dotScale = Scalar(c), gapScale = Scalar(Double(c).squareRoot())
        let blocks = parallelMap(a.rows, threads: threads, default: [Scalar]()) { i in
            var values = [Scalar](repeating: 0, count: b.rows * 2 * c)
            for j in 0..<b.rows {
                let at = j * 2 * c
                for k in 0..<c {
                    let u = a.elements[i * c + k], v = b.elements[j * c + k]
                    values[at + k] = u * v * dotScale
                    values[at + c + k] = abs(u - v) * gapScale
                }
            }
            return values
        }
        return Matrix(rows: a.rows * b.rows, columns: 2 * c, elements: blocks.flatMap { $0 })
    }

    /// Gradients in the order of `parameters`, from the gradient with respect to the scores.
    package func backward(
        _ gradient: Matrix<Scalar>, _ tape: Tape, threads: Int = Parallel.processorCount
    ) -> [Matrix<Scalar>] {
        let column = Matrix(rows: gradient.elements.count, columns: 1, elements: gradient.elements)
        var sums = column.timesTranspose(output, threads: threads)
        for i in sums.elements.indices { sums.elements[i] *= slope(tape.before.elements[i], activation) }
        var scaleSlope: Scalar = 0
        for i in gradient.elements.indices { scaleSlope += gradient.elements[i] * tape.cosines.elements[i] }
        return [
            tape.features.transposeTimes(sums, threads: threads), sums.columnSums(),
            tape.after.transposeTimes(column, threads: threads), Matrix(rows: 1, columns: 1, elements: [scaleSlope]),
        ]
    }

    package var parameters: [Matrix<Scalar>] {
        get { [hidden, bias, output, scale] }
        set { (hidden, bias, output, scale) = (newValue[0], newValue[1], newValue[2], newValue[3]) }
    }
}
