/// What a caller may choose about training, and what he hears of it.
import Platform

package struct AlignmentTrainingOptions: Sendable {
    package var method: AlignmentMethod
    package var seed: UInt64 = 0
    /// Share of the items that no training sees; all reported figures come from it.
    package var heldOutShare = 0.2
    /// Share of the items that decides when gradient training stops.
    package var validationShare = 0.1
    /// Folds of the cross-validation of λ and components (ridge, cca, procrustes).
    package var folds = 4
    /// Fixes the regulariser (in units of the mean variance) instead of cross-validating it.
    package var lambda: Double?
    /// Fixes the number of components (cca; procrustes between different dimensions).
    package var components: Int?
    /// Width of the hidden layer: contrastive 0 (linear) when nil, ranking 64.
    package var hiddenWidth: Int?
    package var activation = Activation.gelu
    /// nil: 60 contrastive, 12 ranking.
    package var epochs: Int?
    /// Pairs a batch; nil: 256 contrastive, 48 ranking.
    package var batchSize: Int?
    /// nil: 3e-4 contrastive, 1e-3 ranking.
    package var learningRate: Double?
    /// Pull of the maps back to where they started, times the learning rate a step; nil: 10 contrastive, 0.1 ranking.
    package var decay: Double?
    /// Epochs without a better validation figure before training stops.
    package var patience = 8
    package var threads = Parallel.processorCount

    package init(method: AlignmentMethod) { self.method = method }
}

package struct AlignmentProgress: Sendable, Equatable {
    /// "cross-validation", "epoch" or "held-out evaluation".
    package var stage: String
    package var done: Int
    package var total: Int
    package var loss: Double?
    /// Mean reciprocal rank on the validation items.
    package var validation: Double?
}

package typealias AlignmentProgressHandler = (AlignmentProgress) -> Void

/// How held-out queries of one modality fared among held-out vectors of the other.
package struct DirectionReport: Sendable, Equatable, Codable {
    package var learned: RetrievalSummary
    /// The query moved by `transform`, plain cosine among stored vectors: what the ordinary graph would give exactly.
    package var transformed: RetrievalSummary
    /// Plain cosine, where the dimensions are equal.
    package var cosine: RetrievalSummary?
    package var candidates: Int
    /// Expected recall of guessing, at the same k as `learned.recall`.
    package var chance: [Double]
}

package struct AlignmentReport: Sendable, Equatable, Codable {
    package var method: AlignmentMethod
    package var trainingItems: Int
    package var trainingPairs: Int
    package var heldOutItems: Int
    /// Chosen by cross-validation or training: "lambda", "components", "power", "shrinkage", "epochs", "temperature" …
    package var settings: [String: Double]
    package var sourceToTarget: DirectionReport
    package var targetToSource: DirectionReport
    /// Why the model may not be worth using; nil when it clearly beats cosine (or chance).
    package var warning: String?
}
