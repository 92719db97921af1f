/// How many of the nearest by cosine must be compared exactly so that the best by a metric on token sets are among them.
/// Measured with held-out stored queries, without what shows their own items, against all token sets, or above a number against
/// an even sample of them, with the ranks scaled up to all. Finds no answers for users; CandidateSource reads what is recorded.
import Platform
import Storage
import VectorMath

struct TokenBudgets {
    /// Exact comparisons with all token sets cost seconds a query on large stores: no more queries than show 0.99.
    static let queriesMax = RecallSummary.queriesWanted(for: 0.99)
    private static let sampleMax = 8_192
    /// No search is told to read more token sets than this.
    static let budgetMax = 10_000
    /// Of a sample a share of the best k is looked for, but so many at least: fewer would make recalls of coarse steps.
    private static let sampleHitsMin = 10

    let collection: EmbeddingCollection
    let target: ModalityRecord
    let source: ModalityRecord
    let metric: Metric
    let threads: Int
    let progress: ProgressHandler?
    /// What progress calls the work.
    var work = "tune"

    /// A stored query with all that it is compared by.
    struct Query {
        fileprivate var judge: Judge
        fileprivate var tokens: Storage.TokenSet?
    }

    /// Rows of the table for the recalls that a budget under the cap reaches. Where one of them does not, also a row that
    /// says what the cap reaches.
    /// - Returns: empty where no budget under the cap holds any share of the best k worth a name.
    func measure(
        _ queries: [Query], k: Int, _ context: Tuner.Measurement, in reader: Reader
    ) throws -> [TuningRecord] {
        let all = try reader.rows(of: target.id)
        let step = max(1, (all.count + Self.sampleMax - 1) / Self.sampleMax)
        let sample = stride(from: 0, to: all.count, by: step).map { all[$0] }
        let scale = Double(all.count) / Double(max(sample.count, 1))
        let hits = min(k, max(Self.sampleHitsMin, Int((Double(k) / scale).rounded(.up))))
        let ranks = try self.ranks(queries, among: sample, k: hits, in: reader)
        guard let farthest = ranks.joined().max() else { return [] }
        var remaining = context.targets
        var rows: [TuningRecord] = []
        var best: TuningRecord?
        var budget = hits
        while !remaining.isEmpty {
            let candidates = max(k, Int((Double(budget) * scale).rounded(.up)))
            guard candidates <= Self.budgetMax else { break }
            let summary = RecallSummary(ranks.map { ranks in Double(ranks.count { $0 < budget }) / Double(ranks.count) })
            func row(_ target: Double) -> TuningRecord {
                context.row(
                    metric: metric.name, k: k, target: target, width: candidates + candidates / 4,
                    candidates: candidates, summary)
            }
            while let next = remaining.first, summary.lowerBound >= next {
                rows.append(row(next))
                remaining.removeFirst()
            }
            let reached = row(0).asReached
            if reached.recallTarget > best?.recallTarget ?? 0 { best = reached }
            if budget > farthest { break }
            budget = max(budget + 1, budget * 5 / 4)
        }
        if !remaining.isEmpty, let best, best.recallTarget > rows.last?.recallTarget ?? 0 { rows.append(best) }
        return rows
    }

    /// Per query, the ranks by cosine of the best k of the sample, without what shows the query's own item.
    private func ranks(_ queries: [Query], among sample: [RowID], k: Int, in reader: Reader) throws -> [[Int]] {
        let operands = MetricOperands(metric, dimension: target.tokenDimension)
        let comparisons = try queries.map { try operands.query(vector: $0.judge.vector, tokens: $0.tokens) }
        let hiddenMax = queries.map(\.judge.sample).hiddenMax
        let scan = MetricScan(modality: target, metric: metric, k: k + hiddenMax, threads: threads)
        let stage = "\(work) \(metric) from \(source.name) to \(target.name)"
        let outcomes = try scan.run(comparisons, over: ComparedRows(sample), in: reader) { done in
            if progress?(Progress(stage: stage, done: done, total: sample.count)) == false {
                throw CausewayError.cancelled
            }
        }
        let best = zip(queries, outcomes).map { query, outcome in
            let hidden = query.judge.sample.hidden
            let rows = outcome.entries.lazy.map(\.row).filter { !hidden.contains($0) }.prefix(k)
            return CosineRanks.Query(vector: query.judge.vector, rows: Array(rows), hidden: hidden)
        }
        let ranks = try CosineRanks(target: target, threads: threads).ranks(of: best, among: sample, in: reader)
        return zip(best, ranks).map { best, ranks in best.rows.compactMap { ranks[$0] } }.filter { !$0.isEmpty }
    }

    /// So many of these rows of the source as are wanted and can be compared, evenly spaced, as far as there are.
    /// - Parameter rows: ascending.
    func queries(_ rows: [RowID], wanted: Int, in reader: Reader) throws -> [Query] {
        try rows.evenlySpaced(wanted) { try queries($0, in: reader) }
    }

    /// Those that can be compared.
    /// - Parameter rows: ascending.
    func queries(_ rows: [RowID], in reader: Reader) throws -> [Query] {
        let judges = try Judge.of(rows, from: source, in: target, reader: reader)
        guard metric.operand == .tokenSets else { return judges.map { Query(judge: $0) } }
        let operands = MetricOperands(metric, dimension: source.tokenDimension)
        var queries: [Query] = []
        _ = try reader.forEachTokenSet(judges.map(\.sample.row), of: source) { index, tokens in
            guard (try? operands.operand(tokens, side: .query)) != nil else { return }
            queries.append(Query(judge: judges[index], tokens: tokens))
        }
        return queries
    }
}

/// A row that nobody asked for says what the largest budget reaches. The table has no column for that: such a row, and no other,
/// has for its target the very bound that was measured.
extension TuningRecord {
    var asReached: TuningRecord {
        var row = self
        row.lowerBound = (lowerBound * 1000).rounded(.down) / 1000
        row.recallTarget = row.lowerBound
        return row
    }

    var saysWhatIsReached: Bool { recallTarget == lowerBound }
}
