// A search is of one state of the database, whatever others write and search meanwhile: nothing is seen twice, nothing not at
// all.
import Causeway
import Dispatch
import Synchronization
import Testing

@Suite(.enabled(if: isOptimised, "kernels are slow without optimisation"))
struct OneStateTests {
    private let embeddings = clusteredEmbeddings(2_500, dimension: 8, seed: 11)
    private let replacing = IngestOptions(onConflict: .replace)

    private func indexed() throws -> TemporaryDatabase {
        let temporary = try TemporaryDatabase()
        try temporary.collection().insert(embeddings, into: "v")
        try temporary.collection().buildIndex()
        return temporary
    }

    /// One side writes for as long as the others look.
    private func beside(
        _ write: @escaping @Sendable (Int) throws -> Void, looks: Int, _ look: @escaping @Sendable (Int) throws -> Void
    ) throws {
        let state = Mutex<(left: Int, failure: (any Error)?)>((looks, nil))
        DispatchQueue.concurrentPerform(iterations: 3) { side in
            do {
                if side == 0 {
                    var round = 0
                    while state.withLock({ $0.left > 0 && $0.failure == nil }) {
                        try write(round)
                        round += 1
                    }
                } else {
                    while let turn = state.withLock({ state -> Int? in
                        guard state.left > 0, state.failure == nil else { return nil }
                        state.left -= 1
                        return state.left
                    }) { try look(turn) }
                }
            } catch {
                state.withLock { $0.failure = error }
            }
        }
        if let failure = state.withLock({ $0.failure }) { throw failure }
    }

    /// An embedding replaced by itself is there in every state: before, between and after.
    @Test func whatIsReplacedIsFoundAllTheTime() throws {
        let temporary = try indexed()
        let collection = temporary.collection(), embeddings = embeddings, replacing = replacing
        try beside({ round in
            let start = 10 * (round % 10)
            _ = try collection.insert(Array(embeddings[start..<start + 10]), into: "v", options: replacing)
        }, looks: 600) { turn in
            let wanted = (0..<20).map { embeddings[(7 * turn + 5 * $0) % 100] }
            let answers = try collection.search(wanted.map { .vector($0.vector) }, in: "v", options: SearchOptions(k: 3))
            for (embedding, answer) in zip(wanted, answers) {
                #expect(answer.hits.first?.id == embedding.id, "turn \(turn): \(answer.explanation.plan)")
            }
        }
    }

    @Test func aBatchOnSeveralThreadsIsOfOneState() throws {
        let temporary = try indexed()
        let collection = temporary.collection(), replacing = replacing
        let query = Query.vector(embeddings[0].vector)
        try beside({ round in
            var random = TestRandom(UInt64(round))
            _ = try collection.insert([Embedding(id: "0", vector: random.vector(8))], into: "v", options: replacing)
        }, looks: 300) { turn in
            let answers = try collection.search(
                Array(repeating: query, count: 16), in: "v", options: SearchOptions(k: 2_500, effort: .width(2_500)), threads: 2)
            #expect(answers.allSatisfy { $0.hits == answers[0].hits && $0.hits.count == 2_500 }, "turn \(turn)")
        }
    }

    /// Candidates and what decides them are read in one state: with a bank, every hit wanted is there.
    @Test func aCrossSearchIsOfOneState() throws {
        let temporary = try indexed()
        let collection = temporary.collection(), embeddings = embeddings, replacing = replacing
        let options = { () -> CrossSearchOptions in
            var options = CrossSearchOptions(search: SearchOptions(k: 50))
            options.normalization = .bank
            return options
        }()
        try beside({ round in
            let start = 25 * (round % 40)
            _ = try collection.insert(Array(embeddings[start..<start + 25]), into: "v", options: replacing)
        }, looks: 40) { turn in
            let answer = try collection.search(
                [.vector(embeddings[turn].vector, from: "v")], across: ["v"], options: options, threads: 2)[0]
            #expect(answer.hits.count == 50, "turn \(turn)")
        }
    }

    /// The best of what matches, where most of it is newer than the graph.
    @Test(arguments: [0, 9, 10, 15]) func matchesBesideTheGraphCountAsThoseInIt(inGraph: Int) throws {
        let temporary = try TemporaryDatabase()
        var old = embeddings
        for index in old.indices { old[index].metadata = index < inGraph ? #"{"m":1}"# : #"{"m":0}"# }
        try temporary.collection().insert(old, into: "v")
        try temporary.collection().buildIndex()
        var new = clusteredEmbeddings(400, dimension: 8, seed: 12, prefix: "new")
        for index in new.indices { new[index].metadata = #"{"m":1}"# }
        try temporary.collection().insert(new, into: "v")
        for query in clusteredEmbeddings(150, dimension: 8, seed: 13) {
            let answer = try temporary.collection().search(
                .vector(query.vector), in: "v", options: SearchOptions(effort: .width(30), filter: "m = 1"))
            let exact = try temporary.collection().search(
                .vector(query.vector), in: "v", options: SearchOptions(effort: .exact, filter: "m = 1"))
            #expect(answer.hits == exact.hits && answer.explanation.plan.hasPrefix("code scan"), "query \(query.id)")
        }
    }
}
