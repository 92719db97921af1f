/// What tuning promises: the recall holds for vectors that were never stored, though stored ones measured it.
import Causeway
import Testing

struct TuningTests {
    /// Loose clusters in many dimensions: a narrow search misses much.
    private func scattered(_ count: Int, dimension: Int, seed: UInt64) -> [Embedding] {
        var random = TestRandom(seed)
        var shared = TestRandom(77)
        let centres = (0..<200).map { _ in shared.vector(dimension) }
        return (0..<count).map { number in
            let centre = centres[Int(random.next() % 200)]
            return Embedding(id: String(number), vector: zip(centre, random.vector(dimension)).map { 0.4 * $0 + $1 })
        }
    }

    @Test(.enabled(if: isOptimised, "kernels are slow without optimisation"), arguments: [UInt64](1...2))
    func theRecallAskedForHoldsForVectorsThatAreNotStored(seed: UInt64) throws {
        let temporary = try TemporaryDatabase()
        let collection = temporary.collection()
        try collection.insert(scattered(8_000, dimension: 64, seed: seed), into: "v")
        try collection.buildIndex()
        let queries = scattered(400, dimension: 64, seed: seed + 100).map { Query.vector($0.vector, from: "v") }
        let truth = try collection.search(queries, in: "v", options: SearchOptions(effort: .exact)).map(\.hits)
        func recall(_ effort: SearchOptions.Effort) throws -> Double {
            let answers = try collection.search(queries, in: "v", options: SearchOptions(effort: effort))
            let found = zip(answers, truth).reduce(0) { sum, pair in
                sum + pair.0.hits.count { $0.score >= pair.1[9].score }
            }
            return Double(found) / 4_000
        }
        #expect(try recall(.width(10)) < 0.9, "seed \(seed): too easy to tell")
        for target in [0.9, 0.95, 0.98] {
            // Two standard errors of 400 queries are about a hundredth.
            #expect(try recall(.recall(target)) >= target - 0.01, "seed \(seed), recall \(target)")
        }
    }

    @Test(.enabled(if: isOptimised, "kernels are slow without optimisation"))
    func aRecallThatTheTableHasAlreadyIsMeasuredAnew() throws {
        let temporary = try TemporaryDatabase()
        let collection = temporary.collection()
        try collection.insert(scattered(2_000, dimension: 16, seed: 5), into: "v")
        try collection.buildIndex()
        for recall in [0.95, 0.98, 0.97] {
            let tuning = try #require(try collection.tuneIndex(from: "v", to: "v", recall: recall))
            #expect(tuning.lowerBound >= recall && tuning.recallTarget == recall)
        }
    }
}
