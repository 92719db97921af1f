/// Softmax cross-entropy over a batch of pairs, in both directions, with gradients: row i's right answer is column i.
import Foundation
import Platform

package struct ListwiseLoss<Scalar: MatrixScalar>: Sendable {
    /// Mean over rows and columns, in nats.
    package let value: Double
    /// Of the loss with respect to each logit.
    package let gradient: Matrix<Scalar>

    /// - items: one a pair; another pair of the same item is neither right nor wrong and is left out of the sums.
    package init(logits: Matrix<Scalar>, items: [Int]) {
        let n = logits.rows
        precondition(logits.columns == n && items.count == n, "a batch is square")
        var weights = [Double](repeating: 0, count: n * n)
        var rowSums = [Double](repeating: 0, count: n), columnSums = rowSums
        // One shift for all keeps rows and columns on one set of exponentials; logits span far less than Double's range.
        let top = Double(logits.elements.max() ?? 0)
        for i in 0..<n {
            for j in 0..<n where i == j || items[i] != items[j] {
                let weight = exp(max(Double(logits.elements[i * n + j]) - top, -600))
                weights[i * n + j] = weight
                rowSums[i] += weight
                columnSums[j] += weight
            }
        }
        var loss = 0.0
        var gradient = Matrix<Scalar>(rows: n, columns: n)
        let share = 1 / (2 * Double(max(n, 1)))
        for i in 0..<n {
            let own = Double(logits.elements[i * n + i]) - top
            loss += log(rowSums[i]) + log(columnSums[i]) - 2 * own
            for j in 0..<n {
                let weight = weights[i * n + j]
                gradient.elements[i * n + j] = Scalar(share * (weight / rowSums[i] + weight / columnSums[j]))
            }
            gradient.elements[i * n + i] -= Scalar(2 * share)
        }
        value = loss * share
        self.gradient = gradient
    }
}

/// Symmetric InfoNCE (van den Oord et al. 2018; CLIP, Radford et al. 2021): logits are exp(logScale)·cosine.
package struct ContrastiveLoss<Scalar: MatrixScalar>: Sendable {
    package let value: Double
    package let sourceGradient: Matrix<Scalar>
    package let targetGradient: Matrix<Scalar>
    package let logScaleGradient: Scalar

    /// Unit rows, pair i in row i of both.
    package init(
        _ x: Matrix<Scalar>, _ y: Matrix<Scalar>, logScale: Scalar, items: [Int], threads: Int = Parallel.processorCount
    ) {
        let scale = Scalar(exp(Double(logScale)))
        let logits = scale * x.timesTranspose(y, threads: threads)
        let loss = ListwiseLoss(logits: logits, items: items)
        value = loss.value
        var slope: Scalar = 0
        for i in logits.elements.indices { slope += loss.gradient.elements[i] * logits.elements[i] }
        logScaleGradient = slope
        let scaled = scale * loss.gradient
        sourceGradient = scaled.times(y, threads: threads)
        targetGradient = scaled.transposeTimes(x, threads: threads)
    }
}
