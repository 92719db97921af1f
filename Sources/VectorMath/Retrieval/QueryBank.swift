/// Query-bank normalisation: a candidate that is near to every query (a hub) is marked down by what a stored bank of queries
/// gives it. Softmax form: inverted softmax (Smith et al. 2017; Bogolin et al., QB-Norm, CVPR 2022). Sinkhorn form: the bank
/// and the candidates balanced by transport. Knows similarities only.
import Foundation
import Platform

package struct QueryBank: Sendable {
    package enum Form: String, Sendable, Codable, CaseIterable { case softmax, sinkhorn }

    /// The temperature CLIP was trained at; of 0.005 … 0.1 it served held-out pairs and whole sets well in both forms.
    package static let standardTemperature = 0.01
    /// What is subtracted from the similarity of each candidate, in units of similarity.
    package let offsets: [Double]

    /// - similarities: bank queries × candidates; larger is better.
    /// - iterations: of Sinkhorn; five reach what fifty do, to within a point of Recall@1, on real pairs.
    /// - temperature: in units of similarity, above 0. Small: only the nearest bank queries count.
    package init(
        similarities: Matrix<Float>, form: Form, temperature: Double = QueryBank.standardTemperature, iterations: Int = 5
    ) {
        precondition(temperature > 0, "the temperature must be above 0")
        let rounds = form == .softmax ? 1 : max(iterations, 1)
        var columns = [Double](repeating: 0, count: similarities.columns)
        var rows = [Double](repeating: 0, count: similarities.rows)
        guard similarities.rows > 0 else { offsets = columns; return }
        for round in 0..<rounds {
            if form == .sinkhorn || round > 0 { rows = Self.rowPotentials(similarities, columns, temperature) }
            columns = Self.columnPotentials(similarities, rows, temperature)
        }
        offsets = columns
    }

    /// score − offset for each candidate, in the order of the bank's columns.
    package func normalized(_ scores: [Double]) -> [Double] {
        precondition(scores.count == offsets.count, "one score a candidate is needed")
        return zip(scores, offsets).map { $0 - $1 }
    }

    /// t·log Σ_j exp((s_ij − c_j)/t) for each row.
    private static func rowPotentials(_ s: Matrix<Float>, _ columns: [Double], _ t: Double) -> [Double] {
        parallelMap(s.rows, threads: Parallel.processorCount, default: 0) { i in
            logSumExp(zip(s.row(i), columns).map { (Double($0) - $1) / t }) * t
        }
    }

    /// t·log Σ_i exp((s_ij − r_i)/t) for each column, streaming over rows.
    private static func columnPotentials(_ s: Matrix<Float>, _ rows: [Double], _ t: Double) -> [Double] {
        let slice = 64
        let parts = parallelMap((s.columns + slice - 1) / slice, threads: Parallel.processorCount, default: [Double]()) { part in
            let range = part * slice..<min((part + 1) * slice, s.columns)
            return range.map { j in
                logSumExp((0..<s.rows).map { (Double(s.elements[$0 * s.columns + j]) - rows[$0]) / t }) * t
            }
        }
        return parts.flatMap { $0 }
    }
}

/// log Σ exp(v), without overflow.
package func logSumExp(_ values: [Double]) -> Double {
    guard let largest = values.max(), largest.isFinite else { return values.max() ?? -.infinity }
    return largest + log(values.reduce(0) { $0 + exp($1 - largest) })
}

/// Mean and standard deviation of a modality's scores, so that answers of several modalities can be merged.
package struct ScoreStandardization: Sendable, Equatable, Codable {
    package var mean: Double
    package var standardDeviation: Double

    package init(mean: Double, standardDeviation: Double) {
        self.mean = mean
        self.standardDeviation = standardDeviation
    }

    /// From scores of a sample of pairs (matched or not, as they come); nil for fewer than two finite scores or no spread.
    package init?(_ scores: [Double]) {
        let finite = scores.filter(\.isFinite)
        guard finite.count > 1 else { return nil }
        let mean = finite.reduce(0, +) / Double(finite.count)
        let variance = finite.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(finite.count - 1)
        guard variance > 0 else { return nil }
        self.init(mean: mean, standardDeviation: variance.squareRoot())
    }

    package func standardized(_ score: Double) -> Double { (score - mean) / standardDeviation }
}
