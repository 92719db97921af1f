/// The exact rank of every right answer under metrics that have no vector kernel, by counting the rows that are better: the
/// twin of RankScan for token sets and the user's own metrics. Knows no recall and no averages; see `Evaluation`.
import Platform
import Storage
import Synchronization
import VectorMath

struct MetricRankScan {
    /// Queries held at once, by the bytes of their tokens; each group is a pass over the target's rows.
    private static let groupBytes = 64 << 20
    private static let blockBytes = 8 << 20

    let source: ModalityRecord
    let target: ModalityRecord
    let metric: Metric
    let threads: Int

    struct Query: Sendable {
        var row: RowID
        /// Positions, in the ascending list of the target's rows, of the right answers; ascending.
        var relevant: [Int]
    }

    /// Per query the 1-based ranks of its right answers, ascending; ties count in the order given by `order`, and rows that
    /// cannot be compared come last. A query that cannot be compared has none. And how many rows were compared, and cautions
    /// about the others.
    /// - Throws: `.invalidArgument` where no query can be compared.
    /// - Complexity: O(queries × rows) comparisons; transport is abandoned once it is worse than every right answer.
    func ranks(
        of queries: [Query], order: [Int32], in reader: Reader, visited: ((Int) throws -> Void)? = nil
    ) throws -> (ranks: [[Int]], compared: Int, notes: [String]) {
        let rows = try reader.rows(of: target.id)
        var ranks: [[Int]] = []
        var reading = MetricReading()
        var (start, leftOut) = (0, 0)
        while start < queries.count {
            let (counters, next) = try prepare(queries, from: start, in: reader)
            let group = counters.compactMap { $0 }
            leftOut += counters.count - group.count
            try threshold(group, rows, in: reader)
            var block: [(position: Int, operand: MetricOperand)] = []
            var bytes = 0
            func flush() throws {
                let full = block
                try Parallel.tryForEach(group.count, threads: threads) { try group[$0].count(full, order) }
                block.removeAll(keepingCapacity: true)
                bytes = 0
            }
            reading = try metric.forEachOperand(rows, of: target, in: reader) { position, operand in
                block.append((position, operand))
                bytes += operand.byteCount
                guard bytes > Self.blockBytes else { return }
                try flush()
                try visited?(rows.count * start / queries.count + (position + 1) * (next - start) / queries.count)
            }
            try flush()
            ranks += counters.map { $0?.ranks(last: rows.count) ?? [] }
            start = next
        }
        if leftOut == queries.count { throw noneComparable() }
        return (ranks, reading.compared, notes(leftOut) + reading.notes(metric))
    }

    private func notes(_ leftOut: Int) -> [String] {
        guard leftOut > 0 else { return [] }
        return [
            "\(leftOut) quer\(leftOut == 1 ? "y" : "ies") of \(source.name) cannot be compared by \(metric) "
                + "and \(leftOut == 1 ? "was" : "were") left out",
        ]
    }

    private func noneComparable() -> CausewayError {
        .invalidArgument(
            reason: "no query of \(source.name) that has a right answer can be compared by \(metric)",
            remedy: "ingest \(metric.operand == .tokenSets ? "tokens for" : "more of") them, or evaluate other metrics")
    }

    /// The next group of queries, nil where one cannot be compared, and where the group after it starts.
    private func prepare(
        _ queries: [Query], from start: Int, in reader: Reader
    ) throws -> (group: [RankCounter?], next: Int) {
        let operands = MetricOperands(metric, dimension: source.tokenDimension)
        var group: [RankCounter?] = []
        var bytes = 0
        var next = start
        while next < queries.count && bytes < Self.groupBytes {
            let end = min(next + 64, queries.count)
            let part = queries[next..<end]
            var found = [RankCounter?](repeating: nil, count: part.count)
            switch metric.operand {
            case .tokenSets:
                _ = try reader.forEachTokenSet(part.map(\.row), of: source) { index, tokens in
                    bytes += tokens.values.count * 4
                    guard let operand = try operands.operandIfAny(tokens) else { return }
                    found[index] = RankCounter(MetricQuery(metric, operand), relevant: part[next + index].relevant)
                }
            case .vectors:
                _ = try reader.forEachVector(part.map(\.row), of: source) { index, vector in
                    bytes += vector.count * 4
                    let values = Array(vector)
                    found[index] = RankCounter(
                        MetricQuery(metric, .vector(values)), relevant: part[next + index].relevant)
                }
            }
            group += found
            next = end
        }
        return (group, next)
    }

    /// The values of the right answers, read first.
    private func threshold(_ group: [RankCounter], _ rows: [RowID], in reader: Reader) throws {
        var wanted: [Int: [Int]] = [:]
        for (index, counter) in group.enumerated() {
            for position in counter.relevant { wanted[position, default: []].append(index) }
        }
        let positions = wanted.keys.sorted()
        _ = try metric.forEachOperand(positions.map { rows[$0] }, of: target, in: reader) { index, operand in
            for query in wanted[positions[index]]! { try group[query].setThreshold(at: positions[index], operand) }
        }
    }
}

/// How many rows are better than each right answer of one query.
private final class RankCounter: Sendable {
    private struct Threshold: Sendable { var value: Double?, better = 0 }

    let relevant: [Int]
    private let query: MetricQuery
    private let thresholds: Mutex<[Threshold]>

    init(_ query: MetricQuery, relevant: [Int]) {
        (self.query, self.relevant) = (query, relevant)
        thresholds = Mutex(Array(repeating: Threshold(), count: relevant.count))
    }

    func setThreshold(at position: Int, _ operand: MetricOperand) throws {
        let value = try MetricScorer(query).value(operand)
        guard let slot = relevant.firstIndex(of: position) else { return }
        thresholds.withLock { $0[slot].value = value }
    }

    func count(_ block: [(position: Int, operand: MetricOperand)], _ order: [Int32]) throws {
        let scorer = MetricScorer(query)
        var thresholds = thresholds.withLock { $0 }
        let worst = thresholds.compactMap(\.value).max() ?? -.infinity
        for (position, operand) in block {
            guard let value = try scorer.value(operand, limit: worst) else { continue }
            for slot in thresholds.indices {
                guard let own = thresholds[slot].value, relevant[slot] != position else { continue }
                let isTie = value == own && order[position] < order[relevant[slot]]
                if isTie || query.metric.isBetter(value, own) { thresholds[slot].better += 1 }
            }
        }
        let counted = thresholds
        self.thresholds.withLock { $0 = counted }
    }

    func ranks(last: Int) -> [Int] {
        thresholds.withLock { $0.map { $0.value == nil ? last : $0.better + 1 }.sorted() }
    }
}
