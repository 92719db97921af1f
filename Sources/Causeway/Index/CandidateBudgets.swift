/// How many of the best by cosine must be compared exactly so that the best by another metric are among them.
/// Measured on stored vectors; above a size on an evenly spaced sample of the target, with the ranks scaled up to all of it.
import Platform
import Storage
import VectorMath

struct CandidateBudgets {
    private static let sampleBytesMax = 96 << 20
    /// Queries scored at a time: their scores for five metrics over the sample stay below 100 MB.
    private static let group = 32
    private static let k = 10
    private static let budgetMax = 50_000

    let collection: EmbeddingCollection
    let target: ModalityRecord
    let source: ModalityRecord
    let threads: Int

    /// Rows of the table for every metric but cosine, for the targets that a budget reaches.
    func measure(
        _ ids: [String], widths: [TuningRecord], _ context: Tuner.Measurement
    ) throws -> [TuningRecord] {
        let metrics = VectorMetric.allCases.filter { $0 != .cosine }
        let (ranks, scale) = try collection.database.read { reader in try self.ranks(ids, metrics, in: reader) }
        let base = widths.filter { $0.k == Self.k }.map(\.width).max() ?? Self.k
        var rows: [TuningRecord] = []
        for metric in metrics {
            guard let perQuery = ranks[metric] else { continue }
            var remaining = context.targets
            var budget = Self.k
            while !remaining.isEmpty && budget <= Self.budgetMax {
                let summary = RecallSummary(perQuery.map { ranks in
                    Double(ranks.count { $0 < budget }) / Double(max(ranks.count, 1))
                })
                let candidates = Int((Double(budget) * scale).rounded(.up))
                while let next = remaining.first, summary.lowerBound >= next {
                    rows.append(
                        context.row(
                            metric: metric.rawValue, k: Self.k, target: next, width: max(base, candidates * 5 / 4),
                            candidates: candidates, summary))
                    remaining.removeFirst()
                }
                budget = max(budget + 1, budget * 5 / 4)
            }
        }
        return rows
    }

    /// Per metric and query: the ranks by cosine of the true best k by the metric. And the factor from sample to whole.
    private func ranks(
        _ ids: [String], _ metrics: [VectorMetric], in reader: Reader
    ) throws -> ([VectorMetric: [[Int]]], scale: Double) {
        let rows = try reader.rows(of: target.id)
        let sampleMax = max(Self.sampleBytesMax / (target.dimension * 4), 1)
        let step = max(1, (rows.count + sampleMax - 1) / sampleMax)
        let sample = stride(from: 0, to: rows.count, by: step).map { rows[$0] }
        let queryRows = try ids.compactMap { try reader.row(id: $0, in: source.id) }.sorted()
        var queries: [(row: RowID, vector: [Float])] = []
        _ = try reader.forEachVector(queryRows, of: source) { index, vector in
            queries.append((queryRows[index], vector.indices.map { vector[$0] }))
        }
        var result: [VectorMetric: [[Int]]] = [:]
        for start in stride(from: 0, to: queries.count, by: Self.group) {
            let part = queries[start..<min(start + Self.group, queries.count)].map { $0 }
            let scores = try ScoreTable(metrics: [.cosine] + metrics, queries: part.map(\.vector), threads: threads)
                .fill(rows: sample, of: target, in: reader)
            let found = Parallel.map(part.count, threads: threads) { index in
                let excluded = source.id == target.id ? scores.rows.firstIndex(of: part[index].row) : nil
                return metrics.indices.map { slot in
                    let best = scores.best(Self.k, metric: slot + 1, query: index, excluding: excluded)
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

/// All scores of some queries against some rows under several metrics.
struct ScoreTable {
    let metrics: [VectorMetric]
    let queries: [[Float]]
    let threads: Int
    private(set) var rows: [RowID] = []
    /// By metric, then query, then row.
    private var scores: [[[Double]]] = []

    init(metrics: [VectorMetric], queries: [[Float]], threads: Int) {
        self.metrics = metrics
        self.queries = queries
        self.threads = threads
    }

    /// Complexity: O(metrics × queries × rows × dimension), spread over the threads by metric.
    func fill(rows: [RowID], of modality: ModalityRecord, in reader: Reader) throws -> ScoreTable {
        var values: [Float] = []
        values.reserveCapacity(rows.count * modality.dimension)
        var found: [RowID] = []
        _ = try reader.forEachVector(rows, of: modality) { index, vector in
            found.append(rows[index])
            for component in vector.indices { values.append(vector[component]) }
        }
        var filled = self
        filled.rows = found
        let (metrics, queries, block, count) = (metrics, queries, values, found.count)
        filled.scores = Parallel.map(metrics.count, threads: threads) { metric in
            queries.map { query in
                var scores: [Double] = []
                scores.reserveCapacity(count)
                VectorScorer(metrics[metric], query: query).score(block.span, into: &scores)
                return scores
            }
        }
        return filled
    }

    /// The positions of the best k rows, ties with the k-th in row order.
    func best(_ k: Int, metric: Int, query: Int, excluding excluded: Int?) -> [Int] {
        var list = TopList(k: k, largerIsBetter: metrics[metric].isSimilarity)
        for (position, score) in scores[metric][query].enumerated() where position != excluded {
            list.insert(RowID(rawValue: Int64(position)), score)
        }
        return list.finish().prefix(k).map { Int($0.row.rawValue) }
    }

    /// How many rows come before each of these, ties in row order.
    func ranks(of positions: [Int], metric: Int, query: Int, excluding excluded: Int?) -> [Int] {
        let scores = scores[metric][query]
        let largerIsBetter = metrics[metric].isSimilarity
        return positions.map { position in
            let own = scores[position]
            var before = 0
            for (other, score) in scores.enumerated() where other != excluded {
                if largerIsBetter ? score > own : score < own {
                    before += 1
                } else if score == own && other < position {
                    before += 1
                }
            }
            return before
        }
    }
}
