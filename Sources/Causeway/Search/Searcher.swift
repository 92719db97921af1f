/// Answers queries against one modality inside one read transaction: plan, candidates, exact stage, look-up.
/// Reads like the picture in the README: the graph narrows, the stored vectors decide.
import Platform
import ProximityGraph
import Storage
import VectorMath

/// A query whose vector is known and fits the target.
struct PreparedQuery: Sendable {
    var vector: [Float]
    /// The modality it comes from, which picks the tuning.
    var modality: ModalityRecord
}

struct Searcher {
    let reader: Reader
    let cache: IndexCache
    let target: ModalityRecord
    let options: SearchOptions
    let threads: Int

    /// One answer per query, in order. Exact plans share one pass over the rows.
    func answers(to queries: [PreparedQuery]) throws -> [SearchAnswer] {
        guard !queries.isEmpty else { return [] }
        let clock = ContinuousClock()
        let filterStart = clock.now
        let matches = try filteredRows()
        let filterSeconds = matches == nil ? nil : clock.now.seconds(since: filterStart)
        let planner = try Planner(
            target: target, options: options, matchCount: matches?.count, reader: reader, cache: cache)
        var answers = [SearchAnswer?](repeating: nil, count: queries.count)
        var scanned: [(index: Int, reason: String)] = []
        var admission: Admission?
        for (index, query) in queries.enumerated() {
            switch planner.plan(for: query) {
            case .exactScan(let reason):
                scanned.append((index, reason))
            case .candidates(let plan):
                let admitted = admission ?? Admission(matches: matches, snapshot: plan.snapshot)
                admission = admitted
                let narrowed = Narrowing(plan: plan, admission: admitted, target: target.id).answer(query, options)
                guard narrowed.isComplete else {
                    scanned.append((index, "exact scan: the graph found too few rows that match the filter"))
                    continue
                }
                let answer = try decide(narrowed, for: query)
                if answer.hits.count >= min(options.k, plan.eligible) {
                    answers[index] = answer
                } else {
                    // Labels of a damaged graph, or damaged rows among the candidates.
                    scanned.append((index, "exact scan: too many of the graph's candidates are damaged"))
                }
            }
        }
        try scan(scanned, of: queries, matches: matches, into: &answers)
        return answers.map { answer in
            var answer = answer!
            answer.explanation.filterMatches = matches?.count
            answer.explanation.seconds[.filter] = filterSeconds
            return answer
        }
    }

    private func filteredRows() throws -> [RowID]? {
        guard let filter = options.filter else { return nil }
        return try reader.rows(of: target.id, matching: predicate(parsing: filter))
    }

    /// The exact stage over candidates.
    private func decide(_ narrowed: Narrowed, for query: PreparedQuery) throws -> SearchAnswer {
        let clock = ContinuousClock()
        var explanation = narrowed.explanation
        let start = clock.now
        let ranked = try Reranker(target: target, options: options, reader: reader)
            .rank(narrowed.candidates, for: query, explanation: &explanation)
        let ranking = clock.now
        let hits = try lookUp(ranked)
        explanation.seconds[.rerank] = ranking.seconds(since: start)
        explanation.seconds[.lookup] = clock.now.seconds(since: ranking)
        return SearchAnswer(hits: hits, metric: options.metric, explanation: explanation)
    }

    private func scan(
        _ scanned: [(index: Int, reason: String)], of queries: [PreparedQuery], matches: [RowID]?,
        into answers: inout [SearchAnswer?]
    ) throws {
        guard !scanned.isEmpty else { return }
        let clock = ContinuousClock()
        let start = clock.now
        let scan = ExactScan(
            modality: target, metric: options.metric.vectorMetric, k: options.k, threads: threads)
        let result = try scan.run(scanned.map { queries[$0.index].vector }, rows: matches, in: reader)
        let seconds = clock.now.seconds(since: start) / Double(scanned.count)
        for (position, entry) in scanned.enumerated() {
            var explanation = Explanation()
            explanation.plan = entry.reason
            explanation.candidates = result.rowsRead
            explanation.reranked = result.rowsRead
            explanation.bytesRead = result.rowsRead * target.dimension * 4
            explanation.damagedRows = result.damaged.count
            if !result.damaged.isEmpty { explanation.notes.append(Self.damageNote(result.damaged.count)) }
            explanation.seconds[.rerank] = seconds
            let lookUpStart = clock.now
            let hits = try lookUp(result.best[position])
            explanation.seconds[.lookup] = clock.now.seconds(since: lookUpStart)
            answers[entry.index] = SearchAnswer(hits: hits, metric: options.metric, explanation: explanation)
        }
    }

    static func damageNote(_ count: Int) -> String {
        "\(count) damaged row\(count == 1 ? " was" : "s were") left out; run `causeway check --deep`"
    }

    /// Ids for the ranked rows; ties are ordered by id, then the list is cut to k.
    private func lookUp(_ entries: [TopList.Entry]) throws -> [Hit] {
        let records = try reader.embeddings(entries.map(\.row))
        var hits: [Hit] = []
        for (entry, record) in zip(entries, records) {
            if let record { hits.append(Hit(id: record.id, item: record.item, score: entry.score)) }
        }
        let largerIsBetter = options.metric.isSimilarity
        hits.sort { a, b in
            if a.score != b.score { return largerIsBetter ? a.score > b.score : a.score < b.score }
            return idPrecedes(a.id, b.id)
        }
        return Array(hits.prefix(options.k))
    }
}

/// The order of ids: decimal integers by value and before all others, the rest by their UTF-8 bytes.
/// Row numbers, the default ids, so sort as the numbers they are.
package func idPrecedes(_ a: String, _ b: String) -> Bool {
    switch (decimalID(a), decimalID(b)) {
    case (let x?, let y?): x < y
    case (_?, nil): true
    case (nil, _?): false
    case (nil, nil): a.utf8.lexicographicallyPrecedes(b.utf8)
    }
}

/// The value of an id that is a decimal integer in its shortest form.
private func decimalID(_ id: String) -> Int64? {
    guard let first = id.utf8.first, first == 45 || (48...57).contains(first), let value = Int64(id) else { return nil }
    return String(value) == id ? value : nil
}

extension ContinuousClock.Instant {
    func seconds(since start: ContinuousClock.Instant) -> Double {
        let duration = start.duration(to: self)
        return Double(duration.components.seconds) + Double(duration.components.attoseconds) * 1e-18
    }
}
