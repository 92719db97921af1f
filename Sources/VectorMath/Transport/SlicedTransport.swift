/// Sliced Wasserstein distance: the mean of one-dimensional transports along directions. A cheap relative of the exact one.
import Foundation

/// Directions for slicing, row-major count × dimension, float64.
package struct SliceDirections: Sendable {
    package let values: [Double]
    package let dimension: Int
    package var count: Int { values.count / dimension }

    /// Directions used as they are, unit length or not.
    package init(_ values: [Double], dimension: Int) {
        precondition(dimension > 0 && !values.isEmpty && values.count % dimension == 0, "no whole number of directions")
        (self.values, self.dimension) = (values, dimension)
    }

    /// Directions uniform on the sphere; equal seeds give equal directions.
    package init(count: Int, dimension: Int, seed: UInt64) {
        precondition(count > 0 && dimension > 0, "at least one direction")
        var state = seed
        var values: [Double] = []
        values.reserveCapacity(count * dimension)
        for _ in 0..<count {
            let normal = (0..<dimension).map { _ in Self.normal(&state) }
            let norm = normal.reduce(0) { $0 + $1 * $1 }.squareRoot()
            values += normal.map { norm > 0 ? $0 / norm : 1 / Double(dimension).squareRoot() }
        }
        (self.values, self.dimension) = (values, dimension)
    }

    /// Box and Muller over SplitMix64.
    private static func normal(_ state: inout UInt64) -> Double {
        func uniform() -> Double {
            state &+= 0x9E37_79B9_7F4A_7C15
            var z = state
            z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
            z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
            return (Double((z ^ (z >> 31)) >> 11) + 0.5) / 0x1p53
        }
        let (radius, angle) = (uniform(), uniform())
        return (-2 * log(radius)).squareRoot() * cos(2 * .pi * angle)
    }
}

/// Sliced distance of order p (1 or 2): (mean over directions of Wp to the p)^(1/p), with each direction's Wp to the p.
/// O(directions × ((m + n)·d + sorting)).
package func slicedTransport(
    _ x: TokenCloud, _ y: TokenCloud, _ directions: SliceDirections, order p: Int
) throws(TransportError) -> (distance: Double, perDirection: [Double]) {
    precondition(p == 1 || p == 2, "order 1 or 2")
    guard x.dimension == y.dimension, x.dimension == directions.dimension else {
        throw .dimensionMismatch(query: x.dimension, candidate: y.dimension)
    }
    let (a, b) = (x.normalisedWeights, y.normalisedWeights)
    let perDirection = (0..<directions.count).map { index in
        lineTransport(projections(x, directions, index), a, projections(y, directions, index), b, order: p)
    }
    let mean = perDirection.reduce(0, +) / Double(perDirection.count)
    return (p == 2 ? mean.squareRoot() : mean, perDirection)
}

private func projections(_ cloud: TokenCloud, _ directions: SliceDirections, _ index: Int) -> [Double] {
    let d = cloud.dimension
    return (0..<cloud.count).map { token in
        var sum = 0.0
        for k in 0..<d { sum += Double(cloud.values[token * d + k]) * directions.values[index * d + k] }
        return sum
    }
}

/// Wp to the p between weighted points on a line: quantiles matched in order. Weights sum to 1. O(n log n).
package func lineTransport(_ x: [Double], _ a: [Double], _ y: [Double], _ b: [Double], order p: Int) -> Double {
    precondition(x.count == a.count && y.count == b.count && !x.isEmpty && !y.isEmpty, "points and weights disagree")
    let (left, right) = (x.indices.sorted { x[$0] < x[$1] }, y.indices.sorted { y[$0] < y[$1] })
    var (i, j, sum) = (0, 0, 0.0)
    var (leftRest, rightRest) = (a[left[0]], b[right[0]])
    while true {
        let mass = min(leftRest, rightRest)
        let distance = abs(x[left[i]] - y[right[j]])
        sum += mass * (p == 2 ? distance * distance : distance)
        leftRest -= mass
        rightRest -= mass
        // Rounding may leave a crumb of mass on the side that ends first; its cost is nothing.
        if leftRest <= rightRest {
            i += 1
            if i == left.count { return sum }
            leftRest = a[left[i]]
        } else {
            j += 1
            if j == right.count { return sum }
            rightRest = b[right[j]]
        }
    }
}
