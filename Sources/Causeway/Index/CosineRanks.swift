/// How many stored vectors are nearer to a query by cosine than some that matter: so many must be compared for these to be among
/// them. Knows no other metric and no recall.
import Storage
import VectorMath

struct CosineRanks {
    let target: ModalityRecord
    let threads: Int

    struct Query: Sendable {
        var vector: [Float]
        /// Whose ranks are wanted.
        var rows: [RowID]
        /// What the query may not find.
        var hidden: [RowID]
    }

    /// Per query how many rows that it may find come before each of its own, ties in row order. Without those that are damaged or
    /// not among the rows.
    /// - rows: ascending.
    /// - Complexity: O(queries × rows × dimension), in float32 but for near ties.
    func ranks(
        of queries: [Query], among rows: [RowID], in reader: Reader, visited: ((Int) throws -> Void)? = nil
    ) throws -> [[RowID: Int]] {
        let asked = queries.map { query in
            RankScan.Query(
                vector: query.vector, relevant: Set((query.rows + query.hidden).compactMap(rows.place)).sorted())
        }
        let found = try RankScan(target: target, metrics: [.cosine], threads: threads)
            .ranks(of: asked, among: rows, order: rows.indices.map(Int32.init), in: reader, visited: visited)
        return zip(queries, found[0]).map { query, answers in
            let ranks = Dictionary(uniqueKeysWithValues: answers.map { (rows[Int($0.position)], $0.rank) })
            let hidden = query.hidden.compactMap { ranks[$0] }
            return ranks.mapValues { rank in rank - 1 - hidden.count { $0 < rank } }
        }
    }
}
