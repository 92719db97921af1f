/// One side's way into the common space, forwards and backwards: a linear map, with or without a hidden layer beside it
/// (a residual branch, so that training can start from a good linear map). Generic so that gradients can be checked in Double.
import Foundation
import Platform

package struct ProjectionHead<Scalar: MatrixScalar>: Sendable {
    /// dimension × common; nil is the identity.
    package var map: Matrix<Scalar>?
    package var hidden: Matrix<Scalar>?
    package var bias: Matrix<Scalar>?
    package var output: Matrix<Scalar>?
    package var activation: Activation

    package init(
        map: Matrix<Scalar>?, hidden: Matrix<Scalar>? = nil, bias: Matrix<Scalar>? = nil, output: Matrix<Scalar>? = nil,
        activation: Activation = .gelu
    ) {
        self.map = map
        self.hidden = hidden
        self.bias = bias
        self.output = output
        self.activation = activation
    }

    /// What the backward pass needs of a forward pass.
    package struct Tape: Sendable {
        var input: Matrix<Scalar>
        var before: Matrix<Scalar>?  // of the activation
        var after: Matrix<Scalar>?
        var norms: [Scalar]
        /// rows × common, unit rows (or zero).
        package var unit: Matrix<Scalar>
    }

    package func forward(_ input: Matrix<Scalar>, threads: Int = Parallel.processorCount) -> Tape {
        var result = map.map { input.times($0, threads: threads) } ?? input
        var before: Matrix<Scalar>?, after: Matrix<Scalar>?
        if let hidden, let bias, let output {
            let sums = input.times(hidden, threads: threads).addingToRows(bias)
            let activated = sums.map { activate($0, activation) }
            result = result + activated.times(output, threads: threads)
            (before, after) = (sums, activated)
        }
        let norms = result.squaredRowNorms().map { Scalar($0.squareRoot()) }
        for i in 0..<result.rows where norms[i] > 0 {
            for j in i * result.columns..<(i + 1) * result.columns { result.elements[j] /= norms[i] }
        }
        return Tape(input: input, before: before, after: after, norms: norms, unit: result)
    }

    /// Gradients of the parameters, in the order of `parameters`, from the gradient with respect to the unit rows.
    package func backward(
        _ gradient: Matrix<Scalar>, _ tape: Tape, threads: Int = Parallel.processorCount
    ) -> [Matrix<Scalar>] {
        var inner = gradient
        let c = inner.columns
        for i in 0..<inner.rows {
            let range = i * c..<(i + 1) * c
            var dot: Scalar = 0
            for j in range { dot += gradient.elements[j] * tape.unit.elements[j] }
            let factor: Scalar = tape.norms[i] > 0 ? 1 / tape.norms[i] : 0
            for j in range { inner.elements[j] = (gradient.elements[j] - dot * tape.unit.elements[j]) * factor }
        }
        var gradients: [Matrix<Scalar>] = []
        if map != nil { gradients.append(tape.input.transposeTimes(inner, threads: threads)) }
        if let output, let before = tape.before, let after = tape.after {
            var sums = inner.timesTranspose(output, threads: threads)
            for j in sums.elements.indices { sums.elements[j] *= slope(before.elements[j], activation) }
            gradients.append(tape.input.transposeTimes(sums, threads: threads))
            gradients.append(sums.columnSums())
            gradients.append(after.transposeTimes(inner, threads: threads))
        }
        return gradients
    }

    /// The trainable arrays: map, hidden, bias, output, those present.
    package var parameters: [Matrix<Scalar>] {
        get { [map, hidden, bias, output].compactMap { $0 } }
        set {
            var next = newValue.makeIterator()
            if map != nil { map = next.next() }
            if hidden != nil { (hidden, bias, output) = (next.next(), next.next(), next.next()) }
        }
    }
}

/// GELU in its tanh form (Hendrycks and Gimpel 2016), or ReLU.
func activate<Scalar: MatrixScalar>(_ x: Scalar, _ activation: Activation) -> Scalar {
    if activation == .relu { return max(x, 0) }
    let v = Double(x)
    return Scalar(0.5 * v * (1 + tanh(geluScale * (v + geluCubic * v * v * v))))
}

/// The derivative of `activate`.
func slope<Scalar: MatrixScalar>(_ x: Scalar, _ activation: Activation) -> Scalar {
    if activation == .relu { return x > 0 ? 1 : 0 }
    let v = Double(x), t = tanh(geluScale * (v + geluCubic * v * v * v))
    return Scalar(0.5 * (1 + t) + 0.5 * v * (1 - t * t) * geluScale * (1 + 3 * geluCubic * v * v))
}

private let geluScale = (2 / Double.pi).squareRoot()
private let geluCubic = 0.044715

extension Matrix {
    /// Adds a 1 × columns matrix to every row.
    func addingToRows(_ vector: Matrix) -> Matrix {
        var result = self
        for i in 0..<rows { for j in 0..<columns { result.elements[i * columns + j] += vector.elements[j] } }
        return result
    }

    func columnSums() -> Matrix {
        var result = Matrix(rows: 1, columns: columns)
        for i in 0..<rows { for j in 0..<columns { result.elements[j] += elements[i * columns + j] } }
        return result
    }
}
