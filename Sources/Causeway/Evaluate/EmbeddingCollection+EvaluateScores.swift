/// Evaluating trained models, and cosine or a model against a query bank, beside the ordinary metrics on the same queries.
import Platform
import Storage
import VectorMath

/// What is evaluated side by side.
public enum EvaluatedScore: Sendable, Hashable {
    case metric(Metric)
    /// A trained model, by name.
    case model(String)

    /// Query banks correct cosine and the scores of models.
    var takesBank: Bool {
        switch self {
        case .metric(let metric): metric == .cosine
        case .model: true
        }
    }
}

extension EmbeddingCollection {
    /// As `evaluate`, for metrics and trained models alike. Where a model is among them, only queries whose items no training
    /// of theirs saw are asked. With a bank, cosine and each model are evaluated without it and then with it, on queries that
    /// are not in the bank.
    /// - Parameter scores: nil is `options.metrics`, and the collection's own metric where that is nil too.
    /// - Throws: also `.invalidArgument` where no such queries are left, and for a bank that corrects none of the scores.
    /// - Complexity: as `evaluate`; a ranking model costs a small network for each pair.
    public func evaluate(
        from: String, to: String, scores: [EvaluatedScore]?, normalization: ScoreNormalization = .none,
        options: EvaluationOptions = EvaluationOptions(), progress: ProgressHandler? = nil
    ) throws -> Evaluation {
        let (options, progress) = (try options.validated(), database.stoppable(progress))
        return try database.read { reader in
            let scores = try scores ?? (options.metrics ?? [metric(nil, in: reader)]).map { .metric($0) }
            try refuseUselessBank(scores, normalization)
            return try evaluation(from: from, to: to, scores, normalization, options, in: reader, progress)
        }
    }

    private func evaluation(
        from: String, to: String, _ scores: [EvaluatedScore], _ normalization: ScoreNormalization,
        _ options: EvaluationOptions, in reader: Reader, _ progress: ProgressHandler?
    ) throws -> Evaluation {
        var options = options
        let models = try loadModels(scores, in: reader)
        if !models.isEmpty {
            options.restriction.items = models.values.map(\.heldOutItems).reduce(nil) { $0?.intersection($1) ?? $1 }
        }
        if normalization != .none {
            options.restriction.excluded = Set(
                try PairScoring.bankRows(of: modality(from, in: reader), seed: options.seed, in: reader))
        }
        var result: Evaluation?
        func add(_ part: Evaluation) {
            if result == nil { result = part } else { result?.metrics += part.metrics }
        }
        // Plain metrics share one pass; what is shown keeps the order asked for.
        let metrics = scores.compactMap { if case .metric(let metric) = $0 { metric } else { nil } }
        let plain = metrics.isEmpty
            ? nil : try evaluation(from: from, to: to, metrics, options, in: reader, progress: progress)
        var done = 0
        for score in scores {
            var wanted: [(LoadedModel?, ScoreNormalization)] = []
            switch score {
            case .metric(let metric):
                if var part = plain {
                    part.metrics = [part.metrics[done]]
                    add(part)
                }
                done += 1
                if metric == .cosine { wanted = [(nil, normalization)] }
            case .model(let name): wanted = [.none, normalization].map { (models[ExactText(name)], $0) }
            }
            for (slot, (model, form)) in wanted.enumerated() where form != .none || (model != nil && slot == 0) {
                add(try evaluation(from: from, to: to, model, form, options, in: reader, progress))
            }
        }
        guard var evaluation = result else {
            throw CausewayError.invalidArgument(reason: "there is nothing to evaluate", remedy: "name a metric")
        }
        evaluation.onHeldOutItems = !models.isEmpty
        if normalization != .none {
            for case .metric(let metric) in scores where metric != .cosine {
                evaluation.notes.append("\(metric) is without the query bank, which corrects cosine and learned metrics")
            }
        }
        return evaluation
    }

    private func refuseUselessBank(
        _ scores: [EvaluatedScore], _ normalization: ScoreNormalization
    ) throws(CausewayError) {
        guard normalization != .none, !scores.isEmpty, !scores.contains(where: \.takesBank) else { return }
        let names = scores.compactMap { if case .metric(let metric) = $0 { metric.name } else { nil } }
        throw .invalidArgument(
            reason: "a query bank corrects similarities, and \(names.joined(separator: ", ")) is none it knows",
            remedy: "evaluate cosine or learned:NAME with it")
    }

    private func loadModels(_ scores: [EvaluatedScore], in reader: Reader) throws -> [ExactText: LoadedModel] {
        var models: [ExactText: LoadedModel] = [:]
        for case .model(let name) in scores { models[ExactText(name)] = try LoadedModel(named: name, of: self, in: reader) }
        return models
    }

