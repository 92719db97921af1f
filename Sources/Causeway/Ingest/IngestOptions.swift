/// How embeddings are taken in, and what came of it.
public struct IngestOptions: Sendable {
    public enum Conflict: String, Sendable, CaseIterable {
        /// An id that exists refuses the batch.
        case error
        /// The stored embedding stays.
        case skip
        /// The new embedding takes its place.
        case replace
    }

    public var onConflict = Conflict.error
    /// Embeddings per transaction, each acknowledged when it is on disk; 1…100 000.
    public var batchSize = 1_000
    /// The model that made the vectors. Recorded once a modality; another one later is refused.
    public var producer: String?
    /// Goes on where an interrupted ingest of the same source stopped: all its files count, those of ids and tokens too.
    public var resume = false
    /// How the numbers of tokens are kept, declared with the first tokens of a modality; nil follows what was declared,
    /// and is lossless where nothing was.
    public var tokenPrecision: TokenPrecision?
    /// Reads and checks everything, writes nothing.
    public var dryRun = false

    public init(
        onConflict: Conflict = .error, batchSize: Int = 1_000, producer: String? = nil, resume: Bool = false,
        dryRun: Bool = false
    ) {
        self.onConflict = onConflict
        self.batchSize = batchSize
        self.producer = producer
        self.resume = resume
        self.dryRun = dryRun
    }
}

/// What an ingest did.
public struct IngestReport: Sendable, Equatable {
    public var inserted = 0
    public var replaced = 0
    public var skipped = 0
    /// Embeddings that an earlier, interrupted ingest of the same source had taken in.
    public var resumedAfter = 0
    public var bytesOfVectors = 0
    public var seconds = 0.0
    public init() {}

    mutating func add(_ other: IngestReport) {
        inserted += other.inserted
        replaced += other.replaced
        skipped += other.skipped
        resumedAfter += other.resumedAfter
        bytesOfVectors += other.bytesOfVectors
        seconds += other.seconds
    }
}

/// How far a long operation is.
public struct Progress: Sendable {
    public var stage: String
    public var done: Int
    /// Nil where the end is not known.
    public var total: Int?
    /// How much of `done` an earlier, interrupted run had done.
    public var alreadyDone = 0
    /// What keeps the work from going on, told again and again; nil while it goes on.
    public var waitsFor: String?

    public init(stage: String, done: Int, total: Int?, alreadyDone: Int = 0) {
        self.alreadyDone = alreadyDone
        self.stage = stage
        self.done = done
        self.total = total
    }

    init(waitingFor obstacle: String) {
        self.init(stage: "wait", done: 0, total: nil)
        waitsFor = obstacle
    }
}

/// Called from time to time during long work, on the thread that does it; returning false cancels the work. It may call the
/// database again, and sees what is committed.
public typealias ProgressHandler = @Sendable (Progress) -> Bool
