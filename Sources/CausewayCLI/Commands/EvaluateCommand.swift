/// `causeway evaluate`: how well metrics find the pairs that the collection holds.
import Causeway

package enum EvaluateCommand: Command {
    package static let description = CommandDescription(
        "evaluate", topic: .crossModal, summary: "Measure how well metrics find the pairs of a collection",
        discussion: [
            "Ranks exactly, for every embedding of M1, those of M2 with the same item; several right answers are allowed. "
                + "recall@k is the share of queries with a right answer among the best k. Intervals are 95 %, by bootstrap.",
            "For a metric on token sets also how many candidates by cosine hold 95 % and 99 % of its exact best 10 "
                + "of other items, measured on at most \(Evaluation.CandidateBudget.queriesMax) of the queries: what search "
                + "--candidates needs, and index tune --metric stores.",
            "With --approximate the ordinary search, at its default settings, is compared with the exact one for stored queries "
                + "of M1: recall@k is then the share of the exact best k that was found, with the worst queries by id.",
        ],
        positionals: [.database()],
        options: [
            .collection,
            .value("from", "M1", isRequired: true, help: "the modality of the queries"),
            .value("to", "M2", isRequired: true, help: "the modality searched"),
            .value(
                "metrics", "A,B", kind: .suggested(Metric.names),
                help: "the metrics, side by side; learned:NAME for a trained model; the collection's own metric when left out"),
            .value("at", "K,K", kind: .integers(1...1_000_000), default: "1,5,10", help: "the k of recall@k"),
            .value("queries", "N", kind: .integer(1...Int.max), help: "at most this many queries, drawn by the seed"),
            .flag("approximate", help: "audit the index instead: what it finds of the exact best, for stored queries (256)"),
            .value(
                "normalize", "HOW", kind: .choice(ScoreNormalization.allCases.map(\.rawValue)), default: "none",
                help: "bank (softmax) or bank:sinkhorn: also with a query bank, on queries outside it"),
            .value(
                "where", "EXPR", help: "with --approximate: only embeddings of M2 whose metadata match, as \"year >= 2019\""),
            .report, .seed, .threads,
        ],
        constraints: [.requires("where", "approximate"), .atMostOne(["report", "approximate"])],
        examples: ["causeway evaluate photos.db --collection photos --from text --to image --metrics cosine,manhattan"],
        printsResults: true)

    package static func run(_ arguments: ParsedArguments, _ context: Context) throws {
        let collection = try arguments.database(.readOnly).collection(arguments.text("collection"))
        let scores = try scores(arguments)
        var options = EvaluationOptions(
            at: unique(arguments.integers("at")),
            queries: arguments.integerIfGiven("queries"), seed: UInt64(arguments.integer("seed")))
        if let threads = arguments.integerIfGiven("threads") { options.threads = threads }
        let normalization = arguments.choice("normalize", as: ScoreNormalization.self)
        if arguments.flag("approximate") {
            let metrics = scores?.compactMap { if case .metric(let metric) = $0 { metric } else { nil } }
            guard normalization == .none, metrics?.count == scores?.count else {
                throw arguments.usageError("--approximate audits plain metrics, without a model or a bank")
            }
            options.metrics = metrics
            return try audit(collection, options, arguments, context)
        }
        let (handler, finish) = context.progressHandler(unit: "embeddings")
        defer { finish() }
        let evaluation = try collection.evaluate(
            from: arguments.text("from"), to: arguments.text("to"), scores: scores, normalization: normalization,
            options: options, progress: handler)
        if let path = arguments.textIfGiven("report") {
            finish()
            try context.write(report: evaluationPage(evaluation, of: collection, options), to: path)
            if path == "-" { return }
        }
        finish()
        try print(evaluation, context)
    }

    /// Nil where the option is left out.
    private static func scores(_ arguments: ParsedArguments) throws -> [EvaluatedScore]? {
        guard arguments.isGiven("metrics") else { return nil }
        return try unique(
            arguments.list("metrics").map { name -> EvaluatedScore in
                name.hasPrefix("learned:") ? .model(String(name.dropFirst("learned:".count))) : .metric(try Metric(named: name))
            })
    }

    /// Each once, in the order of their first.
    private static func unique<Element: Hashable>(_ elements: [Element]) -> [Element] {
        var seen = Set<Element>()
        return elements.filter { seen.insert($0).inserted }
    }

    /// A table of figures with their intervals, or the object as JSON.
    static func print(_ evaluation: Evaluation, _ context: Context) throws {
        for note in evaluation.notes { context.note("note: \(note)") }
        guard context.format == .table else { return try context.print(evaluation.json) }
        try context.output.writeLine(
            "\(evaluation.from) to \(evaluation.to): \(evaluation.queries) queries among \(evaluation.embeddings)"
                + (evaluation.onHeldOutItems ? ", of items that no training saw" : ""))
        let recalls = evaluation.metrics.first?.recall.map { "recall@\($0.k)" } ?? []
        let results = context.results(
            (["metric"] + evaluation.countColumns + recalls + ["median rank", "MRR", "MAP"]).map { ResultPrinter.Column($0) })
        for metric in evaluation.metrics {
            var members = [
                JSONMember("metric", .text(metric.label)), JSONMember("queries", .integer(metric.queries)),
                JSONMember("embeddings", .integer(metric.embeddings)),
            ]
            members += metric.recall.map { JSONMember("recall@\($0.k)", .text($0.figure.words)) }
            members += [
                JSONMember("median rank", .text(metric.medianRank.words)),
                JSONMember("MRR", .text(metric.meanReciprocalRank.words)),
                JSONMember("MAP", .text(metric.meanAveragePrecision.words)),
            ]
            try results.add(.object(members))
        }
        try results.finish()
        for metric in evaluation.metrics where !metric.candidateBudgets.isEmpty {
            try context.output.writeLine(words(metric.candidateBudgets, of: metric.metric))
        }
    }

    /// `wasserstein: of its exact best 10, 95 % are among 300 candidates by cosine, 99 % among 1100`
    private static func words(_ budgets: [Evaluation.CandidateBudget], of metric: Metric) -> String {
        let parts = budgets.enumerated().map { index, budget in
            let share = "\(Int((budget.recall * 100).rounded())) %"
            guard let candidates = budget.candidates else {
                return "\(share) among no number up to \(Evaluation.CandidateBudget.candidatesMax)"
            }
            return index == 0 ? "\(share) are among \(candidates) candidates by cosine" : "\(share) among \(candidates)"
        }
        return "\(metric): of its exact best \(budgets[0].k), " + parts.joined(separator: ", ")
    }
}

