/// `causeway info`: what a database holds and what it stands on.
import Causeway

package enum InfoCommand: Command {
    package static let description = CommandDescription(
        "info", topic: .care, summary: "Show what a database holds and stands on",
        positionals: [.database()], examples: ["causeway info photos.db"], printsResults: true)

    package static func run(_ arguments: ParsedArguments, _ context: Context) throws {
        let info = try arguments.database(.readOnly).info()
        guard context.format == .table else { return try context.print(info.json) }
        for line in lines(of: info.facts, format: .table) { try context.output.writeLine(line) }
        let results = context.results(["collection", "modality", "dimension", "embeddings", "producer", "index"])
        for collection in info.collections {
            for (modality, index) in zip(collection.modalities, collection.indexes) {
                try results.add([
                    "collection": .text(collection.name), "modality": .text(modality.name),
                    "dimension": .integer(modality.dimension), "embeddings": .integer(modality.count),
                    "producer": modality.producer.map(JSONValue.text) ?? .null, "index": .text(index.state.rawValue),
                ])
            }
        }
        if !info.collections.isEmpty { try context.output.writeLine("") }
        try results.finish()
    }
}

extension DatabaseInfo {
    fileprivate var facts: JSONValue {
        [
            "path": .text(path), "uuid": .text(uuid), "format": .integer(formatVersion), "bytes": .integer(bytes),
            "pageSize": .integer(pageSize), "sqlite": .text(sqliteVersion),
            "sqliteHasWALResetFix": .bool(sqliteHasWALResetFix),
            "instructionSet": .text(instructionSet),
        ]
    }

    fileprivate var json: JSONValue {
        let collections = collections.map { collection -> JSONValue in
            let modalities = zip(collection.modalities, collection.indexes).map { modality, index in
                modality.json(index: index)
            }
            return [
                "name": .text(collection.name), "defaultMetric": .text(collection.defaultMetricName),
                "modalities": .array(modalities),
            ]
        }
        return .object(facts.members + [JSONMember("collections", .array(collections))])
    }
}

extension Modality {
    func json(index: IndexStatus) -> JSONValue {
        [
            "name": .text(name), "dimension": .integer(dimension),
            "tokenDimension": tokenDimension.map { .integer($0) } ?? .null,
            "tokenStorage": tokenDimension == nil ? .null : .text(tokenPrecision.rawValue),
            "producer": producer.map(JSONValue.text) ?? .null, "embeddings": .integer(count), "index": index.json(),
        ]
    }
}
