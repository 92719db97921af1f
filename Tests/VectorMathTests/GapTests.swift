/// Gap measures against the shared reference cases, closed forms and their own definitions on real pairs.
import Foundation
import Testing
import VectorMath

@Suite(.enabled(if: SharedData.hasTransportCases, SharedData.noTransportCases)) struct GapReferenceTests {
    @Test func modalityGapCase() throws {
        let reference = try SharedData.transportCase("g01_gap")
        let x = SharedData.matrix(reference.input["x"]), y = SharedData.matrix(reference.input["y"])
        func check(_ name: String, _ value: Double) {
            let wanted = SharedData.number(reference.expect[name]) ?? .nan
            #expect(abs(value - wanted) <= reference.tolerance, "\(name): \(value), wanted \(wanted)")
        }
        check("centroid_gap", ModalityGap.centroidGap(x, y))
        check("rmg", ModalityGap.relativeGap(x, y))
        check("align", ModalityGap.alignment(x, y))
        check("uniform_x", ModalityGap.uniformity(x))
        check("uniform_y", ModalityGap.uniformity(y))
        check("linear_cka", ModalityGap.linearCKA(x, y))
        check("mutual_knn3", ModalityGap.mutualNearestNeighbours(x, y, k: 3))
        let cx = x.subtractingFromRows(x.columnMeans()).normalizingRows()
        let cy = y.subtractingFromRows(y.columnMeans()).normalizingRows()
        check("centred_centroid_gap", ModalityGap.centroidGap(cx, cy))
        for (name, a, b) in [("ranks_raw", x, y), ("ranks_centred", cx, cy)] {
            let scores = a.timesTranspose(b)
            let ranks = (0..<a.rows).map {
                relevantRanks(scores: Array(scores.row($0)), relevant: [$0], higherIsBetter: true)[0] - 1
            }
            #expect(ranks == reference.expect[name] as? [Int])
        }
    }

    @Test func energyAndKernelCase() throws {
        let reference = try SharedData.transportCase("m02_energy_mmd")
        let x = SharedData.matrix(reference.input["x"]), y = SharedData.matrix(reference.input["y"])
        let energy = ModalityGap.energyDistance(x, y), mmd = ModalityGap.squaredMMD(x, y, sigma: 1)
        let pairs = [
            ("energy_V", energy.v), ("energy_U", energy.u), ("mmd2_rbf_sigma1_V", mmd.v), ("mmd2_rbf_sigma1_U", mmd.u),
        ]
        for (name, value) in pairs {
            #expect(abs(value - (SharedData.number(reference.expect[name]) ?? .nan)) <= reference.tolerance, "\(name)")
        }
    }

    @Test func gaussianWassersteinCases() throws {
        let cloud = try SharedData.transportCase("m03_gaussian_w2")
        let diagonal = try SharedData.transportCase("m04_gaussian_diag")
        let value = try ModalityGap.gaussianWasserstein(
            SharedData.matrix(cloud.input["x"]), SharedData.matrix(cloud.input["y"]))
        #expect(abs(value - (SharedData.number(cloud.expect["W2"]) ?? .nan)) <= cloud.tolerance)
        let given = try ModalityGap.gaussianWasserstein(
            mean1: [0, 0], covariance1: SharedData.matrix(diagonal.input["s1"]), mean2: [3, 4],
            covariance2: SharedData.matrix(diagonal.input["s2"]))
        #expect(abs(given - (SharedData.number(diagonal.expect["W2"]) ?? .nan)) <= diagonal.tolerance)
    }
}

@Suite struct GapTests {
    private let base = randomMatrix(60, 8, seed: 21)

    @Test func aTranslationShowsInTheMeasuresThatSeeIt() throws {
        var shift = [Double](repeating: 0, count: 8)
        shift[2] = -3
        let moved = base.subtractingFromRows(shift)
        #expect(abs(ModalityGap.centroidGap(base, moved) - 3) < 1e-12)
        #expect(abs(ModalityGap.alignment(base, moved) - 9) < 1e-12)
        #expect(abs(try ModalityGap.gaussianWasserstein(base, moved) - 3) < 1e-6)
        #expect(abs(ModalityGap.linearCKA(base, moved) - 1) < 1e-12)
    }

    @Test func aCloudIsNoDistanceFromItself() throws {
        #expect(abs(ModalityGap.energyDistance(base, base).v) < 1e-12)
        #expect(abs(ModalityGap.squaredMMD(base, base, sigma: 2).v) < 1e-12)
        #expect(try ModalityGap.gaussianWasserstein(base, base) < 1e-6)
        #expect(ModalityGap.mutualNearestNeighbours(base, base, k: 5) == 1)
    }

    @Test func coincidentPointsAreNotSmearedByCancellation() {
        // Far from the origin, ‖x‖²+‖y‖²−2xy would give about 1e-7 for zero distances.
        let far = Matrix<Double>([[1000, 1000], [1000, 1000.001]])
        #expect(abs(ModalityGap.energyDistance(far, far).v) < 1e-15)
    }

