/// How many of the best by cosine must be compared exactly so that the best by another metric are among them: a proposal, which
/// searches then confirm.
/// Measured on stored vectors; above a size on an evenly spaced sample of the target, with the ranks scaled up to all of it.
import Platform
import Storage
import VectorMath

struct CandidateBudgets {
    private static let budgetMax = 50_000

    let collection: EmbeddingCollection
    let target: ModalityRecord
    let threads: Int

    /// Rows of the table for every metric but cosine, for the targets that a budget reaches.
    /// - Parameter measured: told now and then how many queries are done; what it throws ends the measurement.
    func measure(
        _ judges: [Judge], ks: [Int], widths: [TuningRecord], _ context: Tuner.Measurement,
        measured: (_ queries: Int) throws -> Void
    ) throws -> [TuningRecord] {
        let metrics = VectorMetric.allCases.filter { $0 != .cosine }
        let (ranks, scale) = try collection.database.read { reader in
            try self.ranks(judges, metrics, k: ks.max() ?? 1, in: reader, measured)
        }
        return ks.flatMap { k in
            let base = widths.filter { $0.k == k }.map(\.width).max() ?? k
            return metrics.flatMap { metric in
                ladder(metric, (ranks[metric] ?? []).map { $0.prefix(k) }, k: k, base: base, scale: scale, context)
            }
        }
    }

    /// The least budget for each target, from the ranks by cosine of every query's best k.
    private func ladder(
        _ metric: VectorMetric, _ perQuery: [ArraySlice<Int>], k: Int, base: Int, scale: Double, _ context: Tuner.Measurement
    ) -> [TuningRecord] {
        guard !perQuery.isEmpty else { return [] }
        var rows: [TuningRecord] = []
        let attainable = RecallSummary.attainable(queries: perQuery.count)
        var remaining = context.targets.filter { $0 <= attainable }
        var budget = k
        while !remaining.isEmpty && budget <= Self.budgetMax {
            let summary = RecallSummary(perQuery.map { ranks in
                Double(ranks.count { $0 < budget }) / Double(max(ranks.count, 1))
            })
            let candidates = Int((Double(budget) * scale).rounded(.up))
            while let next = remaining.first, summary.lowerBound >= next {
                // Half as wide again: the graph must find nearly all of the candidates, not only the best of them.
                rows.append(
                    context.row(
                        metric: metric.rawValue, k: k, target: next, width: max(base, candidates * 3 / 2),
                        candidates: candidates, summary))
                remaining.removeFirst()
            }
            budget = max(budget + 1, budget * 5 / 4)
        }
        return rows
    }

    /// Per metric and query: the ranks by cosine of the true best k by the metric, best first. And the factor from sample to
    /// whole.
    private func ranks(
        _ judges: [Judge], _ metrics: [VectorMetric], k: Int, in reader: Reader, _ measured: (Int) throws -> Void
    ) throws -> ([VectorMetric: [[Int]]], scale: Double) {
        let rows = try reader.rows(of: target.id)
        let extent = ScoringExtent(rows: rows.count, dimension: target.dimension, metrics: metrics.count + 1)
        let sample = stride(from: 0, to: rows.count, by: extent.step).map { rows[$0] }
        let block = try VectorBlock(rows: sample, of: target, in: reader)
        var result: [VectorMetric: [[Int]]] = [:]
        for start in stride(from: 0, to: judges.count, by: extent.group) {
            try measured(start)
            let part = Array(judges[start..<min(start + extent.group, judges.count)])
            let scores = ScoreTable(metrics: [.cosine] + metrics, queries: part.map(\.vector), threads: threads).fill(block)
            let found = Parallel.map(part.count, threads: threads) { index in
                let excluded = Set(part[index].sample.hidden.compactMap(block.position))
                return metrics.indices.map { slot in
                    let best = scores.best(k, metric: slot + 1, query: index, excluding: excluded)
                    return scores.ranks(of: best, metric: 0, query: index, excluding: excluded)
                }
            }
            for perMetric in found {
                for (metric, ranks) in zip(metrics, perMetric) { result[metric, default: []].append(ranks) }
            }
        }
        return (result, Double(rows.count) / Double(max(sample.count, 1)))
    }
}

