/// Searching with a model, a query bank, several targets, a bridge or probabilities: each target is ranked on its own, then
/// merged. What is plain goes through the ordinary search.
import Foundation
import Platform
import Storage
import VectorMath

extension EmbeddingCollection {
    /// Answers in the order of the queries.
    /// - Parameter targets: modalities searched; answers of several are merged by standardised score.
    /// - Throws: what a search throws, and `.dimensionMismatch` for a query of another dimension than its own modality;
    ///   `.invalidArgument` where no pairs are stored to calibrate by, a probability is none, or what is asked does not go
    ///   together; `.failed` for a model whose modalities have another producer now.
    /// - Complexity: as the ordinary search, times the targets; probabilities add one search for each of 256 stored
    ///   queries where no calibration is stored.
    public func search(
        _ queries: [Query], across targets: [String], options: CrossSearchOptions, threads: Int = 1
    ) throws -> [CrossSearchAnswer] {
        let (options, threads) = (try options.validated(), ArgumentBounds.threads(threads))
        guard let first = queries.first, let firstTarget = targets.first else { return [] }
        return try database.read(together: max(1, min(threads, queries.count))) { readers in
            let reader = readers.first
            let source = try first.modality.map { try modality($0, in: reader) }
                ?? home(of: first, for: modality(options.via ?? firstTarget, in: reader), in: reader)
            guard queries.allSatisfy({ ($0.modality ?? source.name).hasSameBytes(as: source.name) }) else {
                throw CausewayError.invalidArgument(
                    reason: "the queries are of several modalities", remedy: "search with one modality at a time")
            }
            let search = CrossSearch(
                collection: self, options: options, metric: try metric(options.search.metric, in: reader), threads: threads,
                readers: readers, source: source)
            let prepared = try queries.map { try search.prepare($0) }
            if let via = options.via {
                guard targets.count == 1 else {
                    throw CausewayError.invalidArgument(
                        reason: "a search over another modality leads to one", remedy: "name one target")
                }
                return try search.bridge(prepared, over: modality(via, in: reader), to: modality(firstTarget, in: reader))
            }
            return try search.answers(to: prepared, in: targets.map { try modality($0, in: reader) })
        }
    }
}

struct CrossSearch {
    private static let standardizationSample = (queries: 200, candidates: 500)

    let collection: EmbeddingCollection
    let options: CrossSearchOptions
    /// What decides where no model and no bank does.
    let metric: Metric
    let threads: Int
    let readers: Readers
    let source: ModalityRecord

    var reader: Reader { readers.first }
    var metricName: String { options.metricName(metric) }
    var isSimilarity: Bool { options.isSimilarity(metric) }
    /// The metric's name with what corrects it: what a calibration is of.
    var scoreName: String {
        metricName + (options.normalization == .none ? "" : " with \(options.normalization.rawValue)")
    }

    func prepare(_ query: Query) throws -> CrossQuery {
        try query.tokens?.refuseRagged()
        var prepared = CrossQuery(vector: [], row: nil, id: nil, asked: query)
        switch query.source {
        case .vector(let vector): prepared.vector = vector
        case .tokens(let tokens): prepared.vector = try tokens.mean
        case .stored(let id):
            guard let row = try reader.row(id: id, in: source.id) else {
                throw CausewayError.unknownID(id, modality: source.name)
            }
            (prepared.row, prepared.id) = (row, id)
            prepared.vector = try collection.vector(of: row, id: id, modality: source, in: reader)
            prepared.asked = .embedding(id: id, from: source.name)
        }
        guard prepared.vector.count == source.dimension else {
            throw CausewayError.dimensionMismatch(
                expected: source.dimension, got: prepared.vector.count, modality: source.name)
        }
        if let index = prepared.vector.firstIndex(where: { !$0.isFinite }) {
            throw CausewayError.badInput("component \(index) of the query is not finite", remedy: "repair the query")
        }
        return prepared
    }

    // MARK: Answers

    func answers(to queries: [CrossQuery], in targets: [ModalityRecord]) throws -> [CrossSearchAnswer] {
        guard Set(targets.map(\.id)).count == targets.count else {
            throw CausewayError.invalidArgument(reason: "a target is named twice", remedy: "name each once")
        }
        var merged = queries.map { _ in
            CrossSearchAnswer(
                hits: [], metricName: metricName, isSimilarity: isSimilarity, explanation: Explanation())
        }
        for target in targets {
            // Once calibrated, a bank is what it was then: its temperature is not chosen again.
            let stored = try storedCalibration(to: target)
            let lane = try makeLane(to: target, temperature: stored.record?.temperature)
            let calibration = options.minProbability == nil
                ? nil : try stored.record.map { MatchCalibration($0, higherIsBetter: isSimilarity) }
                    ?? calibrate(to: target, lane.scoring).fit
            let scale = targets.count > 1 ? try standardize(lane) : nil
            for (index, answer) in try lane.answers(to: queries).enumerated() {
                merged[index].add(answer, of: target, calibration, scale, isSimilarity: isSimilarity)
                if let note = stored.note { merged[index].explanation.notes.append(note) }
                if let note = calibration?.note { merged[index].explanation.notes.append(note) }
            }
        }
        for index in merged.indices {
            merged[index].finish(k: options.search.k, minProbability: options.minProbability, isMerged: targets.count > 1)
        }
        return merged
    }

