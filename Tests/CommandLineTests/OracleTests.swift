/// The executable against NumPy on the real paired sets: runs Tests/Oracle/paired_sets.py, which says what it compares.
import Foundation
import Testing

@Suite struct OracleTests {
    private static let root = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    private static let data = root.deletingLastPathComponent().appendingPathComponent("shared/data").path

    /// The first Python that has NumPy.
    private static let python: Executable? = {
        let candidates = [
            Executable(path: "/usr/bin/env", leading: ["python3"]), Executable(path: "/usr/bin/python3"),
        ]
        return candidates.first { candidate in
            (try? candidate.run(["-c", "import numpy"], timeLimit: 30).succeeded) ?? false
        }
    }()

    private static let isOptimised: Bool = {
        #if DEBUG
        false
        #else
        true
        #endif
    }()

    @Test(
        .enabled(if: isOptimised, "compares 50,000 searches: run it with swift test -c release"),
        .enabled(if: FileManager.default.fileExists(atPath: data), "no paired sets at ../shared/data of the package"),
        .enabled(if: python != nil, "no python3 with numpy"))
    func answersEqualBruteForce() throws {
        let python = try #require(Self.python)
        let script = Self.root.appendingPathComponent("Tests/Oracle/paired_sets.py").path
        let wanted = ProcessInfo.processInfo.environment["CAUSEWAY_ORACLE_QUERIES"]  // a number, or all
        let queries = wanted.map { ["--queries", $0] } ?? []
        let finished = try python.run(
            [script, Self.data, Executable.causeway().path] + queries, timeLimit: wanted == nil ? 900 : 14_400)
        let report = finished.output
        if wanted != nil { print(report) }
        #expect(finished.succeeded, "\(finished.ending)\n\(report)\n\(finished.errorText.suffix(2_000))")
        // A script that compared nothing would end well too.
        #expect(report.components(separatedBy: "exact equal").count - 1 >= 80, "\(report)")
        #expect(report.hasSuffix("0 faults (seed 0)\n"))
    }
}
