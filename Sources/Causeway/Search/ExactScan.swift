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

/// The block being filled, which every lane of queries then passes over. Used by one thread, which spreads the lanes.
private final class ScanState {
    /// 256 rows of 768 float32 are 0.8 MB: a block stays in the second-level cache while all queries pass over it.
    private static let blockRows = 256

    private let lanes: [ScanLane]
    private var rows: [RowID] = []
    private var values: [Float] = []
    private(set) var rowsRead = 0

    init(queries: [[Float]], metric: VectorMetric, k: Int, threads: Int, dimension: Int) {
        let size = max((queries.count + threads - 1) / max(threads, 1), 1)
        lanes = stride(from: 0, to: queries.count, by: size).map { start in
            ScanLane(queries[start..<min(start + size, queries.count)], metric: metric, k: k, dimension: dimension)
        }
        rows.reserveCapacity(Self.blockRows)
        values.reserveCapacity(Self.blockRows * dimension)
    }

    /// True when a block was completed.
    func append(_ row: RowID, _ vector: Span<Float>) -> Bool {
        rows.append(row)
        values.append(contentsOf: vector)
        guard rows.count == Self.blockRows else { return false }
        flush()
        return true
    }

    func finish() -> [[TopList.Entry]] {
        flush()
        return lanes.flatMap { $0.finish() }
    }

    private func flush() {
        guard !rows.isEmpty else { return }
        rowsRead += rows.count
        let (rows, values, lanes) = (rows, values, lanes)
        Parallel.forEach(lanes.count, threads: lanes.count) { lane, _ in lanes[lane].compare(rows, values) }
        self.rows.removeAll(keepingCapacity: true)
        self.values.removeAll(keepingCapacity: true)
    }
}

/// Some of the queries, and the best that they have met; of one thread at a time.
private final class ScanLane: Sendable {
    private struct Work {
        let scorers: SievedScorers
        var lists: [TopList]
    }

    private let work: Mutex<Work>

    init(_ queries: ArraySlice<[Float]>, metric: VectorMetric, k: Int, dimension: Int) {
        work = Mutex(
            Work(
                scorers: SievedScorers(metric, queries: queries, dimension: dimension),
                lists: Array(repeating: TopList(k: k, largerIsBetter: metric.isSimilarity), count: queries.count)))
    }

    func compare(_ rows: [RowID], _ values: [Float]) {
        work.withLock { work in
            let bars = work.lists.map(\.bar)
            work.scorers.score(values, bars: bars) { work.lists[$0].insert(rows[$1], $2) }
        }
    }

    func finish() -> [[TopList.Entry]] {
        work.withLock { work in work.lists.indices.map { work.lists[$0].finish() } }
    }
}
