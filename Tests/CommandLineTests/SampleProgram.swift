/// A small program of two commands, and channels in memory, for the tests of the command-line framework.
import CausewayCLI
import Synchronization

/// Keeps what is written to it.
final class MemoryChannel: OutputChannel {
    let isTerminal: Bool
    let columns: Int?
    private let bytes = Mutex<[UInt8]>([])
    private let failure: OutputError?

    init(isTerminal: Bool = false, columns: Int? = nil, failing failure: OutputError? = nil) {
        self.isTerminal = isTerminal
        self.columns = columns
        self.failure = failure
    }

    func write(_ new: [UInt8]) throws(OutputError) {
        if let failure { throw failure }
        bytes.withLock { $0 += new }
    }

    var text: String { String(decoding: bytes.withLock { $0 }, as: UTF8.self) }
}

/// Prints what it was given; its description uses every feature of the framework.
enum SearchCommand: Command {
    static let description = CommandDescription(
        "search", topic: .search, summary: "Find the nearest embeddings",
        discussion: ["Results come best first; equal scores are ordered by id."],
        positionals: [.database()],
        options: [
            .value("collection", "C", aliases: ["coll"], isRequired: true, help: "the collection"),
            .value("k", "K", kind: .integer(1...10_000), default: "10", help: "results per query"),
            .value("metric", "NAME", kind: .choice(["cosine", "dot", "euclidean"]), help: "how embeddings are compared"),
            .value("vector", "JSON|FILE", kind: .file, help: "a query vector"),
            .values("id", "ID", .oneOrMore, help: "queries that are stored already"),
            .values("between", "M1 M2", .exactly(2), help: "two modalities"),
            .value("recall", "R", kind: .real(0.01...1), help: "share of the true results wanted"),
            .value("label", "L", repeats: true, help: "may be given several times"),
            .value("at", "1,5,10", kind: .integers(1...1000), default: "1,5,10", help: "ranks to report"),
            .flag("exact", short: "x", help: "scan everything"),
            .flag("secret", isHidden: true, help: "never shown"),
        ],
        constraints: [.exactlyOne(["vector", "id"]), .atMostOne(["recall", "exact"]), .requires("label", "between")],
        examples: ["causeway search photos.db --collection photos --id cap-7"], printsResults: true)

    static func run(_ arguments: ParsedArguments, _ context: Context) throws {
        let results = context.results(["rank", "id", .init("score", title: "similarity")])
        for (rank, id) in arguments.texts("id").enumerated() {
            try results.add(["rank": .integer(rank + 1), "id": .text(id), "score": .real(0.5 / Double(rank + 1))])
        }
        try results.finish()
    }
}

/// Fails as its argument says.
enum FailCommand: Command {
    static let description = CommandDescription(
        "index", "break", topic: .index, summary: "Fail in a chosen way",
        positionals: [PositionalDescription("HOW", .optional, help: "the way")])

    struct ForeignError: Error {}

    static func run(_ arguments: ParsedArguments, _ context: Context) throws {
        switch arguments.textIfGiven("HOW") {
        case "locked": throw CommandFailure(.locked, "photos.db is locked\nby another writer", remedy: "try again later")
        case "foreign": throw ForeignError()
        case "damage": throw QuietExit(.damage)
        case "interrupt":
            context.cancellation.cancel()
            throw ForeignError()
        default: try context.print(["name": "x", "size": ["rows": 3, "mean": 0.25]])
        }
    }
}

let sampleProgram = Program(
    version: "9.9", summary: "A sample.", commands: [SearchCommand.self, FailCommand.self, CompletionsCommand.self],
    groups: [CommandGroup("index", summary: "Work on indexes")],
    explain: { $0 is FailCommand.ForeignError ? CommandFailure(.badInput, "row 7 of a.npy: not a number") : nil })

struct Outcome: Equatable {
    var status: ExitStatus
    var output: String
    var errors: String
}

/// Runs the sample program on words split at blanks.
func run(_ line: String, output: MemoryChannel = MemoryChannel()) -> Outcome {
    run(line.split(separator: " ").map(String.init), output: output)
}

func run(_ arguments: [String], output: MemoryChannel = MemoryChannel()) -> Outcome {
    let errors = MemoryChannel()
    let status = sampleProgram.run(arguments, in: Surroundings(output: output, errors: errors))
    return Outcome(status: status, output: output.text, errors: errors.text)
}
