/// Numbers that do not make whole tokens are refused wherever token sets are taken, and cut into wrong ones nowhere.
import Causeway
import Testing

struct RaggedTokensTests {
    private static let ragged = [
        TokenSet([[1, 2], [3, 4, 5, 6]]), TokenSet([[], [1, 2]]), TokenSet([[1, 2], []]),
        TokenSet(dimension: 2, values: [1, 2, 3, 4, 5]), TokenSet(dimension: 0, values: [1]),
        TokenSet(dimension: -2, values: [1, 2]), TokenSet(dimension: .max, values: [1, 2]),
    ]

    private func isBadInput(_ error: CausewayError?) -> Bool {
        if case .badInput? = error { true } else { false }
    }

    @Test func theyAreNotStored() throws {
        let temporary = try TemporaryDatabase()
        let collection = temporary.collection()
        try collection.insert([Embedding(id: "a", vector: [1, 2], tokens: TokenSet([[1, 2], [3, 4]]))], into: "v")
        for (number, set) in Self.ragged.enumerated() {
            let batch = [Embedding(id: "b", vector: [2, 1]), Embedding(id: "c", vector: [1, 2], tokens: set)]
            let error = #expect(throws: CausewayError.self) { try collection.insert(batch, into: "v") }
            let place = error?.description.prefix(7)
            #expect(isBadInput(error) && place == "row 1: ", "\(number): \(String(describing: error))")
            if number == 0 { #expect(error?.description == "row 1: tokens of several lengths; give all tokens one length") }
            #expect(try collection.modality("v").count == 1)
        }
    }

    /// Also under a metric on vectors, to which the tokens' mean is the query.
    @Test func theyAskNothing() throws {
        let temporary = try TemporaryDatabase()
        let collection = temporary.collection()
        try collection.insert(tokenEmbeddings(20, dimension: 2, seed: 1), into: "v")
        for (number, set) in Self.ragged.enumerated() {
            for query in [Query.tokens(set), .vector([1, 2], tokens: set)] {
                for metric in [Metric.cosine, .manhattan, .wasserstein, .maxSim] {
                    let options = SearchOptions(metric: metric)
                    let plain = #expect(throws: CausewayError.self) { try collection.search(query, in: "v", options: options) }
                    let across = #expect(throws: CausewayError.self) {
                        try collection.search([query], across: ["v"], options: CrossSearchOptions(search: options))
                    }
                    #expect(isBadInput(plain) && plain == across, "\(number) \(metric): \(String(describing: plain))")
                }
            }
        }
        let error = #expect(throws: CausewayError.self) { try collection.search(.tokens(Self.ragged[0]), in: "v") }
        #expect(error?.description == "the 6 values of the query are in tokens of several lengths; give all tokens one length")
    }
}
