/// What is known of a trained model without loading it: where it comes from and how it fared. Scores nothing.
import Foundation
import Storage
import VectorMath

/// A stored alignment between two modalities; `learned:NAME` to search and evaluation.
public struct LearnedModel: Sendable {
    public enum Method: String, Sendable, CaseIterable {
        /// Each modality's mean subtracted.
        case center
        /// The orthogonal map nearest to the pairs.
        case procrustes
        /// Regularised linear regression of one modality on the other.
        case ridge
        /// Regularised canonical correlation.
        case cca
        /// Projection heads under symmetric InfoNCE with a learned temperature.
        case contrastive
        /// A small network that scores pairs, under a listwise loss.
        case ranking

        /// Whether `lambda` regularises it.
        public var takesLambda: Bool { [.procrustes, .ridge, .cca].contains(self) }
        /// Whether it learns by steps: with epochs, batches, a learning rate and a hidden layer.
        public var learnsBySteps: Bool { [.contrastive, .ranking].contains(self) }
    }

    /// A direction's figures on the held-out items.
    public struct Direction: Sendable {
        public var from: String
        public var to: String
        public var queries: Int
        public var candidates: Int
        /// By k, ascending: the model; the moved query among stored vectors, which a graph can search; plain cosine, where
        /// the dimensions are equal; and guessing.
        public var recall: [(k: Int, learned: Evaluation.Figure, moved: Double, cosine: Double?, chance: Double)]
        public var meanReciprocalRank: (learned: Evaluation.Figure, cosine: Double?)
    }

    public var name: String
    /// Counts the trainings under this name.
    public var version: Int
    public var from: String
    public var to: String
    public var method: Method
    /// ISO 8601, UTC.
    public var createdAt: String
    public var bytes: Int
    public var trainingItems: Int
    public var trainingPairs: Int
    public var heldOutItems: Int
    /// Chosen by cross-validation or training: "lambda", "components", "epochs" and the like.
    public var settings: [String: Double]
    /// Both ways, in the order of training first.
    public var heldOut: [Direction]
    /// Why the model may not be worth using, and the directions whose deepest recall is below that of plain cosine; nil when
    /// it clearly beats cosine (or guessing) both ways.
    public var warning: String?
    /// Why the model cannot be used now, such as another producer; nil when it can.
    public var obstacle: String?

    init(_ record: ModelRecord, from: ModalityRecord, to: ModalityRecord) throws(CausewayError) {
        guard let method = Method(rawValue: record.method),
            let report = try? JSONDecoder().decode(AlignmentReport.self, from: Data(record.report.utf8))
        else {
            throw .failed(
                what: "model \(record.name) was trained by a method this program does not know",
                remedy: "use a newer causeway, or delete it with `causeway align delete`")
        }
        (name, version, createdAt, bytes) = (record.name, record.version, record.createdAt, record.bytes.count)
        (self.from, self.to, self.method) = (from.name, to.name, method)
        trainingItems = report.trainingItems
        trainingPairs = report.trainingPairs
        heldOutItems = report.heldOutItems
        settings = report.settings
        heldOut = [
            Direction(report.sourceToTarget, from.name, to.name), Direction(report.targetToSource, to.name, from.name),
        ]
        warning = LearnedModel.warning(report, heldOut)
        obstacle = LearnedModel.obstacle(record, from: from, to: to)?.parts.what
    }

    /// The caution of the training, and every direction that finds less than plain cosine does.
    private static func warning(_ report: AlignmentReport, _ heldOut: [Direction]) -> String? {
        let worse = heldOut.compactMap { direction -> String? in
            guard let deepest = direction.recall.last, let cosine = deepest.cosine, deepest.learned.value < cosine
            else { return nil }
            return "from \(direction.from) to \(direction.to) recall@\(deepest.k) on held-out items is "
                + String(format: "%.3f, below the %.3f of plain cosine", deepest.learned.value, cosine)
        }
        let parts = [report.warning].compactMap { $0 } + worse
        return parts.isEmpty ? nil : parts.joined(separator: "; ")
    }

    /// - Throws: `.invalidArgument` for a name that `learned:NAME`, alone or in a list, could not name.
    static func validate(name: String) throws(CausewayError) {
        let isOneWord = name.unicodeScalars.allSatisfy { $0 != "," && !$0.properties.isWhitespace }
        guard isOneWord, StorageLimits.nameFault(name) == nil else {
            throw .invalidArgument(
                reason: "'\(name)' is no name for a model",
                remedy: "use 1 to \(StorageLimits.nameBytesMax) bytes without commas, white space or control characters")
        }
    }

    /// Why a stored model must not be used with these modalities.
    static func obstacle(_ record: ModelRecord, from: ModalityRecord, to: ModalityRecord) -> CausewayError? {
        for (modality, producer) in [(from, record.fromProducer), (to, record.toProducer)]
        where modality.producer != producer {
            return .failed(
                what: "model \(record.name) was trained on \(modality.name) made by \(producer ?? "an unnamed model"), "
                    + "which is now made by \(modality.producer ?? "an unnamed model")",
                remedy: "train it again with `causeway align train`")
        }
        return record.fault.map {
            .damaged(
                path: "model \(record.name)", what: $0,
                remedy: "train it again with `causeway align train`, or delete it with `causeway align delete`")
        }
    }
}

extension LearnedModel.Direction {
    init(_ report: DirectionReport, _ from: String, _ to: String) {
        (self.from, self.to) = (from, to)
        queries = report.learned.queries
        candidates = report.candidates
        recall = report.learned.recall.enumerated().map { index, learned in
            (learned.k, Evaluation.Figure(learned.hits), report.transformed.recall(at: learned.k) ?? 0,
             report.cosine?.recall(at: learned.k), index < report.chance.count ? report.chance[index] : 0)
        }
        meanReciprocalRank = (
            Evaluation.Figure(report.learned.meanReciprocalRank), report.cosine?.meanReciprocalRank.value)
    }
}

/// How a model is trained.
public struct TrainingOptions: Sendable {
    public var method: LearnedModel.Method
    /// Share of the items that no training sees, 0.05…0.5; all figures come from it.
    public var holdOut = 0.2
    public var seed: UInt64 = 0
    /// At most so many passes, 1…10 000.
    public var epochs: Int?
    /// Pairs a batch, 2…65 536.
    public var batchSize: Int?
    /// 1e-8…10.
    public var learningRate: Double?
    /// Width of the hidden layer of contrastive and ranking, 0…65 536; 0 makes contrastive linear.
    public var hiddenWidth: Int?
    /// Fixes the regulariser, 0…1e9 in units of the mean variance, instead of cross-validating it.
    public var lambda: Double?
    /// At most so many items are drawn for training and judging.
    public var itemsMax = 50_000
    /// Replaces a model of the name.
    public var replaces = false
    public var threads = IndexOptions.processors

    public init(method: LearnedModel.Method) { self.method = method }
}
