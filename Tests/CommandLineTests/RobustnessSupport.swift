/// A database in a folder of its own, used through the executable alone, for the tests that kill, damage and mislead it.
import Foundation
import Testing

/// Hundreds of processes, each with kernels compiled without optimisation, take minutes in a debug build.
enum HeavyTests {
    static var run: Bool {
        #if DEBUG
        false
        #else
        true
        #endif
    }
    static let reason: Comment = "runs in release builds only: hundreds of processes"
}

/// The seed of the random choices of a test; `ROBUSTNESS_SEED` replaces it to repeat or to widen a run.
func seed(_ standard: UInt64) -> UInt64 {
    ProcessInfo.processInfo.environment["ROBUSTNESS_SEED"].flatMap(UInt64.init) ?? standard
}

/// `<folder>/d.db` with collection `c`.
struct TestDatabase {
    let folder: TemporaryFolder
    let program: Executable
    var path: String { folder.file("d.db") }

    init() throws {
        folder = TemporaryFolder()
        program = try Executable.causeway()
    }

    /// A copy of all files of another, under the same names. Nothing may have them open.
    init(copying other: TestDatabase) throws {
        try self.init()
        for name in other.files() {
            try FileManager.default.copyItem(atPath: other.folder.file(name), toPath: folder.file(name))
        }
    }

    // MARK: Commands

    /// `words` are the command's; the database comes after them, then `arguments`.
    func run(_ words: String..., with arguments: [String] = [], timeLimit: Double = 60) throws -> Finished {
        // The folder goes with its last reference, which may be the one used here.
        try withExtendedLifetime(folder) {
            try program.run(words + [path] + arguments, in: folder.path, timeLimit: timeLimit)
        }
    }

    func start(_ words: String..., with arguments: [String] = []) throws -> Running {
        try program.start(words + [path] + arguments, in: folder.path)
    }

    static func of(_ modality: String) -> [String] { ["--collection", "c", "--modality", modality] }

    func ingest(_ files: [String], into modality: String = "m", _ more: [String] = []) throws -> Finished {
        try run("ingest", with: Self.of(modality) + files + more)
    }

    /// Writes a matrix as `name` in the folder and takes it in; the ids are the row numbers.
    @discardableResult
    func fill(
        _ values: [Float], dimension: Int, into modality: String = "m", name: String = "m.npy", _ more: [String] = [],
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws -> Finished {
        try folder.write(NpyFile.floats(values, dimension: dimension), to: name)
        let done = try ingest([name], into: modality, more)
        #expect(done.succeeded, "\(done.summary)", sourceLocation: sourceLocation)
        return done
    }

    /// The embeddings of a modality by `info`; 0 where there is no such collection or modality, nil where `info` fails.
    func count(_ modality: String = "m") throws -> Int? {
        let info = try run("info", with: ["--format", "json"])
        guard info.succeeded, let facts = info.object else { return nil }
        let collections = facts["collections"] as? [[String: Any]] ?? []
        let modalities = collections.flatMap { $0["modalities"] as? [[String: Any]] ?? [] }
        return modalities.filter { $0["name"] as? String == modality }.reduce(0) { $0 + ($1["embeddings"] as? Int ?? 0) }
    }

    /// The stored numbers of a modality as bytes, in the order of insertion.
    func vectors(_ modality: String = "m") throws -> Data {
        let done = try run("export", with: Self.of(modality) + ["--to", "exported.npy"])
        guard done.succeeded else { throw Refused(what: done.summary) }
        defer { try? FileManager.default.removeItem(atPath: folder.file("exported.npy")) }
        return NpyFile.payload(folder.data("exported.npy"))
    }

    struct Refused: Error { let what: String }

    func expectSound(_ comment: Comment? = nil, sourceLocation: SourceLocation = #_sourceLocation) throws {
        let check = try run("check", with: ["--deep"])
        #expect(check.succeeded, "\(comment?.rawValue ?? ""): \(check.summary)", sourceLocation: sourceLocation)
    }

    /// What a user can see of the whole content: every row without its numbers, and the facts of the database.
    func visibleState(_ modalities: [String] = ["m"]) throws -> String {
        var parts = [try run("info", with: ["--format", "json"]).output]
        for modality in modalities {
            parts.append(try run("list", with: Self.of(modality) + ["--all", "--format", "jsonl"]).output)
        }
        return parts.joined(separator: "\n")
    }

    // MARK: Files

    /// Names of the files in the folder that belong to the database.
    func files() -> [String] {
        ((try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []).filter { $0.hasPrefix("d.db") }.sorted()
    }

    func graphFiles() -> [String] { files().filter { $0.contains("-graph-") } }

    /// Replaces the bytes of a file in place. Nothing may have it open.
    func overwrite(_ name: String, at offset: Int, with bytes: [UInt8]) throws {
        let handle = try FileHandle(forUpdating: URL(fileURLWithPath: folder.file(name)))
        try handle.seek(toOffset: UInt64(offset))
        try handle.write(contentsOf: Data(bytes))
        try handle.close()
    }
}

extension Finished {
    /// Standard output as one JSON object.
    var object: [String: Any]? { (try? JSONSerialization.jsonObject(with: outputBytes)) as? [String: Any] }

    /// Standard output as JSON objects, one a line.
    var objects: [[String: Any]] {
        lines.compactMap { (try? JSONSerialization.jsonObject(with: Data($0.utf8))) as? [String: Any] }
    }

    /// The ids of a search's or a list's results in order.
    var ids: [String] { objects.compactMap { $0["id"] as? String } }

    /// One line that starts with the program's name: what every failure must look like.
    var isOneClearLine: Bool {
        let lines = errorText.split(separator: "\n")
        return lines.count == 1 && lines[0].hasPrefix("causeway: ")
    }
}

/// A vector as the text that `--vector` takes.
func vectorText(_ values: some Sequence<Float>) -> String {
    "[" + values.map { "\($0)" }.joined(separator: ",") + "]"
}
