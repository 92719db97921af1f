/// The executable against NumPy, on real paired sets and on hard cases: runs the scripts of Tests/Oracle.
import Foundation
import Testing

/// Serialized: a script keeps the processors busy by itself, and other tests need a thread.
@Suite(.serialized) struct OracleTests {
    private static let root = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    private static let data = root.deletingLastPathComponent().appendingPathComponent("shared/data").path

    /// The first Python that has NumPy.
    private static let python = Executable.python(importing: "numpy")

    private static let scipy = Executable.python(importing: "numpy, scipy")

    /// Runs a script of Tests/Oracle, which prints what it compared and ends with 1 where anything differs.
    private func run(
        _ script: String, _ arguments: [String], timeLimit: Double, in python: Executable? = python
    ) throws -> Finished {
        let python = try #require(python)
        let path = Self.root.appendingPathComponent("Tests/Oracle/\(script)").path
        let finished = try python.run([path] + arguments, timeLimit: timeLimit)
        #expect(finished.succeeded, "\(finished.ending)\n\(finished.output)\n\(finished.errorText.suffix(2_000))")
        #expect(finished.output.hasSuffix("0 faults (seed 0)\n"))
        return finished
    }

    @Test(
        .enabled(if: HeavyTests.run, "compares 50,000 searches: run it with swift test -c release"),
        .enabled(if: FileManager.default.fileExists(atPath: data), "no paired sets at ../shared/data of the package"),
        .enabled(if: python != nil, "no python3 with numpy"))
    func pairedSetsEqualBruteForce() throws {
        let wanted = ProcessInfo.processInfo.environment["CAUSEWAY_ORACLE_QUERIES"]  // a number, or all
        let arguments = [Self.data, try Executable.causeway().path] + (wanted.map { ["--queries", $0] } ?? [])
        let finished = try run("paired_sets.py", arguments, timeLimit: wanted == nil ? 900 : 14_400)
        if wanted != nil { print(finished.output) }
        // A script that compared nothing would end well too.
        #expect(finished.lines.count { $0.contains("exact equal") } >= 80, "\(finished.output)")
    }

    private static let pythonWithTransport = Executable.python(importing: "numpy, ot")

    @Test(
        .enabled(if: HeavyTests.run, "compares 30,000 pairs of token sets: run it with swift test -c release"),
        .enabled(if: FileManager.default.fileExists(atPath: data), "no token sets at ../shared/data of the package"),
        .enabled(if: pythonWithTransport != nil, "no python3 with numpy and POT"))
    func tokenSetsEqualBruteForce() throws {
        let finished = try run(
            "token_sets.py", [Self.data, try Executable.causeway().path], timeLimit: 300, in: Self.pythonWithTransport)
        #expect(finished.lines.count { $0.hasSuffix("exact equal") } == 20, "\(finished.output)")
    }

    @Test(
        .enabled(if: HeavyTests.run, "evaluates all paired sets: run it with swift test -c release"),
        .enabled(if: FileManager.default.fileExists(atPath: data), "no paired sets at ../shared/data of the package"),
        .enabled(if: python != nil, "no python3 with numpy"))
    func evaluationsEqualNumPyBothWays() throws {
        let finished = try run("evaluation.py", [Self.data, try Executable.causeway().path], timeLimit: 900)
        #expect(finished.lines.count { $0.contains(", equal (") } >= 90, "\(finished.output)")
    }

    @Test(
        .enabled(if: HeavyTests.run, "solves transport between 500 rows: run it with swift test -c release"),
        .enabled(if: FileManager.default.fileExists(atPath: data), "no paired sets at ../shared/data of the package"),
        .enabled(if: scipy != nil, "no python3 with numpy and scipy"))
    func gapMeasuresEqualNumPyAndSciPy() throws {
        let finished = try run("gap_measures.py", [Self.data, try Executable.causeway().path], timeLimit: 900, in: Self.scipy)
        #expect(finished.lines.count { $0.contains("gap figures equal") } >= 8, "\(finished.output)")
    }

    @Test(
        .enabled(if: HeavyTests.run, "compares 5,000 searches: run it with swift test -c release"),
        .enabled(if: python != nil, "no python3 with numpy"))
    func hardCasesEqualBruteForce() throws {
        let finished = try run("hard_cases.py", [try Executable.causeway().path], timeLimit: 600)
        #expect(finished.lines.count { $0.contains(": equal") } >= 100, "\(finished.output)")
    }
}
