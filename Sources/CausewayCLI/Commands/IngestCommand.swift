/// `causeway ingest`: takes embeddings in from files of matrices or of JSON records.
import Causeway
import Foundation

package enum IngestCommand: Command {
    package static let description = CommandDescription(
        "ingest", topic: .data, summary: "Take embeddings in from files",
        discussion: [
            "A FILE is a matrix with an embedding a row (.npy .npz .fvecs .bvecs .safetensors) or JSON records, one a line "
                + "(.jsonl). - is standard input: records or a .npy. Rows of several files count on from one to the next.",
            "Every batch is a transaction: kept whole or not at all, and on disk before the next begins. Bad input is refused "
                + "with file, row and reason, and nothing of its batch is kept. An interrupted ingest goes on with --resume, as "
                + "long as its files have not changed.",
        ],
        positionals: [
            .database("the database file, made when it is missing"),
            PositionalDescription("FILE", .oneOrMore, kind: .file, help: "what to take in"),
        ],
        options: [
            .collection,
            .value("modality", "M", short: "m", kind: .name, help: "the modality; needed for matrices, the default for records"),
            .value("array", "NAME", help: "the array inside .npz or .safetensors"),
            .value("ids", "FILE", kind: .file, help: "ids, a line a row; row numbers when left out"),
            .value("items", "FILE", kind: .file, help: "items, a line a row; the ids when left out"),
            .value("metadata", "FILE", kind: .file, help: "JSON objects, a line a row; null or nothing where there are none"),
            .value("tokens", "FILE", kind: .file, help: "all tokens, a (T, t) matrix"),
            .value("token-offsets", "FILE", kind: .file, help: "n + 1 integers: row i owns tokens offsets[i] ..< offsets[i+1]"),
            .value("token-weights", "FILE", kind: .file, help: "a weight a token"),
            .value("token-mask", "FILE", kind: .file, help: "1 or 0 a token: 0 is padding, which is dropped"),
            .value(
                "token-storage", "TYPE", kind: .choice(TokenPrecision.allCases.map(\.rawValue)),
                help: "how tokens are kept, declared with the first of a modality: float32 to the bit, or float16, rounded to "
                    + "two bytes a number (their 8-bit codes stay: a database of tokens shrinks to some 0.7, not to half); what "
                    + "was declared, or float32, when left out"),
            .value("model", "NAME", help: "what made the vectors; recorded once, another one later is refused"),
            .value(
                "on-conflict", "POLICY", kind: .choice(IngestOptions.Conflict.allCases.map(\.rawValue)), default: "error",
                help: "what becomes of an id that exists: error, skip or replace"),
            .value("batch", "N", kind: .integer(1...100_000), default: "1000", help: "embeddings a transaction"),
            .flag("resume", help: "go on where an interrupted ingest of the same files stopped, ids and tokens included"),
            .flag("dry-run", help: "read and check everything, write nothing"), .noMerge,
        ],
        constraints: [
            .requires("token-offsets", "tokens"), .requires("token-weights", "tokens"), .requires("token-mask", "tokens"),
            .requires("tokens", "token-offsets"),
        ],
        examples: [
            "causeway ingest photos.db --collection photos --modality image images.npy --ids names.txt",
            "encoder | causeway ingest photos.db --collection photos -",
        ],
        printsResults: true)

    package static func run(_ arguments: ParsedArguments, _ context: Context) throws {
        let inputs = try inputs(arguments)
        let (handler, finish) = context.progressHandler(unit: "embeddings")  // before there is a folder to take away again
        let scratch = arguments.flag("dry-run") ? try ScratchDatabase(insteadOf: arguments.text("DB")) : nil
        let database = try scratch?.database ?? arguments.database(arguments.flag("dry-run") ? .readOnly : .create)
        let collection = database.collection(arguments.text("collection"))
        let options = options(arguments)
        defer { finish() }
        let modality = arguments.textIfGiven("modality")
        let report = if !inputs[0].isRecords, let modality {
            try collection.ingest(
                matrices: inputs, matrices(arguments), into: modality, options: options, progress: handler)
        } else {
            try collection.ingest(records: inputs, defaultModality: modality, options: options, progress: handler)
        }
        finish()
        withExtendedLifetime(scratch) {}
        try context.print(report.json(dryRun: options.dryRun))
        let isThereAny = report.taken + report.resumedAfter > 0
        if isThereAny && !options.dryRun && !arguments.flag("no-merge") { try context.maintainIndexes(of: collection) }
    }

    /// Either matrices, for which there is a modality, or records, which have no files beside them.
    private static func inputs(_ arguments: ParsedArguments) throws -> [IngestInput] {
        let beside = ["ids", "items", "metadata", "tokens", "token-offsets", "token-weights", "token-mask"]
        try arguments.refuseSharedStandardInput(among: ["FILE"] + beside)
        let inputs = try arguments.texts("FILE").map { try IngestInput($0, array: arguments.textIfGiven("array")) }
        guard inputs.allSatisfy({ $0.isRecords == inputs[0].isRecords }) else {
            throw arguments.usageError("JSON records and matrices in one call; ingest them one after the other")
        }
        if inputs[0].isRecords {
            for name in ["array"] + beside where arguments.isGiven(name) {
                throw arguments.usageError("--\(name) goes with a matrix; records carry their own")
            }
        } else if !arguments.isGiven("modality") {
            throw arguments.usageError("a matrix needs --modality")
        }
        return inputs
    }

    private static func options(_ arguments: ParsedArguments) -> IngestOptions {
        var options = IngestOptions(
            onConflict: arguments.choice("on-conflict", as: IngestOptions.Conflict.self),
            batchSize: arguments.integer("batch"), producer: arguments.textIfGiven("model"),
            resume: arguments.flag("resume"), dryRun: arguments.flag("dry-run"))
        if arguments.isGiven("token-storage") {
            options.tokenPrecision = arguments.choice("token-storage", as: TokenPrecision.self)
        }
        return options
    }

    private static func matrices(_ arguments: ParsedArguments) -> MatrixFiles {
        var files = MatrixFiles(arguments.texts("FILE"), array: arguments.textIfGiven("array"))
        files.ids = arguments.textIfGiven("ids")
        files.items = arguments.textIfGiven("items")
        files.metadata = arguments.textIfGiven("metadata")
        files.tokens = arguments.textIfGiven("tokens")
        files.tokenOffsets = arguments.textIfGiven("token-offsets")
        files.tokenWeights = arguments.textIfGiven("token-weights")
        files.tokenMask = arguments.textIfGiven("token-mask")
        return files
    }
}

