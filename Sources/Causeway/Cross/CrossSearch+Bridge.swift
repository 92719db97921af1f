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
    /// Not this much wider: a graph search keeps its hits in order, and so many take longer than listing what leads there.
    private static let bridgeHitsMax = 10_000

    /// Hits of the modality between lead to the target's embeddings of the same items, in their order and with their scores.
    /// The filter is of the target's rows. The search is widened until k are found, or until finding out which rows lead to the
    /// target at all is less work: then only those are searched.
    func bridge(
        _ queries: [CrossQuery], over via: ModalityRecord, to target: ModalityRecord
    ) throws -> [CrossSearchAnswer] {
        guard via.id != target.id else {
            throw CausewayError.invalidArgument(
                reason: "\(via.name) is the target itself", remedy: "search it as a target, not on the way to one")
        }
        let clock = ContinuousClock()
        let start = clock.now
        let matches = try options.search.filter.map { try FilterMatches(of: $0, in: target, reader: reader) }
        var ends = try BridgeEnds(target: target, matches: matches, reader: reader)
        var listing = clock.now.seconds(since: start)
        var answers = queries.map { _ in nothing(via, target, matches) }
        let first = max(Self.bridgeHitsPerHit * options.search.k, Self.bridgeHitsMin)
        var (open, wanted) = (Array(queries.indices), first)
        var all = try reader.count(of: via.id)
        var leading: FilterMatches?
        while !open.isEmpty {
            // As many hits to look through as there are embeddings to end at: these are the shorter way.
            let isLong = ends.count <= open.count * wanted || wanted >= all || wanted > max(first, Self.bridgeHitsMax)
            if leading == nil && isLong {
                let start = clock.now
                let rows = try ends.list(leadingFrom: via)
                (leading, all, wanted) = (FilterMatches(rows: rows, words: "that lead to \(target.name)"), rows.count, first)
                listing += clock.now.seconds(since: start)
            }
            guard all > 0 else { break }
            wanted = min(wanted, all)
            let found = try firstLeg(wanted, leading).answers(to: open.map { queries[$0] }, in: [via])
            var short: [Int] = []
            for (index, answer) in zip(open, found) {
                var led = try lead(answer, from: via, to: target, &ends)
                led.explanation.add(workOf: answers[index].explanation)
                answers[index] = led
                // Where the least probable were cut, what is further away would be cut too.
                let hasMore = options.minProbability == nil || answer.hits.count >= wanted
                if hasMore && led.hits.count < min(options.search.k, ends.count) { short.append(index) }
            }
            guard wanted < all else { break }
            (open, wanted) = (short, Self.bridgeGrowth * wanted)
        }
        if matches != nil || leading != nil {
            let share = listing / Double(answers.count)
            for index in answers.indices { answers[index].explanation.seconds.add(share, to: .filter) }
        }
        return answers
    }

    /// The search of the modality between, without the filter, which is not of its rows.
    /// - Parameter leading: the rows that lead to the target, where they are known.
    private func firstLeg(_ wanted: Int, _ leading: FilterMatches?) -> CrossSearch {
        var wide = options
        (wide.via, wide.search.filter, wide.search.matches, wide.search.k) = (nil, nil, leading, wanted)
        wide.search.candidates = options.search.candidates.map { max($0, wanted) }
        return CrossSearch(
            collection: collection, options: wide, metric: metric, threads: threads, readers: readers, source: source)
    }

    private func lead(
        _ answer: CrossSearchAnswer, from via: ModalityRecord, to target: ModalityRecord, _ ends: inout BridgeEnds
    ) throws -> CrossSearchAnswer {
        let clock = ContinuousClock()
        let start = clock.now
        var bridged = answer
        bridged.hits = []
        var seen = Set<ExactText>()
        for hit in answer.hits where bridged.hits.count < options.search.k && seen.insert(ExactText(hit.item)).inserted {
            bridged.hits += try ends.ids(of: hit.item).map { id in
                CrossHit(
                    id: id, item: hit.item, modality: target.name, score: hit.score, probability: hit.probability,
                    via: hit.id, transportPlan: hit.transportPlan)
            }
        }
        bridged.hits = Array(bridged.hits.prefix(options.search.k))
        bridged.explanation.plan += ", then the \(target.name) embeddings of the same items"
        bridged.explanation.filterMatches = ends.matches?.rows.count
        bridged.explanation.seconds.add(clock.now.seconds(since: start), to: .lookup)
        if bridged.hits.isEmpty, !answer.hits.isEmpty {
            bridged.explanation.notes.append(leadsNowhere(via, target, ends.matches))
        }
        return bridged
    }

    private func leadsNowhere(_ via: ModalityRecord, _ target: ModalityRecord, _ matches: FilterMatches?) -> String {
        let which = matches.map { " " + $0.words } ?? ""
        return "no hit of \(via.name) shows an item of which \(target.name) has embeddings\(which)"
    }

    /// The answer before anything was searched, and where nothing leads to the target.
    private func nothing(
        _ via: ModalityRecord, _ target: ModalityRecord, _ matches: FilterMatches?
    ) -> CrossSearchAnswer {
        var explanation = Explanation()
        explanation.plan = "none: nothing leads to \(target.name)"
        explanation.tell(matches, of: target)
        if explanation.notes.isEmpty { explanation.notes = [leadsNowhere(via, target, matches)] }
        return CrossSearchAnswer(
            hits: [], metricName: metricName, isSimilarity: isSimilarity, explanation: explanation)
    }
}

