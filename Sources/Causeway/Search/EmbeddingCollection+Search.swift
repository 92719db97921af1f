/// Searching a collection: queries become vectors that fit the target, and are answered in one consistent state.
import Platform
import Storage
import Synchronization

extension EmbeddingCollection {
    /// The embeddings of `modality` that are best for the query, best first, ties by id.
    /// - Throws: `.unknownCollection`, `.unknownModality`, `.unknownID`, `.badFilter`, `.badInput` (a component that is not
    ///   finite, numbers that are no tokens), `.dimensionMismatch` (a query of another dimension than the target, where vectors
    ///   are compared or propose candidates), `.invalidArgument` (k below 1).
    /// Complexity: about O(width × log n) code comparisons with an index, O(n) stored vectors without.
    public func search(_ query: Query, in modality: String, options: SearchOptions = SearchOptions()) throws -> SearchAnswer {
        try search([query], in: modality, options: options)[0]
    }

    /// Answers in the order of the queries, all from one state of the database.
    /// - Parameter threads: how many queries run at once, taken from 1 to 256.
    public func search(
        _ queries: [Query], in modality: String, options: SearchOptions = SearchOptions(), threads: Int = 1
    ) throws -> [SearchAnswer] {
        try database.read(together: max(1, min(ArgumentBounds.threads(threads), queries.count))) {
            try answers(to: queries, in: modality, options: options, $0)
        }
    }

    /// As `search`, in the state that the readers share, of which each serves a thread.
    func answers(
        to queries: [Query], in modality: String, options: SearchOptions, _ readers: Readers
    ) throws -> [SearchAnswer] {
        let options = try options.validated().decided(metric(options.metric, in: readers.first))
        let workers = min(readers.count, queries.count)
        guard workers > 1, options.effort != .exact else {
            return try answer(queries[...], in: modality, options: options, readers.first, threads: readers.count)
        }
        return try readers.share(queries.count) {
            try answer(queries[$0], in: modality, options: options, $1, threads: 1)
        }
    }

    private func answer(
        _ queries: ArraySlice<Query>, in modality: String, options: SearchOptions.Decided, _ reader: Reader, threads: Int
    ) throws -> [SearchAnswer] {
        let target = try self.modality(modality, in: reader)
        if options.metric.operand == .tokenSets { try refuseWithoutTokens(target, options.metric) }
        var sources: [ExactText: ModalityRecord] = [:]
        for name in Set(queries.compactMap { $0.modality.map(ExactText.init) }) {
            sources[name] = try self.modality(name.text, in: reader)
        }
        let prepared = try queries.map { query in
            let named = query.modality.flatMap { sources[ExactText($0)] }
            return try prepare(query, from: named ?? home(of: query, for: target, in: reader), in: reader)
        }
        if options.metric.operand == .vectors { for query in prepared { try query.refuseUnfit(for: target) } }
        guard options.metric.builtInVectorMetric != nil else {
            let tokens = try zip(queries, prepared).map { query, prepared in
                try self.tokens(of: query, prepared, options.metric, for: target, in: reader)
            }
            return try MetricSearch(
                reader: reader, cache: database.indexes, target: target, options: options, threads: threads
            ).answers(to: prepared, tokens: tokens)
        }
        let searcher = Searcher(
            reader: reader, cache: database.indexes, vectors: database.vectors, target: target, options: options,
            threads: threads)
        return try searcher.answers(to: prepared)
    }

    /// Where a query comes from that does not say so: the target, but for a stored embedding that the target lacks and one other
    /// modality has.
    func home(of query: Query, for target: ModalityRecord, in reader: Reader) throws -> ModalityRecord {
        guard case .stored(let id) = query.source, try reader.row(id: id, in: target.id) == nil else { return target }
        let homes = try reader.modalities(of: target.collection).filter { try reader.row(id: id, in: $0.id) != nil }
        guard homes.count > 1 else { return homes.first ?? target }
        throw CausewayError.invalidArgument(
            reason: "\(id) is in \(homes.map(\.name).joined(separator: " and ")), and not in \(target.name)",
            remedy: "name the query's modality")
    }

    private func prepare(_ query: Query, from modality: ModalityRecord, in reader: Reader) throws -> PreparedQuery {
        try query.tokens?.refuseRagged()
        let vector: [Float]
        switch query.source {
        case .vector(let given): vector = given
        case .tokens(let tokens): vector = try tokens.mean
        case .stored(let id):
            guard let row = try reader.row(id: id, in: modality.id) else {
                throw CausewayError.unknownID(id, modality: modality.name)
            }
            vector = try self.vector(of: row, id: id, modality: modality, in: reader)
        }
        if let index = vector.firstIndex(where: { !$0.isFinite }) {
            throw CausewayError.badInput("component \(index) of the query is not finite", remedy: "repair the query")
        }
        return PreparedQuery(vector: vector, modality: modality, hidden: query.hidden)
    }
}

extension Readers {
    /// What the parts of so many things come to, in their order: a part a reader, each on a thread of its own.
    func share<Value: Sendable>(
        _ count: Int, _ body: @escaping @Sendable (_ part: Range<Int>, Reader) throws -> [Value]
    ) throws -> [Value] {
        let workers = max(1, min(self.count, count)), share = (count + workers - 1) / workers
        let parts = Mutex<[Result<[Value], any Error>?]>(Array(repeating: nil, count: workers))
        Parallel.forEach(workers, threads: workers) { part, _ in
            let range = min(part * share, count)..<min((part + 1) * share, count)
            let result = Result { try body(range, self[part]) }
            parts.withLock { $0[part] = result }
        }
        return try parts.withLock { try $0.flatMap { try $0!.get() } }
    }
}

// MARK: Tokens of queries

extension EmbeddingCollection {
    func refuseWithoutTokens(_ modality: ModalityRecord, _ metric: Metric) throws(CausewayError) {
        guard modality.tokenDimension == nil else { return }
        throw .invalidArgument(
            reason: "\(metric) compares token sets, and modality \(modality.name) has none",
            remedy: "ingest tokens with the embeddings, or choose a metric on vectors")
    }

    /// The tokens a query brings or has stored; nil for metrics on vectors.
    /// - Throws: `.invalidArgument` for a query without tokens or with tokens of another dimension; `.damaged`.
    private func tokens(
        of query: Query, _ prepared: PreparedQuery, _ metric: Metric, for target: ModalityRecord, in reader: Reader
    ) throws -> Storage.TokenSet? {
        guard metric.operand == .tokenSets else { return nil }
        var tokens = query.tokens?.stored
        if case .stored(let id) = query.source, let row = try reader.row(id: id, in: prepared.modality.id) {
            tokens = try reader.tokenSet(row, of: prepared.modality)
        }
        guard let tokens else {
            throw CausewayError.invalidArgument(
                reason: "\(metric) compares token sets, and the query has none",
                remedy: "give the query's tokens, name a stored embedding that has tokens, or choose a metric on vectors")
        }
        guard tokens.dimension == target.tokenDimension else {
            throw CausewayError.invalidArgument(
                reason: "the query's tokens have \(tokens.dimension) dimensions and those of modality \(target.name) "
                    + "\(target.tokenDimension ?? 0)",
                remedy: "use tokens of one joint space")
        }
        return tokens
    }
}
