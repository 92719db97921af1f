/// `causeway search`: the best embeddings of a modality for one query or for a file of them.
import Causeway
import Foundation

package enum SearchCommand: Command {
    package static let description = CommandDescription(
        "search", topic: .search, summary: "Find the best embeddings for a query of any modality",
        discussion: [
            "The index proposes candidates by cosine; the stored vectors decide by the metric. Without an index everything is "
                + "scanned exactly, and the answer says so. Results come best first, ties by id (numbers by value).",
            "Metrics on token sets (wasserstein, max-sim and the like) compare the tokens of the query with those stored; "
                + "parameters follow the name: wasserstein:cosine, wasserstein2, sinkhorn:cosine:epsilon=0.05, "
                + "chamfer:euclidean, sliced-wasserstein:directions=128. Cosine of the vectors proposes the candidates: as "
                + "many as `index tune --metric` measured for the recall, or 1000. Under wasserstein "
                + "--explain adds which token went where.",
            "A trained model (learned:NAME) or a query bank decides among candidates that cosine finds: 100, or 10 times k, "
                + "unless --candidates, --ef or --exact asks for more.",
            "EXPR compares metadata: license = 'cc-by' AND year >= 2019 AND tags CONTAINS 'cat' AND NOT archived AND "
                + "author.name IN ('a','b') AND title LIKE 'red%' AND note IS NULL. id and item are fields too, and texts: "
                + "id = 77 asks for the id '77'.",
        ],
        positionals: [.database()],
        options: [
            .collection,
            .value("to", "M", isRequired: true, help: "the modality to search; several, as image,text, are merged"),
            .value("from", "M", help: "the query's modality; that of --id's embedding, or the target's own"),
            .value("id", "ID", help: "the query is the stored embedding of this id"),
            .value("vector", "VECTOR", help: "the query, as '[0.1, 0.2]' or a .npy file"),
            .value("row", "N", kind: .integer(0...Int.max), help: "the row of the --vector file; 0 when left out"),
            .value("queries", "FILE", kind: .file, help: "many queries, a row each"),
            .value("query-tokens", "FILE", kind: .file, help: "the tokens of all queries, a (T, t) matrix"),
            .value(
                "query-token-offsets", "FILE", kind: .file,
                help: "n + 1 integers: query i owns tokens offsets[i] ..< offsets[i+1]"),
            .value("query-token-weights", "FILE", kind: .file, help: "a weight a token"),
            .value("query-token-mask", "FILE", kind: .file, help: "1 or 0 a token: 0 is padding, which is dropped"),
            .value("k", "N", kind: .integer(1...100_000), default: "10", help: "how many hits"),
            .value(
                "metric", "NAME", kind: .suggested(Metric.names),
                help: Metric.names.joined(separator: ", ")
                    + "; learned:NAME for a trained model; the collection's own, or cosine, when left out"),
            .value("candidates", "N", kind: .integer(1...10_000_000), help: "how many the exact metric sees"),
            .filter,
            .value(
                "recall", "R", kind: .real(0.01...0.999),
                help: "the share of the true best to reach, as measured with stored embeddings for queries; 0.98 when left out; "
                    + "of the candidates, under a model or a bank"),
            .value(
                "ef", "N", kind: .integer(1...10_000_000),
                help: "the width of the graph search instead, and how many candidates a metric on token sets, a model or a bank "
                    + "decides among"),
            .flag("exact", help: "scan everything: the oracle"),
            .flag("explain", help: "add what was done: plan, nodes, reads, time"),
            .flag("timing", help: "a JSON line on standard error, measured round the searches alone"),
            .value(
                "threads", "N", kind: .integer(1...256), default: "1",
                help: "searches at once; a model or a bank uses them within one search too"),
            .value("batch", "N", kind: .integer(1...65_536), help: "how many of --queries share reads; 1 answers one by one"),
            .value("output", "FILE", kind: .file, help: "write the ids as int64, (queries, k), -1 where there are fewer"),
        ] + OptionDescription.acrossModalities,
        constraints: [
            .exactlyOne(["id", "vector", "queries"]), .atMostOne(["recall", "ef", "exact"]), .atMostOne(["candidates", "exact"]),
            .atMostOne(["explain", "output"]), .requires("row", "vector"),
            .requires("output", "queries"), .requires("batch", "queries"), .requires("query-tokens", "queries"),
            .requires("query-tokens", "query-token-offsets"), .requires("query-token-offsets", "query-tokens"),
            .requires("query-token-weights", "query-tokens"), .requires("query-token-mask", "query-tokens"),
        ],
        examples: [
            "causeway search photos.db --collection photos --from text --to image --vector query.npy",
            "causeway search photos.db --collection photos --to image --from text --id caption-17 --where 'year >= 2019'",
        ],
        printsResults: true)

    package static func run(_ arguments: ParsedArguments, _ context: Context) throws {
        try arguments.refuseContradictions()
        if arguments.isGiven("queries") && arguments.flag("explain") && context.format == .table {
            throw arguments.usageError("a table of --queries has no place for --explain: choose --format json or jsonl")
        }
        if try AcrossSearch.answered(arguments, context) { return }
        let collection = try arguments.database(.readOnly).collection(arguments.text("collection"))
        let request = try SearchRequest(arguments, collection)
        if let path = arguments.textIfGiven("queries") {
            try BatchSearch(collection: collection, request: request, context: context).run(path)
        } else {
            try single(arguments.query(from: request.source), request, collection, context)
        }
    }

    private static func single(
        _ query: Query, _ request: SearchRequest, _ collection: EmbeddingCollection, _ context: Context
    ) throws {
        var timing = Timing(threads: request.threads)
        let answer = try timing.measure {
            try collection.search([query], in: request.target, options: request.options, threads: request.threads)
        }[0]
        if request.timing { context.warn(timing.json.compact) }
        tell(answer.explanation, context)
        if context.format == .table {
            let results = context.results(["rank", "id", "item", .init(answer.metric.key)])
            for (rank, hit) in answer.hits.enumerated() { try results.add(hit.json(rank: rank + 1, answer.metric)) }
            try results.finish()
            if request.explain {
                for line in lines(of: answer.explanation.json, format: .table) { try context.output.writeLine(line) }
                try tellPlans(answer.hits.map { ($0.id, $0.transportPlan) }, context)
            }
            return
        }
        if request.explain || context.format == .json {
            return try context.print(answer.json(explain: request.explain))
        }
        let results = context.results([])
        for (rank, hit) in answer.hits.enumerated() { try results.add(hit.json(rank: rank + 1, answer.metric)) }
        try results.finish()
    }

    /// The transport plans of a table's hits, a row a flow.
    static func tellPlans(_ plans: [(id: String, flows: [TokenFlow]?)], _ context: Context) throws {
        guard plans.contains(where: { $0.flows != nil }) else { return }
        try context.output.writeLine("")
        let results = context.results(["id", "queryToken", "token", "mass"])
        for plan in plans {
            for flow in plan.flows ?? [] {
                try results.add([
                    "id": .text(plan.id), "queryToken": .integer(flow.queryToken), "token": .integer(flow.token),
                    "mass": .real(rounded(flow.mass)),
                ])
            }
        }
        try results.finish()
    }

    /// Cautions, and a plan that an index in order would not lead to, on standard error: what was not told yet of a batch.
    static func tell(_ explanation: Explanation, _ context: Context, told: inout Set<String>) {
        let plan = explanation.isFallback ? [explanation.plan] : []
        for caution in plan + explanation.notes where told.insert(caution).inserted { context.note("note: \(caution)") }
    }

    static func tell(_ explanation: Explanation, _ context: Context) {
        var told: Set<String> = []
        tell(explanation, context, told: &told)
    }
}

