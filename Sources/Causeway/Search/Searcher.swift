/// Answers queries against one modality inside one read transaction: plan, candidates, exact stage, look-up.
/// Reads like the picture in the README: the graph narrows, the stored vectors decide.
import Platform
import ProximityGraph
import Storage
import VectorMath

/// A query whose vector is known and fits the target.
struct PreparedQuery: Sendable {
    var vector: [Float]
    /// The modality it comes from, the target's own where none was named.
    var modality: ModalityRecord
    /// Rows of the target that are not stored as far as this query is concerned.
    var hidden: [RowID] = []

    func admitted(_ entries: [TopList.Entry]) -> [TopList.Entry] {
        hidden.isEmpty ? entries : entries.filter { !hidden.contains($0.row) }
    }

    /// - Throws: `.dimensionMismatch` where the vector is none of the target's space.
    func refuseUnfit(for target: ModalityRecord) throws(CausewayError) {
        guard vector.count == target.dimension else {
            throw .dimensionMismatch(expected: target.dimension, got: vector.count, modality: target.name)
        }
    }
}

struct Searcher {
    let reader: Reader
    let cache: IndexCache
    let vectors: VectorCache
    let target: ModalityRecord
    let options: SearchOptions.Decided
    let threads: Int

    /// A query that everything is compared for.
    private typealias Scanned = (index: Int, plan: ScanPlan)

    /// One answer per query, in order. Exact plans share one pass over the rows.
    func answers(to queries: [PreparedQuery]) throws -> [SearchAnswer] {
        guard !queries.isEmpty else { return [] }
        let index = try cache.state(of: target, for: options.effort, in: reader)
        let clock = ContinuousClock()
        let filterStart = clock.now
        let matches = try index.matches(options, of: target, in: reader)
        let filterSeconds = matches == nil ? nil : clock.now.seconds(since: filterStart)
        let planner = try Planner(
            target: target, options: options, matches: matches, index: index, reader: reader)
        var answers = [SearchAnswer?](repeating: nil, count: queries.count)
        var scanned: [Scanned] = []
        var group = GroupReranker(target: target, options: options, reader: reader, vectors: vectors)
        for (index, query) in queries.enumerated() {
            switch try propose(for: query, planner, matches) {
            case .candidates(let narrowed): group.append(narrowed, for: query, at: index)
            case .scan(let plan): scanned.append((index, plan))
            }
            if group.isFull { scanned += try decide(&group, eligible: planner.eligible, into: &answers) }
        }
        scanned += try decide(&group, eligible: planner.eligible, into: &answers)
        try scan(scanned, of: queries, matches: matches?.rows, into: &answers)
        return answers.map { answer in
            var answer = answer!
            answer.explanation.tell(matches, of: target)
            answer.explanation.seconds[.filter] = filterSeconds
            return answer
        }
    }

    /// Per query what its exact stage would compare, best estimate first; nil where it would compare all.
    func candidates(for queries: [PreparedQuery]) throws -> [[Candidate]?] {
        let index = try cache.state(of: target, for: options.effort, in: reader)
        let matches = try index.matches(options, of: target, in: reader)
        let planner = try Planner(target: target, options: options, matches: matches, index: index, reader: reader)
        return try queries.map { query in
            if case .candidates(let narrowed) = try propose(for: query, planner, matches) { narrowed.candidates } else { nil }
        }
    }

    /// What a query's exact stage compares: these, or everything.
    private enum Proposal {
        case candidates(Narrowed)
        case scan(ScanPlan)
    }

    private func propose(for query: PreparedQuery, _ planner: Planner, _ matches: FilterMatches?) throws -> Proposal {
        switch planner.plan(for: query) {
        case .exactScan(let plan): return .scan(plan)
        case .candidates(let plan):
            let narrowed = try Narrowing(plan: plan, matches: matches, target: target, reader: reader).answer(query, options)
            return narrowed.isComplete ? .candidates(narrowed) : .scan(narrowed.fallback(matches))
        }
    }

    /// The exact stage over the candidates of some queries, which share its time in equal parts.
    /// - Returns: the queries left with too few hits, because labels of the graph or rows among the candidates are damaged.
    private func decide(
        _ group: inout GroupReranker, eligible: Int, into answers: inout [SearchAnswer?]
    ) throws -> [Scanned] {
        guard !group.isEmpty else { return [] }
        let clock = ContinuousClock()
        let start = clock.now
        var ranked = try group.finish()
        let ranking = clock.now
        let hits = try HitNames(metric: options.metric, k: options.k, reader: reader).hits(of: ranked.map(\.best))
        let share = 1 / Double(ranked.count)
        let seconds = (rerank: ranking.seconds(since: start) * share, lookUp: clock.now.seconds(since: ranking) * share)
        var short: [Scanned] = []
        for position in ranked.indices {
            guard hits[position].count >= min(options.k, eligible) else {
                let plan = ScanPlan("too many of the graph's candidates are damaged", isFallback: true)
                short.append((ranked[position].index, plan))
                continue
            }
            ranked[position].explanation.seconds[.rerank] = seconds.rerank
            ranked[position].explanation.seconds[.lookup] = seconds.lookUp
            answers[ranked[position].index] = SearchAnswer(
                hits: hits[position], metric: options.metric, explanation: ranked[position].explanation)
        }
        return short
    }

    private func scan(
        _ scanned: [Scanned], of queries: [PreparedQuery], matches: [RowID]?, into answers: inout [SearchAnswer?]
    ) throws {
        guard !scanned.isEmpty else { return }
        let clock = ContinuousClock()
        let start = clock.now
        let hiddenMax = scanned.map { queries[$0.index].hidden.count }.max() ?? 0
        let scan = ExactScan(
            modality: target, metric: options.metric.vectorMetric, k: options.k + hiddenMax, threads: threads)
        let result = try scan.run(scanned.map { queries[$0.index].vector }, rows: matches, in: reader)
        let best = zip(scanned, result.best).map { queries[$0.index].admitted($1) }
        let seconds = clock.now.seconds(since: start) / Double(scanned.count)
        let lookUpStart = clock.now
        let hits = try HitNames(metric: options.metric, k: options.k, reader: reader).hits(of: best)
        let lookUpSeconds = clock.now.seconds(since: lookUpStart) / Double(scanned.count)
        for (position, entry) in scanned.enumerated() {
            var explanation = entry.plan.explanation(damaged: result.damaged.count)
            explanation.candidates = result.rowsRead
            explanation.reranked = result.rowsRead
            explanation.bytesRead = result.rowsRead * target.dimension * 4
            explanation.seconds[.rerank] = seconds
            explanation.seconds[.lookup] = lookUpSeconds
            answers[entry.index] = SearchAnswer(hits: hits[position], metric: options.metric, explanation: explanation)
        }
    }
}

extension ContinuousClock.Instant {
    func seconds(since start: ContinuousClock.Instant) -> Double {
        let duration = start.duration(to: self)
        return Double(duration.components.seconds) + Double(duration.components.attoseconds) * 1e-18
    }
}
