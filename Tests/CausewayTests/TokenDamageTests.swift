/// Damage met while comparing token sets: what is sound is compared, and the user is told. Vectors' damage is in LifeTests.
import Causeway
import Foundation
import Testing

struct TokenDamageTests {
    @Test(arguments: ["wasserstein", "max-sim"]) func aDamagedTokenSetIsLeftOutWithANote(name: String) throws {
        let temporary = try TemporaryDatabase()
        let embeddings = tokenEmbeddings(40, seed: 3, copies: false)
        try temporary.collection().insert(embeddings, into: "v")
        temporary.database.close()
        let victim = embeddings[17]
        try damage(victim.tokens!.values, in: temporary.path)

        let reader = try Database(path: temporary.path, access: .readOnly)
        defer { reader.close() }
        for effort in [SearchOptions.Effort.exact, .width(40)] {
            let answer = try reader.collection("c").search(
                .vector(victim.vector, tokens: victim.tokens), in: "v",
                options: SearchOptions(k: 40, metric: try Metric(named: name), effort: effort))
            #expect(answer.hits.count == 39 && !answer.hits.contains { $0.id == victim.id })
            #expect(answer.explanation.damagedRows == 1)
            let notes = answer.explanation.notes
            #expect(notes.contains { $0.contains("1 damaged row was left out") }, "\(notes)")
        }
    }

    /// Its code still says that it is near, so it is read, found damaged, and left out of what every query gets.
    @Test(arguments: [1, 3]) func aDamagedTokenSetWithASoundCodeIsLeftOut(threads: Int) throws {
        let temporary = try TemporaryDatabase()
        let embeddings = tokenEmbeddings(120, dimension: 64, seed: 21, copies: false)
        try temporary.collection().insert(embeddings, into: "v")
        let queries = [17, 25, 33].map { Query.vector(embeddings[$0].vector, tokens: embeddings[$0].tokens) }
        func search(_ database: Database, k: Int) throws -> [SearchAnswer] {
            try database.collection("c").search(
                queries, in: "v", options: SearchOptions(k: k, metric: .wasserstein, effort: .exact), threads: threads)
        }
        let sound = try search(temporary.database, k: 6)
        temporary.database.close()
        try damage(embeddings[17].tokens!.values, in: temporary.path)
        let reader = try Database(path: temporary.path, access: .readOnly)
        defer { reader.close() }
        for (answer, before) in zip(try search(reader, k: 5), sound) {
            #expect(answer.hits == Array(before.hits.filter { $0.id != "17" }.prefix(5)))
            #expect(answer.explanation.damagedRows == 1 && answer.explanation.reranked < 60)
            #expect(answer.explanation.candidates == 120)
        }
    }

    /// Queries that read their own candidates in one pass are told of what each of them met, as alone.
    @Test(arguments: ["wasserstein", "max-sim", "sliced-wasserstein"])
    func eachQueryIsToldOfItsOwnCandidates(name: String) throws {
        let temporary = try TemporaryDatabase()
        var embeddings = tokenEmbeddings(120, dimension: 64, seed: 23, copies: false)
        for index in stride(from: 0, to: 120, by: 9) { embeddings[index].tokens = nil }
        try temporary.collection().insert(embeddings, into: "v")
        temporary.database.close()
        for index in [16, 17, 25, 83] { try damage(embeddings[index].tokens!.values, in: temporary.path) }
        let reader = try Database(path: temporary.path, access: .readOnly)
        defer { reader.close() }
        var options = SearchOptions(k: 3, metric: try Metric(named: name), effort: .recall(0.9))
        options.candidates = 30
        let queries = [1, 7, 17, 20, 33, 58, 88].map { Query.vector(embeddings[$0].vector, tokens: embeddings[$0].tokens) }
        let alone = try queries.map { try reader.collection("c").search($0, in: "v", options: options).untimed }
        let together = try reader.collection("c").search(queries, in: "v", options: options).map(\.untimed)
        for (one, other) in zip(alone, together) {
            #expect(one.hits == other.hits && one.explanation == other.explanation)
            #expect(other.explanation.candidates == 30)
        }
        #expect(Set(together.map(\.explanation.damagedRows)).count > 1, "all queries met as much damage")
        #expect(Set(together.map(\.explanation.tokens?.withoutTokens)).count > 1, "all queries met as many sets without tokens")
    }

    @Test func evaluationTellsOfDamagedTokenSets() throws {
        let temporary = try TemporaryDatabase()
        let embeddings = tokenEmbeddings(30, seed: 5, copies: false)
        try temporary.collection().insert(embeddings, into: "v")
        try temporary.collection().insert(tokenEmbeddings(30, seed: 6, copies: false), into: "w")
        func evaluate() throws -> Evaluation {
            try Database(path: temporary.path, access: .readOnly).collection("c")
                .evaluate(from: "w", to: "v", options: EvaluationOptions(metrics: [.maxSim], queries: 5))
        }
        #expect(try evaluate().notes.isEmpty)
        temporary.database.close()
        try damage(embeddings[17].tokens!.values, in: temporary.path)
        #expect(try evaluate().notes == ["1 damaged row was left out; run `causeway check --deep`"])
    }

    @Test func aDamagedGraphUnderATokenMetricIsToldInANote() throws {
        let temporary = try TemporaryDatabase()
        let embeddings = tokenEmbeddings(2_600, seed: 4, copies: false)
        try temporary.collection().insert(embeddings, into: "v")
        #expect(try temporary.collection().buildIndex().map(\.outcome) == [.built])
        let name = try #require(try temporary.collection().indexStatus(of: "v").file)
        let file = try FileHandle(forUpdating: URL(filePath: temporary.file(name)))
        let size = Int(try file.seekToEnd())
        for position in stride(from: 8_192, to: size, by: 1_000) {
            try file.seek(toOffset: UInt64(position))
            try file.write(contentsOf: Data([0xA5]))
        }
        try file.close()
        let reader = try Database(path: temporary.path, access: .readOnly)
        defer { reader.close() }
        func search(_ effort: SearchOptions.Effort) throws -> SearchAnswer {
            try reader.collection("c").search(
                .vector(embeddings[7].vector, tokens: embeddings[7].tokens), in: "v",
                options: SearchOptions(k: 5, metric: .maxSim, effort: effort))
        }
        let answer = try search(.width(2_000))
        #expect(answer.explanation.plan.contains("the index is damaged"), "\(answer.explanation.plan)")
        #expect(answer.explanation.notes.contains { $0.contains("causeway index rebuild") }, "\(answer.explanation.notes)")
        #expect(answer.hits.first == (try search(.exact).hits.first))
    }

    /// Changes a byte of the first place where these numbers lie in the file, as float32 or as planes of their low bytes.
    private func damage(_ values: [Float], in path: String) throws {
        var file = [UInt8](try Data(contentsOf: URL(filePath: path)))
        let whole = values.flatMap { value in (0..<4).map { UInt8(truncatingIfNeeded: value.bitPattern >> (8 * $0)) } }
        let plane = values.map { UInt8(truncatingIfNeeded: $0.bitPattern << 1 | $0.bitPattern >> 31) }
        let place = try #require(first(whole, in: file) ?? first(plane, in: file))
        file[place + 3] ^= 0x20
        try Data(file).write(to: URL(filePath: path))
    }

    private func first(_ part: [UInt8], in file: [UInt8]) -> Int? {
        Data(file).range(of: Data(part))?.lowerBound
    }
}

extension SearchAnswer {
    fileprivate var untimed: SearchAnswer {
        var answer = self
        answer.explanation.seconds = Explanation.StageSeconds()
        return answer
    }
}
