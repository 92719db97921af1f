/// What an index finds of the exact best, for stored queries: the figures of an audit. Measures nothing itself.
public struct IndexAudit: Sendable {
    /// How much of the exact best k one metric's ordinary search found.
    public struct Recall: Sendable {
        public var k: Int
        /// Mean over the queries of (hits as good as the exact k-th)/(as many as there are, at most k).
        public var mean: Evaluation.Figure
        /// Recall that 95 % of the queries reach or pass.
        public var fifthPercentile: Double
        public var minimum: Double
        /// The queries with the lowest recall, worst first, ties by id; none where nothing was missed.
        public var worst: [(id: String, recall: Double)]
        /// Means over the queries.
        public var nodesVisited: Double
        public var vectorsRead: Double
        public var milliseconds: Double
        /// How most queries were answered, in the words of a search's explanation.
        public var plan: String
    }

    public struct MetricResult: Sendable {
        public var metric: Metric
        /// By k, ascending.
        public var recalls: [Recall]
    }

    public var from: String
    public var to: String
    public var queries: Int
    /// Distinct items that the target's embeddings show.
    public var items: Int
    /// Embeddings of the target, which were searched.
    public var embeddings: Int
    /// The filter given, how many embeddings match it, and their share.
    public var filter: (text: String, matches: Int, selectivity: Double)?
    public var metrics: [MetricResult]
}

public struct IndexAuditOptions: Sendable {
    /// Nil is the collection's own: see `defaultMetric`.
    public var metrics: [Metric]?
    public var at: [Int] = [1, 5, 10]
    /// At most this many stored queries, drawn with the seed.
    public var queries = 256
    public var filter: String?
    /// The ordinary search's work; nil is its default.
    public var effort: SearchOptions.Effort?
    public var seed: UInt64 = 0
    public var threads = IndexOptions.processors
    /// How many of the worst queries are named.
    public var worstMax = 5

    public init() {}
}
