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

/// A token set along directions, ready for many comparisons: along each its tokens' places in ascending order.
package struct SlicedTokens: Sendable {
    fileprivate let count: Int
    /// directions × count.
    fileprivate let places: [Double]
    /// The weights of those tokens, in the same order; nil where all are equal.
    fileprivate let weights: [Double]?

    /// O(directions × count × (dimension + log count)).
    package init(_ cloud: TokenCloud, _ directions: SliceDirections) throws(TransportError) {
        guard cloud.dimension == directions.dimension else {
            throw .dimensionMismatch(query: directions.dimension, candidate: cloud.dimension)
        }
        let (count, dimension) = (cloud.count, cloud.dimension)
        let tokens = Matrix<Double>(rows: count, columns: dimension, elements: cloud.values.map(Double.init))
        let lines = Matrix<Double>(rows: directions.count, columns: dimension, elements: directions.values)
        let projections = lines.timesTranspose(tokens, threads: 1)
        let own = cloud.weights == nil ? nil : cloud.normalisedWeights
        var places: [Double] = [], weights: [Double] = []
        places.reserveCapacity(directions.count * count)
        for direction in 0..<directions.count {
            let line = projections.row(direction)
            guard let own else {
                places += line.sorted()
                continue
            }
            let start = line.startIndex
            let order = (0..<count).sorted { line[start + $0] < line[start + $1] }
            for token in order {
                places.append(line[start + token])
                weights.append(own[token])
            }
        }
        (self.count, self.places, self.weights) = (count, places, own == nil ? nil : weights)
    }

    fileprivate var directions: Int { places.count / count }

    /// Numbers held.
    package var size: Int { places.count + (weights?.count ?? 0) }
}

/// Sliced distance of order p (1 or 2): (mean over directions of Wp to the p)^(1/p), with each direction's Wp to the p.
/// O(directions × (m + n)).
package func slicedTransport(
    _ x: SlicedTokens, _ y: SlicedTokens, order p: Int
) -> (distance: Double, perDirection: [Double]) {
    precondition(p == 1 || p == 2, "order 1 or 2")
    precondition(x.directions == y.directions, "sliced along other directions")
    // Equal weights are matched alike along every direction.
    let same = x.weights == nil && y.weights == nil ? quantiles(x, y, direction: 0) : nil
    let perDirection = (0..<x.directions).map { direction in
        let (left, right) = (direction * x.count, direction * y.count)
        var sum = 0.0
        for match in same ?? quantiles(x, y, direction: direction) {
            let distance = abs(x.places[left + match.x] - y.places[right + match.y])
            sum += match.mass * (p == 2 ? distance * distance : distance)
        }
        return sum
    }
    let mean = perDirection.reduce(0, +) / Double(perDirection.count)
    return (p == 2 ? mean.squareRoot() : mean, perDirection)
}

/// Which of the tokens sorted along a direction share how much mass when quantiles are matched in order. O(m + n).
private func quantiles(_ x: SlicedTokens, _ y: SlicedTokens, direction: Int) -> [(x: Int, y: Int, mass: Double)] {
    let (left, right) = (direction * x.count, direction * y.count)
    let (leftShare, rightShare) = (1 / Double(x.count), 1 / Double(y.count))
    var (i, j) = (0, 0)
    var (leftRest, rightRest) = (x.weights?[left] ?? leftShare, y.weights?[right] ?? rightShare)
    var matches: [(x: Int, y: Int, mass: Double)] = []
    matches.reserveCapacity(x.count + y.count)
    while true {
        let mass = min(leftRest, rightRest)
        if mass > 0 { matches.append((i, j, mass)) }
        leftRest -= mass
        rightRest -= mass
        // Rounding may leave a crumb of mass on the side that ends first; its cost is nothing.
        if leftRest <= rightRest {
            i += 1
            if i == x.count { return matches }
            leftRest = x.weights?[left + i] ?? leftShare
        } else {
            j += 1
            if j == y.count { return matches }
            rightRest = y.weights?[right + j] ?? rightShare
        }
    }
}
