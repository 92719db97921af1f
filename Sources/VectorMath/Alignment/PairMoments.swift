/// First and second moments of paired rows: all that the linear methods need of the data. O(dimension²) memory whatever the
/// number of pairs; the moments of all folds but one are a difference.
import Platform

struct PairMoments: Sendable {
    private(set) var count = 0.0
    private var sumX: [Double]
    private var sumY: [Double]
    private var xx: Matrix<Double>
    private var xy: Matrix<Double>
    private var yy: Matrix<Double>

    /// Accumulates in blocks in the order of the pairs.
    init(_ data: AlignmentData, _ pairs: [AlignmentPair], threads: Int) {
        let dx = data.sources.columns, dy = data.targets.columns
        (sumX, sumY) = ([Double](repeating: 0, count: dx), [Double](repeating: 0, count: dy))
        (xx, xy, yy) = (Matrix(rows: dx, columns: dx), Matrix(rows: dx, columns: dy), Matrix(rows: dy, columns: dy))
        let blockRows = 2_048
        for first in stride(from: 0, to: pairs.count, by: blockRows) {
            let block = pairs[first..<min(first + blockRows, pairs.count)]
            let x = data.sources.gathering(block.map(\.source)).converted(to: Double.self)
            let y = data.targets.gathering(block.map(\.target)).converted(to: Double.self)
            count += Double(block.count)
            for (j, mean) in x.columnMeans().enumerated() { sumX[j] += mean * Double(block.count) }
            for (j, mean) in y.columnMeans().enumerated() { sumY[j] += mean * Double(block.count) }
            xx = xx + x.transposeTimes(x, threads: threads)
            xy = xy + x.transposeTimes(y, threads: threads)
            yy = yy + y.transposeTimes(y, threads: threads)
        }
    }

    static func - (a: PairMoments, b: PairMoments) -> PairMoments {
        var result = a
        result.combine(b, sign: -1)
        return result
    }

    static func + (a: PairMoments, b: PairMoments) -> PairMoments {
        var result = a
        result.combine(b, sign: 1)
        return result
    }

    private mutating func combine(_ other: PairMoments, sign: Double) {
        count += sign * other.count
        for j in sumX.indices { sumX[j] += sign * other.sumX[j] }
        for j in sumY.indices { sumY[j] += sign * other.sumY[j] }
        xx = xx + sign * other.xx
        xy = xy + sign * other.xy
        yy = yy + sign * other.yy
    }

    var meanX: [Double] { sumX.map { $0 / max(count, 1) } }
    var meanY: [Double] { sumY.map { $0 / max(count, 1) } }
    /// Population covariances.
    var covarianceXX: Matrix<Double> { covariance(xx, meanX, meanX) }
    var covarianceXY: Matrix<Double> { covariance(xy, meanX, meanY) }
    var covarianceYY: Matrix<Double> { covariance(yy, meanY, meanY) }

    private func covariance(_ moment: Matrix<Double>, _ a: [Double], _ b: [Double]) -> Matrix<Double> {
        var result = moment
        for i in 0..<moment.rows {
            for j in 0..<moment.columns {
                let at = i * moment.columns + j
                result.elements[at] = moment.elements[at] / max(count, 1) - a[i] * b[j]
            }
        }
        return result
    }
}
