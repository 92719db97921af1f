/// `causeway search` with a learned metric, a query bank, several targets, a bridge or probabilities. Part of `causeway search`.
import Causeway

extension OptionDescription {
    /// What a search across modalities takes beside the ordinary options.
    static let acrossModalities: [OptionDescription] = [
        .value(
            "normalize", "HOW", kind: .choice(ScoreNormalization.allCases.map(\.rawValue)), default: "none",
            help: "bank (softmax) or bank:sinkhorn: mark down what is near to every stored query of its modality"),
        .value("min-probability", "P", kind: .real(0...1), help: "only hits at least so likely to show the query's item"),
        .value("via", "M", help: "search M, then take the target's embeddings of the same items"),
    ]
}

/// A search that `EmbeddingCollection.search(_:in:)` alone does not answer.
struct AcrossSearch {
    private static let learnedPrefix = "learned:"
    private static let blockMax = 1_024
    /// Fewer with token sets, which are tens of times as large.
    private static let tokenBlockMax = 64

    private let collection: EmbeddingCollection
    private let targets: [String]
    private let source: String?
    private let options: CrossSearchOptions
    /// One for all queries, whoever sets another meanwhile.
    private let metric: Metric
    private let arguments: ParsedArguments
    private let context: Context

    /// Runs the search when one of its options was used; false leaves it to the ordinary one.
    static func answered(_ arguments: ParsedArguments, _ context: Context) throws -> Bool {
        guard let search = try AcrossSearch(arguments, context) else { return false }
        try search.run()
        return true
    }

    private init?(_ arguments: ParsedArguments, _ context: Context) throws {
        let isLearned = arguments.textIfGiven("metric")?.hasPrefix(Self.learnedPrefix) == true
        targets = arguments.list("to")
        let normalization = arguments.choice("normalize", as: ScoreNormalization.self)
        guard
            isLearned || normalization != .none || targets.count > 1 || arguments.isGiven("via")
                || arguments.isGiven("min-probability")
        else { return nil }
        collection = try arguments.database(.readOnly).collection(arguments.text("collection"))
        metric = try isLearned ? .cosine : arguments.metricIfGiven ?? collection.defaultMetric()
        var search = SearchOptions(
            k: arguments.integer("k"), metric: metric,
            candidates: arguments.integerIfGiven("candidates"), filter: arguments.textIfGiven("where"))
        if let recall = arguments.realIfGiven("recall") { search.effort = .recall(recall) }
        if let width = arguments.integerIfGiven("ef") { search.effort = .width(width) }
        if arguments.flag("exact") { search.effort = .exact }
        search.transportPlans = arguments.flag("explain")
        var options = CrossSearchOptions(search: search)
        options.model = isLearned ? String(arguments.text("metric").dropFirst(Self.learnedPrefix.count)) : nil
        options.normalization = normalization
        options.minProbability = arguments.realIfGiven("min-probability")
        options.via = arguments.textIfGiven("via")
        self.options = options
        source = arguments.textIfGiven("from")
        (self.arguments, self.context) = (arguments, context)
        try arguments.refuseUseless(with: metric, options.metricName(metric))
    }

    /// Where only candidates are found by an index, the recall is theirs.
    private func tellRecall() {
        guard arguments.isGiven("recall"), options.model != nil || options.normalization != .none else { return }
        let score = options.metricName(metric) + (options.normalization == .none ? "" : " with the query bank")
        context.note(
            "note: --recall is here that of the candidates by cosine, among which \(score) decides; "
                + "--candidates N or --ef N lets it decide among more, --exact among all")
    }

    private func run() throws {
        tellRecall()
        if let path = arguments.textIfGiven("queries") { return try batch(QueryFile(path: path)) }
        let query = try arguments.query(from: source)
        var timing = Timing(threads: threads)
        let answer = try timing.measure(\.explanation) {
            try collection.search([query], across: targets, options: options, threads: threads)
        }[0]
        if arguments.flag("timing") { context.warn(timing.json.compact) }
        SearchCommand.tell(answer.explanation, context)
        let explains = arguments.flag("explain")
        if context.format == .json || (explains && context.format == .jsonl) {
            return try context.print(answer.json(explain: explains))
        }
        let results = context.results(["rank"] + columns)
        for (rank, hit) in answer.hits.enumerated() {
            try results.add(.object([JSONMember("rank", .integer(rank + 1))] + hit.members(answer, names: true)))
        }
        try results.finish()
        guard explains else { return }
        for line in lines(of: answer.explanation.json, format: .table) { try context.output.writeLine(line) }
        try SearchCommand.tellPlans(answer.hits.map { ($0.id, $0.transportPlan) }, context)
    }

