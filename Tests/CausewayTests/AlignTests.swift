/// Learned metrics on stored pairs: trained, kept, refused when they no longer fit, and used by search and evaluation.
import Causeway
import Foundation
import Testing

/// Two modalities of different dimension that are linear images of one meaning, with noise.
func bridgedCollection(
    _ temporary: TemporaryDatabase, pairs: Int = 160, seed: UInt64 = 1, captions: Int = 1
) throws -> EmbeddingCollection {
    let collection = temporary.collection()
    var random = TestRandom(seed)
    let toImage = (0..<9).map { _ in random.vector(5) }, toText = (0..<7).map { _ in random.vector(5) }
    func image(_ map: [[Float]], _ meaning: [Float]) -> [Float] {
        map.map { row in zip(row, meaning).reduce(0) { $0 + $1.0 * $1.1 } + 0.1 * random.gaussian() }
    }
    var images: [Embedding] = [], texts: [Embedding] = []
    for number in 0..<pairs {
        let meaning = random.vector(5)
        images.append(Embedding(id: "i\(number)", vector: image(toImage, meaning), item: "\(number)"))
        for caption in 0..<captions {
            texts.append(Embedding(id: "t\(number)-\(caption)", vector: image(toText, meaning), item: "\(number)"))
        }
    }
    try collection.insert(images, into: "image", options: IngestOptions(producer: "camera"))
    try collection.insert(texts, into: "text")
    return collection
}

struct AlignTests {
    private func options(_ method: LearnedModel.Method = .cca) -> TrainingOptions {
        var options = TrainingOptions(method: method)
        options.lambda = 0.01
        return options
    }

    @Test func aMapBetweenDimensionsBeatsGuessingAndSearchUsesIt() throws {
        let temporary = try TemporaryDatabase()
        let collection = try bridgedCollection(temporary)
        let model = try collection.trainModel(named: "bridge", from: "text", to: "image", options: options())
        #expect(model.version == 1 && model.heldOutItems == 32 && model.trainingItems == 128 && model.obstacle == nil)
        let forth = try #require(model.heldOut.first)
        #expect(forth.from == "text" && forth.to == "image" && forth.recall.map(\.k) == [1, 5, 10])
        #expect(forth.recall[2].learned.value > 2 * forth.recall[2].chance && forth.recall[2].cosine == nil)
        #expect(try collection.models().map(\.name) == ["bridge"])

        var across = CrossSearchOptions(search: SearchOptions(k: 5))
        across.model = "bridge"
        for (from, to, prefix) in [("text", "image", "t"), ("image", "text", "i")] {
            var own = 0
            for number in 0..<40 {
                let id = from == "text" ? "\(prefix)\(number)-0" : "\(prefix)\(number)"
                let hits = try collection.search([.embedding(id: id, from: from)], across: [to], options: across)[0].hits
                #expect(hits.count == 5 && hits.map(\.score) == hits.map(\.score).sorted(by: >))
                own += hits.contains { $0.item == "\(number)" } ? 1 : 0
            }
            #expect(own >= 30, "\(from) to \(to): \(own) of 40")
        }
    }