/// How much is compared at a time: neither the vectors of the sample nor their scores by all metrics take more than `bytesMax`.
package struct ScoringExtent: Sendable {
    package static let bytesMax = 96 << 20
    private static let groupMax = 32

    /// One of so many rows is in the sample.
    package let step: Int
    /// Queries scored at a time.
    package let group: Int

    package init(rows: Int, dimension: Int, metrics: Int) {
        let scoreBytes = metrics * MemoryLayout<Double>.size
        let sampleMax = max(Self.bytesMax / max(dimension * MemoryLayout<Float>.size, scoreBytes), 1)
        step = max((rows + sampleMax - 1) / sampleMax, 1)
        let sample = max((rows + step - 1) / step, 1)
        group = min(Self.bytesMax / (sample * scoreBytes), Self.groupMax)
    }
}

/// Vectors of some rows, read once for many queries.
struct VectorBlock: Sendable {
    /// Ascending, without the damaged ones.
    let rows: [RowID]
    /// Row after row.
    let values: [Float]

    init(rows wanted: [RowID], of modality: ModalityRecord, in reader: Reader) throws {
        var rows: [RowID] = [], values: [Float] = []
        values.reserveCapacity(wanted.count * modality.dimension)
        _ = try reader.forEachVector(wanted, of: modality) { index, vector in
            rows.append(wanted[index])
            values.append(contentsOf: vector)
        }
        (self.rows, self.values) = (rows, values)
    }

    /// O(log n).
    func position(of row: RowID) -> Int? {
        let place = rows.partitioningIndex { $0 >= row }
        return place < rows.count && rows[place] == row ? place : nil
    }
}

/// All scores of some queries against some rows under several metrics.
struct ScoreTable {
    let metrics: [VectorMetric]
    let queries: [[Float]]
    let threads: Int
    private(set) var rows: [RowID] = []
    /// By metric, then query, then row.
    private var scores: [[Double]] = []

    init(metrics: [VectorMetric], queries: [[Float]], threads: Int) {
        self.metrics = metrics
        self.queries = queries
        self.threads = threads
    }

    func fill(rows: [RowID], of modality: ModalityRecord, in reader: Reader) throws -> ScoreTable {
        fill(try VectorBlock(rows: rows, of: modality, in: reader))
    }

    /// Complexity: O(metrics × queries × rows × dimension), spread over the threads.
    func fill(_ block: VectorBlock) -> ScoreTable {
        var filled = self
        filled.rows = block.rows
        let (metrics, queries) = (metrics, queries)
        filled.scores = Parallel.map(metrics.count * queries.count, threads: threads) { slot in
            var scores: [Double] = []
            scores.reserveCapacity(block.rows.count)
            VectorScorer(metrics[slot / queries.count], query: queries[slot % queries.count])
                .score(block.values.span, into: &scores)
            return scores
        }
        return filled
    }

    private func scores(_ metric: Int, _ query: Int) -> [Double] { scores[metric * queries.count + query] }

    /// The positions of the best k rows, best first, ties in row order.
    func best(_ k: Int, metric: Int, query: Int, excluding excluded: Set<Int>) -> [Int] {
        var list = TopList(k: k, largerIsBetter: metrics[metric].isSimilarity)
        for (position, score) in scores(metric, query).enumerated() where !excluded.contains(position) {
            list.insert(RowID(rawValue: Int64(position)), score)
        }
        return list.finish().prefix(k).map { Int($0.row.rawValue) }
    }

    /// How many rows come before each of these, ties in row order. O(n log k).
    func ranks(of positions: [Int], metric: Int, query: Int, excluding excluded: Set<Int>) -> [Int] {
        let scores = scores(metric, query)
        let largerIsBetter = metrics[metric].isSimilarity
        func precedes(_ a: Int, _ b: Int) -> Bool {
            if scores[a] == scores[b] { return a < b }
            return largerIsBetter ? scores[a] > scores[b] : scores[a] < scores[b]
        }
        let order = positions.indices.sorted { precedes(positions[$0], positions[$1]) }
        // Of each row: the first of the positions, in that order, that it comes before.
        var counts = [Int](repeating: 0, count: positions.count + 1)
        for row in scores.indices where !excluded.contains(row) {
            counts[order.partitioningIndex { precedes(row, positions[$0]) }] += 1
        }
        var ranks = [Int](repeating: 0, count: positions.count)
        var before = 0
        for (place, position) in order.enumerated() {
            before += counts[place]
            ranks[position] = before
        }
        return ranks
    }
}
