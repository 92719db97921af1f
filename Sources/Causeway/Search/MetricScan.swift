/// Rows in storage order against many queries in one pass: all of them read, or first their codes and then, in the order of
/// the bounds these give, the few that may be among the best. Ranks nothing itself (see MetricCollector).
import Platform
import Storage
import Synchronization
import VectorMath

/// The rows of one pass, ascending, and which of its queries compares each.
struct ComparedRows {
    /// Queries with rows of their own that one pass can serve.
    static let queriesMax = UInt32.bitWidth

    let rows: [RowID]
    /// A bit for each query that compares a row; nil where all compare all.
    private let takers: [UInt32]?

    /// All queries compare all rows.
    init(_ rows: [RowID]) { self.init(rows: rows, takers: nil) }

    /// Each query compares rows of its own: at most `queriesMax` ascending lists. O(rows · log rows).
    init(_ lists: [[RowID]]) {
        precondition(lists.count <= Self.queriesMax, "more queries than a pass serves")
        guard lists.count > 1 else {
            self = ComparedRows(lists.first ?? [])
            return
        }
        var entries = lists.enumerated().flatMap { query, rows in rows.map { (row: $0, taker: UInt32(1) << query) } }
        entries.sort { $0.row < $1.row }
        var rows: [RowID] = []
        var takers: [UInt32] = []
        for (row, taker) in entries {
            if rows.last == row {
                takers[takers.count - 1] |= taker
            } else {
                rows.append(row)
                takers.append(taker)
            }
        }
        self = ComparedRows(rows: rows, takers: takers)
    }

    private init(rows: [RowID], takers: [UInt32]?) { (self.rows, self.takers) = (rows, takers) }

    func isTaken(_ position: Int, by query: Int) -> Bool { takers.map { $0[position] >> query & 1 == 1 } ?? true }

    /// How many rows a query compares.
    func count(of query: Int) -> Int { takers.map { $0.count { $0 >> query & 1 == 1 } } ?? rows.count }
}

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
        _ queries: [MetricQuery], over rows: ComparedRows, in reader: Reader, visited: ((Int) throws -> Void)? = nil
    ) throws -> [MetricOutcome] {
        let budget = max(Self.memoryBudget / max(queries.count, 1), 4 << 20)
        let counts = queries.indices.map { rows.count(of: $0) }
        let byCodes = modality.codesTokens && metric.isBoundedByCodes && counts.max() ?? 0 > Self.rowsPerHitMin * k
        let collectors = queries.map { LentCollector($0, k: k, memoryBudget: budget, byCodes: byCodes) }
        let pass = MetricPass(scan: self, rows: rows, reader: reader, collectors: collectors, visited: visited)
        if byCodes {
            for start in stride(from: 0, to: rows.rows.count, by: Self.chunk) {
                try pass.readByCodes(start..<min(start + Self.chunk, rows.rows.count))
            }
        } else {
            try pass.readAll()
        }
        return try zip(collectors, counts).map { collector, count in
            var outcome = try collector.use { try $0.finish(of: count) }
            outcome.reading.seconds = pass.readSeconds / Double(queries.count)
            return outcome
        }
    }
}

/// One pass under way; belongs to the thread that reads.
private final class MetricPass {
    /// Rows held before several threads compare them: enough work to share, little memory.
    private static let blockBytes = 8 << 20

    private let scan: MetricScan
    private let compared: ComparedRows
    private let reader: Reader
    private let collectors: [LentCollector]
    private let visited: ((Int) throws -> Void)?
    /// Several threads share blocks of rows; one takes each row as it comes.
    private let isShared: Bool
    /// Time of reading and decoding alone.
    private(set) var readSeconds = 0.0

    private var rows: [RowID] { compared.rows }

    init(
        scan: MetricScan, rows: ComparedRows, reader: Reader, collectors: [LentCollector], visited: ((Int) throws -> Void)?
    ) {
        (self.scan, compared, self.reader) = (scan, rows, reader)
        (self.collectors, self.visited) = (collectors, visited)
        isShared = scan.threads > 1 && collectors.count > 1
    }

