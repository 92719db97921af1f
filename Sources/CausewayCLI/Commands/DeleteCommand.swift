/// `causeway delete`: removes embeddings by id or by filter, in one transaction.
import Causeway

package enum DeleteCommand: Command {
    package static let description = CommandDescription(
        "delete", topic: .data, summary: "Delete embeddings by id or by filter",
        discussion: ["Atomic: all are deleted, or none. An id that is not there refuses the call unless --ignore-missing."],
        positionals: [.database()],
        options: [
            .collection, .modality,
            .values("id", "ID", .oneOrMore, help: "the ids to delete"),
            .value("ids", "FILE", kind: .file, help: "the ids to delete, one a line; - is standard input"),
            .filter,
            .flag("ignore-missing", help: "pass over ids that are not there"), .noMerge,
        ],
        constraints: [.exactlyOne(["id", "ids", "where"])],
        examples: ["causeway delete photos.db --collection photos --modality image --where \"license = 'unknown'\""],
        printsResults: true)

    package static func run(_ arguments: ParsedArguments, _ context: Context) throws {
        // Before interrupts wait for their turn: standard input may take as long as it likes.
        let ids = try arguments.textIfGiven("ids").map { try readLines(ofFile: $0) } ?? arguments.texts("id")
        let database = try arguments.database(.readWrite, stoppedBy: context.cancellation)
        let collection = database.collection(arguments.text("collection"))
        let modality = arguments.text("modality")
        let deleted = if let filter = arguments.textIfGiven("where") {
            try collection.delete(where: filter, from: modality)
        } else {
            try collection.delete(ids: ids, from: modality, ignoringMissing: arguments.flag("ignore-missing"))
        }
        try context.print(["deleted": .integer(deleted)])
        if deleted > 0 && !arguments.flag("no-merge") { try context.maintainIndexes(of: collection) }
    }
}
