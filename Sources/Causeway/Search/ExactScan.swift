/// The exact answer by comparing every stored vector: the oracle of every approximate search, and the plan without an index.
/// One pass over the rows serves many queries; memory is one block of vectors and a short list per query.
import Platform
import Storage
import Synchronization
import VectorMath

struct ExactScan {
    let modality: ModalityRecord
    let metric: VectorMetric
    let k: Int
    let threads: Int

    struct Result {
        /// Per query, best first, k and all ties with the k-th.
        var best: [[TopList.Entry]]
        var rowsRead = 0
        var damaged: [RowDamage] = []
    }

    /// Scores all rows of the modality, or the given ones (ascending), for every query.
    /// - Parameter visited: told now and then how many rows have been read; what it throws ends the scan.
    /// Complexity: O(queries × rows × dimension).
    func run(
        _ queries: [[Float]], rows: [RowID]?, in reader: Reader, visited: ((_ rows: Int) throws -> Void)? = nil
    ) throws -> Result {
        let state = ScanState(queries: queries, metric: metric, k: k, threads: threads, dimension: modality.dimension)
        var result = Result(best: [])
        let visit: (RowID, Span<Float>) throws -> Void = { row, vector in
            if state.append(row, vector) { try visited?(state.rowsRead) }
        }
        if let rows {
            result.damaged = try reader.forEachVector(rows, of: modality) { try visit(rows[$0], $1) }
        } else {
            result.damaged = try reader.forEachVector(of: modality, visit)
        }
        result.best = state.finish()
        result.rowsRead = state.rowsRead
        return result
    }
}

/// The block being filled and the lists being kept. Used by one thread, which spreads full blocks over several.
private final class ScanState {
    /// 256 rows of 768 float32 are 0.8 MB: a block stays in the second-level cache while all queries pass over it.
    private static let blockRows = 256

    private let scorers: [VectorScorer]
    private let lists: SharedLists
    private let threads: Int
    private var rows: [RowID] = []
    private var values: [Float] = []
    private(set) var rowsRead = 0

    init(queries: [[Float]], metric: VectorMetric, k: Int, threads: Int, dimension: Int) {
        scorers = queries.map { VectorScorer(metric, query: $0) }
        lists = SharedLists(
            Array(repeating: TopList(k: k, largerIsBetter: metric.isSimilarity), count: queries.count))
        self.threads = threads
        rows.reserveCapacity(Self.blockRows)
        values.reserveCapacity(Self.blockRows * dimension)
    }

    /// True when a block was completed.
    func append(_ row: RowID, _ vector: Span<Float>) -> Bool {
        rows.append(row)
        for index in vector.indices { values.append(vector[index]) }
        guard rows.count == Self.blockRows else { return false }
        flush()
        return true
    }

    func finish() -> [[TopList.Entry]] {
        flush()
        return lists.finish()
    }

    private func flush() {
        guard !rows.isEmpty else { return }
        rowsRead += rows.count
        let (rows, values, scorers) = (rows, values, scorers)
        let workers = min(threads, scorers.count)
        let share = (scorers.count + workers - 1) / max(workers, 1)
        Parallel.forEach(workers, threads: workers) { [lists] part, _ in
            let range = part * share..<min((part + 1) * share, scorers.count)
            var scores: [Double] = []
            // Each worker owns its share of the lists: it takes them out, fills them, and puts them back.
            var mine = lists.take(range)
            for query in range {
                scores.removeAll(keepingCapacity: true)
                scorers[query].score(values.span, into: &scores)
                for index in rows.indices { mine[query - range.lowerBound].insert(rows[index], scores[index]) }
            }
            lists.put(mine, range)
        }
        self.rows.removeAll(keepingCapacity: true)
        self.values.removeAll(keepingCapacity: true)
    }
}

/// The lists of all queries, lent out to workers by range.
private final class SharedLists: Sendable {
    private let lists: Mutex<[TopList]>
    init(_ lists: [TopList]) { self.lists = Mutex(lists) }

    func take(_ range: Range<Int>) -> [TopList] { lists.withLock { Array($0[range]) } }
    func put(_ mine: [TopList], _ range: Range<Int>) { lists.withLock { $0.replaceSubrange(range, with: mine) } }
    func finish() -> [[TopList.Entry]] { lists.withLock { lists in lists.indices.map { lists[$0].finish() } } }
}