/// What one call asks for, whatever the queries.
struct SearchRequest {
    var target: String
    var source: String?
    var options: SearchOptions
    /// Of the options, or the collection's: one for all queries, whoever sets another meanwhile.
    var metric: Metric
    var explain: Bool
    var timing: Bool
    var threads: Int
    var output: String?
    var queryTokens: QueryTokens?
    var batch: Int?

    init(_ arguments: ParsedArguments, _ collection: EmbeddingCollection) throws {
        target = arguments.text("to")
        source = arguments.textIfGiven("from")
        metric = try arguments.metricIfGiven ?? collection.defaultMetric()
        options = SearchOptions(
            k: arguments.integer("k"), metric: metric, candidates: arguments.integerIfGiven("candidates"),
            filter: arguments.textIfGiven("where"))
        if let recall = arguments.realIfGiven("recall") { options.effort = .recall(recall) }
        if let width = arguments.integerIfGiven("ef") { options.effort = .width(width) }
        if arguments.flag("exact") { options.effort = .exact }
        explain = arguments.flag("explain")
        options.transportPlans = explain
        try arguments.refuseUseless(with: metric, metric.name)
        queryTokens = arguments.queryTokens
        timing = arguments.flag("timing")
        threads = arguments.integer("threads")
        output = arguments.textIfGiven("output")
        batch = arguments.integerIfGiven("batch")
    }
}

extension ParsedArguments {
    /// Refuses what the metric makes no use of.
    /// - Parameter score: what decides: the metric, or what stands in its place.
    func refuseUseless(with metric: Metric, _ score: String) throws {
        guard metric.operand == .tokenSets else {
            if isGiven("query-tokens") { throw usageError("--query-tokens is of no use: \(score) compares vectors") }
            return
        }
        guard isGiven("candidates"), let other = ["recall", "ef"].first(where: isGiven) else { return }
        throw usageError("--\(other) is of no use: it says how many candidates \(score) compares, and --candidates does")
    }

