/// Searching over a modality between: its hits lead to the target's embeddings of the same items. Scores nothing itself.
import Platform
import Storage
import VectorMath

extension CrossSearch {
    /// Hits of the modality between, at least and as a multiple of k, before it is known how many lead to the target.
    private static let bridgeHitsMin = 50
    private static let bridgeHitsPerHit = 4
    /// How much wider the modality between is searched each time too few of its hits lead to the target.
    private static let bridgeGrowth = 4

    /// Hits of the modality between lead to the target's embeddings of the same items, in their order and with their scores.
    /// The filter is of the target's rows. The search is widened until k are found or all of the modality between is seen.
    func bridge(
        _ queries: [CrossQuery], over via: ModalityRecord, to target: ModalityRecord
    ) throws -> [CrossSearchAnswer] {
        guard via.id != target.id else {
            throw CausewayError.invalidArgument(
                reason: "\(via.name) is the target itself", remedy: "search it without --via")
        }
        let admitted = try options.search.filter.map {
            Set(try reader.rows(of: target.id, matching: predicate(parsing: $0)))
        }
        if admitted?.isEmpty == true { return queries.map { _ in nothingMatches(target) } }
        let all = max(try reader.count(of: via.id), 1)
        var wanted = min(max(Self.bridgeHitsPerHit * options.search.k, Self.bridgeHitsMin), all)
        var bridged = [CrossSearchAnswer?](repeating: nil, count: queries.count)
        var open = Array(queries.indices)
        while !open.isEmpty {
            let answers = try firstLeg(wanted, isAll: wanted == all).answers(to: open.map { queries[$0] }, in: [via])
            var short: [Int] = []
            for (index, answer) in zip(open, answers) {
                let led = try lead(answer, from: via, to: target, admitted)
                bridged[index] = led
                // Where the least probable were cut, what is further away would be cut too.
                let hasMore = options.minProbability == nil || answer.hits.count >= wanted
                if hasMore && led.hits.count < options.search.k { short.append(index) }
            }
            guard wanted < all else { break }
            (open, wanted) = (short, min(Self.bridgeGrowth * wanted, all))
        }
        return bridged.compactMap { $0 }
    }

    /// The search of the modality between, without the filter, which is not of its rows.
    private func firstLeg(_ wanted: Int, isAll: Bool) -> CrossSearch {
        var wide = options
        (wide.via, wide.search.filter, wide.search.k) = (nil, nil, wanted)
        wide.search.candidates = options.search.candidates.map { max($0, wanted) }
        if isAll { wide.search.effort = .exact }
        return CrossSearch(
            collection: collection, options: wide, metric: metric, threads: threads, readers: readers, source: source)
    }

    private func lead(
        _ answer: CrossSearchAnswer, from via: ModalityRecord, to target: ModalityRecord, _ admitted: Set<RowID>?
    ) throws -> CrossSearchAnswer {
        var bridged = answer
        bridged.hits = []
        var seen = Set<ExactText>()
        for hit in answer.hits where bridged.hits.count < options.search.k && seen.insert(ExactText(hit.item)).inserted {
            let rows = try reader.rows(ofItem: hit.item, in: target.id).filter { admitted?.contains($0) ?? true }
            for record in try reader.embeddings(rows).compactMap({ $0 }).sorted(by: { idPrecedes($0.id, $1.id) }) {
                bridged.hits.append(
                    CrossHit(
                        id: record.id, item: record.item, modality: target.name, score: hit.score,
                        probability: hit.probability, via: hit.id, transportPlan: hit.transportPlan))
            }
        }
        bridged.hits = Array(bridged.hits.prefix(options.search.k))
        bridged.explanation.plan += ", then the \(target.name) embeddings of the same items"
        bridged.explanation.filterMatches = admitted?.count
        if bridged.hits.isEmpty, !answer.hits.isEmpty {
            let which = admitted == nil ? "" : " that match the filter"
            bridged.explanation.notes.append(
                "no hit of \(via.name) shows an item of which \(target.name) has embeddings\(which)")
        }
        return bridged
    }

    private func nothingMatches(_ target: ModalityRecord) -> CrossSearchAnswer {
        var explanation = Explanation()
        explanation.plan = "none: the filter matches nothing"
        explanation.filterMatches = 0
        explanation.notes = ["the filter matches no embedding of \(target.name)"]
        return CrossSearchAnswer(
            hits: [], metricName: metricName, isSimilarity: isSimilarity, explanation: explanation)
    }
}
