/// Measures of how far two modalities' clouds lie apart, on rows as given (normalise and centre before). Float64 throughout.
/// Definitions: shared notes on metrics; sampling, nulls and cautions are in GapReport.
import Foundation
import Platform

package enum ModalityGap {
    /// ‖mean(x) − mean(y)‖ (Liang et al. 2022).
    package static func centroidGap(_ x: Matrix<Double>, _ y: Matrix<Double>) -> Double {
        norm(zip(x.columnMeans(), y.columnMeans()).map { $0 - $1 })
    }

    /// Mean ‖x_i − y_i‖² over pairs (Wang and Isola 2020, α = 2).
    package static func alignment(_ x: Matrix<Double>, _ y: Matrix<Double>) -> Double {
        precondition(x.rows == y.rows && x.columns == y.columns, "pairs need equal shapes")
        return (x - y).squaredFrobeniusNorm / Double(x.rows)
    }

    /// log of the mean of exp(−t·‖x_i − x_j‖²) over i ≠ j (Wang and Isola 2020). Lower is more uniform; −2t at the limit.
    package static func uniformity(_ x: Matrix<Double>, t: Double = 2, threads: Int = Parallel.processorCount) -> Double {
        let n = Double(x.rows)
        let sum = pairwiseSum(x, x, threads: threads) { exponential(-t * $0) }
        return log((sum - n) / (n * (n - 1)))
    }

    /// Mean cosine distance of pairs over that plus the mean within the modalities (Schrodi et al. 2024). Unit rows, paired.
    package static func relativeGap(_ x: Matrix<Double>, _ y: Matrix<Double>) -> Double {
        precondition(x.rows == y.rows && x.columns == y.columns, "pairs need equal shapes")
        let n = Double(x.rows)
        var matched = 0.0
        for i in 0..<x.rows { matched += 1 - zip(x.row(i), y.row(i)).reduce(0) { $0 + $1.0 * $1.1 } }
        matched /= n
        let within = (cosineSpread(x) + cosineSpread(y)) / (2 * n * (n - 1))
        return matched + within > 0 ? matched / (matched + within) : 0
    }

    /// Σ over i ≠ j of 1 − x_i·x_j, from the sum of the rows.
    private static func cosineSpread(_ x: Matrix<Double>) -> Double {
        let n = Double(x.rows), sum = x.columnMeans().map { $0 * n }
        let own = x.squaredRowNorms().reduce(0, +)
        return n * (n - 1) - (sum.reduce(0) { $0 + $1 * $1 } - own)
    }

    /// ‖XᵀY‖²/(‖XᵀX‖·‖YᵀY‖), columns centred (Kornblith et al. 2019). Paired; the dimensions may differ. In [0, 1].
    package static func linearCKA(_ x: Matrix<Double>, _ y: Matrix<Double>, threads: Int = Parallel.processorCount) -> Double {
        precondition(x.rows == y.rows, "pairs need equally many rows")
        let a = x.subtractingFromRows(x.columnMeans()), b = y.subtractingFromRows(y.columnMeans())
        let cross = a.transposeTimes(b, threads: threads).squaredFrobeniusNorm
        let own = a.transposeTimes(a, threads: threads).squaredFrobeniusNorm.squareRoot()
            * b.transposeTimes(b, threads: threads).squaredFrobeniusNorm.squareRoot()
        return own > 0 ? cross / own : 0
    }

    /// Mean share of the k nearest rows (cosine, ties by index) that a row has in common in both modalities (Huh et al. 2024).
    package static func mutualNearestNeighbours(
        _ x: Matrix<Double>, _ y: Matrix<Double>, k: Int = 10, threads: Int = Parallel.processorCount
    ) -> Double {
        precondition(x.rows == y.rows && k > 0 && k < x.rows, "k must be below the number of pairs")
        let a = nearest(x.normalizingRows(), k, threads), b = nearest(y.normalizingRows(), k, threads)
        let shared = zip(a, b).reduce(0) { $0 + Set($1.0).intersection($1.1).count }
        return Double(shared) / Double(k * x.rows)
    }

    private static func nearest(_ x: Matrix<Double>, _ k: Int, _ threads: Int) -> [[Int]] {
        let side = 128
        let blocks = parallelMap((x.rows + side - 1) / side, threads: threads, default: [[Int]]()) { index in
            let range = Array(index * side..<min((index + 1) * side, x.rows))
            let dots = x.gathering(range).timesTranspose(x, threads: 1)
            return range.enumerated().map { row, i in best(dots.row(row), k, except: i) }
        }
        return blocks.flatMap { $0 }
    }

    /// Indices (from 0) of the k largest values, by insertion into a short sorted list.
    private static func best(_ values: ArraySlice<Double>, _ k: Int, except own: Int) -> [Int] {
        var list: [(value: Double, index: Int)] = []
        list.reserveCapacity(k + 1)
        for (index, value) in values.enumerated() where index != own {
            if list.count == k, value <= list[k - 1].value { continue }
            var at = list.count
            while at > 0, list[at - 1].value < value { at -= 1 }
            list.insert((value, index), at: at)
            if list.count > k { list.removeLast() }
        }
        return list.map(\.index)
    }

    static func norm(_ v: [Double]) -> Double { v.reduce(0) { $0 + $1 * $1 }.squareRoot() }
}

/// exp, named so that files without Foundation can pass it on.
func exponential(_ x: Double) -> Double { exp(x) }
