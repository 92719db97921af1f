/// What a search across modalities may ask for beyond a metric, and what it answers. Searches nothing itself.
import VectorMath

/// How scores are corrected before they are compared. A bank is at most 1,000 stored queries, and at most half of them, drawn by
/// the seed; what is near to all of them (a hub) is marked down. Its temperature, between 0.005 and 0.2, is the one that finds
/// the bank's own pairs best, each query judged by the others; 0.05 where the bank has no pairs.
public enum ScoreNormalization: String, Sendable, CaseIterable {
    case none
    /// Inverted softmax over the bank.
    case bank
    /// Bank and candidates balanced by five Sinkhorn iterations, so that each bank query has one say in all.
    case balancedBank = "bank:sinkhorn"

    var form: QueryBank.Form? {
        switch self {
        case .none: nil
        case .bank: .softmax
        case .balancedBank: .sinkhorn
        }
    }
}

public struct CrossSearchOptions: Sendable {
    public var search: SearchOptions
    /// A trained model that decides, in place of `search.metric`.
    public var model: String?
    public var normalization = ScoreNormalization.none
    /// Hits less probable than this to show the query's item are left out, 0…1.
    public var minProbability: Double?
    /// A modality that is searched in place of the target's; its hits lead to the target by their items.
    public var via: String?
    /// What samples (the bank, the calibration) are drawn by.
    public var seed: UInt64 = 0

    public init(search: SearchOptions = SearchOptions()) { self.search = search }

    /// The name of what scores are of, given the metric that is searched by.
    public func metricName(_ metric: Metric) -> String { model.map { "learned:" + $0 } ?? metric.name }
    public func isSimilarity(_ metric: Metric) -> Bool { model != nil || normalization != .none || metric.isSimilarity }
}

/// One answer, with what only some searches know.
public struct CrossHit: Sendable, Equatable {
    public var id: String
    public var item: String
    public var modality: String
    /// Of the metric; less what the query bank takes, where there is one.
    public var score: Double
    /// The score in standard deviations above that of chance pairs: what merged answers are ordered by.
    public var standardized: Double?
    /// That the hit shows the query's item, from the stored pairs.
    public var probability: Double?
    /// The embedding of the modality between that led here.
    public var via: String?
    /// Which query token went to which token, where it was asked for: of this embedding, or of the one that led here.
    public var transportPlan: [TokenFlow]?
}

public struct CrossSearchAnswer: Sendable {
    /// Best first.
    public var hits: [CrossHit]
    public var metricName: String
    public var isSimilarity: Bool
    public var explanation: Explanation
}
