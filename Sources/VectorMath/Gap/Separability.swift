/// How well a linear classifier tells two modalities apart on rows it was not trained on: logistic regression with an L2
/// penalty, by Newton's method. 0.5 is chance; 1 means a plane separates them.
import Foundation
import Platform

/// Minimises ½‖w‖² + C·Σ log(1 + exp(−s·(w·x + b))), the intercept unpenalised.
package struct LogisticClassifier: Sendable {
    package let weights: [Double]
    package let intercept: Double

    /// - labels: true for the second class; one a row.
    package init(
        _ x: Matrix<Double>, labels: [Bool], c: Double = 1, threads: Int = Parallel.processorCount
    ) throws(LinearAlgebraError) {
        precondition(x.rows == labels.count && x.rows > 0, "one label a row is needed")
        let problem = LogisticProblem(x, labels, c, threads)
        let solution = try problem.solve()
        weights = Array(solution.dropLast())
        intercept = solution[x.columns]
    }

    package func accuracy(on x: Matrix<Double>, labels: [Bool]) -> Double {
        var right = 0
        for i in 0..<x.rows {
            let margin = zip(x.row(i), weights).reduce(intercept) { $0 + $1.0 * $1.1 }
            if (margin > 0) == labels[i] { right += 1 }
        }
        return Double(right) / Double(max(x.rows, 1))
    }
}

private struct LogisticProblem {
    let x: Matrix<Double>  // with a last column of ones
    let targets: [Double]
    let c: Double
    let threads: Int

    init(_ rows: Matrix<Double>, _ labels: [Bool], _ c: Double, _ threads: Int) {
        var padded: [Double] = []
        padded.reserveCapacity(rows.rows * (rows.columns + 1))
        for i in 0..<rows.rows {
            padded.append(contentsOf: rows.row(i))
            padded.append(1)
        }
        x = Matrix(rows: rows.rows, columns: rows.columns + 1, elements: padded)
        targets = labels.map { $0 ? 1 : 0 }
        self.c = c
        self.threads = threads
    }

    func solve() throws(LinearAlgebraError) -> [Double] {
        var w = [Double](repeating: 0, count: x.columns)
        var current = loss(w)
        for _ in 0..<50 {
            let step = try newtonStep(w)
            var factor = 1.0, next = w, value = Double.infinity
            while factor > 1e-6 {
                next = zip(w, step).map { $0 - factor * $1 }
                value = loss(next)
                if value <= current { break }
                factor /= 2
            }
            guard value < current - 1e-10 * max(abs(current), 1) else { break }
            w = next
            current = value
        }
        return w
    }

    private func margins(_ w: [Double]) -> [Double] {
        x.times(Matrix(rows: w.count, columns: 1, elements: w), threads: threads).elements
    }

    private func loss(_ w: [Double]) -> Double {
        var sum = 0.5 * w.dropLast().reduce(0) { $0 + $1 * $1 }
        for (u, target) in zip(margins(w), targets) { sum += c * (max(u, 0) - u * target + log1p(exp(-abs(u)))) }
        return sum
    }

    private func newtonStep(_ w: [Double]) throws(LinearAlgebraError) -> [Double] {
        let probabilities = margins(w).map { 1 / (1 + exp(-$0)) }
        let residuals = zip(probabilities, targets).map { c * ($0 - $1) }
        var gradient = x.transposeTimes(Matrix(rows: x.rows, columns: 1, elements: residuals), threads: threads)
        var scaled = x
        for i in 0..<x.rows {
            let factor = (c * probabilities[i] * (1 - probabilities[i])).squareRoot()
            for j in 0..<x.columns { scaled.elements[i * x.columns + j] *= factor }
        }
        var hessian = scaled.transposeTimes(scaled, threads: threads)
        for j in 0..<x.columns {
            let isIntercept = j == x.columns - 1
            hessian[j, j] += isIntercept ? 1e-9 : 1
            if !isIntercept { gradient[j, 0] += w[j] }
        }
        return try Cholesky(hessian, threads: threads).solve(gradient, threads: threads).elements
    }
}

extension ModalityGap {
    /// Held-out accuracy of telling x from y: trained on the first pair of clouds, judged on the second.
    package static func separability(
        train: (x: Matrix<Double>, y: Matrix<Double>), test: (x: Matrix<Double>, y: Matrix<Double>),
        threads: Int = Parallel.processorCount
    ) throws(LinearAlgebraError) -> Double {
        let fitted = try LogisticClassifier(
            stacked(train.x, train.y), labels: labels(train.x, train.y), threads: threads)
        return fitted.accuracy(on: stacked(test.x, test.y), labels: labels(test.x, test.y))
    }

    private static func stacked(_ x: Matrix<Double>, _ y: Matrix<Double>) -> Matrix<Double> {
        Matrix(rows: x.rows + y.rows, columns: x.columns, elements: x.elements + y.elements)
    }

    private static func labels(_ x: Matrix<Double>, _ y: Matrix<Double>) -> [Bool] {
        [Bool](repeating: false, count: x.rows) + [Bool](repeating: true, count: y.rows)
    }
}
