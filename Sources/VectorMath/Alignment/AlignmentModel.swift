/// A learned way to compare two modalities: named parameter arrays and what they compute. Holds no training state.
import Platform

package enum AlignmentMethod: String, Sendable, Codable, CaseIterable {
    case center, procrustes, ridge, cca, contrastive, ranking
}

package enum Activation: String, Sendable, Codable, CaseIterable { case gelu, relu }

/// Which of the two modalities a vector is of.
package enum AlignmentSide: String, Sendable, Codable, CaseIterable {
    case source, target
    package var other: AlignmentSide { self == .source ? .target : .source }
}

/// Both modalities are sent into a common space of unit vectors:
/// v ↦ unit((unit(v) − mean)·map + act((unit(v) − mean)·hidden + bias)·output), each part where it is present.
/// Scores are dot products there; ranking adds a small network over each pair.
package struct AlignmentModel: Sendable, Equatable {
    package let method: AlignmentMethod
    package let sourceDimension: Int
    package let targetDimension: Int
    package let activation: Activation
    /// Arrays by name: "<side>.mean" (1 × dimension), "<side>.map", "<side>.hidden", "<side>.bias", "<side>.output",
    /// "<side>.back" (common × dimension, towards that side's own space) and, for ranking, "scorer.*".
    package let parameters: [String: Matrix<Float>]

    /// Checks that the shapes fit together.
    package init(
        method: AlignmentMethod, sourceDimension: Int, targetDimension: Int, activation: Activation = .gelu,
        parameters: [String: Matrix<Float>]
    ) throws(AlignmentError) {
        self.method = method
        self.sourceDimension = sourceDimension
        self.targetDimension = targetDimension
        self.activation = activation
        self.parameters = parameters
        try checkShapes()
    }

    package func dimension(of side: AlignmentSide) -> Int { side == .source ? sourceDimension : targetDimension }

    /// Dimension of the common space.
    package var commonDimension: Int { commonDimension(of: .source) }

    private func commonDimension(of side: AlignmentSide) -> Int {
        parameters["\(side.rawValue).map"]?.columns ?? dimension(of: side)
    }

    private func checkShapes() throws(AlignmentError) {
        for side in AlignmentSide.allCases {
            let d = dimension(of: side), c = commonDimension(of: side), name = side.rawValue
            let width = parameters["\(name).hidden"]?.columns
            try expect("\(name).mean", rows: 1, columns: d, required: true)
            try expect("\(name).map", rows: d, columns: c, required: false)
            try expect("\(name).back", rows: c, columns: d, required: false)
            try expect("\(name).hidden", rows: d, columns: width ?? 0, required: false)
            try expect("\(name).bias", rows: 1, columns: width ?? 0, required: width != nil)
            try expect("\(name).output", rows: width ?? 0, columns: c, required: width != nil)
        }
        let c = commonDimension
        guard c == commonDimension(of: .target) else { throw .malformedModel("the sides end in different spaces") }
        let width = parameters["scorer.hidden"]?.columns ?? 0
        let ranks = method == .ranking
        try expect("scorer.hidden", rows: 2 * c, columns: width, required: ranks)
        try expect("scorer.bias", rows: 1, columns: width, required: ranks)
        try expect("scorer.output", rows: width, columns: 1, required: ranks)
        try expect("scorer.scale", rows: 1, columns: 1, required: ranks)
        for (name, matrix) in parameters where !matrix.elements.allSatisfy(\.isFinite) {
            throw .malformedModel("\(name) holds a number that is not finite")
        }
    }

    private func expect(_ name: String, rows: Int, columns: Int, required: Bool) throws(AlignmentError) {
        guard let matrix = parameters[name] else {
            if required { throw .malformedModel("\(name) is missing") }
            return
        }
        guard matrix.rows == rows && matrix.columns == columns else {
            throw .malformedModel("\(name) is \(matrix.rows)×\(matrix.columns), not \(rows)×\(columns)")
        }
    }
}

extension AlignmentModel {
    /// Unit vectors in the common space, for vectors of either modality (rows × that modality's dimension).
    package func embed(
        _ vectors: Matrix<Float>, of side: AlignmentSide, threads: Int = Parallel.processorCount
    ) -> Matrix<Float> {
        precondition(vectors.columns == dimension(of: side), "vectors of another dimension than the model's")
        let name = side.rawValue
        let mean = parameters["\(name).mean"]?.elements.map { Double($0) } ?? []
        let centred = vectors.normalizingRows().subtractingFromRows(mean)
        let head = ProjectionHead<Float>(
            map: parameters["\(name).map"], hidden: parameters["\(name).hidden"], bias: parameters["\(name).bias"],
            output: parameters["\(name).output"], activation: activation)
        return head.forward(centred, threads: threads).unit
    }

    /// Scores of all pairs of embedded vectors, queries × candidates; larger is better. Symmetric in the two sides.
    package func scores(
        _ queries: Matrix<Float>, _ candidates: Matrix<Float>, threads: Int = Parallel.processorCount
    ) -> Matrix<Float> {
        guard let scorer = pairScorer else { return queries.timesTranspose(candidates, threads: threads) }
        let rowsPerBlock = max(1, 65_536 / max(candidates.rows, 1))
        var all: [Float] = []
        all.reserveCapacity(queries.rows * candidates.rows)
        for first in stride(from: 0, to: queries.rows, by: rowsPerBlock) {
            let block = queries.gathering(Array(first..<min(first + rowsPerBlock, queries.rows)))
            all += scorer.forward(block, candidates, threads: threads).scores.elements
        }
        return Matrix(rows: queries.rows, columns: candidates.rows, elements: all)
    }

    /// Exact learned scores of one raw query against raw candidates of the other modality; larger is better.
    package func score(
        query: [Float], of side: AlignmentSide, candidates: Matrix<Float>, threads: Int = Parallel.processorCount
    ) -> [Double] {
        let embedded = embed(Matrix(rows: 1, columns: query.count, elements: query), of: side, threads: threads)
        let others = embed(candidates, of: side.other, threads: threads)
        return scores(embedded, others, threads: threads).elements.map { Double($0) }
    }

    /// Unit queries in the other modality's own space, to be searched by cosine among its stored, unchanged vectors.
    /// Without "<side>.back", their dot product with a stored unit vector is the linear models' score but for the length of
    /// the embedded candidate; with it, they are a regression's guess. So this order finds candidates; `score` ranks them.
    package func transform(
        _ queries: Matrix<Float>, of side: AlignmentSide, threads: Int = Parallel.processorCount
    ) -> Matrix<Float> {
        let embedded = embed(queries, of: side, threads: threads), other = side.other.rawValue
        if let back = parameters["\(other).back"] { return embedded.times(back, threads: threads).normalizingRows() }
        guard let map = parameters["\(other).map"] else { return embedded }
        return embedded.timesTranspose(map, threads: threads).normalizingRows()
    }

    var pairScorer: PairScorer<Float>? {
        guard let hidden = parameters["scorer.hidden"], let bias = parameters["scorer.bias"],
            let output = parameters["scorer.output"], let scale = parameters["scorer.scale"]
        else { return nil }
        return PairScorer(hidden: hidden, bias: bias, output: output, scale: scale, activation: activation)
    }
}