    // MARK: One target

    /// - temperature: of a bank, where it is known.
    func makeLane(to target: ModalityRecord, temperature: Double?) throws -> RankedSearch {
        var scoring: PairScoring?
        if options.model != nil || options.normalization != .none {
            guard options.model != nil || metric == .cosine else {
                throw CausewayError.invalidArgument(
                    reason: "a query bank corrects similarities, and \(metric) is none it knows",
                    remedy: "search with --metric cosine or --metric learned:NAME")
            }
            scoring = try PairScoring(
                from: source, to: target, learned: options.model.map { try LoadedModel(named: $0, of: collection, in: reader) },
                normalization: options.normalization, temperature: temperature, seed: options.seed, threads: max(threads, 1),
                in: reader)
        }
        var search = options.search
        search.metric = metric
        return RankedSearch(
            collection: collection, scoring: scoring, source: source, target: target, options: search, readers: readers)
    }

    /// Mean and spread of the scores of chance pairs, so that answers of several modalities can be compared.
    private func standardize(_ lane: RankedSearch) throws -> ScoreStandardization {
        var random = SeededRandom(seed: options.seed, stream: 17)
        func sample(_ modality: ModalityRecord, _ count: Int) throws -> Matrix<Float> {
            var rows = try reader.rows(of: modality.id)
            random.shuffle(&rows)
            return try StoredVectors(of: rows.prefix(count).sorted(), modality: modality, in: reader).matrix
        }
        let queries = try sample(source, Self.standardizationSample.queries)
        let candidates = try sample(lane.target, Self.standardizationSample.candidates)
        var scores: [Double] = []
        if let scoring = lane.scoring {
            let embedded = scoring.embedCandidates(candidates), offsets = scoring.offsets(embedded)
            let values = scoring.similarities(scoring.embedQueries(queries), embedded)
            for i in 0..<values.rows { scores += zip(values.row(i), offsets).map { Double($0) - $1 } }
        } else if let kernel = metric.builtInVectorMetric, queries.columns == candidates.columns {
            for i in 0..<queries.rows {
                VectorScorer(kernel, query: Array(queries.row(i))).score(candidates.elements.span, into: &scores)
            }
        }
        guard let scale = ScoreStandardization(scores) else {
            throw CausewayError.invalidArgument(
                reason: "answers of \(lane.target.name) under \(metricName) cannot be put on one scale with others",
                remedy: "merge modalities of the query's dimension, under a metric on vectors such as --metric cosine, or a "
                    + "learned one")
        }
        return scale
    }
}

extension CrossSearchAnswer {
    fileprivate mutating func add(
        _ answer: SearchAnswer, of target: ModalityRecord, _ calibration: MatchCalibration?, _ scale: ScoreStandardization?,
        isSimilarity: Bool
    ) {
        hits += answer.hits.map { hit in
            CrossHit(
                id: hit.id, item: hit.item, modality: target.name, score: hit.score,
                standardized: scale.map { isSimilarity ? $0.standardized(hit.score) : -$0.standardized(hit.score) },
                probability: calibration?.probability(hit.score), transportPlan: hit.transportPlan)
        }
        let isFirst = explanation.plan.isEmpty
        let before = explanation
        explanation = answer.explanation
        guard !isFirst else { return }
        let plans = before.plan.components(separatedBy: Explanation.planSeparator)
        explanation.plan = plans.contains(answer.explanation.plan)
            ? before.plan : before.plan + Explanation.planSeparator + answer.explanation.plan
        explanation.isFallback = explanation.isFallback || before.isFallback
        explanation.damagedRows += before.damagedRows
        explanation.notes = before.notes + explanation.notes.filter { !before.notes.contains($0) }
        explanation.add(workOf: before)
    }

    fileprivate mutating func finish(k: Int, minProbability: Double?, isMerged: Bool) {
        if isMerged {
            hits.sort { a, b in
                let (x, y) = (a.standardized ?? 0, b.standardized ?? 0)
                if x != y { return x > y }
                guard a.id.hasSameBytes(as: b.id) else { return idPrecedes(a.id, b.id) }
                return a.modality.utf8.lexicographicallyPrecedes(b.modality.utf8)
            }
        }
        if let minProbability { hits.removeAll { ($0.probability ?? 0) < minProbability } }
        hits = Array(hits.prefix(k))
    }
}
