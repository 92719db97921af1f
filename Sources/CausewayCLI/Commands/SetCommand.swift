/// `causeway set`: replaces the metadata of one embedding.
import Causeway

package enum SetCommand: Command {
    package static let description = CommandDescription(
        "set", topic: .data, summary: "Replace the metadata of an embedding", discussion: ["Atomic."],
        positionals: [.database()],
        options: [
            .collection, .modality,
            .value("id", "ID", isRequired: true, help: "the embedding"),
            .value("metadata", "JSON", isRequired: true, help: "a JSON object"),
        ],
        examples: [#"causeway set photos.db -c photos -m image --id 17 --metadata '{"year":2019,"tags":["cat"]}'"#],
        printsResults: true)

    package static func run(_ arguments: ParsedArguments, _ context: Context) throws {
        let collection = try arguments.database(.readWrite).collection(arguments.text("collection"))
        try collection.setMetadata(arguments.text("metadata"), of: arguments.text("id"), in: arguments.text("modality"))
        try context.print(["id": .text(arguments.text("id")), "metadata": .raw(arguments.text("metadata"))])
    }
}
