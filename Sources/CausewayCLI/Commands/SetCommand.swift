/// `causeway set`: replaces the metadata of one embedding, or the metric a collection is searched by.
import Causeway

package enum SetCommand: Command {
    package static let description = CommandDescription(
        "set", topic: .data, summary: "Replace the metadata of an embedding, or a collection's default metric",
        discussion: [
            "Atomic. The default metric is what search, evaluate, index tune and align calibrate go by where none is named; it "
                + "is cosine until one is set.",
        ],
        positionals: [.database()],
        options: [
            .collection, .anyModality,
            .value("id", "ID", help: "the embedding"),
            .value("metadata", "JSON", help: "a JSON object"),
            .value(
                "default-metric", "NAME", kind: .suggested(Metric.names),
                help: "the metric where none is named, such as cosine or wasserstein:cosine"),
        ],
        constraints: [
            .exactlyOne(["metadata", "default-metric"]), .requires("metadata", "id"), .requires("metadata", "modality"),
            .requires("id", "metadata"), .requires("modality", "metadata"),
        ],
        examples: [
            #"causeway set photos.db -c photos -m image --id 17 --metadata '{"year":2019,"tags":["cat"]}'"#,
            "causeway set photos.db -c photos --default-metric wasserstein",
        ],
        printsResults: true)

    package static func run(_ arguments: ParsedArguments, _ context: Context) throws {
        let collection = try arguments.database(.readWrite).collection(arguments.text("collection"))
        if let name = arguments.textIfGiven("default-metric") {
            let metric = try Metric(named: name)
            try collection.setDefaultMetric(metric)
            return try context.print(["collection": .text(collection.name), "defaultMetric": .text(metric.name)])
        }
        try collection.setMetadata(arguments.text("metadata"), of: arguments.text("id"), in: arguments.text("modality"))
        try context.print(["id": .text(arguments.text("id")), "metadata": .raw(arguments.text("metadata"))])
    }
}
