/// All gap measures of a pair of modalities, raw and centred, each with its null, its n and its caution.
/// Rows are split by a seed into two disjoint halves: the first gives means and trains the classifier, the second is
/// measured, and the distance between the halves of one modality is the null.
import Foundation
import Platform

package enum GapKind: String, Sendable, Codable, CaseIterable {
    case centroidGap = "centroid-gap"
    case wasserstein
    case debiasedWasserstein = "debiased-wasserstein"
    case energyDistance = "energy-distance"
    case maximumMeanDiscrepancy = "mmd-rbf"
    case gaussianWasserstein = "gaussian-wasserstein"
    case separability
    case alignment
    case uniformitySource = "uniformity-source"
    case uniformityTarget = "uniformity-target"
    case linearCKA = "linear-cka"
    case mutualNearestNeighbours = "mutual-nearest-neighbours"
    case relativeGap = "relative-gap"

    /// Needs row i of one modality to belong to row i of the other.
    package var needsPairs: Bool {
        [.alignment, .linearCKA, .mutualNearestNeighbours, .relativeGap].contains(self)
    }

    /// Compares vectors of the two modalities coordinate by coordinate.
    package var needsEqualDimensions: Bool {
        ![.uniformitySource, .uniformityTarget, .linearCKA, .mutualNearestNeighbours].contains(self)
    }

    package var caution: String {
        switch self {
        case .centroidGap: "Sees means only. The null is what two halves of one modality show at this n."
        case .wasserstein: "Biased up by sampling: at this n two halves of one modality already lie the null apart."
        case .debiasedWasserstein:
            "W1 minus the null of W1, so that its own is 0: comparable between sets of equal n only, may be negative."
        case .energyDistance: "U statistic: unbiased, may be slightly negative when the clouds agree."
        case .maximumMeanDiscrepancy: "Squared, U statistic; depends on the kernel width, taken from the raw data."
        case .gaussianWasserstein: "Sees means and covariances only; biased up while n is not far above the dimension."
        case .separability:
            "Accuracy on rows not trained on; 1 says that a plane divides the modalities, not how far apart they are."
        case .alignment:
            "Mean squared distance of pairs; a shift common to all pairs counts. The null pairs rows at random."
        case .uniformitySource, .uniformityTarget:
            "Spread of one modality on the sphere; the null is an even spread of equally many points."
        case .linearCKA:
            "Blind to translation, rotation and scale; biased up unless n is far above the dimension. The null pairs at random."
        case .mutualNearestNeighbours:
            "Depends on k and n; blind to translation of a whole modality. The null is chance, k/(n−1)."
        case .relativeGap:
            "Share of pair distance against spread within modalities; 0.5 says pairs are no closer than strangers."
        }
    }
}

package struct GapMeasure: Sendable, Equatable, Codable {
    package var kind: GapKind
    package var value: Double
    package var null: Double?
    /// Rows a cloud.
    package var n: Int
}

package struct GapOmission: Sendable, Equatable, Codable {
    package var kind: GapKind
    package var reason: String
}

package struct GapReport: Sendable, Equatable, Codable {
    package var raw: [GapMeasure]
    /// After subtracting each modality's mean (of the other half) and renormalising.
    package var centred: [GapMeasure]
    package var omitted: [GapOmission]

    package func value(_ kind: GapKind, centred: Bool = false) -> Double? {
        (centred ? self.centred : raw).first { $0.kind == kind }?.value
    }
}

package struct GapOptions: Sendable {
    package var seed: UInt64 = 0
    /// Rows a half, at most, for everything but exact transport (cost grows with the square).
    package var sampleMax = 2_000
    /// Rows a half, at most, for exact transport (cost grows with the cube).
    package var transportSampleMax = 500
    package var neighbours = 10
    package var threads = Parallel.processorCount
    package init() {}
}

package enum GapError: Error, Equatable, Sendable, CustomStringConvertible {
    case tooFewRows(got: Int, needed: Int)
    case cancelled

    package var description: String {
        switch self {
        case .tooFewRows(let got, let needed):
            "a gap needs at least \(needed) rows a modality, this one has \(got): add more"
        case .cancelled: "measuring the gap was cancelled"
        }
    }
}

/// W1 between two clouds of equally many rows, uniform weights, Euclidean cost.
package typealias ExactTransport = (Matrix<Float>, Matrix<Float>) throws -> Double

/// Measures the gap. Rows of zeros stay zero; everything else is scaled to unit length first.
/// - paired: row i of `source` and row i of `target` belong to one item; give one row an item, or halves share items.
package func measureGap(
    source: Matrix<Float>, target: Matrix<Float>, paired: Bool, options: GapOptions = GapOptions(),
    exactTransport: ExactTransport? = nil, cancellation: Cancellation? = nil,
    progress: ((_ done: Int, _ total: Int) -> Void)? = nil
) throws -> GapReport {
    precondition(!paired || source.rows == target.rows, "pairs need equally many rows")
    let fewest = min(source.rows, target.rows)
    guard fewest >= 8 else { throw GapError.tooFewRows(got: fewest, needed: 8) }
    var report = GapReport(raw: [], centred: [], omitted: [])
    for kind in GapKind.allCases {
        if let reason = omission(of: kind, source, target, paired, exactTransport == nil) {
            report.omitted.append(GapOmission(kind: kind, reason: reason))
        }
    }
    let wanted = Set(GapKind.allCases).subtracting(report.omitted.map(\.kind))
    let raw = GapHalves(source, target, paired, options)
    let width = wanted.contains(.maximumMeanDiscrepancy)
        ? ModalityGap.kernelWidth(raw.measured.x, raw.measured.y, threads: options.threads) : 1
    for (halves, isCentred) in [(raw, false), (raw.centred(), true)] {
        for kind in GapKind.allCases where wanted.contains(kind) {
            progress?(report.raw.count + report.centred.count, 2 * wanted.count)
            if cancellation?.isCancelled == true { throw GapError.cancelled }
            let measure = try halves.measure(kind, options, width, exactTransport)
            if isCentred { report.centred.append(measure) } else { report.raw.append(measure) }
        }
    }
    return report
}

private func omission(
    of kind: GapKind, _ x: Matrix<Float>, _ y: Matrix<Float>, _ paired: Bool, _ lacksTransport: Bool
) -> String? {
    if kind.needsEqualDimensions && x.columns != y.columns {
        return "the modalities differ in dimension (\(x.columns) and \(y.columns))"
    }
    if kind.needsPairs && !paired { return "it needs pairs" }
    if lacksTransport && (kind == .wasserstein || kind == .debiasedWasserstein) { return "no exact transport was given" }
    return nil
}