    @Test func candidatesDecidedByAModelAgreeWithScanningEverything() throws {
        let temporary = try TemporaryDatabase()
        let collection = try bridgedCollection(temporary, pairs: 90)
        for method in [LearnedModel.Method.ridge, .contrastive] {
            var training = options(method)
            training.epochs = 2
            try collection.trainModel(named: method.rawValue, from: "image", to: "text", options: training)
            var across = CrossSearchOptions(search: SearchOptions(k: 4, candidates: 90))
            across.model = method.rawValue
            var exact = across
            exact.search.effort = .exact
            let query = Query.embedding(id: "i3", from: "image")
            let a = try collection.search([query], across: ["text"], options: across)[0]
            let b = try collection.search([query], across: ["text"], options: exact)[0]
            #expect(a.hits.map(\.id) == b.hits.map(\.id), "\(method)")
            for (x, y) in zip(a.hits, b.hits) { #expect(abs(x.score - y.score) < 1e-5, "\(method)") }
            #expect(a.metricName == "learned:\(method.rawValue)" && a.isSimilarity)
        }
    }

    @Test func evaluationAsksOnlyForHeldOutItemsAndAgreesWithSearch() throws {
        let temporary = try TemporaryDatabase()
        let collection = try bridgedCollection(temporary, pairs: 100, captions: 2)
        try collection.trainModel(named: "m", from: "text", to: "image", options: options())
        let evaluation = try collection.evaluate(from: "text", to: "image", scores: [.model("m")])
        #expect(evaluation.onHeldOutItems && evaluation.queries == 40 && evaluation.items == 100)
        let result = evaluation.metrics[0]
        #expect(result.metric.name == "learned:m")
        #expect((result.recall.last?.figure.value ?? 0) > 0.3)
        #expect(try collection.evaluate(from: "image", to: "text", scores: [.model("m")]).queries == 20)
        #expect(throws: CausewayError.self) { try collection.evaluate(from: "text", to: "text", scores: [.model("m")]) }
    }

    @Test func aModelIsBoundToItsProducersAndItsName() throws {
        let temporary = try TemporaryDatabase()
        let collection = try bridgedCollection(temporary, pairs: 40)
        try collection.trainModel(named: "m", from: "text", to: "image", options: options(.ridge))
        #expect(throws: CausewayError.self) {
            try collection.trainModel(named: "m", from: "text", to: "image", options: options(.ridge))
        }
        var again = options(.ridge)
        again.replaces = true
        #expect(try collection.trainModel(named: "m", from: "text", to: "image", options: again).version == 2)
        try collection.insert(
            [Embedding(id: "new", vector: [Float](repeating: 1, count: 7))], into: "text",
            options: IngestOptions(producer: "another"))
        #expect(try collection.model(named: "m").obstacle?.contains("another") == true)
        var across = CrossSearchOptions()
        across.model = "m"
        #expect(throws: CausewayError.self) {
            try collection.search([.embedding(id: "t1-0", from: "text")], across: ["image"], options: across)
        }
        try collection.deleteModel(named: "m")
        #expect(try collection.models().isEmpty)
        #expect(throws: CausewayError.self) { try collection.deleteModel(named: "m") }
    }

    @Test func trainingThatCannotBeIsRefusedAndKeepsNothing() throws {
        let temporary = try TemporaryDatabase()
        let collection = try bridgedCollection(temporary, pairs: 15)
        #expect(throws: CausewayError.self) {
            try collection.trainModel(named: "few", from: "text", to: "image", options: options())
        }
        #expect(throws: CausewayError.self) {
            try collection.trainModel(named: "same", from: "text", to: "text", options: options())
        }
        let other = try TemporaryDatabase()
        let large = try bridgedCollection(other, pairs: 60)
        #expect(throws: CausewayError.self) {
            try large.trainModel(named: "c", from: "text", to: "image", options: options(.center))
        }
        var ranking = options(.contrastive)
        ranking.epochs = 3
        #expect(throws: CausewayError.cancelled) {
            try large.trainModel(named: "c", from: "text", to: "image", options: ranking) { _ in false }
        }
        #expect(try large.models().isEmpty)
    }

    @Test func aDamagedModelIsFoundAndRefused() throws {
        let temporary = try TemporaryDatabase()
        let collection = try bridgedCollection(temporary, pairs: 40)
        try collection.trainModel(named: "m", from: "text", to: "image", options: options(.ridge))
        temporary.database.close()
        var bytes = try Data(contentsOf: URL(fileURLWithPath: temporary.path))
        let start = try #require(bytes.range(of: Data("CWAM".utf8)))
        bytes[start.lowerBound + 200] ^= 0x10
        try bytes.write(to: URL(fileURLWithPath: temporary.path))
        let again = try Database(path: temporary.path, access: .readOnly)
        #expect(try again.check(deep: true).contains { $0.place.contains("model 'm'") })
        var across = CrossSearchOptions()
        across.model = "m"
        #expect(throws: CausewayError.self) {
            try again.collection("c").search([.embedding(id: "t1-0", from: "text")], across: ["image"], options: across)
        }
    }

    @Test(arguments: ["9223372036854775807", "-9223372036854775808", "0", "7"])
    func trainingAgainCountsOnFromAnyVersionThatCanBe(version: String) throws {
        let temporary = try TemporaryDatabase()
        let collection = try bridgedCollection(temporary)
        try collection.trainModel(named: "m", from: "text", to: "image", options: options())
        try execute("UPDATE model SET version = \(version)", on: temporary.path)
        var replacing = options()
        replacing.replaces = true
        let model = try collection.trainModel(named: "m", from: "text", to: "image", options: replacing)
        #expect(model.version == (version == "7" ? 8 : 1))
        #expect(try temporary.database.check(deep: true) == [])
    }

    /// Aligned already, and too few pairs for so many dimensions: what is learned is worse than nothing.
    @Test func aDirectionBelowCosineIsNamedInTheWarning() throws {
        let temporary = try TemporaryDatabase()
        let collection = temporary.collection()
        var random = TestRandom(41)
        var images: [Embedding] = [], texts: [Embedding] = []
        for number in 0..<120 {
            let meaning = random.vector(24)
            images.append(Embedding(id: "i\(number)", vector: meaning, item: "\(number)"))
            let text = zip(meaning, random.vector(24)).map { $0 + 1.2 * $1 }
            texts.append(Embedding(id: "t\(number)", vector: text, item: "\(number)"))
        }
        try collection.insert(images, into: "image")
        try collection.insert(texts, into: "text")
        var training = TrainingOptions(method: .cca)
        (training.lambda, training.holdOut) = (0, 0.5)
        let model = try collection.trainModel(named: "m", from: "text", to: "image", options: training)
        var below = 0
        for direction in model.heldOut {
            let (deepest, cosine) = (try #require(direction.recall.last), try #require(direction.recall.last?.cosine))
            let isBelow = deepest.learned.value < cosine
            let named = "from \(direction.from) to \(direction.to) recall@10"
            #expect((model.warning ?? "").contains(named) == isBelow, "\(model.warning ?? "")")
            below += isBelow ? 1 : 0
        }
        #expect(below > 0)
    }
}
