/// How many of the nearest by cosine must be compared exactly so that the best by a metric on token sets are among them.
/// Measured with held-out stored queries against all token sets, or above a number against an even sample of them, with the
/// ranks scaled up to all. Finds no answers for users; CandidateSource reads what is recorded here.
import Platform
import Storage
import VectorMath

struct TokenBudgets {
    /// Exact comparisons with all token sets cost seconds a query on large stores: no more queries than show 0.99.
    static let queriesMax = RecallSummary.queriesWanted(for: 0.99)
    private static let sampleMax = 8_192
    /// No search is told to read more token sets than this.
    static let budgetMax = 10_000

    let collection: EmbeddingCollection
    let target: ModalityRecord
    let source: ModalityRecord
    let metric: Metric
    let threads: Int
    let progress: ProgressHandler?
    /// What progress calls the work.
    var work = "tune"

    /// Rows of the table for the recalls that a budget under the cap reaches. Where one of them does not, also a row that
    /// says what the cap reaches.
    /// - Returns: empty when no held-out query has tokens.
    func measure(_ ids: [String], k: Int, _ context: Tuner.Measurement) throws -> [TuningRecord] {
        try collection.database.read { reader in
            try measure(ids.compactMap { try reader.row(id: $0, in: source.id) }, k: k, context, in: reader)
        }
    }

    /// The same for queries by row.
    func measure(
        _ queries: [RowID], k: Int, _ context: Tuner.Measurement, in reader: Reader
    ) throws -> [TuningRecord] {
        let (ranks, scale) = try self.ranks(queries.sorted(), k: k, in: reader)
        guard !ranks.isEmpty else { return [] }
        var remaining = context.targets
        var rows: [TuningRecord] = []
        var budget = k
        var largest: TuningRecord?
        while !remaining.isEmpty {
            let candidates = Int((Double(budget) * scale).rounded(.up))
            guard candidates <= Self.budgetMax else { break }
            let summary = RecallSummary(ranks.map { ranks in
                Double(ranks.count { $0 < budget }) / Double(max(ranks.count, 1))
            })
            func row(_ target: Double) -> TuningRecord {
                context.row(
                    metric: metric.name, k: k, target: target, width: candidates + candidates / 4,
                    candidates: candidates, summary)
            }
            while let next = remaining.first, summary.lowerBound >= next {
                rows.append(row(next))
                remaining.removeFirst()
            }
            largest = row(max(0, (summary.lowerBound * 1000).rounded(.down) / 1000))
            budget = max(budget + 1, budget * 5 / 4)
        }
        if !remaining.isEmpty, let largest, largest.recallTarget > rows.last?.recallTarget ?? 0 { rows.append(largest) }
        return rows
    }

    /// Per query, the ranks by cosine of the true best k; and the factor from the sample to the whole.
    private func ranks(_ queryRows: [RowID], k: Int, in reader: Reader) throws -> (perQuery: [[Int]], scale: Double) {
        let rows = try reader.rows(of: target.id)
        let step = max(1, (rows.count + Self.sampleMax - 1) / Self.sampleMax)
        let sample = stride(from: 0, to: rows.count, by: step).map { rows[$0] }
        let queries = try self.queries(queryRows, in: reader)
        let isOwn = source.id == target.id
        let comparisons = try queries.map { try MetricQuery(metric, vector: $0.vector, tokens: $0.tokens) }
        let scan = MetricScan(modality: target, metric: metric, k: isOwn ? k + 1 : k, threads: threads)
        let stage = "\(work) \(metric) from \(source.name) to \(target.name)"
        let (outcomes, _) = try scan.run(comparisons, rows: sample, in: reader) { done in
            if progress?(Progress(stage: stage, done: done, total: sample.count)) == false {
                throw CausewayError.cancelled
            }
        }
        let cosine = try ScoreTable(metrics: [.cosine], queries: queries.map(\.vector), threads: threads)
            .fill(rows: sample, of: target, in: reader)
        var positions: [RowID: Int] = [:]
        for (position, row) in cosine.rows.enumerated() { positions[row] = position }
        let ranks = zip(queries, outcomes).enumerated().map { index, pair in
            let (query, outcome) = pair
            let own = isOwn ? Set([positions[query.row]].compactMap { $0 }) : []
            let best = outcome.entries.filter { !isOwn || $0.row != query.row }.prefix(k).compactMap { positions[$0.row] }
            return cosine.ranks(of: best, metric: 0, query: index, excluding: own)
        }
        return (ranks.filter { !$0.isEmpty }, Double(rows.count) / Double(max(sample.count, 1)))
    }

    private struct Query { var row: RowID, vector: [Float], tokens: Storage.TokenSet? }

    /// - Parameter rows: ascending.
    private func queries(_ rows: [RowID], in reader: Reader) throws -> [Query] {
        var vectors: [RowID: [Float]] = [:]
        _ = try reader.forEachVector(rows, of: source) { index, vector in
            vectors[rows[index]] = vector.indices.map { vector[$0] }
        }
        guard metric.operand == .tokenSets else {
            return rows.compactMap { row in vectors[row].map { Query(row: row, vector: $0, tokens: nil) } }
        }
        var queries: [Query] = []
        _ = try reader.forEachTokenSet(rows, of: source) { index, tokens in
            guard let vector = vectors[rows[index]], (try? MetricQuery(metric, vector: vector, tokens: tokens)) != nil
            else { return }
            queries.append(Query(row: rows[index], vector: vector, tokens: tokens))
        }
        return queries
    }
}
