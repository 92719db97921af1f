/// How well a metric finds the pairs a collection holds, in figures with intervals.
public struct Evaluation: Sendable {
    public struct Figure: Sendable, Equatable {
        public var value: Double
        /// The 95 % interval by bootstrap over queries.
        public var low: Double
        public var high: Double
    }

    public struct MetricResult: Sendable {
        public var metric: Metric
        /// Queries and embeddings that were compared: all of the evaluation's, but for those without tokens under a metric on
        /// token sets. Embeddings left out rank last.
        public var queries: Int
        public var embeddings: Int
        /// Share of queries with a right answer among the best k, by k.
        public var recall: [(k: Int, figure: Figure)]
        /// Of the first right answer, from 1.
        public var medianRank: Figure
        public var meanReciprocalRank: Figure
        public var meanAveragePrecision: Figure
        /// How the scores were corrected.
        public var normalization = ScoreNormalization.none
        /// Of the query bank, as it was chosen on the bank's own pairs.
        public var bankTemperature: Double?
        /// Of a metric on token sets: what a search that lets cosine narrow must compare. Empty for others.
        public var candidateBudgets: [CandidateBudget] = []
    }

    /// How many of the nearest by cosine must be compared so that this share of the exact best k is among them: measured as
    /// `index tune --metric` does, on at most `queries` of the queries, spread evenly.
    public struct CandidateBudget: Sendable, Equatable {
        public var k: Int
        /// The share asked for.
        public var recall: Double
        /// Nil where no number up to `candidatesMax` reaches the share at 95 % confidence, or too few queries could show it.
        public var candidates: Int?

        /// The most queries that are measured.
        public static let queriesMax = TokenBudgets.queriesMax
        /// The most candidates that are considered.
        public static let candidatesMax = TokenBudgets.budgetMax
    }

    public var from: String
    public var to: String
    /// Queries that have a right answer.
    public var queries: Int
    /// Distinct items that the target's embeddings show.
    public var items: Int
    /// Embeddings of the target, with all of which each query was compared: ranks are among them.
    public var embeddings: Int
    public var metrics: [MetricResult]
    /// Whether only items that no training saw were asked for.
    public var onHeldOutItems = false
    /// Cautions: what could not be compared.
    public var notes: [String] = []
}

public struct EvaluationOptions: Sendable {
    /// Nil is the collection's own: see `defaultMetric`.
    public var metrics: [Metric]?
    public var at: [Int] = [1, 5, 10]
    /// At most this many queries, drawn with the seed; nil means all.
    public var queries: Int?
    public var seed: UInt64 = 0
    public var threads: Int
    var restriction = QueryRestriction()

    public init(metrics: [Metric]? = nil, at: [Int] = [1, 5, 10], queries: Int? = nil, seed: UInt64 = 0) {
        self.metrics = metrics
        self.at = at
        self.queries = queries
        self.seed = seed
        threads = IndexOptions.processors
    }
}
