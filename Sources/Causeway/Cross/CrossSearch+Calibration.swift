/// From scores to probabilities: learned from the hits of stored queries, and kept in the database until the data has moved on.
/// Ranks nothing itself.
import Foundation
import Platform
import Storage
import VectorMath

/// What a score between two modalities means.
public struct ScoreCalibration: Sendable, Equatable {
    public var from: String
    public var to: String
    /// `cosine`, `learned:NAME`, and ` with bank` where a query bank corrects it.
    public var score: String
    /// A hit of score s shows the query's item with probability 1/(1 + exp(−(slope·s + intercept))).
    public var slope: Double
    public var intercept: Double
    /// Of the bank.
    public var temperature: Double?
    /// Learned from so many stored queries, their hits, and the hits that showed the query's item.
    public var queries: Int
    public var hits: Int
    public var matches: Int
    /// ISO 8601, UTC.
    public var createdAt: String
}

extension EmbeddingCollection {
    /// Learns from the stored pairs what a score of a search from one modality to the other says about a match, and stores it,
    /// in place of what was stored for the same score: `minProbability` then costs nothing at search time. It goes stale when
    /// more than a tenth of either modality has been inserted or deleted since.
    /// - Parameter options: metric or model, normalization and seed count; k, filter and effort do not.
    /// - Throws: as `search(_:across:)`.
    @discardableResult
    public func calibrate(
        from: String, to: String, options: CrossSearchOptions = CrossSearchOptions(), threads: Int? = nil
    ) throws -> ScoreCalibration {
        let (options, threads) = (try options.validated(), ArgumentBounds.threads(threads ?? IndexOptions.processors))
        let record = try database.read(together: threads) { readers in
            let reader = readers.first
            let search = CrossSearch(
                collection: self, options: options, metric: try metric(options.search.metric, in: reader), threads: threads,
                readers: readers, source: try modality(from, in: reader))
            return try search.calibrationRecord(to: modality(to, in: reader))
        }
        try database.write { writer in
            try refuseReplaced(record, options, in: writer)
            try writer.store(record)
        }
        return ScoreCalibration(
            from: from, to: to, score: record.score, slope: record.slope, intercept: record.intercept,
            temperature: record.temperature, queries: record.queries, hits: record.hits, matches: record.matches,
            createdAt: record.createdAt)
    }

    private func refuseReplaced(
        _ calibration: CalibrationRecord, _ options: CrossSearchOptions, in writer: Writer
    ) throws {
        guard let name = options.model,
            try writer.modelNumber(named: name, in: record(in: writer).id) != calibration.model
        else { return }
        throw CausewayError.failed(
            what: "model \(name) was trained again while it was calibrated", remedy: "calibrate it again")
    }
}

extension CrossSearch {
    private static let calibrationQueriesMax = 256
    /// Hits a query: what is learned holds for a search of any k, as scores keep their meaning.
    private static let calibrationHits = 10
    /// Of either modality, inserted or deleted since; beyond it a stored calibration is stale.
    private static let turnoverMax = 0.1

    /// The calibration in force, or why there is none.
    func storedCalibration(to target: ModalityRecord) throws -> (record: CalibrationRecord?, note: String?) {
        guard options.minProbability != nil || options.normalization != .none else { return (nil, nil) }
        let what = options.minProbability != nil ? "probabilities were learned" : "the bank's temperature was chosen"
        let remedy = "`causeway align calibrate` stores one"
        guard let found = try reader.calibration(of: scoreName, from: source.id, to: target.id),
            try found.model == modelNumber()
        else { return (nil, "\(what) for this search, as no calibration is stored: \(remedy)") }
        for (modality, count) in [(source, found.fromCount), (target, found.toCount)] {
            let turnover = try reader.turnover(of: modality.id, since: found.measuredAt, count: count)
            guard Double(turnover) <= Self.turnoverMax * Double(count) else {
                return (nil, "\(what) for this search: the calibration stored is stale, as \(turnover) embeddings of "
                    + "\(modality.name) have come or gone since (\(count) then): \(remedy)")
            }
        }
        return (found, nil)
    }

