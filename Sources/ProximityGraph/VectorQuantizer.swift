/// From vectors to 8-bit codes and queries: the modality's mean and the seeded rotation. Holds no codes.

/// The encoder of one modality. Two quantizers with the same dimension, mean and seed make the same codes everywhere.
package struct VectorQuantizer: Sendable {
    package let dimension: Int
    package let seed: UInt64
    /// Mean of the unit-length vectors, as the caller sampled it.
    package let mean: [Float]
    /// Bytes of a code.
    package let codeBytes: Int
    let signs: [Float]
    let rotatedMean: [Float]

    package init(dimension: Int, mean: [Float], seed: UInt64) {
        precondition((1...dimensionMax).contains(dimension) && mean.count == dimension, "mean of another dimension")
        precondition(mean.allSatisfy { $0.isFinite }, "the mean must be finite")
        let padded = (dimension + 63) / 64 * 64
        var random = SplitMix64(state: seed)
        var signs = [Float](repeating: 1, count: 2 * padded)
        var bits: UInt64 = 0
        for index in signs.indices {
            if index % 64 == 0 { bits = random.next() }
            if bits >> UInt64(index % 64) & 1 == 1 { signs[index] = -1 }
        }
        self.dimension = dimension
        self.seed = seed
        self.mean = mean
        self.codeBytes = padded
        self.signs = signs
        self.rotatedMean = rotated(mean, padded: padded, signs: signs)
    }

    /// The query in two planes of 8 bits, or nil when it has no direction (norm zero or not finite).
    package func encode(query: Span<Float>) -> CodedQuery? {
        precondition(query.count == dimension, "a query of another dimension")
        return encodedQuery(query, self)
    }
}

/// Float32 rounding of the encoder and of the estimate's own arithmetic, far above what 2 × 16 Hadamard stages can lose.
let roundingSlack: Float = 1e-5

/// A query ready to be scored against codes of one quantizer.
package struct CodedQuery: Sendable {
    var coarse: [Int8]
    var fine: [Int8]
    var coarseScale: Float
    var fineScale: Float
    var coarseError: Float
    var fineError: Float
    var coarseOffset: Int32
    var fineOffset: Int32
    /// ⟨q, mean⟩
    var center: Float
    /// Nodes that walks neither score nor pass through.
    var hiddenNodes: [Int] = []

    /// How far the refined estimate of a vector with the given code error can be from its cosine: what the code lost
    /// (Cauchy–Schwarz with a unit query), what the query's planes lost times the code's length, and rounding. A damaged
    /// error says nothing, so the bound is 2.
    func bound(error: Float, meanNorm: Float) -> Float {
        let bound = error + fineError * (1 + meanNorm + error) + roundingSlack
        return bound >= 0 && bound < 2 ? bound : 2
    }
}

/// The mean of the directions of vectors, gathered in float64.
package struct DirectionMean: Sendable {
    private var sums: [Double]
    package private(set) var count = 0

    package init(dimension: Int) { sums = [Double](repeating: 0, count: dimension) }

    /// Adds every vector of n × d that has a direction.
    package mutating func add(_ vectors: Span<Float>) {
        let dimension = sums.count
        precondition(vectors.count % dimension == 0, "vectors of another dimension")
        for row in 0..<(vectors.count / dimension) {
            var square = 0.0
            for i in 0..<dimension {
                let x = Double(vectors[row * dimension + i])
                square += x * x
            }
            guard square > 0, square.isFinite else { continue }
            let inverse = 1 / square.squareRoot()
            for i in 0..<dimension { sums[i] += Double(vectors[row * dimension + i]) * inverse }
            count += 1
        }
    }

    package var mean: [Float] { sums.map { Float($0 / Double(max(count, 1))) } }
}
