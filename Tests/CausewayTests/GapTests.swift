/// The gap between stored modalities: a shift is seen, sampling is seeded, dimensions and missing pairs leave measures out.
import Causeway
import Testing

struct ModalityGapReportTests {
    private func collection(_ temporary: TemporaryDatabase, pairs: Int, shift: Float) throws -> EmbeddingCollection {
        let collection = temporary.collection()
        var random = TestRandom(7)
        var images: [Embedding] = [], texts: [Embedding] = []
        for number in 0..<pairs {
            let meaning = random.vector(6), noise = random.vector(6)
            images.append(Embedding(id: "i\(number)", vector: meaning, item: "\(number)"))
            var text = zip(meaning, noise).map { $0 + 0.3 * $1 }
            text[0] += shift
            texts.append(Embedding(id: "t\(number)", vector: text, item: "\(number)"))
            // A second caption must not put one item into both halves.
            texts.append(Embedding(id: "u\(number)", vector: text, item: "\(number)"))
        }
        try collection.insert(images, into: "image")
        try collection.insert(texts, into: "text")
        return collection
    }

    private func options(_ seed: UInt64 = 0) -> ModalityGapOptions {
        var options = ModalityGapOptions(seed: seed)
        options.transportSampleMax = 30
        return options
    }

    @Test func aShiftIsSeenAndCentringClosesIt() throws {
        let temporary = try TemporaryDatabase()
        let report = try collection(temporary, pairs: 160, shift: 4).gap(between: "image", and: "text", options: options())
        #expect(report.isPaired && report.sampled == 160 && report.leftOut.isEmpty)
        #expect(report.between == ["image", "text"])
        for name in ["centroid-gap", "debiased-wasserstein", "energy-distance", "gaussian-wasserstein", "separability"] {
            let measure = try #require(report.measures.first { $0.name == name })
            #expect(try measure.value > #require(measure.null) + 0.15 && measure.centred < measure.value - 0.15, "\(name)")
            #expect(!measure.caution.isEmpty && measure.n <= 80, "\(name)")
        }
        let transport = try #require(report.measures.first { $0.name == "wasserstein" })
        let debiased = try #require(report.measures.first { $0.name == "debiased-wasserstein" })
        #expect(abs(transport.value - (transport.null ?? .nan) - debiased.value) < 1e-12 && transport.n == 30)
    }

    @Test func partnersInOneSampleDoNotHideTheGap() throws {
        let temporary = try TemporaryDatabase()
        let report = try collection(temporary, pairs: 160, shift: 0).gap(between: "image", and: "text", options: options())
        let debiased = try #require(report.measures.first { $0.name == "debiased-wasserstein" })
        // Matched rows lie 0.3 apart where strangers lie 1.2 apart: within one sample this would be far below zero.
        #expect(abs(debiased.value) < 0.08, "\(debiased.value)")
    }

    @Test func equalSeedsGiveEqualFigures() throws {
        let temporary = try TemporaryDatabase()
        let collection = try collection(temporary, pairs: 60, shift: 1)
        let first = try collection.gap(between: "image", and: "text", options: options(1))
        #expect(first.measures == (try collection.gap(between: "image", and: "text", options: options(1)).measures))
        #expect(first.measures != (try collection.gap(between: "image", and: "text", options: options(2)).measures))
    }

    @Test func whatDoesNotApplyIsLeftOutWithAReason() throws {
        let temporary = try TemporaryDatabase()
        let collection = temporary.collection()
        try collection.insert(clusteredEmbeddings(40, dimension: 6, seed: 1), into: "image")
        try collection.insert(clusteredEmbeddings(40, dimension: 9, seed: 2, prefix: "t"), into: "text")
        let report = try collection.gap(between: "image", and: "text", options: options())
        #expect(report.measures.map(\.name) == [
            "uniformity-image", "uniformity-text", "linear-cka", "mutual-nearest-neighbours",
        ])
        #expect(report.leftOut.allSatisfy { $0.caution.contains("6 and 9") })
        let apart = clusteredEmbeddings(40, dimension: 6, seed: 3, prefix: "a").map {
            Embedding(id: $0.id, vector: $0.vector, item: "a" + $0.item)
        }
        try collection.insert(apart, into: "audio")
        let unpaired = try collection.gap(between: "image", and: "audio", options: options())
        #expect(!unpaired.isPaired)
        #expect(Set(unpaired.leftOut.map(\.name)) == ["alignment", "linear-cka", "mutual-nearest-neighbours", "relative-gap"])
    }

    @Test func tooFewRowsAndStoppingAreErrors() throws {
        let temporary = try TemporaryDatabase()
        let collection = temporary.collection()
        try collection.insert(clusteredEmbeddings(5, dimension: 4, seed: 1), into: "image")
        try collection.insert(clusteredEmbeddings(50, dimension: 4, seed: 2, prefix: "t"), into: "text")
        #expect(throws: CausewayError.self) { try collection.gap(between: "image", and: "text") }
        try collection.insert(clusteredEmbeddings(50, dimension: 4, seed: 3, prefix: "x"), into: "image")
        #expect(throws: CausewayError.cancelled) {
            try collection.gap(between: "image", and: "text", options: options()) { _ in false }
        }
    }
}
