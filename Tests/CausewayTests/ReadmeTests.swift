/// The README's Swift sample, run as written; and its shell commands, checked against the commands there are.
import Causeway
import Foundation
import Testing

struct ReadmeTests {
    static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    /// The sample between the fences, comments of its output apart.
    private func sample() throws -> (code: [String], output: [String]) {
        let text = try String(contentsOf: Self.root.appendingPathComponent("README.md"), encoding: .utf8)
        let start = try #require(text.range(of: "```swift\n"))
        let end = try #require(text[start.upperBound...].range(of: "```"))
        let lines = text[start.upperBound..<end.lowerBound].split(separator: "\n").map(String.init)
        return (lines.filter { !$0.hasPrefix("//") }, lines.filter { $0.hasPrefix("// ") }.map { String($0.dropFirst(3)) })
    }

    @Test func theSwiftSamplePrintsWhatItSays() throws {
        let temporary = try TemporaryDatabase()
        var printed: [String] = []
        func print(_ id: String, _ score: Double) { printed.append("\(id) \(score)") }

        // From here on the README's lines, with the database in a directory of the test's own.
        let database = try Database(path: temporary.file("photos.db"))
        let photos = database.collection("photos")
        try photos.insert([
            Embedding(id: "sunset.jpg", vector: [0.9, 0.1, 0.3], metadata: #"{"year": 2021}"#),
            Embedding(id: "harbour.jpg", vector: [0.2, 0.8, 0.5], metadata: #"{"year": 2016}"#),
        ], into: "image")
        try photos.insert([Embedding(id: "caption-1", vector: [0.8, 0.2, 0.2], item: "sunset.jpg")], into: "text")
        let answer = try photos.search(.embedding(id: "caption-1", from: "text"), in: "image")
        for hit in answer.hits { print(hit.id, hit.score) }

        let sample = try sample()
        #expect(printed.count == sample.output.count)
        for (line, expected) in zip(printed, sample.output) {
            let (got, want) = (line.split(separator: " "), expected.split(separator: " "))
            #expect(got[0] == want[0])
            #expect(abs(Double(got[1])! - Double(want[1])!) < 1e-12)
        }
        let source = try String(contentsOfFile: #filePath, encoding: .utf8)
        for line in sample.code where !line.contains("import Causeway") && !line.contains("Database(path:") {
            #expect(source.contains(line.trimmingCharacters(in: .whitespaces)), "the sample has another line: \(line)")
        }
    }
}
