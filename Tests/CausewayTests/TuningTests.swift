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

    /// A stored caption's own photo is near it and easy to find; a new caption of no stored photo has no such way in.
    @Test(.enabled(if: isOptimised, "kernels are slow without optimisation"), arguments: [UInt64](1...2))
    func theRecallAskedForHoldsAcrossModalitiesForQueriesWithoutAPair(seed: UInt64) throws {
        let temporary = try TemporaryDatabase()
        let collection = temporary.collection()
        let images = scattered(8_000, dimension: 48, seed: seed)
        var random = TestRandom(seed + 500)
        func captions(of images: [Embedding]) -> [Embedding] {
            images.map { image in
                let vector = zip(image.vector, random.vector(48)).map { $0 + 0.7 * $1 }
                return Embedding(id: "t" + image.id, vector: vector, item: image.id)
            }
        }
        try collection.insert(images, into: "image")
        try collection.insert(captions(of: images), into: "text")
        try collection.buildIndex()
        let queries = captions(of: scattered(400, dimension: 48, seed: seed + 100)).map {
            Query.vector($0.vector, from: "text")
        }
        let truth = try collection.search(queries, in: "image", options: SearchOptions(effort: .exact)).map(\.hits)
        for target in [0.9, 0.95, 0.98] {
            let options = SearchOptions(effort: .recall(target))
            let answers = try collection.search(queries, in: "image", options: options)
            let found = zip(answers, truth).reduce(0) { sum, pair in
                sum + pair.0.hits.count { $0.score >= pair.1[9].score }
            }
            #expect(Double(found) / 4_000 >= target - 0.01, "seed \(seed), recall \(target)")
        }
    }

    @Test(.enabled(if: isOptimised, "kernels are slow without optimisation"))
    func tuningForgetsNothingAndKnowsEveryK() throws {
        let temporary = try TemporaryDatabase()
        let collection = temporary.collection()
        try collection.insert(scattered(3_000, dimension: 16, seed: 6), into: "v")
        #expect(throws: CausewayError.self) { try collection.tuneIndex(from: "v", to: "v", recall: 0.9) }
        try collection.buildIndex()
        for recall in [0.97, 0.93] { _ = try collection.tuneIndex(from: "v", to: "v", recall: recall) }
        let tunings = try collection.indexStatus(of: "v").tunings.filter { $0.metric == "cosine" && $0.k == 10 }
        #expect(Set(tunings.map(\.recallTarget)).isSuperset(of: [0.9, 0.93, 0.95, 0.97, 0.98, 0.99]))
        #expect(try collection.tuneIndex(from: "v", to: "v", recall: 0.9, k: 50, metric: .euclidean) != nil)
        let query = Query.vector(scattered(1, dimension: 16, seed: 9)[0].vector, from: "v")
        let wide = try collection.search(query, in: "v", options: SearchOptions(k: 150))
        #expect(wide.hits.count == 150 && wide.explanation.notes.contains { $0.contains("scaled") })
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