/// An empty database in the temporary directory, for a dry run into one that does not exist. Goes with the last reference.
private final class ScratchDatabase {
    private let folder: URL
    let database: Database

    /// Nil when there is something at `path`.
    init?(insteadOf path: String) throws {
        guard !FileManager.default.fileExists(atPath: path) else { return nil }
        folder = FileManager.default.temporaryDirectory.appendingPathComponent("causeway-dry-run-\(UUID().uuidString)")
        try makeDirectory(folder.path)
        database = try Database(path: folder.appendingPathComponent("empty.db").path)
    }

    deinit {
        database.close()
        try? FileManager.default.removeItem(at: folder)
    }
}

extension IngestReport {
    fileprivate var taken: Int { inserted + replaced + skipped }

    fileprivate func json(dryRun: Bool) -> JSONValue {
        [
            dryRun ? "wouldInsert" : "inserted": .integer(inserted), "replaced": .integer(replaced),
            "skipped": .integer(skipped), "resumedAfter": .integer(resumedAfter), "seconds": .real(rounded(seconds)),
            "rowsPerSecond": .integer(Int(Double(taken) / max(seconds, 1e-9))),
        ]
    }
}

/// Seconds to the microsecond: more digits say nothing.
func rounded(_ seconds: Double) -> Double { (seconds * 1e6).rounded() / 1e6 }
