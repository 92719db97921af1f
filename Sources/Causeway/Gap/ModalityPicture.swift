/// What a picture of two modalities shows: similarities of matched and mismatched pairs, both clouds in a plane. Draws nothing.
import Storage
import VectorMath

/// Two modalities of one dimension in numbers for a picture.
public struct ModalityPicture: Sendable {
    /// Counts of cosines in bins of equal width over one range for both.
    public struct Similarities: Sendable {
        public var low: Double
        public var high: Double
        public var matched: [Int]
        public var mismatched: [Int]
    }

    /// Places in the first two principal components of both clouds together, and their shares of all variance.
    public struct Plane: Sendable {
        public var first: [(x: Double, y: Double)]
        public var second: [(x: Double, y: Double)]
        public var shares: [Double]
    }

    public var pairs: Int
    public var raw: (similarities: Similarities, plane: Plane)
    /// After subtracting each modality's mean.
    public var centred: (similarities: Similarities, plane: Plane)
}

extension EmbeddingCollection {
    /// A seeded sample of pairs as a picture; nil where the dimensions differ or under 8 items are in both.
    /// - Throws: `.invalidArgument` for a `pairsMax` below 8.
    /// - Complexity: bounded by the sample of at most `pairsMax` pairs.
    public func picture(
        between first: String, and second: String, pairsMax: Int = 600, seed: UInt64 = 0
    ) throws -> ModalityPicture? {
        guard pairsMax >= ModalitySample.pairsMin else {
            throw CausewayError.invalidArgument(
                reason: "a picture of \(pairsMax) pairs", remedy: "draw \(ModalitySample.pairsMin) or more")
        }
        let sample = try database.read { reader -> ModalitySample? in
            let (x, y) = (try modality(first, in: reader), try modality(second, in: reader))
            guard x.dimension == y.dimension, x.dimension > 1 else { return nil }
            return try ModalitySample(from: x, to: y, rowsMax: pairsMax, seed: seed, in: reader)
        }
        guard let sample, sample.isPaired else { return nil }
        try database.throwIfCancelled()
        func scene(_ x: Matrix<Double>, _ y: Matrix<Double>) throws -> (ModalityPicture.Similarities, ModalityPicture.Plane) {
            (similarities(x, y), try plane(x, y, seed))
        }
        let x = sample.source.converted(to: Double.self).normalizingRows()
        let y = sample.target.converted(to: Double.self).normalizingRows()
        let (cx, cy) = (x.subtractingFromRows(x.columnMeans()), y.subtractingFromRows(y.columnMeans()))
        do {
            return ModalityPicture(
                pairs: x.rows, raw: try scene(x, y), centred: try scene(cx.normalizingRows(), cy.normalizingRows()))
        } catch let error as LinearAlgebraError {
            throw CausewayError.failed(what: "no picture can be made: \(error)", remedy: "try another --seed")
        }
    }

    private func similarities(_ x: Matrix<Double>, _ y: Matrix<Double>) -> ModalityPicture.Similarities {
        let cosines = x.timesTranspose(y)
        var matched: [Double] = [], mismatched: [Double] = []
        for i in 0..<cosines.rows {
            for j in 0..<cosines.columns {
                if i == j { matched.append(cosines[i, j]) } else { mismatched.append(cosines[i, j]) }
            }
        }
        let range = (cosines.elements.min() ?? -1)...(cosines.elements.max() ?? 1), bins = 48
        return ModalityPicture.Similarities(
            low: range.lowerBound, high: range.upperBound,
            matched: Histogram(matched, bins: bins, range: range).counts,
            mismatched: Histogram(mismatched, bins: bins, range: range).counts)
    }

    private func plane(_ x: Matrix<Double>, _ y: Matrix<Double>, _ seed: UInt64) throws -> ModalityPicture.Plane {
        let both = Matrix(rows: x.rows + y.rows, columns: x.columns, elements: x.elements + y.elements)
        let components = try PrincipalComponents(both, count: 2, seed: seed)
        let total = both.subtractingFromRows(both.columnMeans()).squaredFrobeniusNorm / Double(both.rows)
        func places(_ cloud: Matrix<Double>) -> [(x: Double, y: Double)] {
            let projected = components.project(cloud)
            return (0..<projected.rows).map { (projected[$0, 0], projected[$0, 1]) }
        }
        return ModalityPicture.Plane(
            first: places(x), second: places(y), shares: components.variances.map { total > 0 ? $0 / total : 0 })
    }
}