/// The embeddings that a bridge may end at, by the item they show: looked up item by item until they are listed.
private struct BridgeEnds {
    let matches: FilterMatches?
    /// How many there are; once they are listed, of those that something leads to.
    private(set) var count: Int
    private let target: ModalityRecord
    private let reader: Reader
    private var ids: [ExactText: [String]] = [:]
    private var isListed = false

    init(target: ModalityRecord, matches: FilterMatches?, reader: Reader) throws {
        (self.target, self.matches, self.reader) = (target, matches, reader)
        count = try matches?.rows.count ?? reader.count(of: target.id)
    }

    /// In their order.
    mutating func ids(of item: String) throws -> [String] {
        let item = ExactText(item)
        if let known = ids[item] { return known }
        if isListed { return [] }
        let rows = try reader.rows(ofItem: item.text, in: target.id).filter { matches?.contains($0) ?? true }
        let found = try reader.names(rows).compactMap { $0?.id }.sorted(by: idPrecedes)
        ids[item] = found
        return found
    }

    /// Finds all that a modality leads to, and the rows it leads from, ascending.
    /// Complexity: O(n log m), n the smaller number of embeddings: of those a bridge may end at, or of the modality.
    mutating func list(leadingFrom via: ModalityRecord) throws -> [RowID] {
        let leading = try count <= reader.count(of: via.id) ? listEnds(via) : listStarts(via)
        count = ids.values.reduce(0) { $0 + $1.count }
        isListed = true
        return leading
    }

    private mutating func listEnds(_ via: ModalityRecord) throws -> [RowID] {
        var all: [ExactText: [String]] = [:], leading: [RowID] = []
        for case let name? in try reader.names(matches?.rows ?? reader.rows(of: target.id)) {
            all[ExactText(name.item), default: []].append(name.id)
        }
        ids = [:]
        for (item, unordered) in all {
            let rows = try reader.rows(ofItem: item.text, in: via.id)
            guard !rows.isEmpty else { continue }
            ids[item] = unordered.sorted(by: idPrecedes)
            leading += rows
        }
        return leading.sorted()
    }

    private mutating func listStarts(_ via: ModalityRecord) throws -> [RowID] {
        var leading: [RowID] = []
        let rows = try reader.rows(of: via.id)
        for case (let row, let name?) in zip(rows, try reader.names(rows)) {
            if try !ids(of: name.item).isEmpty { leading.append(row) }
        }
        return leading
    }
}
