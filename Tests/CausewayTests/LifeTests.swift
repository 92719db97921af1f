// The life of an index: damage, changes after the build, other databases on the same file, churn.
import Causeway
import Foundation
import Synchronization
import Testing

/// The ids that a search finds, and what it says about itself.
private func search(
    _ database: Database, _ query: [Float], k: Int = 10, width: Int? = 64, filter: String? = nil
) throws -> SearchAnswer {
    let effort = width.map { SearchOptions.Effort.width($0) } ?? .exact
    return try database.collection("c").search(
        .vector(query), in: "v", options: SearchOptions(k: k, effort: effort, filter: filter))
}

/// Share of the exact ten best that a search of some width finds by the index, over queries near stored vectors.
private func recall(_ database: Database, seed: UInt64, dimension: Int, width: Int) throws -> Double {
    var found = 0, wanted = 0
    for embedding in clusteredEmbeddings(30, dimension: dimension, seed: seed) {
        let truth = try search(database, embedding.vector, width: nil).hits
        let answer = try search(database, embedding.vector, width: width)
        // By a walk, or a scan of the codes of what is alive; no scan of stored vectors, whose recall would say nothing.
        #expect(["graph", "code scan of the rows alive"].contains(answer.explanation.plan))
        let ids = Set(answer.hits.map(\.id))
        wanted += truth.count
        found += truth.count { ids.contains($0.id) }
    }
    return Double(found) / Double(max(wanted, 1))
}

@Suite(.enabled(if: isOptimised, "kernels are slow without optimisation"))
struct LifeTests {
    private let dimension = 24

    private func indexed(_ count: Int, seed: UInt64, upkeep: IndexUpkeep = .manual) throws -> TemporaryDatabase {
        let temporary = try TemporaryDatabase(upkeep: upkeep)
        try temporary.collection().insert(clusteredEmbeddings(count, dimension: dimension, seed: seed), into: "v")
        #expect(try temporary.collection().buildIndex().map(\.outcome) == [.built])
        return temporary
    }

    private func graphFile(_ temporary: TemporaryDatabase) throws -> URL {
        let name = try #require(try temporary.collection().indexStatus(of: "v").file)
        return URL(filePath: temporary.file(name))
    }

    // MARK: Damage

    @Test func aDamagedGraphGivesTheExactAnswerAndSaysSo() throws {
        let temporary = try indexed(2_600, seed: 1)
        let file = try graphFile(temporary)
        let sound = [UInt8](try Data(contentsOf: file))
        let queries = clusteredEmbeddings(6, dimension: dimension, seed: 2).map(\.vector)
        let expected = try queries.map { try search(temporary.database, $0).hits }
        let exact = try queries.map { try search(temporary.database, $0, width: nil).hits }
        var random = TestRandom(3)
        var reported = 0
        for _ in 0..<60 {
            var bytes = sound
            let position = Int.random(in: 0..<bytes.count, using: &random)
            bytes[position] ^= UInt8.random(in: 1...255, using: &random)
            try Data(bytes).write(to: file)
            let reader = try Database(path: temporary.path, access: .readOnly)
            for (index, query) in queries.enumerated() {
                let answer = try search(reader, query)
                if answer.explanation.plan.hasPrefix("exact scan") {
                    reported += 1
                    #expect(answer.hits == exact[index], "byte \(position)")
                    #expect(answer.explanation.notes.contains { $0.contains("causeway index rebuild") }, "byte \(position)")
                } else {
                    #expect(answer.hits == expected[index], "byte \(position)")
                }
            }
            reader.close()
        }
        #expect(reported > 60)
        #expect(try temporary.collection().buildIndex().map(\.outcome) == [.built], "a damaged graph is no current one")
        #expect(try search(temporary.database, queries[0]).explanation.plan == "graph")
    }

    @Test func damageMetByOneSearchIsRememberedByTheNext() throws {
        let temporary = try indexed(2_600, seed: 4)
        let reader = try Database(path: temporary.path, access: .readOnly)
        let query = clusteredEmbeddings(1, dimension: dimension, seed: 5)[0].vector
        let file = try FileHandle(forUpdating: try graphFile(temporary))
        #expect(try reader.collection("c").indexStatus(of: "v").state == .current)
        let size = Int(try file.seekToEnd())
        for position in stride(from: 8_192, to: size, by: 1_000) {
            try file.seek(toOffset: UInt64(position))
            try file.write(contentsOf: Data([0xA5]))
        }
        try file.close()
        for _ in 0..<2 {
            let answer = try search(reader, query)
            #expect(answer.explanation.plan.hasPrefix("exact scan: the index is damaged"))
            #expect(try answer.hits == search(reader, query, width: nil).hits)
        }
        #expect(try temporary.collection().buildIndex(options: IndexOptions(rebuild: true)).map(\.outcome) == [.built])
        #expect(try search(reader, query).explanation.plan == "graph", "the new generation serves without reopening")
    }