extension Evaluation.Figure {
    /// `0.312 (0.298–0.327)`
    var words: String { "\(brief(value)) (\(brief(low))–\(brief(high)))" }

    /// The value alone, as in `words`.
    var shortest: String { brief(value) }

    /// Three decimals for shares; ranks from 10 on with one, or none.
    private func brief(_ number: Double) -> String {
        fixed(number, decimals: number >= 100 || (number >= 1 && number == number.rounded()) ? 0 : number > 1 ? 1 : 3)
    }

    fileprivate var interval: JSONValue { [.real(low), .real(high)] }
}

extension Evaluation {
    /// Those whose figures are not the same for all metrics.
    fileprivate var countColumns: [String] {
        (metrics.allSatisfy { $0.queries == queries } ? [] : ["queries"])
            + (metrics.allSatisfy { $0.embeddings == embeddings } ? [] : ["embeddings"])
    }

    var json: JSONValue {
        .object(
            [
                JSONMember("from", .text(from)), JSONMember("to", .text(to)), JSONMember("queries", .integer(queries)),
                JSONMember("items", .integer(items)), JSONMember("embeddings", .integer(embeddings)),
                JSONMember("metrics", .array(metrics.map(\.json))),
            ] + (onHeldOutItems ? [JSONMember("heldOutItemsOnly", true)] : []))
    }
}

extension Evaluation.MetricResult {
    /// `cosine with bank:sinkhorn`
    var label: String { metric.name + (normalization == .none ? "" : " with \(normalization.rawValue)") }

    fileprivate var json: JSONValue {
        var members = [
            JSONMember("metric", .text(metric.name)), JSONMember("queries", .integer(queries)),
            JSONMember("embeddings", .integer(embeddings)),
        ]
        members += recall.map { JSONMember("recall@\($0.k)", .real($0.figure.value)) }
        members += [
            JSONMember("medianRank", .real(medianRank.value)), JSONMember("mrr", .real(meanReciprocalRank.value)),
            JSONMember("map", .real(meanAveragePrecision.value)),
        ]
        var intervals = recall.map { JSONMember("recall@\($0.k)", $0.figure.interval) }
        intervals += [
            JSONMember("medianRank", medianRank.interval), JSONMember("mrr", meanReciprocalRank.interval),
            JSONMember("map", meanAveragePrecision.interval),
        ]
        members.append(JSONMember("interval95", .object(intervals)))
        if !candidateBudgets.isEmpty {
            members.append(JSONMember("candidateBudgets", .array(candidateBudgets.map { budget in
                [
                    "k": .integer(budget.k), "recall": .real(budget.recall),
                    "candidates": budget.candidates.map { .integer($0) } ?? .null,
                ]
            })))
        }
        if normalization != .none { members.append(JSONMember("normalize", .text(normalization.rawValue))) }
        if let bankTemperature { members.append(JSONMember("bankTemperature", .real(bankTemperature))) }
        return .object(members)
    }
}
