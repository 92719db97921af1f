/// Rows in storage order against many queries in one pass: all of them read, or first their codes and then, in the order of
/// the bounds these give, the few that may be among the best. Ranks nothing itself (see MetricCollector).
import Platform
import Storage
import Synchronization
import VectorMath

struct MetricScan {
    /// Cost matrices of all queries together.
    private static let memoryBudget = 256 << 20
    /// Rows for each hit below which reading them is less work than their codes first.
    private static let rowsPerHitMin = 4
    /// Rows whose bounds are held at once.
    private static let chunk = 65_536

    let modality: ModalityRecord
    let metric: Metric
    let k: Int
    let threads: Int

    /// The outcomes in the order of the queries. Each thread serves a share of the queries; this one reads.
    func run(
        _ queries: [MetricQuery], rows: [RowID], in reader: Reader, visited: ((Int) throws -> Void)? = nil
    ) throws -> (outcomes: [MetricOutcome], reading: MetricReading) {
        let budget = max(Self.memoryBudget / max(queries.count, 1), 4 << 20)
        let byCodes = modality.codesTokens && metric.isBoundedByCodes && rows.count > Self.rowsPerHitMin * k
        let collectors = queries.map { LentCollector($0, k: k, memoryBudget: budget, byCodes: byCodes) }
        let pass = MetricPass(scan: self, rows: rows, reader: reader, collectors: collectors, visited: visited)
        if byCodes {
            for start in stride(from: 0, to: rows.count, by: Self.chunk) {
                try pass.readByCodes(start..<min(start + Self.chunk, rows.count))
            }
        } else {
            try pass.readAll()
        }
        return (try collectors.map { try $0.use { try $0.finish() } }, pass.reading)
    }
}

/// One pass under way; belongs to the thread that reads.
private final class MetricPass {
    /// Rows held before several threads compare them: enough work to share, little memory.
    private static let blockBytes = 8 << 20

    /// What is known of a row.
    private enum RowState { case unread, comparable, incomparable }

    private let scan: MetricScan
    private let rows: [RowID]
    private let reader: Reader
    private let collectors: [LentCollector]
    private let visited: ((Int) throws -> Void)?
    /// Several threads share blocks of rows; one takes each row as it comes.
    private let isShared: Bool
    private(set) var reading = MetricReading()

    init(
        scan: MetricScan, rows: [RowID], reader: Reader, collectors: [LentCollector], visited: ((Int) throws -> Void)?
    ) {
        (self.scan, self.rows, self.reader, self.collectors, self.visited) = (scan, rows, reader, collectors, visited)
        isShared = scan.threads > 1 && collectors.count > 1
    }

    func readAll() throws {
        reading = try offer(rows, { $0 }, wanted: nil, visited: visited, delivered: { _ in })
        try settle()
    }

    /// The same answers for a range of rows from the codes of all and the token sets of those that they do not rule out.
    func readByCodes(_ range: Range<Int>) throws {
        var states = [RowState](repeating: .unread, count: range.count)
        if isShared {
            try considerShared(range, &states)
        } else {
            try consider(range, &states)
        }
        while true {
            let wanted = collectors.map { Set($0.use { $0.nextGroup() }) }
            let union = wanted.reduce(into: Set<Int>()) { $0.formUnion($1) }
            if union.isEmpty { break }
            let positions = union.filter { states[$0 - range.lowerBound] != .incomparable }.sorted()
            var missed = Set(positions)
            let passed = try offer(
                positions.map { rows[$0] }, { positions[$0] }, wanted: wanted, visited: nil,
                delivered: { missed.remove($0) })
            reading.add(passed)
            for position in positions {
                let index = position - range.lowerBound
                if states[index] == .comparable { reading.compared -= 1 }  // it is counted among those passed
                states[index] = missed.contains(position) ? .incomparable : .comparable
            }
            try settle()
        }
    }

    // MARK: Codes

    /// One thread: each code is compared where it lies.
    private func consider(_ range: Range<Int>, _ states: inout [RowState]) throws {
        let clock = ContinuousClock()
        let start = clock.now
        var comparing = 0.0
        try reader.forEachTokenCode(Array(rows[range])) { index, code in
            let begin = clock.now
            reading.bytes += code.count
            note(collectors.map { $0.use { $0.consider(range.lowerBound + index, code) } }, index, &states)
            comparing += clock.now.seconds(since: begin)
            if index % 256 == 255 { try visited?(range.lowerBound + index + 1) }
        }
        reading.seconds += clock.now.seconds(since: start) - comparing
    }