    func readAll() throws {
        let compared = compared
        try offer(rows, visited: visited) { query, index in compared.isTaken(index, by: query) }
        try settle()
    }

    /// The same answers for a range of rows from the codes of all and the token sets of those that they do not rule out.
    func readByCodes(_ range: Range<Int>) throws {
        if isShared {
            try considerShared(range)
        } else {
            try consider(range)
        }
        while true {
            let wanted = collectors.map { Set($0.use { $0.nextGroup() }) }
            let positions = wanted.reduce(into: Set<Int>()) { $0.formUnion($1) }.sorted()
            if positions.isEmpty { break }
            try offer(positions.map { rows[$0] }, visited: nil) { query, index in wanted[query].contains(positions[index]) }
            try settle()
        }
    }

    // MARK: Codes

    /// One thread: each code is compared where it lies.
    private func consider(_ range: Range<Int>) throws {
        let clock = ContinuousClock()
        let start = clock.now
        var comparing = 0.0
        try reader.forEachTokenCode(Array(rows[range])) { index, code in
            let begin = clock.now
            let position = range.lowerBound + index
            for (query, collector) in collectors.enumerated() where compared.isTaken(position, by: query) {
                collector.use { $0.consider(position, code) }
            }
            comparing += clock.now.seconds(since: begin)
            if index % 256 == 255 { try visited?(position + 1) }
        }
        readSeconds += clock.now.seconds(since: start) - comparing
    }

    /// Several threads and queries: blocks of codes, each query's part on one thread.
    private func considerShared(_ range: Range<Int>) throws {
        let clock = ContinuousClock()
        let start = clock.now
        var (comparing, bytes) = (0.0, 0)
        var block: [(position: Int, code: [UInt8])] = []
        func flush(_ end: Int) throws {
            let begin = clock.now
            let (full, compared) = (block, compared)
            try each { query, collector in
                for entry in full where compared.isTaken(entry.position, by: query) {
                    collector.consider(entry.position, entry.code.span)
                }
            }
            block.removeAll(keepingCapacity: true)
            bytes = 0
            comparing += clock.now.seconds(since: begin)
            try visited?(end)
        }
        try reader.forEachCopiedTokenCode(Array(rows[range])) { index, code in
            block.append((range.lowerBound + index, code))
            bytes += code.count
            if bytes > Self.blockBytes { try flush(range.lowerBound + index + 1) }
        }
        try flush(range.upperBound)
        readSeconds += clock.now.seconds(since: start) - comparing
    }

    // MARK: Token sets

    /// Offers rows to the queries that want them, each known by its index in `rows`.
    private func offer(
        _ rows: [RowID], visited: ((Int) throws -> Void)?, where wants: @escaping @Sendable (_ query: Int, _ index: Int) -> Bool
    ) throws {
        var block: [(index: Int, operand: MetricOperand)] = []
        var bytes = 0
        func flush() throws {
            let full = block
            try each { query, collector in
                for entry in full where wants(query, entry.index) { try collector.offer(rows[entry.index], entry.operand) }
            }
            block.removeAll(keepingCapacity: true)
            bytes = 0
        }
        let reading = try scan.metric.forEachOperand(rows, of: scan.modality, in: reader) { index, operand in
            block.append((index, operand))
            bytes += operand.byteCount
            if !isShared || bytes > Self.blockBytes { try flush() }
            if index % 256 == 255 { try visited?(index + 1) }
        }
        try flush()
        readSeconds += reading.seconds
        let damaged = Set(reading.damaged)
        guard !damaged.isEmpty else { return }
        for (index, row) in rows.enumerated() where damaged.contains(row) {
            for (query, collector) in collectors.enumerated() where wants(query, index) {
                collector.use { $0.miss(damaged: row) }
            }
        }
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
