/// What is asked, how, and what comes back. Runs nothing.
import Storage

/// What is asked: a vector, or a stored embedding by its id, and the modality it comes from.
public struct Query: Sendable {
    enum Source: Sendable {
        case vector([Float])
        case tokens(TokenSet)
        case stored(id: String)
    }

    let source: Source
    /// The query's modality; nil means the target's own, or the only one that has the stored embedding.
    let modality: String?
    /// The tokens of a vector that is not stored, for the metrics on token sets.
    var tokens: TokenSet?
    /// Rows of the target that are not stored as far as this query is concerned.
    var hidden: [RowID] = []

    /// A vector that is not stored. `modality` names where it comes from, the target's own when nil: it picks the tuning measured
    /// for such queries, and the links made for them. One of another modality that does not say so is searched too narrowly.
    /// - Parameter tokens: what the metrics on token sets compare; the vector then proposes candidates by cosine.
    public static func vector(_ vector: [Float], tokens: TokenSet? = nil, from modality: String? = nil) -> Query {
        Query(source: .vector(vector), modality: modality, tokens: tokens)
    }

    /// Tokens whose plain mean is the vector, where tokens have the target's dimension.
    public static func tokens(_ tokens: TokenSet, from modality: String? = nil) -> Query {
        Query(source: .tokens(tokens), modality: modality, tokens: tokens)
    }

    /// The stored vector and tokens of an embedding; where `modality` is not named, of the target, or of the only modality of the
    /// collection that has the id.
    public static func embedding(id: String, from modality: String? = nil) -> Query {
        Query(source: .stored(id: id), modality: modality)
    }
}

/// How to search. The defaults are right for most: ten hits by the collection's metric at a recall of 0.98.
public struct SearchOptions: Sendable {
    /// How much work is spent on finding candidates.
    public enum Effort: Sendable, Equatable {
        /// The least width whose measured recall, at the lower 95 % bound, reaches this (0…1, exclusive).
        case recall(Double)
        /// This width of the graph search (at least k is used).
        case width(Int)
        /// Everything is scanned: the oracle.
        case exact
    }

    /// Number of hits wanted, at least 1; more than there are means all.
    public var k = 10
    /// Nil is the collection's own: see `defaultMetric`.
    public var metric: Metric?
    public var effort = Effort.recall(0.98)
    /// How many candidates the exact metric sees; nil lets the measured budget decide. Under a metric on token sets this takes
    /// the place of what the effort would ask for; an exact search sees everything.
    public var candidates: Int?
    /// A predicate over metadata, id and item, e.g. `year >= 2019 AND tags CONTAINS 'cat'`. Ids and items are texts. A quote in
    /// a text is doubled: `Filter.quoted` does so, and is how what a user typed goes in.
    public var filter: String?
    /// Under an exact transport metric, also which token of the query went to which of each hit.
    public var transportPlans = false
    /// The only rows that may answer, in place of a filter, where they are known already.
    var matches: FilterMatches?

    public init(
        k: Int = 10, metric: Metric? = nil, effort: Effort = .recall(0.98), candidates: Int? = nil, filter: String? = nil
    ) {
        self.k = k
        self.metric = metric
        self.effort = effort
        self.candidates = candidates
        self.filter = filter
    }

    /// The same with a metric known, as everything behind the entrance to a search takes it.
    struct Decided: Sendable {
        var k: Int
        var metric: Metric
        var effort: Effort
        var candidates: Int?
        /// So many candidates and no more. Otherwise a number stands for that many nearest by cosine, and what the codes cannot
        /// tell from them is a candidate too: a budget is measured in exact ranks.
        var isStrict = false
        var filter: String?
        var transportPlans = false
        var matches: FilterMatches?
    }

    func decided(_ metric: Metric) -> Decided {
        Decided(
            k: k, metric: metric, effort: effort, candidates: candidates, isStrict: candidates != nil, filter: filter,
            transportPlans: transportPlans, matches: matches)
    }
}

/// One answer of a search.
public struct Hit: Sendable, Equatable {
    public var id: String
    public var item: String
    /// The exact value of the metric on the stored float32 vectors: a similarity or a distance, as the metric says.
    public var score: Double
    /// Which query token went to which token of this embedding, where it was asked for; by query token, then token.
    public var transportPlan: [TokenFlow]?

    public init(id: String, item: String, score: Double) {
        self.id = id
        self.item = item
        self.score = score
    }
}

/// Mass that optimal transport sends from one token of the query to one of a hit.
public struct TokenFlow: Sendable, Equatable {
    /// Places in the token sets as they were given and stored, from 0.
    public var queryToken: Int
    public var token: Int
    /// As a share of all mass: the flows of a plan sum to 1.
    public var mass: Double
}