    /// The query of --id or --vector.
    func query(from source: String?) throws -> Query {
        if let id = textIfGiven("id") { return .embedding(id: id, from: source) }
        let text = self.text("vector")
        if vectorIsText { return .vector(try parseVector(text), from: source) }
        return .vector(try QueryFile(path: text).vectors(rows: integerIfGiven("row") ?? 0, count: 1)[0], from: source)
    }

    private var vectorIsText: Bool { text("vector").drop { $0 == " " }.hasPrefix("[") }

    /// What the description cannot say of the options of `search`.
    fileprivate func refuseContradictions() throws {
        if isGiven("row") && vectorIsText { throw usageError("--row goes with a file; --vector gives the one vector itself") }
        if let candidates = integerIfGiven("candidates"), candidates < integer("k") {
            throw usageError("--candidates \(candidates) cannot hold the \(integer("k")) hits of -k")
        }
        let targets = list("to")
        if Set(targets.map { Array($0.utf8) }).count < targets.count { throw usageError("--to names a modality twice") }
        if isGiven("via") && targets.count > 1 { throw usageError("--via leads to one modality, and --to names several") }
        try refuseSharedStandardInput(
            among: ["vector", "queries", "query-tokens", "query-token-offsets", "query-token-weights", "query-token-mask"])
    }

    /// Which files hold the tokens of --queries.
    var queryTokens: QueryTokens? {
        textIfGiven("query-tokens").map { tokens in
            QueryTokens(
                tokens: tokens, offsets: text("query-token-offsets"), weights: textIfGiven("query-token-weights"),
                mask: textIfGiven("query-token-mask"))
        }
    }
}

extension Metric {
    /// The key of a result's value: `similarity` or `distance`.
    var key: String { isSimilarity ? "similarity" : "distance" }
}

extension Hit {
    func json(rank: Int, _ metric: Metric) -> JSONValue {
        ["rank": .integer(rank), "id": .text(id), "item": .text(item), "metric": .text(metric.name), metric.key: .real(score)]
    }

    /// Without the metric, where the object around says it; with the transport plan, where there is one.
    func brief(rank: Int, _ metric: Metric) -> JSONValue {
        var members: [JSONMember] = [
            JSONMember("rank", .integer(rank)), JSONMember("id", .text(id)), JSONMember("item", .text(item)),
            JSONMember(metric.key, .real(score)),
        ]
        if let transportPlan { members.append(JSONMember("transportPlan", .array(transportPlan.map(\.json)))) }
        return .object(members)
    }
}

extension TokenFlow {
    var json: JSONValue { ["queryToken": .integer(queryToken), "token": .integer(token), "mass": .real(mass)] }
}

extension SearchAnswer {
    func json(explain: Bool, query: Int? = nil) -> JSONValue {
        var members: [JSONMember] = []
        if let query { members.append(JSONMember("query", .integer(query))) }
        members.append(JSONMember("metric", .text(metric.name)))
        members.append(JSONMember("results", .array(hits.enumerated().map { $1.brief(rank: $0 + 1, metric) })))
        if explain { members.append(JSONMember("explain", explanation.json)) }
        return .object(members)
    }
}

extension Explanation {
    var json: JSONValue {
        var members: [JSONMember] = [
            JSONMember("plan", .text(plan)), JSONMember("width", .integer(width)),
            JSONMember("nodesVisited", .integer(nodesVisited)), JSONMember("codesCompared", .integer(codesCompared)),
            JSONMember("candidates", .integer(candidates)), JSONMember("reranked", .integer(reranked)),
            JSONMember("pruned", .integer(pruned)), JSONMember("bytesRead", .integer(bytesRead)),
            JSONMember("rowsBesideGraph", .integer(rowsBesideGraph)), JSONMember("damagedRows", .integer(damagedRows)),
        ]
        if let tokens {
            members += [
                JSONMember("solved", .integer(tokens.solved)), JSONMember("abandoned", .integer(tokens.abandoned)),
                JSONMember("reloaded", .integer(tokens.reloaded)),
                JSONMember("withoutTokens", .integer(tokens.withoutTokens)),
            ]
        }
        if let filterMatches { members.append(JSONMember("filterMatches", .integer(filterMatches))) }
        let stages = Stage.allCases.compactMap { stage in
            seconds[stage].map { JSONMember("\(stage)Ms", .real(rounded($0 * 1000))) }
        }
        members.append(JSONMember("time", .object(stages)))
        if !notes.isEmpty { members.append(JSONMember("notes", .array(notes.map(JSONValue.text)))) }
        return .object(members)
    }
}

extension Duration {
    var seconds: Double { Double(components.seconds) + Double(components.attoseconds) * 1e-18 }
}
