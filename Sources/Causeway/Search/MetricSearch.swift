/// Answers queries under metrics that have no vector kernel: on token sets, and the user's own. Cosine narrows, the stored
/// token sets decide; the built-in metrics on vectors have Searcher.
import Storage
import VectorMath

struct MetricSearch {
    /// Queries that share a pass over the rows.
    private static let group = 32

    let reader: Reader
    let cache: IndexCache
    let target: ModalityRecord
    let options: SearchOptions.Decided
    let threads: Int

    private struct Ranked {
        var outcome: MetricOutcome
        var reading: MetricReading
        /// Of reading and comparing, and of reading and decoding alone; queries that shared a pass share its time.
        var seconds: Double
        var readSeconds: Double
    }

    /// One answer per query, in order.
    /// - Parameter tokens: of each query; of the target's token dimension.
    func answers(to queries: [PreparedQuery], tokens: [Storage.TokenSet?]) throws -> [SearchAnswer] {
        let clock = ContinuousClock()
        let operands = MetricOperands(options.metric, dimension: target.tokenDimension)
        let comparisons = try zip(queries, tokens).map { try operands.query(vector: $0.vector, tokens: $1) }
        let index = try cache.state(of: target, for: options.effort, in: reader)
        let filterStart = clock.now
        let matches = try index.matches(options, of: target, in: reader)
        let filterSeconds = matches == nil ? nil : clock.now.seconds(since: filterStart)
        let candidates = try CandidateSource(
            reader: reader, index: index, target: target, options: options, matches: matches, threads: threads
        ).candidates(for: queries)
        let hiddenMax = queries.map(\.hidden.count).max() ?? 0
        var ranked = try rank(comparisons, candidates, k: options.k + hiddenMax, everything: matches?.rows)
        for index in queries.indices { ranked[index].outcome.entries = queries[index].admitted(ranked[index].outcome.entries) }
        return try queries.indices.map { index in
            var explanation = candidates[index].explanation
            explanation.tell(matches, of: target)
            explanation.seconds[.filter] = filterSeconds
            return try answer(ranked[index], comparisons[index], explanation)
        }
    }

    /// Queries that compare every row share passes over them; each of the others reads its own candidates.
    private func rank(
        _ queries: [MetricQuery], _ candidates: [CandidateRows], k: Int, everything matches: [RowID]?
    ) throws -> [Ranked] {
        let clock = ContinuousClock()
        var ranked = [Ranked?](repeating: nil, count: queries.count)
        let scan = MetricScan(modality: target, metric: options.metric, k: k, threads: threads)
        let shared = candidates.indices.filter { candidates[$0].rows == nil }
        if !shared.isEmpty {
            let rows = try matches ?? reader.rows(of: target.id)
            for start in stride(from: 0, to: shared.count, by: Self.group) {
                let group = shared[start..<min(start + Self.group, shared.count)]
                let begin = clock.now
                let (outcomes, reading) = try scan.run(group.map { queries[$0] }, rows: rows, in: reader)
                let seconds = clock.now.seconds(since: begin) / Double(group.count)
                for (index, outcome) in zip(group, outcomes) {
                    ranked[index] = Ranked(
                        outcome: outcome, reading: reading, seconds: seconds,
                        readSeconds: reading.seconds / Double(group.count))
                }
            }
        }
        for (index, candidate) in candidates.enumerated() {
            guard let rows = candidate.rows else { continue }
            let begin = clock.now
            let (outcomes, reading) = try scan.run([queries[index]], rows: rows, in: reader)
            ranked[index] = Ranked(
                outcome: outcomes[0], reading: reading, seconds: clock.now.seconds(since: begin),
                readSeconds: reading.seconds)
        }
        return ranked.map { $0! }
    }

    private func answer(
        _ ranked: Ranked, _ query: MetricQuery, _ explanation: Explanation
    ) throws -> SearchAnswer {
        let clock = ContinuousClock()
        let start = clock.now
        var explanation = explanation
        var hits = try lookUp(ranked.outcome.entries)
        if options.transportPlans, let transport = query.transport {
            let planner = TokenTransport(transport.tokens)
            for index in hits.indices { try hits[index].hit.transportPlan = plan(of: hits[index].row, planner) }
        }
        let (reading, work) = (ranked.reading, ranked.outcome.work)
        explanation.candidates = reading.compared + reading.withoutTokens + reading.damaged
        explanation.codesCompared += ranked.outcome.codes
        explanation.reranked = ranked.outcome.read
        explanation.pruned += work.pruned
        explanation.bytesRead += reading.bytes
        explanation.damagedRows += reading.damaged
        explanation.notes += reading.notes(options.metric)
        if options.metric.operand == .tokenSets {
            explanation.tokens = work
            explanation.tokens?.withoutTokens = reading.withoutTokens
        }
        explanation.seconds[.read] = ranked.readSeconds
        explanation.seconds[.rerank] = ranked.seconds - ranked.readSeconds
        explanation.seconds[.lookup] = clock.now.seconds(since: start)
        return SearchAnswer(hits: hits.map(\.hit), metric: options.metric, explanation: explanation)
    }

    /// Ids for the ranked rows; ties are ordered by id, then the list is cut to k.
    private func lookUp(_ entries: [TopList.Entry]) throws -> [(row: RowID, hit: Hit)] {
        let records = try reader.embeddings(entries.map(\.row))
        var hits: [(row: RowID, hit: Hit)] = []
        for (entry, record) in zip(entries, records) {
            if let record { hits.append((entry.row, Hit(id: record.id, item: record.item, score: entry.score))) }
        }
        hits.sort { a, b in
            if a.hit.score != b.hit.score { return options.metric.isBetter(a.hit.score, b.hit.score) }
            return idPrecedes(a.hit.id, b.hit.id)
        }
        return Array(hits.prefix(options.k))
    }

    private func plan(of row: RowID, _ planner: TokenTransport) throws -> [TokenFlow]? {
        guard let tokens = try reader.tokenSet(row, of: target),
            case .cloud(let cloud) = try MetricOperands(options.metric, dimension: nil).operand(tokens, side: .candidate)
        else { return nil }
        return try planner.plan(cloud).map { TokenFlow(queryToken: $0.row, token: $0.column, mass: $0.share) }
    }
}
