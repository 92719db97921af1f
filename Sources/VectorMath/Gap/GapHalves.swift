/// The two disjoint halves a gap report is measured on, and each measure with its null on them.
import Platform

struct GapHalves {
    typealias Clouds = (x: Matrix<Double>, y: Matrix<Double>)
    /// Gives means and trains; never measured but as the other half of a null.
    let reference: Clouds
    let measured: Clouds
    private let seed: UInt64

    init(_ source: Matrix<Float>, _ target: Matrix<Float>, _ paired: Bool, _ options: GapOptions) {
        seed = options.seed
        var random = SeededRandom(seed: options.seed)
        let orderX = random.permutation(source.rows)
        let orderY = paired ? orderX : random.permutation(target.rows)
        let half = min(min(source.rows, target.rows) / 2, max(options.sampleMax, 4))
        func cloud(_ matrix: Matrix<Float>, _ order: [Int], _ range: Range<Int>) -> Matrix<Double> {
            matrix.gathering(Array(order[range])).converted(to: Double.self).normalizingRows()
        }
        reference = (cloud(source, orderX, 0..<half), cloud(target, orderY, 0..<half))
        measured = (cloud(source, orderX, half..<2 * half), cloud(target, orderY, half..<2 * half))
    }

    private init(reference: Clouds, measured: Clouds, seed: UInt64) {
        (self.reference, self.measured, self.seed) = (reference, measured, seed)
    }

    /// Both halves minus the reference half's means, unit rows again.
    func centred() -> GapHalves {
        let meanX = reference.x.columnMeans(), meanY = reference.y.columnMeans()
        func move(_ clouds: Clouds) -> Clouds {
            (clouds.x.subtractingFromRows(meanX).normalizingRows(), clouds.y.subtractingFromRows(meanY).normalizingRows())
        }
        return GapHalves(reference: move(reference), measured: move(measured), seed: seed)
    }

    func measure(
        _ kind: GapKind, _ options: GapOptions, _ kernelWidth: Double, _ transport: ExactTransport?
    ) throws -> GapMeasure {
        let (x, y) = measured, threads = options.threads, n = x.rows
        func result(_ value: Double, null: Double?, n: Int? = nil) -> GapMeasure {
            GapMeasure(kind: kind, value: value, null: null, n: n ?? x.rows)
        }
        func against(_ distance: (Matrix<Double>, Matrix<Double>) throws -> Double) rethrows -> GapMeasure {
            result(try distance(x, y), null: try null(distance))
        }
        switch kind {
        case .centroidGap: return against { ModalityGap.centroidGap($0, $1) }
        case .wasserstein, .debiasedWasserstein: return try transported(kind, options, transport)
        case .energyDistance: return against { ModalityGap.energyDistance($0, $1, threads: threads).u }
        case .maximumMeanDiscrepancy:
            return against { ModalityGap.squaredMMD($0, $1, sigma: kernelWidth, threads: threads).u }
        case .gaussianWasserstein: return try against { try ModalityGap.gaussianWasserstein($0, $1, threads: threads) }
        case .separability: return try separated(threads)
        case .alignment: return result(ModalityGap.alignment(x, y), null: ModalityGap.alignment(x, shuffled(y)))
        case .uniformitySource: return spread(kind, x, threads)
        case .uniformityTarget: return spread(kind, y, threads)
        case .linearCKA:
            return result(
                ModalityGap.linearCKA(x, y, threads: threads), null: ModalityGap.linearCKA(x, shuffled(y), threads: threads))
        case .mutualNearestNeighbours:
            let k = min(options.neighbours, n - 1)
            return result(
                ModalityGap.mutualNearestNeighbours(x, y, k: k, threads: threads), null: Double(k) / Double(n - 1))
        case .relativeGap: return result(ModalityGap.relativeGap(x, y), null: ModalityGap.relativeGap(x, shuffled(y)))
        }
    }

    /// Mean over the modalities of the distance between their two halves.
    private func null(_ distance: (Matrix<Double>, Matrix<Double>) throws -> Double) rethrows -> Double {
        (try distance(reference.x, measured.x) + distance(reference.y, measured.y)) / 2
    }

    private func shuffled(_ y: Matrix<Double>) -> Matrix<Double> {
        var random = SeededRandom(seed: seed, stream: 1)
        return y.gathering(random.permutation(y.rows))
    }

    private func transported(_ kind: GapKind, _ options: GapOptions, _ transport: ExactTransport?) throws -> GapMeasure {
        let n = min(measured.x.rows, options.transportSampleMax)
        func distance(_ a: Matrix<Double>, _ b: Matrix<Double>) throws -> Double {
            guard let transport else { return .nan }
            let rows = Array(0..<n)
            return try transport(a.gathering(rows).converted(to: Float.self), b.gathering(rows).converted(to: Float.self))
        }
        // Across the halves, as the nulls are: partners in one sample lie nearer than strangers, and would hide the gap.
        let value = (try distance(reference.x, measured.y) + distance(measured.x, reference.y)) / 2
        let same = try null(distance)
        return kind == .wasserstein
            ? GapMeasure(kind: kind, value: value, null: same, n: n)
            : GapMeasure(kind: kind, value: value - same, null: 0, n: n)
    }

    /// The null labels the rows of one modality by chance.
    private func separated(_ threads: Int) throws -> GapMeasure {
        let value = try ModalityGap.separability(train: reference, test: measured, threads: threads)
        func parts(_ cloud: Matrix<Double>) -> Clouds {
            let middle = cloud.rows / 2
            return (cloud.gathering(Array(0..<middle)), cloud.gathering(Array(middle..<2 * middle)))
        }
        let nulls = try [(reference.x, measured.x), (reference.y, measured.y)].map {
            try ModalityGap.separability(train: parts($0.0), test: parts($0.1), threads: threads)
        }
        return GapMeasure(kind: .separability, value: value, null: (nulls[0] + nulls[1]) / 2, n: measured.x.rows)
    }

    private func spread(_ kind: GapKind, _ cloud: Matrix<Double>, _ threads: Int) -> GapMeasure {
        var random = SeededRandom(seed: seed, stream: 2)
        let even = Matrix<Double>(
            rows: cloud.rows, columns: cloud.columns,
            elements: (0..<cloud.elements.count).map { _ in random.normal() }
        ).normalizingRows()
        return GapMeasure(
            kind: kind, value: ModalityGap.uniformity(cloud, threads: threads),
            null: ModalityGap.uniformity(even, threads: threads), n: cloud.rows)
    }
}