    private func modelNumber() throws -> Int64? {
        try options.model.flatMap { try reader.modelNumber(named: $0, in: collection.record(in: reader).id) }
    }

    func calibrationRecord(to target: ModalityRecord) throws -> CalibrationRecord {
        let scoring = try makeLane(to: target, temperature: nil).scoring
        let learned = try calibrate(to: target, scoring)
        return CalibrationRecord(
            from: source.id, to: target.id, score: scoreName, model: try modelNumber(),
            slope: learned.fit.slope, intercept: learned.fit.intercept, temperature: scoring?.bankTemperature,
            queries: learned.queries, hits: learned.hits, matches: learned.matches, measuredAt: try reader.sequence(),
            fromCount: try reader.count(of: source.id), toCount: try reader.count(of: target.id),
            createdAt: Date().formatted(.iso8601))
    }

    /// The probability that a hit shows the query's item, from the hits of stored queries that have a pair: their hits are
    /// matches and mismatches as they occur.
    func calibrate(
        to target: ModalityRecord, _ scoring: PairScoring?
    ) throws -> (fit: MatchCalibration, queries: Int, hits: Int, matches: Int) {
        let (queries, items) = try calibrationQueries(to: target, scoring?.learned?.heldOutItems)
        // No filter and no cut: what a score means must not depend on what else one search asks for.
        let lane = RankedSearch(
            collection: collection, scoring: scoring, source: source, target: target,
            options: SearchOptions(k: Self.calibrationHits + 1, metric: metric), readers: readers)
        var matched: [Double] = [], mismatched: [Double] = []
        for (index, answer) in try lane.answers(to: queries).enumerated() {
            let own = source.id == target.id ? queries[index].id : nil
            let others = answer.hits.filter { own?.hasSameBytes(as: $0.id) != true }
            for hit in others.prefix(Self.calibrationHits) {
                if hit.item.hasSameBytes(as: items[index]) { matched.append(hit.score) } else { mismatched.append(hit.score) }
            }
        }
        let fit = MatchCalibration(
            matched: matched, mismatched: mismatched, form: .logistic, higherIsBetter: isSimilarity)
        guard let fit, fit.slope.isFinite, fit.intercept.isFinite else {
            throw CausewayError.invalidArgument(
                reason: "the \(queries.count) stored pairs of \(source.name) and \(target.name) gave "
                    + "\(matched.count) right and \(mismatched.count) wrong hits: no probability can be learned",
                remedy: "ingest pairs under the same item"
                    + (options.minProbability == nil ? "" : ", or search without --min-probability"))
        }
        return (fit, queries.count, matched.count + mismatched.count, matched.count)
    }

    /// A seeded sample of stored queries that have a pair and can be read; of a model only what it was not trained on, which
    /// would look too good.
    private func calibrationQueries(
        to target: ModalityRecord, _ heldOut: Set<ExactText>?
    ) throws -> (queries: [CrossQuery], items: [String]) {
        var rows: [RowID] = []
        for (row, _) in try reader.itemPairs(from: source.id, to: target.id) where rows.last != row { rows.append(row) }
        var random = SeededRandom(seed: options.seed, stream: 13)
        random.shuffle(&rows)
        var drawn: [EmbeddingRecord] = []
        for row in rows where drawn.count < Self.calibrationQueriesMax {
            guard let record = try reader.embeddings([row])[0] else { continue }
            if heldOut?.contains(ExactText(record.item)) ?? true { drawn.append(record) }
        }
        let sound = try StoredVectors(of: drawn.map(\.row), modality: source, in: reader).places.map { drawn[$0] }
        return (try sound.map { try prepare(.embedding(id: $0.id, from: source.name)) }, sound.map(\.item))
    }
}

extension MatchCalibration {
    init(_ record: CalibrationRecord, higherIsBetter: Bool) {
        self.init(
            slope: record.slope, intercept: record.intercept, matches: record.matches,
            mismatches: record.hits - record.matches, higherIsBetter: higherIsBetter)
    }

    /// A caution where the score says nothing.
    var note: String? {
        guard form == .logistic, slope == 0 else { return nil }
        return "all hits have one probability, as better scores were not likelier matches among the stored pairs"
    }
}
