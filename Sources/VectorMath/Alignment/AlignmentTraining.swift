/// Training from pairs to a judged model: split by item, fit, evaluate on the held-out items beside plain cosine.
import Foundation
import Platform

package struct TrainedAlignment: Sendable {
    package let model: AlignmentModel
    package let report: AlignmentReport
}

private let itemsMin = 20

/// Trains by `options.method`. Same data, options and instruction set give the same model on any number of threads.
package func trainAlignment(
    _ data: AlignmentData, options: AlignmentTrainingOptions, cancellation: Cancellation? = nil,
    progress: AlignmentProgressHandler? = nil
) throws(AlignmentError) -> TrainedAlignment {
    let items = Set(data.pairs.map(\.item)).count
    guard items >= itemsMin else { throw .tooFewItems(got: items, needed: itemsMin) }
    let (dx, dy) = (data.sources.columns, data.targets.columns)
    if options.method == .center && dx != dy { throw .dimensionsDiffer(method: .center, source: dx, target: dy) }
    let unit = data.normalized()
    let heldOutShare = AlignmentData.heldOutShare(options.heldOutShare)
    let validationShare = min(max(options.validationShare, 0.05), 0.3)
    // Held-out items come first in the order, so that every method with one seed is judged on the same ones.
    let parts = unit.split(shares: [heldOutShare, validationShare, 1 - heldOutShare - validationShare], seed: options.seed)
    var parameters: [String: Matrix<Float>], settings: [String: Double], training = parts[1] + parts[2]
    if options.method == .contrastive || options.method == .ranking {
        let trainer = NetworkTrainer(data: unit, options: options, cancellation: cancellation, progress: progress)
        training = parts[2]
        (parameters, settings) = try trainer.train(training, validation: parts[1])
    } else {
        let trainer = LinearTrainer(data: unit, options: options, cancellation: cancellation, progress: progress)
        let fit = try trainer.fit(options.method, training)
        (parameters, settings) = (fit.parameters, fit.settings)
    }
    var model = try AlignmentModel(
        method: options.method, sourceDimension: dx, targetDimension: dy, activation: options.activation,
        parameters: parameters)
    let wayBack = WayBack(
        model: model, data: unit, fitting: parts[2], judging: RetrievalSet(unit, parts[1], rowsMax: 1_000),
        threads: options.threads)
    parameters.merge(try wayBack.parameters()) { $1 }
    model = try AlignmentModel(
        method: options.method, sourceDimension: dx, targetDimension: dy, activation: options.activation,
        parameters: parameters)
    progress?(AlignmentProgress(stage: "held-out evaluation", done: 0, total: 1))
    let judge = AlignmentJudge(model: model, set: RetrievalSet(unit, parts[0], rowsMax: heldOutRowsMax(model)), options: options)
    let report = judge.report(
        settings: settings, trainingItems: Set(training.map(\.item)).count, trainingPairs: training.count,
        heldOutItems: Set(parts[0].map(\.item)).count)
    return TrainedAlignment(model: model, report: report)
}

private func heldOutRowsMax(_ model: AlignmentModel) -> Int { model.method == .ranking ? 4_000 : 20_000 }

/// Measures a model on held-out rows.
private struct AlignmentJudge {
    let model: AlignmentModel
    let set: RetrievalSet
    let options: AlignmentTrainingOptions

    func report(
        settings: [String: Double], trainingItems: Int, trainingPairs: Int, heldOutItems: Int
    ) -> AlignmentReport {
        let forth = direction(.source, set.sources, set.targets, set.forward)
        let back = direction(.target, set.targets, set.sources, set.backward)
        return AlignmentReport(
            method: model.method, trainingItems: trainingItems, trainingPairs: trainingPairs, heldOutItems: heldOutItems,
            settings: settings, sourceToTarget: forth, targetToSource: back, warning: warning(forth, back))
    }

    private func direction(
        _ side: AlignmentSide, _ queries: Matrix<Float>, _ candidates: Matrix<Float>, _ relevance: Relevance
    ) -> DirectionReport {
        let threads = options.threads
        let x = model.embed(queries, of: side, threads: threads), y = model.embed(candidates, of: side.other, threads: threads)
        let moved = model.transform(queries, of: side, threads: threads)
        let isComparable = queries.columns == candidates.columns
        let ks = [1, 5, 10]
        return DirectionReport(
            learned: summary(learned(x, y, relevance)), transformed: summary(dots(moved, candidates, relevance)),
            cosine: isComparable ? summary(dots(queries, candidates, relevance)) : nil, candidates: candidates.rows,
            chance: ks.map { k in
                let chances = relevance.byQuery.map { chanceOfHit(at: k, relevant: $0.count, candidates: candidates.rows) }
                return chances.reduce(0, +) / Double(max(chances.count, 1))
            })
    }

    private func dots(_ x: Matrix<Float>, _ y: Matrix<Float>, _ relevance: Relevance) -> RetrievalAccumulator {
        evaluateDotProducts(queries: x, candidates: y, relevance: relevance, threads: options.threads)
    }

    private func learned(_ x: Matrix<Float>, _ y: Matrix<Float>, _ relevance: Relevance) -> RetrievalAccumulator {
        guard model.method == .ranking else { return dots(x, y, relevance) }
        let scores = model.scores(x, y, threads: options.threads)
        var accumulator = RetrievalAccumulator()
        for i in 0..<x.rows {
            accumulator.add(QueryOutcome(
                scores: scores.row(i).map { Double($0) }, relevant: relevance.byQuery[i], higherIsBetter: true))
        }
        return accumulator
    }

    private func summary(_ accumulator: RetrievalAccumulator) -> RetrievalSummary {
        let zero = Estimate(value: 0, low: 0, high: 0)
        return accumulator.summary(seed: options.seed, threads: options.threads)
            ?? RetrievalSummary(
                queries: 0, skipped: accumulator.skipped, recall: [], medianRank: zero, meanReciprocalRank: zero,
                meanAveragePrecision: zero)
    }

    /// Compared by mean reciprocal rank against cosine, or by Recall@10 against guessing.
    private func warning(_ forth: DirectionReport, _ back: DirectionReport) -> String? {
        if let a = forth.cosine, let b = back.cosine {
            let plain = (a.meanReciprocalRank.value + b.meanReciprocalRank.value) / 2
            let learned = (forth.learned.meanReciprocalRank.value + back.learned.meanReciprocalRank.value) / 2
            if learned > plain { return nil }
            return "on held-out items this model does not beat plain cosine (mean reciprocal rank "
                + String(format: "%.3f against %.3f): search without it", learned, plain)
        }
        let learned = forth.learned.recall.last?.hits, chance = forth.chance.last ?? 0
        if let learned, learned.low > chance { return nil }
        return "on held-out items this model is no better than guessing: more pairs are needed"
    }
}
