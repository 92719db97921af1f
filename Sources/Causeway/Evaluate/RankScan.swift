/// The exact rank of every right answer, by counting the stored vectors that score better: one pass serves all queries.
/// Knows no recall and no averages; see `Evaluation`.
import Platform
import Storage
import Synchronization
import VectorMath

struct RankScan {
    let target: ModalityRecord
    let metric: VectorMetric
    let threads: Int

    struct Query: Sendable {
        var vector: [Float]
        /// Positions, in the ascending list of the target's rows, of the right answers; ascending.
        var relevant: [Int]
    }

    /// Per query the 1-based ranks of its right answers, ascending. Ties count in the order given by `order`
    /// (the place of each row among all ids), so that the ranks are those of a search.
    /// - Complexity: O(queries × rows × dimension).
    func ranks(
        of queries: [Query], order: [Int32], in reader: Reader, visited: ((Int) throws -> Void)? = nil
    ) throws -> [[Int]] {
        let scorers = queries.map { VectorScorer(metric, query: $0.vector) }
        let counts = Counts(
            thresholds: try thresholds(queries, scorers, in: reader), metric: metric, order: order)
        var values: [Float] = []
        var position = 0
        let rows = try reader.rows(of: target.id)
        var block: [Int32] = []
        func flush() {
            let (values0, block0) = (values, block)
            let share = (scorers.count + threads * 4 - 1) / (threads * 4)
            Parallel.forEach(threads * 4, threads: threads) { part, _ in
                for query in min(part * share, scorers.count)..<min((part + 1) * share, scorers.count) {
                    var scores: [Double] = []
                    scores.reserveCapacity(block0.count)
                    scorers[query].score(values0.span, into: &scores)
                    counts.add(scores, at: block0, query: query)
                }
            }
            values.removeAll(keepingCapacity: true)
            block.removeAll(keepingCapacity: true)
        }
        _ = try reader.forEachVector(of: target) { row, vector in
            while rows[position] != row { position += 1 }
            block.append(Int32(position))
            for index in vector.indices { values.append(vector[index]) }
            if block.count == 256 {
                flush()
                try visited?(position + 1)
            }
        }
        if !block.isEmpty { flush() }
        return counts.ranks()
    }

    /// The scores of the right answers, read first.
    private func thresholds(
        _ queries: [Query], _ scorers: [VectorScorer], in reader: Reader
    ) throws -> [[Counts.Threshold]] {
        let rows = try reader.rows(of: target.id)
        var wanted: [Int: [Int]] = [:]
        for (index, query) in queries.enumerated() {
            for position in query.relevant { wanted[position, default: []].append(index) }
        }
        var found = [[Counts.Threshold]](repeating: [], count: queries.count)
        let positions = wanted.keys.sorted()
        _ = try reader.forEachVector(positions.map { rows[$0] }, of: target) { index, vector in
            for query in wanted[positions[index]]! {
                found[query].append(
                    Counts.Threshold(position: Int32(positions[index]), score: scorers[query].score(vector)))
            }
        }
        return found
    }
}

/// How many rows score better than each right answer. Each query is touched by one thread at a time.
private final class Counts: Sendable {
    struct Threshold: Sendable { var position: Int32, score: Double, better = 0 }

    private let queries: [QueryCounts]
    private let largerIsBetter: Bool
    private let order: [Int32]

    init(thresholds: [[Threshold]], metric: VectorMetric, order: [Int32]) {
        queries = thresholds.map(QueryCounts.init)
        largerIsBetter = metric.isSimilarity
        self.order = order
    }

    final class QueryCounts: Sendable {
        let value: Mutex<[Threshold]>
        init(_ thresholds: [Threshold]) { value = Mutex(thresholds) }
    }

    func add(_ scores: [Double], at positions: [Int32], query: Int) {
        queries[query].value.withLock { thresholds in
            for slot in thresholds.indices {
                let (own, score) = (thresholds[slot].position, thresholds[slot].score)
                var better = 0
                for index in scores.indices {
                    let other = scores[index]
                    if largerIsBetter ? other > score : other < score {
                        better += 1
                    } else if other == score, positions[index] != own,
                        order[Int(positions[index])] < order[Int(own)] {
                        better += 1
                    }
                }
                thresholds[slot].better += better
            }
        }
    }

    func ranks() -> [[Int]] { queries.map { $0.value.withLock { $0.map { $0.better + 1 }.sorted() } } }
}