    /// Several threads and queries: blocks of codes, each query's part on one thread.
    private func considerShared(_ range: Range<Int>, _ states: inout [RowState]) throws {
        let clock = ContinuousClock()
        let start = clock.now
        var (comparing, bytes) = (0.0, 0)
        var block: [(position: Int, code: [UInt8])] = []
        func flush(_ end: Int) throws {
            let begin = clock.now
            let full = block
            let contents = try each { (_, collector) in full.map { collector.consider($0.position, $0.code.span) } }
            for (index, entry) in full.enumerated() {
                note(contents.map { $0[index] }, entry.position - range.lowerBound, &states)
            }
            block.removeAll(keepingCapacity: true)
            bytes = 0
            comparing += clock.now.seconds(since: begin)
            try visited?(end)
        }
        try reader.forEachCopiedTokenCode(Array(rows[range])) { index, code in
            block.append((range.lowerBound + index, code))
            bytes += code.count
            reading.bytes += code.count
            if bytes > Self.blockBytes { try flush(range.lowerBound + index + 1) }
        }
        try flush(range.upperBound)
        reading.seconds += clock.now.seconds(since: start) - comparing
    }

    /// What the queries that can be coded say of a row is the same.
    private func note(_ contents: [TokenCodeBounds.Content], _ index: Int, _ states: inout [RowState]) {
        guard let content = contents.first(where: { $0 != .unknown }) else { return }
        states[index] = content == .tokens ? .comparable : .incomparable
        if content == .tokens { reading.compared += 1 } else { reading.withoutTokens += 1 }
    }

    // MARK: Token sets

    /// Offers rows to the queries that want them, or to all.
    /// - Parameter position: of the row at an index, in the numbering of `wanted`.
    private func offer(
        _ rows: [RowID], _ position: (Int) -> Int, wanted: [Set<Int>]?, visited: ((Int) throws -> Void)?,
        delivered: (Int) -> Void
    ) throws -> MetricReading {
        var block: [(position: Int, row: RowID, operand: MetricOperand)] = []
        var bytes = 0
        func flush() throws {
            let full = block
            try each { (query, collector) in
                for entry in full where wanted?[query].contains(entry.position) ?? true {
                    try collector.offer(entry.row, entry.operand)
                }
            }
            block.removeAll(keepingCapacity: true)
            bytes = 0
        }
        let reading = try scan.metric.forEachOperand(rows, of: scan.modality, in: reader) { index, operand in
            delivered(position(index))
            block.append((position(index), rows[index], operand))
            bytes += operand.byteCount
            if !isShared || bytes > Self.blockBytes { try flush() }
            if index % 256 == 255 { try visited?(index + 1) }
        }
        try flush()
        return reading
    }

    /// Solving is shared among the threads too. Only this thread may read: a query that must read rows again goes on
    /// afterwards, here.
    private func settle() throws {
        struct MustReload: Error {}
        let needReload = try each { (_, collector) in
            do {
                try collector.settle { _ in throw MustReload() }
                return false
            } catch is MustReload {
                return true
            }
        }
        for (collector, isUnfinished) in zip(collectors, needReload) where isUnfinished {
            try collector.use { try $0.settle { try cloud($0) } }
        }
    }

    private func cloud(_ row: RowID) throws -> TokenCloud {
        guard let tokens = try reader.tokenSet(row, of: scan.modality),
            case .cloud(let cloud) = try MetricOperands(scan.metric, dimension: nil).operand(tokens, side: .candidate)
        else { throw TransportError.emptyTokenSet(.candidate) }
        return cloud
    }

    // MARK: Threads

    @discardableResult
    private func each<Value: Sendable>(
        _ body: @escaping @Sendable (_ query: Int, MetricCollector) throws -> Value
    ) throws -> [Value] {
        guard isShared else { return try collectors.enumerated().map { query, lent in try lent.use { try body(query, $0) } } }
        let collectors = collectors
        return try Parallel.map(collectors.count, threads: scan.threads) { query in
            Result { try collectors[query].use { try body(query, $0) } }
        }.map { try $0.get() }
    }
}

extension MetricOperand {
    var byteCount: Int {
        switch self {
        case .vector(let vector): vector.count * 4
        case .cloud(let cloud): cloud.values.count * 4
        case .sliced(let tokens): tokens.size * 8
        case .gaussian(let tokens): tokens.size * 8
        case .tokens(let tokens): tokens.values.count * 4
        }
    }
}