/// How much work a metric on token sets took. Compared sets are solved, abandoned or pruned.
public struct TokenWork: Sendable, Equatable {
    /// Compared to the end.
    public var solved = 0
    /// Begun, and left once a lower bound passed the k-th best.
    public var abandoned = 0
    /// Never begun: the lower bound was above the k-th best.
    public var pruned = 0
    /// Read a second time because the costs of all candidates did not fit the memory budget.
    public var reloaded = 0
    /// Candidates without tokens, left out.
    public var withoutTokens = 0

    static func + (a: TokenWork, b: TokenWork) -> TokenWork {
        TokenWork(
            solved: a.solved + b.solved, abandoned: a.abandoned + b.abandoned, pruned: a.pruned + b.pruned,
            reloaded: a.reloaded + b.reloaded, withoutTokens: a.withoutTokens + b.withoutTokens)
    }
}

/// The answer to one query, best first, ties by id.
public struct SearchAnswer: Sendable {
    public var hits: [Hit]
    public var metric: Metric
    public var explanation: Explanation
}

/// What a search did: the plan in words, the work in counts, the time in seconds per stage.
public struct Explanation: Sendable, Equatable {
    /// "graph", "code scan" or "exact scan", with the reason where it is not the usual one.
    public var plan = ""
    /// Between the plans of several modalities, each told once.
    static let planSeparator = "; "
    /// True where everything was compared for want of an index or of a measurement that says how far to look.
    public var isFallback = false
    /// Width of the graph search, 0 where there was none.
    public var width = 0
    /// Nodes whose neighbours were looked at, and codes compared: of vectors, and of token sets.
    public var nodesVisited = 0
    public var codesCompared = 0
    /// Candidates found, those whose stored vector was read, and those whose error bound ruled them out.
    public var candidates = 0
    public var reranked = 0
    /// Of those re-ranked, the ones whose decoded vector was still in memory.
    public var cached = 0
    public var pruned = 0
    /// Decoded bytes of stored vectors that the exact stage read.
    public var bytesRead = 0
    /// Rows that match the filter; nil without one.
    public var filterMatches: Int?
    /// Rows newer than the graph, searched beside it.
    public var rowsBesideGraph = 0
    /// Stored vectors that failed their checksum and were left out.
    public var damagedRows = 0
    /// A caution a user should see, such as a missing index.
    public var notes: [String] = []
    /// Under a metric on token sets.
    public var tokens: TokenWork?
    public var seconds = StageSeconds()

    static func damageNote(_ count: Int) -> String {
        "\(count) damaged row\(count == 1 ? " was" : "s were") left out; run `causeway check --deep`"
    }

    mutating func leaveOut(damaged count: Int) {
        guard count > 0 else { return }
        damagedRows += count
        notes.append(Self.damageNote(count))
    }

    /// Adds the work of a search made before this one for the same answer; what was found and noted is this one's.
    mutating func add(workOf before: Explanation) {
        nodesVisited += before.nodesVisited
        codesCompared += before.codesCompared
        candidates += before.candidates
        reranked += before.reranked
        cached += before.cached
        pruned += before.pruned
        bytesRead += before.bytesRead
        if let work = before.tokens { tokens = (tokens ?? TokenWork()) + work }
        seconds.add(before.seconds)
    }

    /// Of all stages. Queries that shared one pass over the rows share its time in equal parts.
    public var totalSeconds: Double { Stage.allCases.reduce(0) { $0 + (seconds[$1] ?? 0) } }

    /// `read` is kept apart from `rerank` under metrics on token sets, which are tens of times as large as vectors.
    public enum Stage: Int, Sendable, CaseIterable { case filter, candidates, read, rerank, lookup }

    /// Seconds of the stages that there were, without an allocation.
    public struct StageSeconds: Sendable, Equatable {
        private var values = SIMD8<Double>(repeating: -1)

        public init() {}

        /// Nil for a stage that did not run.
        public subscript(stage: Stage) -> Double? {
            get { values[stage.rawValue] < 0 ? nil : values[stage.rawValue] }
            set { values[stage.rawValue] = newValue ?? -1 }
        }

        mutating func add(_ seconds: Double, to stage: Stage) { self[stage] = (self[stage] ?? 0) + seconds }

        /// Adds the other's seconds, stage by stage.
        mutating func add(_ other: StageSeconds) {
            for stage in Stage.allCases {
                if let seconds = other[stage] { add(seconds, to: stage) }
            }
        }
    }
}
