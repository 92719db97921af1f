/// Answers queries under metrics that have no vector kernel: on token sets, and the user's own. Cosine narrows, the stored
/// token sets decide; the built-in metrics on vectors have Searcher.
import Storage
import VectorMath

struct MetricSearch {
    let reader: Reader
    let cache: IndexCache
    let target: ModalityRecord
    let options: SearchOptions.Decided
    let threads: Int

    private struct Ranked {
        var outcome: MetricOutcome
        /// Of reading and comparing; queries that shared a pass share its time.
        var seconds: Double
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

    /// Queries share passes: those that compare every row, and those that compare rows of their own, each of which is read once.
    private func rank(
        _ queries: [MetricQuery], _ candidates: [CandidateRows], k: Int, everything matches: [RowID]?
    ) throws -> [Ranked] {
        var ranked = [Ranked?](repeating: nil, count: queries.count)
        let scan = MetricScan(modality: target, metric: options.metric, k: k, threads: threads)
        func share(_ group: ArraySlice<Int>, _ rows: ComparedRows) throws {
            let clock = ContinuousClock()
            let begin = clock.now
            let outcomes = try scan.run(group.map { queries[$0] }, over: rows, in: reader)
            let seconds = clock.now.seconds(since: begin) / Double(group.count)
            for (index, outcome) in zip(group, outcomes) { ranked[index] = Ranked(outcome: outcome, seconds: seconds) }
        }
        let indices = candidates.indices
        let (all, own) = (indices.filter { candidates[$0].rows == nil }, indices.filter { candidates[$0].rows != nil })
        if !all.isEmpty {
            let rows = ComparedRows(try matches ?? reader.rows(of: target.id))
            for group in all.inGroups(of: ComparedRows.queriesMax) { try share(group, rows) }
        }
        for group in own.inGroups(of: ComparedRows.queriesMax) {
            try share(group, ComparedRows(group.map { candidates[$0].rows! }))
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
        let (reading, work) = (ranked.outcome.reading, ranked.outcome.work)
        explanation.candidates = reading.compared + reading.withoutTokens + reading.damaged.count
        explanation.codesCompared += ranked.outcome.codes
        explanation.reranked = ranked.outcome.read
        explanation.pruned += work.pruned
        explanation.bytesRead += reading.bytes
        explanation.damagedRows += reading.damaged.count
        explanation.notes += reading.notes(options.metric)
        if options.metric.operand == .tokenSets {
            explanation.tokens = work
            explanation.tokens?.withoutTokens = reading.withoutTokens
        }
        explanation.seconds[.read] = reading.seconds
        explanation.seconds[.rerank] = ranked.seconds - reading.seconds
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

extension Array {
    fileprivate func inGroups(of size: Int) -> [ArraySlice<Element>] {
        stride(from: 0, to: count, by: size).map { self[$0..<Swift.min($0 + size, count)] }
    }
}