    @Test func wideAndTallCloudsGiveOneGaussianDistance() throws {
        // Doubling every row leaves mean and population covariance alone, but takes the other road through the code.
        let x = randomMatrix(6, 8, seed: 22), y = randomMatrix(7, 8, seed: 23)
        let twice = { (m: Matrix<Double>) in Matrix(rows: 2 * m.rows, columns: 8, elements: m.elements + m.elements) }
        let once = try ModalityGap.gaussianWasserstein(x, y)
        #expect(abs(once - (try ModalityGap.gaussianWasserstein(twice(x), twice(y)))) < 1e-7)
    }

    @Test func weightedTokensHaveTheDistanceOfTheirMomentsAndNoMoreRowsThanDimensions() throws {
        for (seed, counts) in [(40, 3), (3, 40), (25, 30), (2, 3)].enumerated() {
            var random = SeededRandom(UInt64(seed + 70))
            let d = 4
            let clouds = try [counts.0, counts.1].map { count in
                try TokenCloud(
                    values: (0..<count * d).map { _ in Float(random.normal()) }, dimension: d,
                    weights: (0..<count).map { _ in random.uniform() + 0.1 }, ground: .euclidean, side: .query)
            }
            let tokens = try clouds.map { try GaussianTokens($0) }
            #expect(tokens.map(\.size) == [counts.0, counts.1].map { d + min($0, d) * d })
            let (x, y) = (moments(clouds[0]), moments(clouds[1]))
            let expected = try ModalityGap.gaussianWasserstein(
                mean1: x.mean, covariance1: x.covariance, mean2: y.mean, covariance2: y.covariance)
            let value = try #require(try ModalityGap.gaussianWasserstein(tokens[0], tokens[1]))
            #expect(abs(value - expected) < 1e-7, "\(counts)")
            for share in [0.1, 0.9, 0.99, 1, 1.01, 2] {
                let found = try ModalityGap.gaussianWasserstein(tokens[0], tokens[1], limit: share * value)
                #expect(share < 1 ? found == nil || found == value : found == value, "\(counts) limit \(share)")
            }
            #expect(try ModalityGap.gaussianWasserstein(tokens[0], tokens[1], limit: 0.01 * value) == nil, "\(counts)")
        }
    }

    private func moments(_ cloud: TokenCloud) -> (mean: [Double], covariance: Matrix<Double>) {
        let d = cloud.dimension, weights = cloud.normalisedWeights
        func average(_ term: (Int) -> Double) -> Double { weights.indices.reduce(0) { $0 + weights[$1] * term($1) } }
        func value(_ token: Int, _ k: Int) -> Double { Double(cloud.values[token * d + k]) }
        let mean = (0..<d).map { k in average { value($0, k) } }
        let covariance = (0..<d * d).map { cell in
            average { (value($0, cell / d) - mean[cell / d]) * (value($0, cell % d) - mean[cell % d]) }
        }
        return (mean, Matrix(rows: d, columns: d, elements: covariance))
    }

    @Test func logisticRegressionSolvesItsEquations() throws {
        let labels = (0..<60).map { base[$0, 0] + 0.5 * base[$0, 1] > 0.2 }
        let fit = try LogisticClassifier(base, labels: labels, c: 2)
        // At the optimum w = C·Σ (y − p)·x and Σ (y − p) = 0.
        var gradient = [Double](repeating: 0, count: 8), residual = 0.0
        for i in 0..<60 {
            let u = zip(base.row(i), fit.weights).reduce(fit.intercept) { $0 + $1.0 * $1.1 }
            let r = 2 * ((labels[i] ? 1 : 0) - 1 / (1 + exp(-u)))
            residual += r
            for j in 0..<8 { gradient[j] += r * base[i, j] }
        }
        for j in 0..<8 { #expect(abs(fit.weights[j] - gradient[j]) < 1e-4) }
        #expect(abs(residual) < 1e-4)
        #expect(fit.accuracy(on: base, labels: labels) > 0.95)
    }

    @Test func principalAxesAreTheLeadingEigenvectors() throws {
        let x = base.times(randomMatrix(8, 8, seed: 24))
        let components = try PrincipalComponents(x, count: 2)
        let centred = x.subtractingFromRows(x.columnMeans())
        let eigen = try SymmetricEigen((1 / 60.0) * centred.transposeTimes(centred))
        for i in 0..<2 {
            #expect(abs(components.variances[i] - eigen.values[i]) < 1e-9 * eigen.values[0])
            let dot = zip(components.axes.row(i), eigen.vectors.row(i)).reduce(0) { $0 + $1.0 * $1.1 }
            #expect(abs(abs(dot) - 1) < 1e-6)
        }
        let projected = components.project(x)
        #expect(projected.columns == 2)
        #expect(abs(projected.squaredFrobeniusNorm / 60 - components.variances[0] - components.variances[1]) < 1e-6)
    }
}

@Suite struct GapReportTests {
    private func clouds(_ rows: Int, _ shift: Float, seed: UInt64) -> (Matrix<Float>, Matrix<Float>) {
        let x = randomMatrix(rows, 6, seed: seed).converted(to: Float.self)
        let noise = randomMatrix(rows, 6, seed: seed + 1).converted(to: Float.self)
        var y = x + (0.3 as Float) * noise
        for i in 0..<rows { y[i, 0] += shift }
        return (x, y)
    }

