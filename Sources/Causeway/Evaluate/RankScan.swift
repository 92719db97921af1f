/// The exact rank of every right answer under built-in metrics, by counting the stored vectors that score better: one pass
/// serves all queries and metrics. Knows no recall and no averages; see `Evaluation`.
import Platform
import Storage
import VectorMath

struct RankScan {
    /// Numbers in a block of candidates, at most, unless a row is longer.
    private static let blockNumbers = 1 << 19

    let target: ModalityRecord
    let metrics: [VectorMetric]
    let threads: Int

    struct Query: Sendable {
        var vector: [Float]
        /// Positions, in the list of rows, of the right answers; ascending.
        var relevant: [Int]
    }

    /// Per metric and query its right answers, without the damaged ones, with their ranks among these rows, in the order of rows.
    /// Ties count in the order given by `order` (the place of each row among all ids, say: then the ranks are those of a search).
    /// - rows: ascending.
    /// - Complexity: O(queries × rows × dimension).
    func ranks(
        of queries: [Query], among rows: [RowID], order: [Int32], in reader: Reader, visited: ((Int) throws -> Void)? = nil
    ) throws -> [[[RankedAnswer]]] {
        let counts = RankCounts(metrics: metrics, queries: queries.map(\.vector), dimension: target.dimension)
        try addAnswers(of: queries, rows, order, to: counts, in: reader)
        let blockRows = max(64, Self.blockNumbers / target.dimension)
        var values: [Float] = [], block: [Int32] = []
        func flush() {
            counts.count(values, at: block, places: order, threads: threads)
            values.removeAll(keepingCapacity: true)
            block.removeAll(keepingCapacity: true)
        }
        _ = try reader.forEachVector(rows, of: target) { position, vector in
            block.append(Int32(position))
            values.append(contentsOf: vector)
            if block.count == blockRows {
                flush()
                try visited?(position + 1)
            }
        }
        flush()
        return counts.ranks()
    }

    private func addAnswers(
        of queries: [Query], _ rows: [RowID], _ order: [Int32], to counts: RankCounts, in reader: Reader
    ) throws {
        var wanted: [Int: [Int]] = [:]
        for (index, query) in queries.enumerated() {
            for position in query.relevant { wanted[position, default: []].append(index) }
        }
        let positions = wanted.keys.sorted()
        _ = try reader.forEachVector(positions.map { rows[$0] }, of: target) { index, vector in
            let position = positions[index]
            for query in wanted[position] ?? [] {
                counts.addAnswer(of: query, at: Int32(position), place: order[position], vector)
            }
        }
    }
}
