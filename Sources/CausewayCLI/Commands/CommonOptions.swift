/// Options and steps that several commands share: naming a collection, opening the database, telling progress.
import Causeway
import Synchronization

extension OptionDescription {
    static let collection = OptionDescription.value(
        "collection", "C", short: "c", kind: .name, isRequired: true, help: "the collection, such as photos")
    static let anyCollection = OptionDescription.value(
        "collection", "C", short: "c", kind: .name, help: "the collection; all of them when left out")
    static let modality = OptionDescription.value(
        "modality", "M", short: "m", kind: .name, isRequired: true, help: "the modality, such as image or text")
    static let anyModality = OptionDescription.value(
        "modality", "M", short: "m", kind: .name, help: "the modality; all of them when left out")
    static let filter = OptionDescription.value(
        "where", "EXPR", help: "only embeddings whose metadata match, such as \"year >= 2019 AND tags CONTAINS 'cat'\"")
    static let noMerge = OptionDescription.flag(
        "no-merge", help: "leave indexes as they are, however far behind: what is new is searched beside them")
    static let threads = OptionDescription.value(
        "threads", "N", kind: .integer(1...256), help: "threads to use; all processors when left out")
    static let seed = OptionDescription.value(
        "seed", "S", kind: .integer(0...Int.max), default: "0", help: "what every random choice follows from")
}

extension ParsedArguments {
    /// Opens the database of the argument DB. One of an earlier version is brought up to date first, whatever the command.
    /// - Parameter cancellation: for commands that must end in order though they take long and show no progress.
    func database(_ access: Database.Access, stoppedBy cancellation: Cancellation? = nil) throws -> Database {
        func open(_ access: Database.Access) throws -> Database {
            try Database(path: text("DB"), access: access, upkeep: .manual, cancellation: cancellation)
        }
        do {
            return try open(access)
        } catch CausewayError.olderFormat {
            try open(.readWrite).close()
            return try open(access)
        }
    }

    /// The metric named by --metric; nil leaves it to the collection.
    var metricIfGiven: Metric? {
        get throws { try textIfGiven("metric").map { try Metric(named: $0) } }
    }

    /// The collections meant: the one named, or all.
    func collections(of database: Database) throws -> [EmbeddingCollection] {
        if let name = textIfGiven("collection") { return [database.collection(name)] }
        return try database.collections()
    }
}

extension Context {
    /// A handler that shows progress and stops the work at SIGINT; and what to call when the work is done.
    func progressHandler(unit: String) -> (handler: ProgressHandler, finish: () -> Void) {
        let cancellation = cancellation
        let bars = ProgressBars(context: self, unit: unit)
        return ({ progress in
            bars.show(progress)
            return !cancellation.isCancelled
        }, { bars.finish() })
    }
}

extension Context {
    /// Takes what the command wrote into the indexes that exist, where enough has come together. It is on disk and searched
    /// already: nothing that goes wrong here but an interruption fails the command.
    func maintainIndexes(of collection: EmbeddingCollection) throws {
        let (handler, finish) = progressHandler(unit: "embeddings")
        defer { finish() }
        do {
            for report in try collection.maintainIndexes(progress: handler) {
                finish()
                note("index of \(report.modality): \(report.outcome.words) in \(rounded(report.seconds)) s")
            }
        } catch CausewayError.cancelled {
            throw CausewayError.cancelled
        } catch {
            note("the indexes were left as they are: \(error)")
        }
    }
}

/// One bar at a time: a new stage ends the bar before. What is waited for is said once.
private final class ProgressBars: Sendable {
    private struct Current: Sendable { var stage: String, bar: Progress }
    private let obstacles = Mutex<Set<String>>([])
    private let context: Context
    private let unit: String
    private let current = Mutex<Current?>(nil)

    init(context: Context, unit: String) {
        self.context = context
        self.unit = unit
    }

    func show(_ progress: Causeway.Progress) {
        if let obstacle = progress.waitsFor {
            finish()
            if obstacles.withLock({ $0.insert(obstacle).inserted }) { context.note("waiting for \(obstacle)") }
            return
        }
        let bar = current.withLock { current -> Progress in
            if let known = current, known.stage == progress.stage { return known.bar }
            current?.bar.finish()
            let bar = context.progress(
                progress.stage, unit: unit, total: progress.total, alreadyDone: progress.alreadyDone)
            current = Current(stage: progress.stage, bar: bar)
            return bar
        }
        bar.update(progress.done)
    }

    func finish() { current.withLock { $0?.bar.finish() } }
}

extension CausewayError {
    /// The terms of the command line: a status, what happened, and the remedy.
    var failure: CommandFailure {
        let status: ExitStatus = switch self {
        case .badInput, .dimensionMismatch, .producerMismatch, .duplicateID: .badInput
        case .badFilter, .unknownMetric, .badMetric: .usage
        case .locked: .locked
        case .cancelled: .interrupted
        case .outputClosed: .done
        default: .failed
        }
        return CommandFailure(status, parts.what, remedy: parts.remedy)
    }
}
