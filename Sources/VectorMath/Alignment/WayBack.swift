/// Chooses how embedded queries are led from the common space into a modality's own space, where the graph is searched:
/// the transpose of that side's map, or a ridge regression; whichever finds the validation pairs best.
import Foundation
import Platform

struct WayBack {
    let model: AlignmentModel
    let data: AlignmentData
    let fitting: [AlignmentPair]
    let judging: RetrievalSet
    let threads: Int
    private static let rowsMax = 20_000
    /// In units of the mean variance of the embedded rows.
    private static let lambda = 0.1

    /// Arrays "<side>.back" to add to the model, for the sides where a regression serves better or is the only way.
    func parameters() throws(AlignmentError) -> [String: Matrix<Float>] {
        var result: [String: Matrix<Float>] = [:]
        for side in AlignmentSide.allCases {
            let isForced = model.parameters["\(side.rawValue).hidden"] != nil
            if !isForced && model.method == .center { continue }
            var best: (score: Double, map: Matrix<Float>?) = (isForced ? -1 : try score(nil, side), nil)
            for crossing in [false, true] {
                let map = try regression(side, crossing: crossing), score = try score(map, side)
                if score > best.score { best = (score, map) }
            }
            if let map = best.map { result["\(side.rawValue).back"] = map }
        }
        return result
    }

    /// From the embeddings of the side's own rows, or of their partners, to the side's centred rows.
    private func regression(_ side: AlignmentSide, crossing: Bool) throws(AlignmentError) -> Matrix<Float> {
        let pairs = fitting.prefix(Self.rowsMax)
        let sources = data.sources.gathering(pairs.map(\.source)), targets = data.targets.gathering(pairs.map(\.target))
        let own = side == .source ? sources : targets
        let from = crossing ? side.other : side
        let common = model.embed(from == .source ? sources : targets, of: from, threads: threads).converted(to: Double.self)
        let centred = own.subtractingFromRows(own.columnMeans()).converted(to: Double.self)
        let variance = Double(common.rows) / Double(common.columns)
        do throws(LinearAlgebraError) {
            return try LinearMaps.ridge(common, centred, lambda: Self.lambda * variance, threads: threads)
                .converted(to: Float.self)
        } catch { throw .algebra(error) }
    }

    /// Mean reciprocal rank of moved queries among the side's unchanged rows.
    private func score(_ map: Matrix<Float>?, _ side: AlignmentSide) throws(AlignmentError) -> Double {
        var parameters = model.parameters
        parameters["\(side.rawValue).back"] = map
        let trial = try AlignmentModel(
            method: model.method, sourceDimension: model.sourceDimension, targetDimension: model.targetDimension,
            activation: model.activation, parameters: parameters)
        let queries = side == .target ? judging.sources : judging.targets
        let candidates = side == .target ? judging.targets : judging.sources
        return meanReciprocalRank(
            queries: trial.transform(queries, of: side.other, threads: threads), candidates: candidates,
            relevance: side == .target ? judging.forward : judging.backward, threads: threads)
    }
}
