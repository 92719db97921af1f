/// Many equal vectors through the library: whatever is deleted, filtered or beside the graph, an answer is what the exact one is.
import Causeway
import Testing

@Suite(.enabled(if: isOptimised, "kernels are slow without optimisation"))
struct CopiesTests {
    private let dimension = 24
    private let distinct = clusteredEmbeddings(3_000, dimension: 24, seed: 1)

    private func copies(_ numbers: Range<Int>, of vector: [Float]) -> [Embedding] {
        numbers.map { Embedding(id: "c\($0)", vector: vector, metadata: #"{"n":\#($0)}"#) }
    }

    /// Searches of widths from the smallest on equal the exact one, id by id.
    private func compare(
        _ collection: EmbeddingCollection, _ query: [Float], k: Int, filter: String? = nil, _ place: Comment
    ) throws {
        let exact = try collection.search(
            .vector(query), in: "v", options: SearchOptions(k: k, effort: .exact, filter: filter))
        for width in [k, 100, 200] {
            let answer = try collection.search(
                .vector(query), in: "v", options: SearchOptions(k: k, effort: .width(width), filter: filter))
            #expect(answer.hits == exact.hits, "\(place), width \(width): \(answer.explanation.plan)")
        }
    }

    @Test func moreCopiesThanAnyLimitAreToldApartByWhatIsLeft() throws {
        let temporary = try TemporaryDatabase()
        let collection = temporary.collection()
        let vector = distinct[17].vector
        try collection.insert(copies(0..<5_000, of: vector), into: "v")
        try collection.insert(distinct, into: "v")
        try collection.buildIndex()
        try compare(collection, vector, k: 10, "all copies")
        try compare(collection, vector, k: 10, filter: "n >= 4700", "a filter of the last copies")
        try collection.delete(where: "n < 4500", from: "v")
        try compare(collection, vector, k: 10, "the first copies are gone")
        try compare(collection, vector, k: 10, filter: "n >= 4700", "a filter of what is left")
        try collection.delete(where: "n < 4995", from: "v")
        try compare(collection, vector, k: 10, "five copies are left")
    }

    @Test func copiesBesideTheGraphAreNotCutApart() throws {
        let temporary = try TemporaryDatabase()
        let collection = temporary.collection()
        try collection.insert(distinct, into: "v")
        try collection.buildIndex()
        let vector = distinct[5].vector.map { 1.5 * $0 + 0.1 }
        // The first by id comes last.
        try collection.insert(copies(1..<600, of: vector).reversed(), into: "v")
        try collection.insert(copies(0..<1, of: vector), into: "v")
        try compare(collection, vector, k: 10, "beside the graph")
        try compare(collection, vector, k: 10, filter: "n < 400", "beside the graph, filtered")
    }

    @Test func groupsOfCopiesUnderAFilterEqualTheExactTwin() throws {
        let temporary = try TemporaryDatabase()
        let collection = temporary.collection()
        // Thirty copies each of 200 vectors, and the answer's end falls among one group's.
        let many = (0..<6_000).map { number in
            Embedding(id: String(number), vector: distinct[number % 200].vector, metadata: #"{"n":\#(number)}"#)
        }
        try collection.insert(many, into: "v")
        try collection.insert(distinct[200...].map { Embedding(id: "d" + $0.id, vector: $0.vector) }, into: "v")
        try collection.buildIndex()
        for filter in ["n >= 100", "n >= 3000", "n < 5990"] {
            for number in [3, 77, 150] {
                try compare(collection, distinct[number].vector, k: 45, filter: filter, "vector \(number), \(filter)")
            }
        }
        try collection.delete(where: "n < 300", from: "v")
        for number in [3, 77, 150] { try compare(collection, distinct[number].vector, k: 45, "vector \(number), some deleted") }
    }
}
