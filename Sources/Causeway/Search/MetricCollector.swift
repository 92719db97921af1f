/// The best k of one query among the rows offered to it: exact transport lazily, by bounds; other metrics one by one.
import Platform
import Storage
import Synchronization
import VectorMath

/// What one query's comparison came to.
struct MetricOutcome: Sendable {
    /// Best first: k and all ties with the k-th.
    var entries: [TopList.Entry] = []
    var work = TokenWork()
}

/// Collects rows in any order; one thread at a time. The answer equals comparing every row to the end.
final class MetricCollector {
    private enum Form {
        case ranking(TransportRanking, TokenMetric)
        case list(MetricScorer)
    }

    private let form: Form
    private let k: Int
    private var list: TopList
    private var compared = 0

    /// - Parameter memoryBudget: bytes for cost matrices kept until they are solved or ruled out.
    init(_ query: MetricQuery, k: Int, memoryBudget: Int) {
        self.k = k
        list = TopList(k: k, largerIsBetter: query.metric.isSimilarity)
        form = query.transport.map { .ranking(TransportRanking($0.tokens, memoryBudget: memoryBudget), $0.metric) }
            ?? .list(MetricScorer(query))
    }

    func offer(_ row: RowID, _ operand: MetricOperand) throws {
        switch form {
        case .ranking(let ranking, _):
            guard case .cloud(let cloud) = operand else { preconditionFailure("an operand of another metric") }
            try ranking.offer(id: row.rawValue, cloud)
        case .list(let scorer):
            if let value = try scorer.value(operand) { list.insert(row, value) }
            compared += 1
        }
    }

    /// - Parameter reload: reads a row again whose costs no longer fitted the memory budget.
    func finish(reload: (RowID) throws -> TokenCloud) throws -> MetricOutcome {
        guard case .ranking(let ranking, let metric) = form else {
            var outcome = MetricOutcome(entries: list.finish())
            outcome.work.solved = compared
            return outcome
        }
        let (hits, statistics) = try ranking.best(k, keepingTies: true) { try reload(RowID(rawValue: $0)) }
        let entries = hits.map {
            TopList.Entry(row: RowID(rawValue: $0.id), score: metric.value(ofOptimum: $0.value))
        }
        return MetricOutcome(
            entries: entries,
            work: TokenWork(
                solved: statistics.solved, abandoned: statistics.abandoned, pruned: statistics.pruned,
                reloaded: statistics.reloaded))
    }
}

/// One pass over rows in storage order that serves many queries.
struct MetricScan {
    /// Cost matrices of all queries together.
    private static let memoryBudget = 256 << 20
    /// Rows read before several threads compare them: enough work to share, little memory.
    private static let blockBytes = 8 << 20
    /// Fewer token sets are compared before another thread would have begun.
    private static let overlappedMin = 64

    let modality: ModalityRecord
    let metric: Metric
    let k: Int
    let threads: Int

    /// The outcomes in the order of the queries. Each thread serves a share of the queries.
    func run(
        _ queries: [MetricQuery], rows: [RowID], in reader: Reader, visited: ((Int) throws -> Void)? = nil
    ) throws -> (outcomes: [MetricOutcome], reading: MetricReading) {
        let budget = max(Self.memoryBudget / max(queries.count, 1), 4 << 20)
        if threads > 1, queries.count == 1, metric.operand == .tokenSets, rows.count >= Self.overlappedMin {
            return try overlap(queries[0], rows, reader, budget, visited)
        }
        if threads <= 1 || queries.count <= 1 { return try stream(queries, rows, reader, budget, visited) }
        let lent = queries.map { LentCollector($0, k: k, memoryBudget: budget) }
        var block: [(RowID, MetricOperand)] = []
        var bytes = 0
        func flush() throws {
            let (full, threads) = (block, threads)
            try Parallel.tryForEach(lent.count, threads: threads) { query in
                try lent[query].use { collector in
                    for (row, operand) in full { try collector.offer(row, operand) }
                }
            }
            block.removeAll(keepingCapacity: true)
            bytes = 0
        }
        let reading = try metric.forEachOperand(rows, of: modality, in: reader) { index, operand in
            block.append((rows[index], operand))
            bytes += operand.byteCount
            if bytes > Self.blockBytes {
                try flush()
                try visited?(index + 1)
            }
        }
        try flush()
        return (try finish(lent, reader), reading)
    }

    /// Solving is shared among the threads too. Only this thread may read: a query that must read rows again is finished
    /// afterwards, here.
    private func finish(_ lent: [LentCollector], _ reader: Reader) throws -> [MetricOutcome] {
        struct MustReload: Error {}
        let done = Parallel.map(lent.count, threads: threads) { query in
            Result { try lent[query].use { try $0.finish { _ in throw MustReload() } } }
        }
        return try zip(lent, done).map { collector, result in
            do {
                return try result.get()
            } catch is MustReload {
                return try collector.use { try $0.finish { try cloud($0, reader) } }
            }
        }
    }

