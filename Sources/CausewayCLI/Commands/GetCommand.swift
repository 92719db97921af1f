/// `causeway get` and `causeway list`: what is stored, one embedding or many.
import Causeway

package enum GetCommand: Command {
    package static let description = CommandDescription(
        "get", topic: .data, summary: "Show an embedding with its vector, tokens and metadata",
        positionals: [.database()],
        options: [
            .collection, .modality, .values("id", "ID", .oneOrMore, isRequired: true, help: "the ids to show"),
            .flag("no-vector", help: "leave the numbers out"),
        ],
        examples: ["causeway get photos.db --collection photos --modality image --id 17"], printsResults: true)

    package static func run(_ arguments: ParsedArguments, _ context: Context) throws {
        let collection = try arguments.database(.readOnly).collection(arguments.text("collection"))
        let modality = arguments.text("modality")
        let results = context.results(["id", "item", "metadata", "vector"])
        for id in arguments.texts("id") {
            guard let embedding = try collection.embedding(id: id, in: modality) else {
                throw CausewayError.unknownID(id, modality: modality)
            }
            try results.add(embedding.json(modality: modality, numbers: !arguments.flag("no-vector")))
        }
        try results.finish()
    }
}

package enum ListCommand: Command {
    package static let description = CommandDescription(
        "list", topic: .data, summary: "List the embeddings of a modality in the order of insertion",
        discussion: [
            "One state of the database, whatever is written meanwhile. Another listing goes on after the last position of this "
                + "one; what is replaced takes a new position at the end.",
        ],
        positionals: [.database()],
        options: [
            .collection, .modality, .filter,
            .value("limit", "N", short: "n", kind: .integer(1...Int.max), default: "100", help: "how many at most"),
            .value("after", "POSITION", kind: .integer(0...Int.max), help: "go on after this position"),
            .flag("all", help: "list everything"),
        ],
        constraints: [.atMostOne(["all", "limit"])],
        examples: ["causeway list photos.db -c photos -m image --where 'year >= 2019' -n 20"], printsResults: true)

    package static func run(_ arguments: ParsedArguments, _ context: Context) throws {
        let collection = try arguments.database(.readOnly).collection(arguments.text("collection"))
        let results = context.results(["id", "item", "position", "sequence", "metadata"])
        try collection.forEachSummary(
            in: arguments.text("modality"), after: arguments.integerIfGiven("after").map(Int64.init),
            limit: arguments.flag("all") ? .max : arguments.integer("limit"), where: arguments.textIfGiven("where")
        ) { try results.add($0.json) }
        try results.finish()
    }
}

extension EmbeddingSummary {
    fileprivate var json: JSONValue {
        [
            "id": .text(id), "item": .text(item), "position": .integer(position), "sequence": .integer(sequence),
            "metadata": metadata.map(JSONValue.raw) ?? .null,
        ]
    }
}

extension Embedding {
    fileprivate func json(modality: String, numbers: Bool) -> JSONValue {
        var members = [
            JSONMember("modality", .text(modality)), JSONMember("id", .text(id)), JSONMember("item", .text(item)),
        ]
        if numbers { members.append(JSONMember("vector", .array(vector.map(JSONValue.float)))) }
        if let tokens, numbers {
            let rows = (0..<tokens.count).map { row in
                JSONValue.array(
                    tokens.values[row * tokens.dimension..<(row + 1) * tokens.dimension].map(JSONValue.float))
            }
            members.append(JSONMember("tokens", .array(rows)))
            if let weights = tokens.weights {
                members.append(JSONMember("weights", .array(weights.map(JSONValue.float))))
            }
        }
        if let metadata { members.append(JSONMember("metadata", .raw(metadata))) }
        return .object(members)
    }
}
