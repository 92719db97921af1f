/// Ranks one target modality for several queries: candidates by the ordinary search, decided by a model or a query bank
/// where one is given. Merges nothing and knows no probabilities; see `CrossSearch`.
import Storage
import VectorMath

/// A query as a vector, with the row it is stored in.
struct CrossQuery {
    var vector: [Float]
    var row: RowID?
    var id: String?
    /// As it was asked, for the ordinary search.
    var asked: Query
}

struct RankedSearch {
    /// Candidates a model or bank sees, at least and as a multiple of k, where nothing else is asked for.
    private static let candidatesMin = 100
    private static let candidatesPerHit = 10
    private static let blockRows = 4_096

    let collection: EmbeddingCollection
    let scoring: PairScoring?
    let source: ModalityRecord
    let target: ModalityRecord
    let options: SearchOptions
    let readers: Readers

    private var reader: Reader { readers.first }

    /// The best k of each query.
    func answers(to queries: [CrossQuery]) throws -> [SearchAnswer] {
        guard let scoring else {
            return try collection.answers(to: queries.map(\.asked), in: target.name, options: options, readers)
        }
        let vectors = Matrix(
            rows: queries.count, columns: source.dimension, elements: queries.flatMap(\.vector))
        return options.effort == .exact
            ? try scan(queries, vectors, scoring) : try rerank(queries, vectors, scoring)
    }

    /// How many candidates the scoring sees: as many as asked for, by number or by width.
    private var poolSize: Int {
        if let candidates = options.candidates { return candidates }
        if case .width(let width) = options.effort { return max(width, options.k) }
        return max(Self.candidatesMin, Self.candidatesPerHit * options.k)
    }

    /// Candidates by cosine in the target's own space, decided by the scoring. A recall asked for is that of the candidates.
    private func rerank(
        _ queries: [CrossQuery], _ vectors: Matrix<Float>, _ scoring: PairScoring
    ) throws -> [SearchAnswer] {
        let pool = poolSize
        var narrow = options
        (narrow.k, narrow.metric, narrow.candidates) = (pool, .cosine, nil)
        if case .width(let width) = options.effort { narrow.effort = .width(max(width, pool)) }
        let moved = scoring.moved(vectors), embedded = scoring.embedQueries(vectors)
        // A moved query looks like the target's own vectors, and is searched as one.
        let from = scoring.learned == nil ? source.name : target.name
        let found = try collection.answers(
            to: (0..<moved.rows).map { .vector(Array(moved.row($0)), from: from) }, in: target.name, options: narrow, readers)
        return try found.enumerated().map { index, answer in
            // What a damaged index of ids does not lead to is left out.
            let known = try answer.hits.compactMap { hit in
                try reader.row(id: hit.id, in: target.id).map { (row: $0, hit: hit) }
            }
            let stored = try StoredVectors(of: known.map(\.row), modality: target, in: reader)
            let candidates = scoring.embedCandidates(stored.matrix)
            let scores = scoring.similarities(embedded.gathering([index]), candidates).elements
            let offsets = scoring.offsets(candidates, excluding: queries[index].row)
            var hits = stored.places.map { known[$0].hit }
            for slot in hits.indices { hits[slot].score = Double(scores[slot]) - offsets[slot] }
            var result = answer
            result.hits = Array(hits.sorted(by: precedes).prefix(options.k))
            result.explanation.plan += ", \(hits.count) candidates decided by \(what(scoring))"
            result.explanation.leaveOut(damaged: known.count - hits.count)
            return result
        }
    }

    /// Every row, or every row of the filter, in blocks.
    private func scan(
        _ queries: [CrossQuery], _ vectors: Matrix<Float>, _ scoring: PairScoring
    ) throws -> [SearchAnswer] {
        let matches = try options.matches
            ?? options.filter.map { try FilterMatches(of: $0, in: target, reader: reader) }
        let rows = try matches?.rows ?? reader.rows(of: target.id)
        var lists = queries.map { _ in TopList(k: options.k, largerIsBetter: true) }
        let embedded = scoring.embedQueries(vectors), banked = Set(scoring.bankRows)
        var compared = 0
        for start in stride(from: 0, to: rows.count, by: Self.blockRows) {
            let block = Array(rows[start..<min(start + Self.blockRows, rows.count)])
            let stored = try StoredVectors(of: block, modality: target, in: reader)
            let candidates = scoring.embedCandidates(stored.matrix)
            let scores = scoring.similarities(embedded, candidates), shared = scoring.offsets(candidates)
            compared += stored.places.count
            for (index, query) in queries.enumerated() {
                let isBanked = query.row.map { banked.contains($0) } ?? false
                let offsets = isBanked ? scoring.offsets(candidates, excluding: query.row) : shared
                for (slot, score) in scores.row(index).enumerated() {
                    lists[index].insert(block[stored.places[slot]], Double(score) - offsets[slot])
                }
            }
        }
        return try lists.indices.map { index in
            let entries = lists[index].finish()
            var hits: [Hit] = []
            for (entry, record) in zip(entries, try reader.embeddings(entries.map(\.row))) {
                if let record { hits.append(Hit(id: record.id, item: record.item, score: entry.score)) }
            }
            var explanation = Explanation()
            explanation.plan = "exact scan decided by \(what(scoring))"
            (explanation.candidates, explanation.reranked) = (compared, compared)
            explanation.bytesRead = compared * target.dimension * 4
            explanation.leaveOut(damaged: rows.count - compared)
            explanation.tell(matches, of: target)
            return SearchAnswer(
                hits: Array(hits.sorted(by: precedes).prefix(options.k)), metric: .cosine, explanation: explanation)
        }
    }

    private func precedes(_ a: Hit, _ b: Hit) -> Bool {
        a.score == b.score ? idPrecedes(a.id, b.id) : a.score > b.score
    }

    private func what(_ scoring: PairScoring) -> String {
        let bank = scoring.bankTemperature.map {
            " against \(scoring.bankRows.count) stored queries at temperature \($0)"
        } ?? ""
        return (scoring.learned.map { "model \($0.name)" } ?? "cosine") + bank
    }
}
