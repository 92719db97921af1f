/// `causeway align calibrate`: what a score between two modalities means as the probability of a match.
import Causeway

package enum AlignCalibrateCommand: Command {
    package static let description = CommandDescription(
        "align", "calibrate", topic: .crossModal, summary: "Learn and store what a score says about a match",
        discussion: [
            "Searches M2 for 256 stored queries of M1 that have a pair, and fits a logistic curve to which of their ten best "
                + "hits show the query's item; for a model, with queries of items no training saw. `search --min-probability` "
                + "then costs nothing beyond the search; without a stored calibration it is learned anew at each search.",
            "A calibration is of one score: the metric and, where one is used, the query bank, whose temperature it keeps. It is "
                + "stale, and told to be, once more than a tenth of either modality has been inserted or deleted since.",
        ],
        positionals: [.database()],
        options: [
            .collection,
            .value("from", "M1", isRequired: true, help: "the modality of the queries"),
            .value("to", "M2", isRequired: true, help: "the modality searched"),
            .value(
                "metric", "NAME", kind: .suggested(Metric.names),
                help: "the metric, learned:NAME for a trained model; the collection's own, or cosine, when left out"),
            .value(
                "normalize", "HOW", kind: .choice(ScoreNormalization.allCases.map(\.rawValue)), default: "none",
                help: "the query bank: bank (softmax) or bank:sinkhorn"),
            .threads,
        ],
        examples: ["causeway align calibrate photos.db --collection photos --from text --to image"], printsResults: true)

    package static func run(_ arguments: ParsedArguments, _ context: Context) throws {
        let collection = try arguments.database(.readWrite).collection(arguments.text("collection"))
        var options = CrossSearchOptions()
        if let name = arguments.textIfGiven("metric"), name.hasPrefix("learned:") {
            options.model = String(name.dropFirst("learned:".count))
        } else {
            options.search.metric = try arguments.metricIfGiven
        }
        options.normalization = arguments.choice("normalize", as: ScoreNormalization.self)
        let calibration = try collection.calibrate(
            from: arguments.text("from"), to: arguments.text("to"), options: options,
            threads: arguments.integerIfGiven("threads"))
        calibration.caution(context)
        guard context.format == .table else { return try context.print(calibration.json) }
        let results = context.results([
            "from", "to", "score", "slope", "intercept", .init("bankTemperature", title: "bank temperature"), "queries", "hits",
            "matches",
        ])
        try results.add(calibration.json)
        try results.finish()
    }

    /// After a training; where too little is held out to learn from, searches will say so.
    static func calibrateBothWays(_ model: LearnedModel, of collection: EmbeddingCollection, _ context: Context) {
        var options = CrossSearchOptions()
        options.model = model.name
        for (from, to) in [(model.from, model.to), (model.to, model.from)] {
            do {
                try collection.calibrate(from: from, to: to, options: options).caution(context)
            } catch {
                context.note("note: \(from) to \(to) was not calibrated: \(error)")
            }
        }
    }
}

extension ScoreCalibration {
    fileprivate func caution(_ context: Context) {
        guard slope == 0 else { return }
        context.note(
            "note: from \(from) to \(to) better scores of \(score) were not likelier matches: all hits will have one probability")
    }

    fileprivate var json: JSONValue {
        [
            "from": .text(from), "to": .text(to), "score": .text(score), "slope": .real(slope), "intercept": .real(intercept),
            "bankTemperature": temperature.map { .real($0) } ?? .null, "queries": .integer(queries), "hits": .integer(hits),
            "matches": .integer(matches), "createdAt": .text(createdAt),
        ]
    }
}