    // MARK: Changes

    @Test func changesOfMetadataAloneLeaveTheIndexCurrent() throws {
        let temporary = try indexed(2_100, seed: 6)
        let collection = temporary.collection()
        let query = clusteredEmbeddings(1, dimension: dimension, seed: 7)[0].vector
        let before = try search(temporary.database, query)
        for number in 0..<50 { try collection.setMetadata(#"{"n":1}"#, of: String(number), in: "v") }
        let after = try search(temporary.database, query)
        #expect(after.hits == before.hits && after.explanation.rowsBesideGraph == 0)
        let status = try collection.indexStatus(of: "v")
        #expect(status.state == .current && status.changedSince == 0 && status.deletedSince == 0)
        #expect(try collection.buildIndex().map(\.outcome) == [.current])
        #expect(try search(temporary.database, query, filter: "n = 1").explanation.filterMatches == 50)
    }

    @Test func anotherDatabaseOnTheSameFileSeesChangesAndNewGenerationsAtOnce() throws {
        let temporary = try indexed(2_400, seed: 8)
        let reader = try Database(path: temporary.path, access: .readOnly)
        var random = TestRandom(9)
        let fresh = random.vector(dimension)
        #expect(try search(reader, fresh).explanation.rowsBesideGraph == 0)
        try temporary.collection().insert([Embedding(id: "fresh", vector: fresh)], into: "v")
        let found = try search(reader, fresh)
        #expect(found.hits.first?.id == "fresh" && found.explanation.rowsBesideGraph == 1)
        #expect(try temporary.collection().buildIndex().map(\.outcome) == [.current], "one row of 2,400 is no reason")
        try temporary.collection().buildIndex(options: IndexOptions(rebuild: true))
        let rebuilt = try search(reader, fresh)
        #expect(rebuilt.hits.first?.id == "fresh" && rebuilt.explanation.rowsBesideGraph == 0)
        try temporary.collection().delete(ids: ["fresh"], from: "v")
        #expect(try !search(reader, fresh).hits.contains { $0.id == "fresh" })
    }

    @Test func nothingAddedDuringARebuildIsLost() throws {
        let temporary = try indexed(3_000, seed: 10)
        let writer = try Database(path: temporary.path, access: .readWrite, lockWait: 30)
        let added = clusteredEmbeddings(300, dimension: dimension, seed: 11, prefix: "n")
        let failures = Mutex<[String]>([])
        let collection = temporary.collection()
        DispatchQueue.concurrentPerform(iterations: 2) { side in
            do {
                if side == 0 {
                    try collection.buildIndex(options: IndexOptions(threads: 1, rebuild: true))
                } else {
                    for start in stride(from: 0, to: 300, by: 20) {
                        try writer.collection("c").insert(Array(added[start..<(start + 20)]), into: "v")
                        try writer.collection("c").delete(ids: [String(start)], from: "v")
                    }
                }
            } catch { failures.withLock { $0.append("\(error)") } }
        }
        #expect(failures.withLock { $0 } == [])
        for embedding in added {
            #expect(try search(temporary.database, embedding.vector, k: 1).hits.first?.id == embedding.id)
        }
        let gone = Set(stride(from: 0, to: 300, by: 20).map(String.init))
        for embedding in clusteredEmbeddings(300, dimension: dimension, seed: 10) where gone.contains(embedding.id) {
            #expect(try !search(temporary.database, embedding.vector).hits.contains { gone.contains($0.id) })
        }
    }

    /// Nobody asks for a build: what changes is merged as it comes.
    @Test func churnKeepsRecallAndCompactGivesBackSpace() throws {
        let count = 2_100
        let temporary = try indexed(count, seed: 20, upkeep: .automatic)
        let collection = temporary.collection()
        let width = 64
        #expect(try recall(temporary.database, seed: 21, dimension: dimension, width: width) >= 0.95)
        let first = try size(of: temporary)
        var random = TestRandom(22)
        var alive = (0..<count).map(String.init)
        let generation = try collection.indexStatus(of: "v").generation
        for round in 0..<(5 * count / 250) {
            let fresh = clusteredEmbeddings(125, dimension: dimension, seed: UInt64(100 + round), prefix: "r\(round)-")
            try collection.insert(fresh, into: "v")
            alive += fresh.map(\.id)
            let replaced = clusteredEmbeddings(63, dimension: dimension, seed: UInt64(900 + round)).map {
                Embedding(id: alive[Int.random(in: alive.indices, using: &random)], vector: $0.vector)
            }
            try collection.insert(replaced, into: "v", options: IngestOptions(onConflict: .replace))
            alive.shuffle(using: &random)
            try collection.delete(ids: Array(alive[..<125]), from: "v")
            alive.removeFirst(125)
            if round % 5 == 4 {
                let now = try recall(temporary.database, seed: UInt64(30 + round), dimension: dimension, width: width)
                #expect(now >= 0.95, "round \(round)")
            }
        }
        for _ in 0..<600 where try collection.indexStatus(of: "v").generation == generation { Thread.sleep(forTimeInterval: 0.1) }
        #expect(try collection.indexStatus(of: "v").generation != generation)
        #expect(try temporary.database.check(deep: true).isEmpty)
        let grown = try size(of: temporary)
        try temporary.database.compact()
        let compacted = try size(of: temporary)
        #expect(compacted < grown && Double(compacted) < 1.3 * Double(first), "\(first), \(grown), \(compacted)")
    }

    /// The database with its write-ahead log and its graphs.
    private func size(of temporary: TemporaryDatabase) throws -> Int {
        try FileManager.default.contentsOfDirectory(atPath: temporary.directory).reduce(0) { sum, name in
            let attributes = try FileManager.default.attributesOfItem(atPath: temporary.file(name))
            return sum + ((attributes[.size] as? Int) ?? 0)
        }
    }

    // MARK: The exact stage

    @Test func prunedRankingEqualsRankingEveryCandidate() throws {
        let temporary = try indexed(3_000, seed: 40)
        // Copies: nodes with several labels, of which a scan returns more than its width.
        let copies = clusteredEmbeddings(400, dimension: dimension, seed: 40, prefix: "copy")
        try temporary.collection().insert(copies, into: "v")
        try temporary.collection().buildIndex(options: IndexOptions(rebuild: true))
        var pruned = 0
        for embedding in clusteredEmbeddings(40, dimension: dimension, seed: 41) {
            let few = try search(temporary.database, embedding.vector, k: 10, width: 120)
            let all = try search(temporary.database, embedding.vector, k: 120, width: 120)
            #expect(few.hits == Array(all.hits.prefix(10)))
            // Copies count as one candidate, so there are more than are asked for, and all that may be among those are ranked.
            #expect(all.explanation.reranked >= 120)
            pruned += few.explanation.pruned
        }
        #expect(pruned > 40 * 20)
    }

    @Test func repeatedSearchesReadNothingAndForgetTheDeleted() throws {
        let temporary = try indexed(2_500, seed: 50)
        let query = clusteredEmbeddings(1, dimension: dimension, seed: 51)[0].vector
        let database = try Database(path: temporary.path)  // tuning filled the other's memory
        let first = try search(database, query)
        #expect(try search(database, query).explanation.cached == 0, "what was read once is not held")
        let second = try search(database, query)
        #expect(first.explanation.cached == 0 && first.explanation.bytesRead > 0)
        #expect(second.hits == first.hits && second.explanation.bytesRead == 0)
        #expect(second.explanation.cached == second.explanation.reranked)
        try temporary.collection().delete(ids: [first.hits[0].id], from: "v")
        #expect(try search(database, query, k: 9).hits == Array(first.hits[1...]))
        let replacement = Embedding(id: first.hits[1].id, vector: query.map { -$0 })
        try temporary.collection().insert([replacement], into: "v", options: IngestOptions(onConflict: .replace))
        #expect(try search(database, query, k: 8).hits == Array(first.hits[2...]))
    }

    @Test func theCacheHoldsWhatWasUsedLastWithinItsBytes() {
        let entry = 100 * 4 + 96
        let cache = VectorCache(byteLimit: 16 * 8 * entry)
        func vector(_ row: Int64) -> [Float] { [Float](repeating: Float(row), count: 100) }
        for row in Int64(0)..<5_000 {
            cache.keep(vector(row).span, of: row)
            #expect(cache.vector(of: row) == nil, "read once")
            cache.keep(vector(row).span, of: row)
            #expect(cache.vector(of: 0) == vector(0), "used between any two others")
            #expect(cache.bytes <= 16 * 8 * entry)
        }
        #expect(cache.count <= 128 && cache.count > 64 && cache.vector(of: 1) == nil)
        for _ in 0..<2 { cache.keep([Float](repeating: 1, count: 100_000).span, of: 9_000) }
        #expect(cache.vector(of: 9_000) == nil, "larger than there is room for")
    }
}