    private func evaluation(
        from: String, to: String, _ model: LoadedModel?, _ normalization: ScoreNormalization, _ options: EvaluationOptions,
        in reader: Reader, _ progress: ProgressHandler?
    ) throws -> Evaluation {
        let (source, target) = (try modality(from, in: reader), try modality(to, in: reader))
        let pairs = try Pairs(from: source, to: target, options: options, in: reader)
        try pairs.refuseNone(of: self, from, to)
        let scoring = try PairScoring(
            from: source, to: target, learned: model, normalization: normalization, seed: options.seed,
            threads: options.threads, in: reader)
        let side = try model?.side(from: source, to: target) ?? .source
        let metric = model.map { Metric(LearnedComparison($0, side: side)) } ?? .cosine
        let ranks = try ScoredRanks(scoring: scoring, pairs: pairs, reader: reader).ranks { done in
            let step = Progress(stage: "evaluate \(metric)", done: done, total: 2 * pairs.candidates.count)
            if progress?(step) == false { throw CausewayError.cancelled }
        }
        var result = try summarise(ranks, metric, pairs.candidates.count, options)
        (result.normalization, result.bankTemperature) = (normalization, scoring.bankTemperature)
        return Evaluation(
            from: from, to: to, queries: pairs.queries.count, items: pairs.itemCount, embeddings: pairs.candidates.count,
            metrics: [result])
    }
}

/// Ranks of all right answers under a scoring, in two passes over the target's rows: the answers' scores, then what is better.
/// As under plain metrics, a row whose vector cannot be read is no answer and beats none.
private struct ScoredRanks {
    private static let blockRows = 1_024
    /// Queries whose scores of a block of rows are held at once: 12 bytes each, 50 MB in all.
    private static let blockQueries = 4_096

    let scoring: PairScoring
    let pairs: Pairs
    let reader: Reader

    /// A right answer of one query.
    private struct Answer: Sendable {
        let score: Double
        /// Among equal scores the smaller place comes first.
        let place: Int32
        var better = 0

        func counting(_ scores: some Sequence<Double>, _ places: [Int32]) -> Answer {
            var counted = self
            for (score, place) in zip(scores, places) where score > self.score || (score == self.score && place < self.place) {
                counted.better += 1
            }
            return counted
        }
    }

    func ranks(_ visited: (Int) throws -> Void) throws -> [[Int]] {
        let vectors = Matrix(
            rows: pairs.queries.count, columns: scoring.source.dimension, elements: pairs.queries.flatMap(\.vector))
        let queries = scoring.embedQueries(vectors)
        let rows = try reader.rows(of: scoring.target.id)
        var asking = [[Int]](repeating: [], count: rows.count)
        for (query, pair) in pairs.queries.enumerated() { for position in pair.relevant { asking[position].append(query) } }
        var answers = [[Answer]](repeating: [], count: pairs.queries.count)
        // The same blocks twice give the same bits twice, so that an answer never beats itself.
        try forEachBlock(rows, queries) { positions, group, scores in
            for (column, position) in positions.enumerated() {
                for query in asking[position] where group.contains(query) {
                    let score = scores[query - group.lowerBound, column]
                    answers[query].append(Answer(score: score, place: pairs.order[position]))
                }
            }
            try visited((positions.last ?? 0) + 1)
        }
        try forEachBlock(rows, queries) { positions, group, scores in
            let (before, places) = (Array(answers[group]), positions.map { pairs.order[$0] })
            answers.replaceSubrange(group, with: Parallel.map(before.count, threads: scoring.threads) { query in
                before[query].map { $0.counting(scores.row(query), places) }
            })
            try visited(rows.count + (positions.last ?? 0) + 1)
        }
        return answers.map { $0.map { $0.better + 1 }.sorted() }
    }

    /// Scores of one group of queries after another against the candidates of a block that can be read, block by block.
    private func forEachBlock(
        _ rows: [RowID], _ queries: Matrix<Float>,
        _ body: (_ positions: [Int], _ queries: Range<Int>, Matrix<Double>) throws -> Void
    ) throws {
        let groups = stride(from: 0, to: queries.rows, by: Self.blockQueries).map { start in
            let group = start..<min(start + Self.blockQueries, queries.rows)
            return (group, queries.gathering(Array(group)))
        }
        for first in stride(from: 0, to: rows.count, by: Self.blockRows) {
            let block = Array(rows[first..<min(first + Self.blockRows, rows.count)])
            let stored = try StoredVectors(of: block, modality: scoring.target, in: reader)
            let candidates = scoring.embedCandidates(stored.matrix)
            let offsets = scoring.offsets(candidates)
            for (group, asking) in groups {
                var scores = scoring.similarities(asking, candidates).converted(to: Double.self)
                for i in 0..<scores.rows {
                    for j in 0..<scores.columns { scores.elements[i * scores.columns + j] -= offsets[j] }
                }
                try body(stored.places.map { first + $0 }, group, scores)
            }
        }
    }
}

/// A model as a metric: for results that name one, and for whoever wants to compare vectors one by one.
struct LearnedComparison: VectorComparison {
    let name: String
    let isSimilarity = true
    private let model: AlignmentModel
    private let side: AlignmentSide

    init(_ learned: LoadedModel, side: AlignmentSide) {
        name = "learned:" + learned.name
        model = learned.model
        self.side = side
    }

    func value(query: Span<Float>, candidate: Span<Float>) -> Double {
        let vector = query.indices.map { query[$0] }
        let other = Matrix(rows: 1, columns: candidate.count, elements: candidate.indices.map { candidate[$0] })
        return model.score(query: vector, of: side, candidates: other, threads: 1)[0]
    }
}
