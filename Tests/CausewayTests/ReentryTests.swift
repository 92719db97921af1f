/// Calls of the database from what it calls itself: progress handlers and metrics of the user's own.
import Causeway
import Foundation
import Synchronization
import Testing

/// Asks the database about what it compares.
private struct Asking: VectorComparison {
    let name = "asking"
    let isSimilarity = true
    let collection: EmbeddingCollection

    func value(query: Span<Float>, candidate: Span<Float>) -> Double {
        let vector = candidate.indices.map { candidate[$0] }
        let options = SearchOptions(k: 1, metric: .dot, effort: .exact)
        guard let id = try? collection.search(.vector(vector), in: "v", options: options).hits.first?.id,
            let found = try? collection.embedding(id: id, in: "v")
        else { return .nan }
        return Double(found.vector[0])
    }
}

struct ReentryTests {
    private let dimension = 16

    @Test func aMetricMayAskTheDatabase() throws {
        let temporary = try TemporaryDatabase()
        let collection = temporary.collection()
        // Of one length: each is its own best by dot product.
        let embeddings = (0..<60).map { Embedding(id: "\($0)", vector: [cos(Float($0) / 20), sin(Float($0) / 20)]) }
        try collection.insert(embeddings, into: "v")
        let metric = try Metric(Asking(collection: collection))
        for threads in [1, 3] {
            let queries = (0..<4).map { Query.vector([Float($0), 1]) }
            let answers = try collection.search(
                queries, in: "v", options: SearchOptions(k: 3, metric: metric, effort: .exact), threads: threads)
            #expect(answers.map { $0.hits.map(\.id) } == Array(repeating: ["0", "1", "2"], count: 4))
        }
    }

    @Test func aProgressHandlerOfAnIngestMayCallTheDatabase() throws {
        let temporary = try TemporaryDatabase()
        let collection = temporary.collection()
        let embeddings = clusteredEmbeddings(50, dimension: dimension, seed: 1)
        let options = IngestOptions(batchSize: 10)
        try collection.insert(embeddings, into: "v", options: options) { progress in
            #expect(throws: Never.self) {
                #expect(try collection.modality("v").count == progress.done)
                try collection.setMetadata(#"{"seen":true}"#, of: "\(progress.done - 1)", in: "v")
                try collection.insert([Embedding(id: "\(progress.done)", vector: [1])], into: "w")
            }
            return true
        }
        #expect(try collection.list(in: "v", where: "seen").map(\.id) == ["9", "19", "29", "39", "49"])
        #expect(try collection.modality("w").count == 5)
    }

    @Test(.enabled(if: isOptimised, "kernels are slow without optimisation"))
    func aProgressHandlerOfABuildMayCallTheDatabase() throws {
        let temporary = try TemporaryDatabase()
        let collection = temporary.collection()
        let embeddings = clusteredEmbeddings(2_200, dimension: dimension, seed: 1)
        try collection.insert(embeddings, into: "v")
        let stages = Mutex<Set<String>>([])
        let built = try collection.buildIndex { progress in
            guard stages.withLock({ $0.insert(progress.stage).inserted }) else { return true }
            #expect(throws: Never.self) {
                let id = "at " + progress.stage
                try collection.insert([Embedding(id: id, vector: embeddings[7].vector.map { $0 + 0.01 })], into: "v")
                let near = try collection.search(.embedding(id: id), in: "v", options: SearchOptions(k: 20)).hits
                #expect(near.contains { $0.id == "7" })
                #expect(try collection.list(in: "v", limit: 3).count == 3)
            }
            return true
        }
        let seen = stages.withLock { $0 }
        #expect(built.map(\.outcome) == [.built] && seen.isSuperset(of: ["link", "write"]), "\(seen)")
        #expect(try collection.modality("v").count == 2_200 + seen.count)
        #expect(try temporary.database.check(deep: true).isEmpty)
    }

    /// It would wait for itself.
    @Test(.enabled(if: isOptimised, "kernels are slow without optimisation"))
    func aBuildWithinTheWritingOfABuildIsRefused() throws {
        let temporary = try TemporaryDatabase()
        let collection = temporary.collection()
        try collection.insert(clusteredEmbeddings(2_200, dimension: dimension, seed: 1), into: "v")
        let refusal = Mutex<CausewayError?>(nil)
        let built = try collection.buildIndex { progress in
            guard progress.stage == "write", refusal.withLock({ $0 == nil }) else { return true }
            let problem = #expect(throws: CausewayError.self) {
                try collection.buildIndex(options: IndexOptions(rebuild: true)) { $0.waitsFor == nil }
            }
            refusal.withLock { $0 = problem }
            return true
        }
        guard case .invalidArgument(let reason, _)? = refusal.withLock({ $0 }) else {
            Issue.record("\(String(describing: refusal.withLock { $0 }))")
            return
        }
        #expect(reason.contains("progress handler") && built.map(\.outcome) == [.built])
        #expect(try collection.indexStatus(of: "v").state == .current)
    }
}
