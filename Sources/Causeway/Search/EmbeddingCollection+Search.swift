/// Searching a collection: queries become vectors that fit the target, and are answered in one consistent state.
import Platform
import Storage
import Synchronization

extension EmbeddingCollection {
    /// The embeddings of `modality` that are best for the query, best first, ties by id.
    /// - Throws: `.unknownCollection`, `.unknownModality`, `.unknownID`, `.badFilter`, `.badInput` (a component that is not
    ///   finite), `.invalidArgument` (a query of another dimension than the target; k below 1).
    /// Complexity: about O(width × log n) code comparisons with an index, O(n) stored vectors without.
    public func search(_ query: Query, in modality: String, options: SearchOptions = SearchOptions()) throws -> SearchAnswer {
        try search([query], in: modality, options: options)[0]
    }

    /// Answers in the order of the queries, all from one state of the database.
    /// - Parameter threads: how many queries run at once.
    public func search(
        _ queries: [Query], in modality: String, options: SearchOptions = SearchOptions(), threads: Int = 1
    ) throws -> [SearchAnswer] {
        try options.validate()
        let workers = max(1, min(threads, queries.count))
        guard workers > 1, options.effort != .exact else {
            return try answer(queries[...], in: modality, options: options, threads: workers)
        }
        let share = (queries.count + workers - 1) / workers
        let parts = Mutex<[Result<[SearchAnswer], any Error>?]>(Array(repeating: nil, count: workers))
        Parallel.forEach(workers, threads: workers) { part, _ in
            let range = min(part * share, queries.count)..<min((part + 1) * share, queries.count)
            let result = Result { try answer(queries[range], in: modality, options: options, threads: 1) }
            parts.withLock { $0[part] = result }
        }
        return try parts.withLock { try $0.flatMap { try $0!.get() } }
    }

    private func answer(
        _ queries: ArraySlice<Query>, in modality: String, options: SearchOptions, threads: Int
    ) throws -> [SearchAnswer] {
        try database.read { reader in
            let target = try self.modality(modality, in: reader)
            let prepared = try queries.map { try prepare($0, for: target, in: reader) }
            let searcher = Searcher(
                reader: reader, cache: database.indexes, vectors: database.vectors, target: target, options: options,
                threads: threads)
            return try searcher.answers(to: prepared)
        }
    }

    private func prepare(_ query: Query, for target: ModalityRecord, in reader: Reader) throws -> PreparedQuery {
        let modality = try query.modality.map { try self.modality($0, in: reader) } ?? target
        let vector: [Float]
        switch query.source {
        case .vector(let given): vector = given
        case .stored(let id):
            guard let row = try reader.row(id: id, in: modality.id) else {
                throw CausewayError.unknownID(id, modality: modality.name)
            }
            vector = try self.vector(of: row, id: id, modality: modality, in: reader)
        }
        guard vector.count == target.dimension else {
            throw CausewayError.invalidArgument(
                reason: "the query has \(vector.count) dimensions and modality \(target.name) has \(target.dimension)",
                remedy: "use embeddings of one joint space")
        }
        if let index = vector.firstIndex(where: { !$0.isFinite }) {
            throw CausewayError.badInput("component \(index) of the query is not finite", remedy: "repair the query")
        }
        return PreparedQuery(vector: vector, modality: modality)
    }
}

extension SearchOptions {
    func validate() throws(CausewayError) {
        guard k >= 1 else { throw .invalidArgument(reason: "k is \(k)", remedy: "ask for at least one hit") }
        if let candidates, candidates < k {
            throw .invalidArgument(reason: "\(candidates) candidates cannot hold \(k) hits", remedy: "ask for at least k")
        }
        switch effort {
        case .recall(let recall) where !(recall > 0 && recall < 1):
            throw .invalidArgument(reason: "recall \(recall) is not between 0 and 1", remedy: "use --exact for all of it")
        case .width(let width) where width < 1:
            throw .invalidArgument(reason: "width \(width) is not positive", remedy: "ask for at least 1")
        default: break
        }
    }
}
