/// How an index is built, and what came of it.
public struct IndexOptions: Sendable {
    /// Trades build time and memory against the width that a recall needs.
    public enum Quality: String, Sendable, CaseIterable { case fast, balanced, high }

    /// Nil means as the graph that stands was built, balanced where there is none.
    public var quality: Quality?
    /// Threads for building, taken from 1 to 256; the bytes of the graph do not depend on it.
    public var threads: Int
    /// Builds even where the index is sound and little has changed.
    public var rebuild = false
    /// Whose queries get links of their own in the graph.
    public enum CrossModal: Sendable, Equatable {
        /// Those of every other modality of the same dimension, where they pay.
        case automatic
        /// Those of the modalities named, whether they pay or not; none at all when empty.
        case modalities([String])
    }
    /// Nil means as for the graph that stands, automatic where there is none.
    public var crossModal: CrossModal?
    /// Merges whatever changed, however little.
    var mergesEverything = false
    /// The seed of levels, order and rotation.
    public var seed: UInt64 = 0x6361_7573_6577_6179

    public init(
        quality: Quality? = nil, threads: Int? = nil, rebuild: Bool = false, crossModal: CrossModal? = nil
    ) {
        self.quality = quality
        self.threads = threads ?? IndexOptions.processors
        self.rebuild = rebuild
        self.crossModal = crossModal
    }
}

/// What became of one modality's index.
public struct IndexReport: Sendable {
    public enum Outcome: Sendable, Equatable {
        case built
        /// What changed was taken into the graph that stood.
        case merged
        /// Kept: it was built as the options ask, its file is sound, and of its rows under a tenth were deleted and under a
        /// quarter (at most 8,192) added since. Those are searched beside it.
        case current
        /// So few embeddings (under 2,000) that a scan is as fast.
        case tooSmall
        /// Another process published an index while this one was being built; its index stands.
        case superseded
    }

    public var modality: String
    public var outcome: Outcome
    /// Embeddings in the graph, those that share a node with an identical one, and zero vectors left out of it.
    public var embeddings = 0
    public var duplicates = 0
    public var zeroVectors = 0
    public var damagedRows = 0
    public var bytes = 0
    public var seconds = 0.0
    public var tuningSeconds = 0.0
    /// Token sets of an earlier format that were given codes, which spare searches most reading.
    public var codedTokenSets = 0
    /// What was decided about links for queries of other modalities; empty where there are none to consider.
    public var crossModal: [CrossModalEdges] = []
}

/// The state of one modality's index.
public struct IndexStatus: Sendable {
    public enum State: String, Sendable { case none, current, stale, missing, damaged }

    public var modality: String
    public var state: State
    /// Why a missing or damaged index cannot be used, or what a stale one lacks.
    public var detail: String?
    public var embeddings: Int
    public var embeddingsInGraph = 0
    /// Rows inserted or changed, and rows deleted, since the graph was built.
    public var changedSince = 0
    public var deletedSince = 0
    public var file: String?
    public var bytes = 0
    public var generation: Int64?
    /// What the graph was built with; nil without one, or where its parameters are those of no quality.
    public var quality: IndexOptions.Quality?
    public var tunings: [Tuning] = []
    public var crossModal: [CrossModalEdges] = []
}

/// One measured row of the table that turns a recall asked for into work.
public struct Tuning: Sendable, Equatable {
    public var from: String
    public var metric: String
    public var k: Int
    public var recallTarget: Double
    public var width: Int
    /// Candidates that the exact metric must see.
    public var candidates: Int
    public var meanRecall: Double
    public var fifthPercentile: Double
    public var minimum: Double
    /// The lower 95 % confidence bound of the mean, which reaches the target.
    public var lowerBound: Double
    /// Measured on another graph than the one in force, or before more than a quarter of the modality changed.
    public var isStale: Bool
}