    private func stream(
        _ queries: [MetricQuery], _ rows: [RowID], _ reader: Reader, _ budget: Int, _ visited: ((Int) throws -> Void)?
    ) throws -> (outcomes: [MetricOutcome], reading: MetricReading) {
        let collectors = queries.map { MetricCollector($0, k: k, memoryBudget: budget) }
        let reading = try metric.forEachOperand(rows, of: modality, in: reader) { index, operand in
            for collector in collectors { try collector.offer(rows[index], operand) }
            if index % 256 == 255 { try visited?(index + 1) }
        }
        return (try collectors.map { try $0.finish { try cloud($0, reader) } }, reading)
    }

    /// One query: this thread reads stored bytes, another decodes and compares them a block behind.
    private func overlap(
        _ query: MetricQuery, _ rows: [RowID], _ reader: Reader, _ budget: Int, _ visited: ((Int) throws -> Void)?
    ) throws -> (outcomes: [MetricOutcome], reading: MetricReading) {
        let comparison = OverlappedComparison(query, k: k, memoryBudget: budget)
        let clock = ContinuousClock()
        let start = clock.now
        var (waiting, readSeconds) = (0.0, 0.0)
        try Parallel.pipeline { (emit: ([(RowID, EncodedTokenSet)]) throws -> Void) in
            var block: [(RowID, EncodedTokenSet)] = []
            var bytes = 0
            func flush(_ index: Int) throws {
                let begin = clock.now
                try emit(block)
                waiting += clock.now.seconds(since: begin)
                block.removeAll(keepingCapacity: true)
                bytes = 0
                try visited?(index + 1)
            }
            try reader.forEachEncodedTokenSet(rows, of: modality) { index, tokens in
                block.append((rows[index], tokens))
                bytes += tokens.byteCount
                if bytes > OverlappedComparison.blockBytes { try flush(index) }
            }
            if !block.isEmpty { try flush(rows.count - 1) }
            readSeconds = clock.now.seconds(since: start) - waiting
        } consume: {
            try comparison.add($0)
        }
        var (outcome, reading) = try comparison.finish { try $0.finish { try cloud($0, reader) } }
        reading.withoutTokens = rows.count - reading.compared - reading.damaged
        reading.seconds = readSeconds
        return ([outcome], reading)
    }

    private func cloud(_ row: RowID, _ reader: Reader) throws -> TokenCloud {
        guard let tokens = try reader.tokenSet(row, of: modality),
            case .cloud(let cloud) = try metric.operand(tokens, side: .candidate)
        else { throw TransportError.emptyTokenSet(.candidate) }
        return cloud
    }
}

/// A collector that threads use in turn.
private final class LentCollector: Sendable {
    private let collector: Mutex<MetricCollector>

    init(_ query: MetricQuery, k: Int, memoryBudget: Int) {
        collector = Mutex(MetricCollector(query, k: k, memoryBudget: memoryBudget))
    }

    func use<Value: Sendable>(_ body: (MetricCollector) throws -> Value) throws -> Value {
        try collector.withLock { try body($0) }
    }
}

/// The second thread's part of one query: decodes blocks of stored token sets and compares them.
private final class OverlappedComparison: Sendable {
    /// Stored bytes a block: two of them and the numbers of one set stay in the processor's caches.
    static let blockBytes = 512 << 10

    private struct State {
        let collector: MetricCollector
        let decoder = TokenDecoder()
        var reading = MetricReading()
    }

    private let metric: Metric
    private let state: Mutex<State>

    init(_ query: MetricQuery, k: Int, memoryBudget: Int) {
        metric = query.metric
        state = Mutex(State(collector: MetricCollector(query, k: k, memoryBudget: memoryBudget)))
    }

    func add(_ block: [(RowID, EncodedTokenSet)]) throws {
        try state.withLock { state in
            for (row, encoded) in block {
                guard let tokens = state.decoder.decode(encoded) else {
                    state.reading.damaged += 1
                    continue
                }
                state.reading.bytes += tokens.values.count * 4
                guard let operand = try metric.operandIfAny(tokens) else { continue }
                state.reading.compared += 1
                try state.collector.offer(row, operand)
            }
        }
    }

    /// What `body` makes of the collector, and what was met.
    func finish<Value: Sendable>(_ body: (MetricCollector) throws -> Value) throws -> (Value, MetricReading) {
        try state.withLock { state in (try body(state.collector), state.reading) }
    }
}

extension MetricOperand {
    var byteCount: Int {
        switch self {
        case .vector(let vector): vector.count * 4
        case .cloud(let cloud): cloud.values.count * 4
        case .tokens(let tokens): tokens.values.count * 4
        }
    }
}
