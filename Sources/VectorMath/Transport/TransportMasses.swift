/// Weights turned into whole numbers with equal totals, so that the solver's masses reach exactly zero. No geometry.

/// Masses of the rows and columns of a transport problem: ≥ 0, both summing to `total`, each exact in float64.
package struct TransportMasses: Sendable, Equatable {
    package let rows: [Int64]
    package let columns: [Int64]
    package let total: Int64
    /// As many columns as rows, and each of mass one.
    let isAssignment: Bool

    /// The total of weights that are not whole numbers: as fine as a float64 fraction of one.
    static let fineTotal: Int64 = 1 << 52

    /// Equal or whole-number weights are represented exactly, others to 2⁻⁵² of the total (largest remainders).
    /// Weights are finite, ≥ 0 and not all zero; nil means equal weights. O(n log n).
    package init(rowWeights: [Double]?, rowCount: Int, columnWeights: [Double]?, columnCount: Int) {
        precondition(rowCount > 0 && columnCount > 0, "masses of an empty set")
        if let left = Self.wholeNumbers(rowWeights, count: rowCount),
            let right = Self.wholeNumbers(columnWeights, count: columnCount)
        {
            let (leftTotal, rightTotal) = (left.reduce(0, +), right.reduce(0, +))
            let divisor = greatestCommonDivisor(leftTotal, rightTotal)
            let (leftFactor, rightFactor) = (rightTotal / divisor, leftTotal / divisor)
            let (product, overflow) = leftTotal.multipliedReportingOverflow(by: leftFactor)
            if !overflow, product <= Self.fineTotal {
                self.init(
                    rows: leftFactor == 1 ? left : left.map { $0 * leftFactor },
                    columns: rightFactor == 1 ? right : right.map { $0 * rightFactor }, total: product)
                return
            }
        }
        self.init(
            rows: Self.fine(rowWeights, count: rowCount), columns: Self.fine(columnWeights, count: columnCount),
            total: Self.fineTotal)
    }

    private init(rows: [Int64], columns: [Int64], total: Int64) {
        (self.rows, self.columns, self.total) = (rows, columns, total)
        isAssignment = rows.count == columns.count && rows.allSatisfy { $0 == 1 } && columns.allSatisfy { $0 == 1 }
    }

    /// For equal weights and more rows than columns: a small whole mass for each row, shared among the columns as evenly
    /// as whole numbers go. A problem close to this one and quicker to solve. Nil for other masses. O(m + n).
    var coarse: TransportMasses? {
        guard rows.count > columns.count, let row = rows.first, let column = columns.first,
            rows.allSatisfy({ $0 == row }), columns.allSatisfy({ $0 == column })
        else { return nil }
        let (m, n) = (rows.count, columns.count)
        let unit = (1...4).min { Self.misfit($0, m, n) < Self.misfit($1, m, n) } ?? 1
        guard unit < row else { return nil }
        let shares = (0..<n).map { Int64(unit * m / n + ($0 < unit * m % n ? 1 : 0)) }
        return TransportMasses(
            rows: [Int64](repeating: Int64(unit), count: m), columns: shares, total: Int64(unit * m))
    }

    /// How far the columns' shares are from whole, as a part of a share, when each row has mass `unit`.
    private static func misfit(_ unit: Int, _ m: Int, _ n: Int) -> Double {
        let share = Double(unit * m) / Double(n)
        return abs(share - share.rounded()) / share
    }

    /// The weights divided by their common divisor, when all are whole numbers below 2³¹.
    private static func wholeNumbers(_ weights: [Double]?, count: Int) -> [Int64]? {
        guard let weights else { return Array(repeating: 1, count: count) }
        var divisor: Int64 = 0
        for weight in weights {
            guard weight < 0x1p31, weight == weight.rounded() else { return nil }
            divisor = greatestCommonDivisor(divisor, Int64(weight))
        }
        return weights.map { Int64($0) / max(divisor, 1) }
    }

    private static func fine(_ weights: [Double]?, count: Int) -> [Int64] {
        let weights = weights ?? Array(repeating: 1, count: count)
        let largest = weights.max() ?? 1
        let sum = weights.reduce(0) { $0 + $1 / largest }
        let shares = weights.map { $0 / largest / sum * Double(fineTotal) }
        var masses = shares.map { Int64($0) }
        var missing = fineTotal - masses.reduce(0, +)
        let byRemainder = masses.indices.sorted {
            let (a, b) = (shares[$0] - Double(masses[$0]), shares[$1] - Double(masses[$1]))
            return a == b ? $0 < $1 : a > b
        }
        // Rounded quotients may miss the total by a few units in either direction.
        while missing > 0 {
            for index in byRemainder.prefix(Int(min(missing, Int64(count)))) {
                masses[index] += 1
                missing -= 1
            }
        }
        if missing < 0, let heaviest = masses.indices.max(by: { masses[$0] < masses[$1] }) { masses[heaviest] += missing }
        return masses
    }
}

func greatestCommonDivisor(_ a: Int64, _ b: Int64) -> Int64 {
    var (a, b) = (a, b)
    while b != 0 { (a, b) = (b, a % b) }
    return a
}
