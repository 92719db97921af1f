// Long reads are of one state of the database too: what others write meanwhile, they do not see, and do not stumble over.
import Causeway
import Dispatch
import Synchronization
import Testing

struct OneReadTests {
    private func filled(_ texts: Int = 300) throws -> TemporaryDatabase {
        let temporary = try TemporaryDatabase()
        try temporary.collection().insert(clusteredEmbeddings(200, dimension: 8, seed: 1), into: "image")
        try temporary.collection().insert(clusteredEmbeddings(texts, dimension: 8, seed: 2, prefix: "t"), into: "text")
        return temporary
    }

    @Test func scoresAreEvaluatedOnTheSameEmbeddings() throws {
        let temporary = try filled()
        let collection = temporary.collection()
        try collection.trainModel(named: "m", from: "text", to: "image", options: TrainingOptions(method: .center))
        let added = Mutex(0)
        let evaluation = try collection.evaluate(
            from: "text", to: "image", scores: [.metric(.cosine), .model("m"), .metric(.manhattan)], normalization: .bank
        ) { _ in
            let number = added.withLock { added in added += 1; return added }
            let pair = [Embedding(id: "new\(number)", vector: [Float](repeating: 1, count: 8))]
            return (try? collection.insert(pair, into: "text")) != nil && (try? collection.insert(pair, into: "image")) != nil
        }
        #expect(added.withLock { $0 } >= 3 && evaluation.embeddings == 200)
        #expect(evaluation.metrics.map(\.embeddings) == [200, 200, 200, 200, 200])
        #expect(Set(evaluation.metrics.map(\.queries)) == [evaluation.queries])
        #expect(try collection.modality("image").count > 200)
    }

    @Test func anAuditGoesOnThoughItsQueriesAreDeleted() throws {
        let temporary = try filled()
        let collection = temporary.collection()
        var options = IndexAuditOptions()
        (options.queries, options.metrics) = (300, [.cosine, .manhattan])
        let audit = try collection.auditIndex(from: "text", to: "image", options: options) { step in
            guard step.done > 0 else { return true }
            return (try? collection.delete(where: "id LIKE 't%'", from: "text")) != nil
        }
        #expect(audit.queries == 300 && audit.metrics.count == 2)
        #expect(audit.metrics.flatMap(\.recalls).allSatisfy { $0.minimum == 1 })
        #expect(try collection.modality("text").count == 0)
    }

    @Test func whatADatabaseSaysOfItselfIsOfOneState() throws {
        let temporary = try filled()
        let collection = temporary.collection(), database = temporary.database
        let left = Mutex(200), failures = Mutex<[String]>([])
        DispatchQueue.concurrentPerform(iterations: 2) { side in
            do {
                var number = 0
                while side == 0 ? left.withLock({ $0 > 0 }) : left.withLock({ $0 -= 1; return $0 >= 0 }) {
                    if side == 0 {
                        let new = Embedding(id: "new\(number)", vector: [Float](repeating: 1, count: 8))
                        try collection.insert([new], into: "image")
                        number += 1
                        continue
                    }
                    let found = try database.info().collections[0]
                    for (modality, index) in zip(found.modalities, found.indexes) where modality.count != index.embeddings {
                        failures.withLock { $0.append("\(modality.name): \(modality.count) and \(index.embeddings)") }
                    }
                }
            } catch {
                failures.withLock { $0.append("\(error)") }
            }
        }
        #expect(failures.withLock { $0 } == [])
    }
}
