/// Query-bank normalisation: a candidate that is near to every query (a hub) is marked down by what a stored bank of queries
/// gives it. Softmax form: inverted softmax (Smith et al. 2017; Bogolin et al., QB-Norm, CVPR 2022). Sinkhorn form: the bank
/// and the candidates balanced by transport. Knows similarities only.
import Foundation
import Platform

package struct QueryBank: Sendable {
    package enum Form: String, Sendable, Codable, CaseIterable { case softmax, sinkhorn }

    /// Where nothing is known to choose it by: of 0.005 … 0.5 the one that lost on no real set, though rarely the best.
    package static let standardTemperature = 0.05
    /// What is tried, in units of similarity.
    package static let temperatures = [0.005, 0.01, 0.02, 0.05, 0.1, 0.2]
    /// Of Sinkhorn; five reach what fifty do, to within a point of Recall@1, on real pairs.
    package static let standardIterations = 5
    /// What is subtracted from the similarity of each candidate, in units of similarity.
    package let offsets: [Double]

    /// - similarities: bank queries × candidates; larger is better.
    /// - temperature: in units of similarity, above 0. Small: only the nearest bank queries count.
    package init(
        similarities: Matrix<Float>, form: Form, temperature: Double = QueryBank.standardTemperature,
        iterations: Int = QueryBank.standardIterations
    ) {
        let potentials = Self.queryPotentials(similarities, form: form, temperature: temperature, iterations: iterations)
        self.init(similarities: similarities, potentials: potentials, temperature: temperature)
    }

    /// - potentials: one a bank query, of `queryPotentials` for these candidates or for a sample of them, so that candidates
    ///   can come block by block.
    package init(similarities: Matrix<Float>, potentials: [Double], temperature: Double) {
        precondition(potentials.count == similarities.rows, "a potential a bank query is needed")
        offsets = similarities.rows == 0
            ? [Double](repeating: 0, count: similarities.columns)
            : Self.columnPotentials(similarities, potentials, temperature)
    }

    /// What each bank query is marked down by before it judges candidates: nothing in the softmax form; in the Sinkhorn form
    /// what makes all bank queries ship one mass.
    package static func queryPotentials(
        _ similarities: Matrix<Float>, form: Form, temperature: Double, iterations: Int = QueryBank.standardIterations
    ) -> [Double] {
        precondition(temperature > 0, "the temperature must be above 0")
        var rows = [Double](repeating: 0, count: similarities.rows)
        guard form == .sinkhorn, similarities.rows > 0, similarities.columns > 0 else { return rows }
        var columns = [Double](repeating: 0, count: similarities.columns)
        for round in 0..<max(iterations, 1) {
            rows = rowPotentials(similarities, columns, temperature)
            if round + 1 < max(iterations, 1) { columns = columnPotentials(similarities, rows, temperature) }
        }
        return rows
    }

    /// The temperature of `temperatures` (times `scale`) that finds the bank's own pairs best, by mean reciprocal rank, each
    /// query judged by the others; nil where no bank query has a right answer among the candidates.
    /// - relevant: for each bank query the columns of its right answers.
    /// - Complexity: O(rows × columns × temperatures) exponentials.
    package static func chosenTemperature(
        _ similarities: Matrix<Float>, relevant: [[Int]], form: Form, scale: Double = 1
    ) -> Double? {
        precondition(relevant.count == similarities.rows, "a list a bank query is needed")
        guard relevant.contains(where: { !$0.isEmpty }) else { return nil }
        var best: (score: Double, temperature: Double)?
        for temperature in temperatures.map({ $0 * scale }) {
            let potentials = queryPotentials(similarities, form: form, temperature: temperature)
            let columns = columnPotentials(similarities, potentials, temperature)
            let reciprocals = Parallel.map(similarities.rows, threads: Parallel.processorCount) { i in
                reciprocalRank(without: i, similarities, potentials[i], columns, relevant[i], temperature)
            }
            let score = reciprocals.reduce(0, +)
            if score > best?.score ?? -1 { best = (score, temperature) }
        }
        return best?.temperature
    }

    /// score − offset for each candidate, in the order of the bank's columns.
    package func normalized(_ scores: [Double]) -> [Double] {
        precondition(scores.count == offsets.count, "one score a candidate is needed")
        return zip(scores, offsets).map { $0 - $1 }
    }

    /// Of bank query i's first right answer, its own part taken out of every column's sum; 0 where it has none.
    private static func reciprocalRank(
        without i: Int, _ s: Matrix<Float>, _ potential: Double, _ columns: [Double], _ relevant: [Int], _ t: Double
    ) -> Double {
        guard !relevant.isEmpty else { return 0 }
        let scores = s.row(i).enumerated().map { j, similarity in
            let share = exp((Double(similarity) - potential - columns[j]) / t)
            return Double(similarity) - columns[j] - t * log(max(1 - share, 1e-12))
        }
        return 1 / Double(relevantRanks(scores: scores, relevant: relevant, higherIsBetter: true)[0])
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
