/// How far two modalities lie apart, by many measures: the figures, and what may be chosen. Measures nothing itself.
import VectorMath

/// The gap between two modalities of a collection.
public struct ModalityGapReport: Sendable {
    /// One measure, on vectors as stored (scaled to unit length) and after subtracting each modality's mean.
    public struct Measure: Sendable, Equatable {
        public var name: String
        public var value: Double
        /// What the measure gives where there is nothing to find; what that is, the caution says.
        public var null: Double?
        public var centred: Double
        public var centredNull: Double?
        /// Rows a modality.
        public var n: Int
        /// What the figure does not say.
        public var caution: String
    }

    /// A measure that does not apply to these modalities, and why.
    public struct Omission: Sendable, Equatable {
        public var name: String
        public var caution: String
    }

    public var between: [String]
    public var measures: [Measure]
    public var leftOut: [Omission]
    /// Whether row i of one sample belongs to row i of the other: one row a modality of each sampled item.
    public var isPaired: Bool
    /// Rows of each modality that were read: two halves.
    public var sampled: Int
}

public struct ModalityGapOptions: Sendable {
    /// What sampling and halving follow from.
    public var seed: UInt64 = 0
    static let sampleMin = 4
    /// Rows of each half, at most, taken as at least 4; time grows with its square.
    public var sampleMax = 2_000
    /// Rows of each half, at most, for exact transport, whose time grows with the cube.
    public var transportSampleMax = 500
    public var threads = IndexOptions.processors

    public init(seed: UInt64 = 0) { self.seed = seed }
}

extension ModalityGapReport {
    init(_ report: GapReport, between: [String], isPaired: Bool, sampled: Int) {
        self.between = between
        self.isPaired = isPaired
        self.sampled = sampled
        measures = zip(report.raw, report.centred).map { raw, centred in
            Measure(
                name: raw.kind.name(between), value: raw.value, null: raw.null, centred: centred.value,
                centredNull: centred.null, n: raw.n, caution: raw.kind.caution)
        }
        leftOut = report.omitted.map { Omission(name: $0.kind.name(between), caution: "Left out: \($0.reason).") }
    }
}

extension GapKind {
    /// `uniformity-image` says more than `uniformity-source`.
    fileprivate func name(_ between: [String]) -> String {
        switch self {
        case .uniformitySource: "uniformity-\(between[0])"
        case .uniformityTarget: "uniformity-\(between[1])"
        default: rawValue
        }
    }
}
