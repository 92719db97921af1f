/// Edges for queries of another modality: when the index gets them, what is said of them, and that they change no answer.
import Causeway
import Synchronization
import Testing

@Suite(.serialized, .enabled(if: isOptimised)) struct CrossModalEdgesTests {
    private static let images = 2_400, texts = 1_200, dimension = 24

    private func filled() throws -> TemporaryDatabase {
        let temporary = try TemporaryDatabase()
        let collection = temporary.collection()
        let (images, texts, dimension) = (Self.images, Self.texts, Self.dimension)
        _ = try collection.insert(clusteredEmbeddings(images, dimension: dimension, seed: 1), into: "image")
        _ = try collection.insert(
            clusteredEmbeddings(texts, dimension: dimension, seed: 2, prefix: "t", offset: 2), into: "text")
        return temporary
    }

    @Test func theBuildSaysWhatItDecided() throws {
        let temporary = try filled()
        let collection = temporary.collection()
        let report = try #require(try collection.buildIndex(modalities: ["image"]).first)
        let edges = try #require(report.crossModal.first)
        #expect(report.crossModal.count == 1 && edges.from == "text" && !edges.isForced)
        #expect(edges.sampleQueries > Self.texts / 2 && edges.sampleQueries < Self.texts)
        #expect(edges.distancesBefore.count == 3 && edges.distancesAfter.count == 3)
        let (before, after) = (try #require(edges.distancesBefore[1]), try #require(edges.distancesAfter[1]))
        #expect((edges.outcome == .kept) == (after <= 0.95 * before))
        #expect(try collection.indexStatus(of: "image").crossModal == [edges])
        #expect(try collection.buildIndex(modalities: ["image"]).first?.outcome == .current)
        // The images are enough to sample, but the texts too few for a graph.
        #expect(try collection.buildIndex(modalities: ["text"]).first?.outcome == .tooSmall)
    }

    @Test func whatIsAskedForIsDone() throws {
        let temporary = try filled()
        let collection = temporary.collection()
        func build(_ names: [String]) throws -> IndexReport {
            let options = IndexOptions(crossModal: .modalities(names))
            return try #require(try collection.buildIndex(modalities: ["image"], options: options).first)
        }
        let forced = try build(["text"])
        #expect(forced.outcome == .built && forced.crossModal.first?.outcome == .kept)
        #expect(forced.crossModal.first?.isForced == true && (forced.crossModal.first?.edges ?? 0) > 0)
        #expect(try build(["text"]).outcome == .current)
        let none = try build([])
        #expect(none.outcome == .built && none.crossModal.isEmpty && none.bytes < forced.bytes)
        #expect(try collection.buildIndex(modalities: ["image"]).first?.outcome == .current)
        #expect(throws: CausewayError.self) { try build(["sound"]) }
    }

    @Test func answersOfTheOwnModalityAreTheSame() throws {
        let (with, without) = (try filled(), try filled())
        let queries = (0..<40).map { Query.embedding(id: String($0 * 50), from: "image") }
        let options = SearchOptions(k: 10, effort: .width(20))
        var answers: [[[String]]] = []
        for (temporary, names) in [(with, ["text"]), (without, [])] {
            let collection = temporary.collection()
            try collection.buildIndex(modalities: ["image"], options: IndexOptions(crossModal: .modalities(names)))
            let found = try collection.search(queries, in: "image", options: options)
            answers.append(found.map { $0.hits.map(\.id) + ["\($0.explanation.codesCompared)"] })
        }
        #expect(answers[0] == answers[1])
    }

    @Test func stoppingLeavesNoIndex() throws {
        let temporary = try filled()
        let collection = temporary.collection()
        let stages = Mutex<[String]>([])
        #expect(throws: CausewayError.cancelled) {
            try collection.buildIndex(modalities: ["image"]) { progress in
                stages.withLock { $0.append(progress.stage) }
                return progress.stage != "edges for text queries"
            }
        }
        #expect(stages.withLock { $0.contains("edges for text queries") })
        #expect(try collection.indexStatus(of: "image").state == .none)
    }
}
