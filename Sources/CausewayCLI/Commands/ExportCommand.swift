/// `causeway export`: writes a modality to a file that other programs read.
import Causeway

package enum ExportCommand: Command {
    package static let description = CommandDescription(
        "export", topic: .data, summary: "Write the embeddings of a modality to a file",
        discussion: [
            "In the order of insertion, bit for bit as they were stored. The name decides the form: .jsonl (or -) has whole "
                + "records, which ingest takes back; .npy, .fvecs and .safetensors have the vectors, a row each.",
            "Atomic: the file appears whole or not at all.",
        ],
        positionals: [.database()],
        options: [
            .collection, .modality,
            .value("to", "FILE", kind: .file, isRequired: true, help: "the file to write; - is standard output, as .jsonl"),
            .value("ids", "FILE", kind: .file, help: "also write the ids, one a line"),
            .filter,
        ],
        examples: ["causeway export photos.db --collection photos --modality image --to images.npy --ids names.txt"],
        printsResults: true)

    package static func run(_ arguments: ParsedArguments, _ context: Context) throws {
        let collection = try arguments.database(.readOnly).collection(arguments.text("collection"))
        let (handler, finish) = context.progressHandler(unit: "embeddings")
        defer { finish() }
        let count = try collection.export(
            arguments.text("modality"), to: arguments.text("to"), ids: arguments.textIfGiven("ids"),
            where: arguments.textIfGiven("where"), progress: handler)
        finish()
        if arguments.text("to") != "-" { try context.print(["exported": .integer(count)]) }
    }
}