    @Test func aShiftIsSeenAndCentringClosesIt() throws {
        let (x, y) = clouds(300, 3, seed: 31)
        let report = try measureGap(source: x, target: y, paired: true)
        for kind in [GapKind.centroidGap, .energyDistance, .gaussianWasserstein, .maximumMeanDiscrepancy, .separability] {
            let raw = try #require(report.raw.first { $0.kind == kind }), null = try #require(raw.null)
            let centred = try #require(report.value(kind, centred: true))
            #expect(raw.value > null + 0.15, "\(kind)")
            #expect(centred < raw.value - 0.15, "\(kind)")
            #expect(raw.n == 150)
        }
        #expect(report.omitted.map(\.kind) == [.wasserstein, .debiasedWasserstein])
    }

    @Test func nullsAndValuesAgreeForOneDistribution() throws {
        let (x, y) = (randomMatrix(400, 6, seed: 33), randomMatrix(400, 6, seed: 34))
        let report = try measureGap(source: x.converted(to: Float.self), target: y.converted(to: Float.self), paired: false)
        for kind in [GapKind.centroidGap, .energyDistance, .gaussianWasserstein, .separability] {
            let raw = try #require(report.raw.first { $0.kind == kind })
            #expect(abs(raw.value - (raw.null ?? .nan)) < 0.12, "\(kind)")
        }
        #expect(Set(report.omitted.map(\.kind)).isSuperset(of: GapKind.allCases.filter(\.needsPairs)))
    }

    @Test func transportIsDebiasedByTheNullsOfDisjointHalves() throws {
        let (x, y) = clouds(64, 2, seed: 35)
        var options = GapOptions()
        options.transportSampleMax = 20
        var sizes: [Int] = []
        let report = try measureGap(source: x, target: y, paired: true, options: options) { a, b in
            sizes.append(a.rows)
            #expect(a.rows == b.rows)
            #expect(Set(a.elements).intersection(b.elements).isEmpty)  // no row on both sides
            return [4, 6, 1, 2][(sizes.count - 1) % 4]
        }
        // Calls come as both values across the halves, null of source, null of target.
        #expect(report.value(.wasserstein) == 5 && report.value(.debiasedWasserstein) == 3.5)
        // What has its null taken off has nothing to find at zero.
        func nulls(_ measures: [GapMeasure], _ kind: GapKind) -> [Double?] { measures.filter { $0.kind == kind }.map(\.null) }
        for measures in [report.raw, report.centred] {
            #expect(nulls(measures, .wasserstein) == [1.5] && nulls(measures, .debiasedWasserstein) == [0])
        }
        #expect(Set(sizes) == [20])
    }

    @Test func modalitiesOfDifferentDimensionKeepWhatApplies() throws {
        let x = randomMatrix(40, 5, seed: 36).converted(to: Float.self)
        let y = randomMatrix(40, 7, seed: 37).converted(to: Float.self)
        let report = try measureGap(source: x, target: y, paired: true)
        #expect(report.raw.map(\.kind) == [.uniformitySource, .uniformityTarget, .linearCKA, .mutualNearestNeighbours])
        #expect(throws: GapError.tooFewRows(got: 3, needed: 8)) {
            try measureGap(source: x.gathering([0, 1, 2]), target: y.gathering([0, 1, 2]), paired: true)
        }
    }

    @Test func equalSeedsGiveEqualReportsOnAnyNumberOfThreads() throws {
        let (x, y) = clouds(60, 1, seed: 38)
        var one = GapOptions(), many = GapOptions()
        (one.threads, many.threads) = (1, 4)
        let first = try measureGap(source: x, target: y, paired: true, options: one)
        #expect(first == (try measureGap(source: x, target: y, paired: true, options: many)))
        one.seed = 1
        #expect(first != (try measureGap(source: x, target: y, paired: true, options: one)))
    }

    @Test(.enabled(if: isOptimised)) func realPairsShowThePublishedGap() throws {
        guard let image = SharedData.floats("modality-gap/clip_image.npy"),
            let text = SharedData.floats("modality-gap/clip_text.npy")
        else { return }
        let report = try measureGap(source: image, target: text, paired: true)
        for kind in GapKind.allCases {
            guard let raw = report.raw.first(where: { $0.kind == kind }), let centred = report.value(kind, centred: true)
            else { continue }
            print("gap \(kind.rawValue): \(raw.value) → \(centred), null \(raw.null ?? .nan), n \(raw.n)")
        }
        #expect(abs((report.value(.centroidGap) ?? 0) - 0.86) < 0.02)
        #expect(abs((report.value(.energyDistance) ?? 0) - 0.66) < 0.02)
        #expect(report.value(.separability) == 1)
        #expect((report.value(.separability, centred: true) ?? 1) < 0.8)
    }
}
