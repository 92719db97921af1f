/// `causeway export`: writes a modality to a file that other programs read.
import Causeway

package enum ExportCommand: Command {
    package static let description = CommandDescription(
        "export", topic: .data, summary: "Write the embeddings of a modality to a file",
        discussion: [
            "In the order of insertion, bit for bit as they were stored. The name decides the form: .jsonl (or -) has whole "
                + "records, which ingest takes back; .npy, .fvecs and .safetensors have the vectors, a row each.",
            "A matrix leaves tokens out, and says so, unless --tokens and --token-offsets name files for them: what ingest takes "
                + "under the same names.",
            "Atomic: each file appears whole or not at all, that of --to last.",
        ],
        positionals: [.database()],
        options: [
            .collection, .modality,
            .value("to", "FILE", kind: .file, isRequired: true, help: "the file to write; - is standard output, as .jsonl"),
            .value("ids", "FILE", kind: .file, help: "also write the ids, one a line"),
            .value("tokens", "FILE", kind: .file, help: "also write all tokens, a (T, t) float32 .npy"),
            .value(
                "token-offsets", "FILE", kind: .file,
                help: "n + 1 integers, an int64 .npy: row i owns tokens offsets[i] ..< offsets[i+1]"),
            .value("token-weights", "FILE", kind: .file, help: "a weight a token, a float32 .npy; 1 where a set has none"),
            .filter,
        ],
        constraints: [
            .requires("tokens", "token-offsets"), .requires("token-offsets", "tokens"), .requires("token-weights", "tokens"),
        ],
        examples: ["causeway export photos.db --collection photos --modality image --to images.npy --ids names.txt"],
        printsResults: true)

    package static func run(_ arguments: ParsedArguments, _ context: Context) throws {
        try arguments.refuseSharedOutput(among: ["to", "ids", "tokens", "token-offsets", "token-weights"])
        let files = files(arguments)
        if let (reason, remedy) = files.fault { throw arguments.usageError("--to: \(reason), \(remedy)") }
        let collection = try arguments.database(.readOnly).collection(arguments.text("collection"))
        let (handler, finish) = context.progressHandler(unit: "embeddings")
        defer { finish() }
        let report = try collection.export(
            arguments.text("modality"), to: files, where: arguments.textIfGiven("where"), progress: handler)
        finish()
        for note in report.notes { context.note("note: \(note)") }
        if arguments.text("to") != "-" { try context.print(["exported": .integer(report.embeddings)]) }
    }

    private static func files(_ arguments: ParsedArguments) -> ExportFiles {
        var files = ExportFiles(arguments.text("to"))
        files.ids = arguments.textIfGiven("ids")
        files.tokens = arguments.textIfGiven("tokens")
        files.tokenOffsets = arguments.textIfGiven("token-offsets")
        files.tokenWeights = arguments.textIfGiven("token-weights")
        return files
    }
}
