/// Sums of a function of the distance over all pairs of rows of two clouds. Never holds more than a block of distances.
import Platform

/// Σ over all (i, j) of f(‖x_i − y_j‖²), rows of x summed in order. O(n·m·d).
/// Distances come from dot products; a pair so close that this would cancel is recomputed by subtraction.
func pairwiseSum(
    _ x: Matrix<Double>, _ y: Matrix<Double>, threads: Int, _ f: @escaping @Sendable (_ squaredDistance: Double) -> Double
) -> Double {
    precondition(x.columns == y.columns, "clouds of different dimension have no distances")
    let side = 128, blocks = (x.rows + side - 1) / side
    let normsX = x.squaredRowNorms(), normsY = y.squaredRowNorms()
    let sums = parallelMap(blocks, threads: threads, default: 0.0) { index in
        let range = Array(index * side..<min((index + 1) * side, x.rows))
        let dots = x.gathering(range).timesTranspose(y, threads: 1)
        var total = 0.0
        for (row, i) in range.enumerated() {
            for j in 0..<y.rows {
                let scale = normsX[i] + normsY[j]
                var squared = scale - 2 * dots.elements[row * y.rows + j]
                if squared < 1e-4 * scale { squared = squaredDistance(x, i, y, j) }
                total += f(squared)
            }
        }
        return total
    }
    return sums.reduce(0, +)
}

private func squaredDistance(_ x: Matrix<Double>, _ i: Int, _ y: Matrix<Double>, _ j: Int) -> Double {
    var sum = 0.0
    for k in 0..<x.columns {
        let difference = x.elements[i * x.columns + k] - y.elements[j * x.columns + k]
        sum += difference * difference
    }
    return sum
}

/// A statistic over pairs in its two forms: V counts each point with itself (biased up), U does not (may be negative).
package struct PairStatistic: Sendable, Equatable {
    package var v: Double
    package var u: Double
}

/// within(x) + within(y) − 2·between, with f at distance 0 given, as kernels and distances need it.
private func pairStatistic(
    _ x: Matrix<Double>, _ y: Matrix<Double>, atZero: Double, threads: Int, _ f: @escaping @Sendable (Double) -> Double
) -> PairStatistic {
    let n = Double(x.rows), m = Double(y.rows)
    let between = pairwiseSum(x, y, threads: threads, f) / (n * m)
    let withinX = pairwiseSum(x, x, threads: threads, f), withinY = pairwiseSum(y, y, threads: threads, f)
    let v = withinX / (n * n) + withinY / (m * m) - 2 * between
    let u = (withinX - n * atZero) / (n * (n - 1)) + (withinY - m * atZero) / (m * (m - 1)) - 2 * between
    return PairStatistic(v: v, u: u)
}

extension ModalityGap {
    /// 2·E‖X−Y‖ − E‖X−X′‖ − E‖Y−Y′‖ (Székely and Rizzo). Zero for equal distributions. Each cloud needs two rows.
    package static func energyDistance(
        _ x: Matrix<Double>, _ y: Matrix<Double>, threads: Int = Parallel.processorCount
    ) -> PairStatistic {
        let statistic = pairStatistic(x, y, atZero: 0, threads: threads) { max($0, 0).squareRoot() }
        return PairStatistic(v: -statistic.v, u: -statistic.u)
    }

    /// Squared maximum mean discrepancy (Gretton et al. 2012), kernel exp(−‖x−y‖²/(2σ²)).
    package static func squaredMMD(
        _ x: Matrix<Double>, _ y: Matrix<Double>, sigma: Double, threads: Int = Parallel.processorCount
    ) -> PairStatistic {
        precondition(sigma > 0, "the kernel needs a width")
        let factor = -1 / (2 * sigma * sigma)
        return pairStatistic(x, y, atZero: 1, threads: threads) { exponential(factor * $0) }
    }

    /// √ of the mean squared distance over two, a kernel width on the data's own scale.
    static func kernelWidth(_ x: Matrix<Double>, _ y: Matrix<Double>, threads: Int) -> Double {
        let mean = pairwiseSum(x, y, threads: threads) { $0 } / Double(x.rows * y.rows)
        return mean > 0 ? (mean / 2).squareRoot() : 1
    }
}