    private var threads: Int { arguments.integer("threads") }

    /// Of a hit, as far as this search fills them.
    private var columns: [ResultPrinter.Column] {
        var columns: [ResultPrinter.Column] = ["id", "item"]
        if targets.count > 1 { columns += ["modality", "standardized"] }
        columns.append(options.isSimilarity(metric) ? "similarity" : "distance")
        if options.minProbability != nil { columns.append("probability") }
        return columns + (options.via == nil ? [] : ["via"])
    }

    private func batch(_ file: QueryFile) throws {
        let cancellation = context.cancellation  // before there is a file to take away again
        let tokens = try arguments.queryTokens.map { try QueryTokenFile($0, count: file.count) }
        let results = context.results(["query", "rank"] + columns)
        let matrix = try arguments.textIfGiven("output").map {
            try IDMatrixWriter(path: $0, rows: file.count, columns: options.search.k)
        }
        let progress = context.progress("search", unit: "queries", total: file.count)
        var timing = Timing(threads: threads), told: Set<String> = []
        let block = arguments.integerIfGiven("batch") ?? (tokens == nil ? Self.blockMax : Self.tokenBlockMax)
        for start in stride(from: 0, to: file.count, by: block) {
            if cancellation.isCancelled { throw CausewayError.cancelled }
            let vectors = try file.vectors(rows: start, count: min(block, file.count - start))
            let queries = try vectors.enumerated().map { index, vector in
                Query.vector(vector, tokens: try tokens?.tokens(of: start + index), from: source)
            }
            let answers = try timing.measure(\.explanation) {
                try collection.search(queries, across: targets, options: options, threads: threads)
            }
            for (index, answer) in answers.enumerated() {
                SearchCommand.tell(answer.explanation, context, told: &told)
                if let matrix {
                    try matrix.append(answer.hits.map(\.id))
                } else if context.format == .table {
                    for (rank, hit) in answer.hits.enumerated() {
                        let place = [JSONMember("query", .integer(start + index)), JSONMember("rank", .integer(rank + 1))]
                        try results.add(.object(place + hit.members(answer, names: true)))
                    }
                } else {
                    try results.add(answer.json(explain: arguments.flag("explain"), query: start + index))
                }
            }
            progress.update(start + vectors.count)
        }
        progress.finish()
        try matrix?.finish()
        if matrix == nil { try results.finish() }
        if arguments.flag("timing") { context.warn(timing.json.compact) }
    }
}

extension CrossSearchAnswer {
    fileprivate var key: String { isSimilarity ? "similarity" : "distance" }

    fileprivate func json(explain: Bool, query: Int? = nil) -> JSONValue {
        var members: [JSONMember] = []
        if let query { members.append(JSONMember("query", .integer(query))) }
        members.append(JSONMember("metric", .text(metricName)))
        members.append(JSONMember("results", .array(hits.enumerated().map { rank, hit in
            .object([JSONMember("rank", .integer(rank + 1))] + hit.members(self, names: false))
        })))
        if explain { members.append(JSONMember("explain", explanation.json)) }
        return .object(members)
    }
}

extension CrossHit {
    /// - names: adds the metric, where no object around says it.
    fileprivate func members(_ answer: CrossSearchAnswer, names: Bool) -> [JSONMember] {
        var members = [JSONMember("id", .text(id)), JSONMember("item", .text(item)), JSONMember("modality", .text(modality))]
        if names { members.append(JSONMember("metric", .text(answer.metricName))) }
        members.append(JSONMember(answer.key, .real(score)))
        if let standardized { members.append(JSONMember("standardized", .real(standardized))) }
        if let probability { members.append(JSONMember("probability", .real(probability))) }
        if let via { members.append(JSONMember("via", .text(via))) }
        if let transportPlan, !names { members.append(JSONMember("transportPlan", .array(transportPlan.map(\.json)))) }
        return members
    }
}
