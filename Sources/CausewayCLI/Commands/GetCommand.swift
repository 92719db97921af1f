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
        positionals: [.database()],
        options: [
            .collection, .modality, .filter,
            .value("limit", "N", short: "n", kind: .integer(1...Int.max), default: "100", help: "how many at most"),
            .value("after", "ID", help: "go on after this id"),
            .flag("all", help: "list everything"),
        ],
        constraints: [.atMostOne(["all", "limit"])],
        examples: ["causeway list photos.db -c photos -m image --where 'year >= 2019' -n 20"], printsResults: true)

    /// Rows fetched at a time, so that memory stays small whatever is listed.
    private static let page = 1_000

    package static func run(_ arguments: ParsedArguments, _ context: Context) throws {
        let collection = try arguments.database(.readOnly).collection(arguments.text("collection"))
        let results = context.results(["id", "item", "sequence", "metadata"])
        var after = arguments.textIfGiven("after")
        var left = arguments.flag("all") ? Int.max : arguments.integer("limit")
        while left > 0 {
            let filter = arguments.textIfGiven("where")
            let page = try collection.list(
                in: arguments.text("modality"), after: after, limit: filter == nil ? min(left, Self.page) : left,
                where: filter)
            for summary in page { try results.add(summary.json) }
            if filter != nil || page.count < Self.page { break }
            left -= page.count
            after = page.last?.id
        }
        try results.finish()
    }
}

extension EmbeddingSummary {
    fileprivate var json: JSONValue {
        [
            "id": .text(id), "item": .text(item), "sequence": .integer(sequence),
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
