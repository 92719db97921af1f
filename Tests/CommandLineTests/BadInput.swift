/// The bench on which bad input is tried: a database with something to lose, and cases that must each be refused whole.
import Foundation
import Testing

/// Files and arguments of one `ingest` that must be refused with status 4.
struct BadInput {
    var name: String
    var files: [(name: String, data: Data)]
    var arguments: [String]
    /// What the message must contain; `a|b` is either. Letter case does not matter.
    var says: [String]

    init(_ name: String, _ files: [(name: String, data: Data)], _ arguments: [String], says: [String]) {
        self.name = name
        self.files = files
        self.arguments = arguments
        self.says = says
    }

    /// One file of a matrix for modality m.
    init(_ name: String, _ file: String, _ data: Data, _ more: [String] = [], says: [String]) {
        self.init(name, [(file, data)], TestDatabase.of("m") + [file] + more, says: [file] + says)
    }

    /// Lines of JSON, of which line 3 is bad.
    static func record(_ name: String, _ line: String, says: [String]) -> BadInput {
        record(name, bytes: Array(line.utf8), says: says)
    }

    static func record(_ name: String, bytes: [UInt8], says: [String]) -> BadInput {
        let good = (0..<4).map { "{\"modality\":\"m\",\"id\":\"new\($0)\",\"vector\":[1,2,3,\($0)]}\n" }
        let data = Data((good[0] + good[1]).utf8) + Data(bytes) + Data(("\n" + good[2] + good[3]).utf8)
        return BadInput(name, [("r.jsonl", data)], ["--collection", "c", "r.jsonl"], says: ["r.jsonl", "line 3"] + says)
    }
}

/// Six rows of four numbers, in the shapes that the cases spoil.
enum Plain {
    static let rows = 6, dimension = 4
    static let floats = (0..<rows * dimension).map { Float($0) + 0.5 }
    static var matrix: Data { NpyFile.floats(floats, dimension: dimension) }
    static var ids: [String] { (0..<rows).map { "new\($0)" } }
    static func lines(_ texts: [String]) -> Data { Data(texts.map { $0 + "\n" }.joined().utf8) }

    /// Component 2 of row 3 replaced.
    static func floats(with value: Float) -> [Float] {
        var values = floats
        values[3 * dimension + 2] = value
        return values
    }
}

/// A collection with vectors `m` (ids 0 to 11, four components, made by alpha) and with vectors and tokens `t`.
struct BadInputBench {
    let database: TestDatabase
    private let before: String

    init() throws {
        database = try TestDatabase()
        var dice = Dice(seed: 31)
        try database.folder.write(
            Plain.lines((0..<12).map { "{\"year\":\(2_000 + $0),\"tags\":[\"a\",\"b\($0)\"]}" }), to: "base.jsonl")
        try database.fill(
            dice.floats(12 * 4), dimension: 4, name: "base.npy", ["--metadata", "base.jsonl", "--model", "alpha"])
        try database.folder.write(NpyFile.floats(dice.floats(20), dimension: 2), to: "base-tokens.npy")
        try database.folder.write(NpyFile.integers([0, 3, 4, 10]), to: "base-offsets.npy")
        try database.fill(
            dice.floats(3 * 4), dimension: 4, into: "t", name: "base-t.npy",
            ["--tokens", "base-tokens.npy", "--token-offsets", "base-offsets.npy"])
        before = try database.visibleState(["m", "t"])
    }

    /// Status 4, one line that says where and why, in earnest and dry; and the database as it was.
    func expectRefused(_ bad: BadInput, sourceLocation: SourceLocation = #_sourceLocation) throws {
        for (name, data) in bad.files { try database.folder.write(data, to: name) }
        for more in [[], ["--dry-run"]] {
            let done = try database.run("ingest", with: bad.arguments + more)
            let here: Comment = "\(bad.name) \(more): \(done.summary)"
            #expect(done.status == 4, here, sourceLocation: sourceLocation)
            #expect(done.isOneClearLine, here, sourceLocation: sourceLocation)
            let text = done.errorText.lowercased()
            for words in bad.says {
                let isSaid = words.lowercased().split(separator: "|").contains { text.contains($0) }
                #expect(isSaid, "'\(words)' is not said of \(here)", sourceLocation: sourceLocation)
            }
        }
        let info = try database.run("info", with: ["--format", "json"]).output
        #expect(before.hasPrefix(info), "\(bad.name) changed the database", sourceLocation: sourceLocation)
    }

    func expectUnchanged(_ what: String, sourceLocation: SourceLocation = #_sourceLocation) throws {
        let after = try database.visibleState(["m", "t"])
        let isSame = after == before
        #expect(isSame, "\(what) changed the database: \(after) was \(before)", sourceLocation: sourceLocation)
        try database.expectSound("\(what)", sourceLocation: sourceLocation)
    }

    func expectAllRefused(_ cases: [BadInput], sourceLocation: SourceLocation = #_sourceLocation) throws {
        for bad in cases { try expectRefused(bad, sourceLocation: sourceLocation) }
        try expectUnchanged("one of \(cases.map(\.name))", sourceLocation: sourceLocation)
    }
}
