/// The benchmark scripts still run: their smallest sizes, through the executable. Judges no speed.
import Foundation
import Testing

struct BenchmarkTests {
    private static let root = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    /// A Python that has the peers already: a test installs nothing.
    private static let python = Executable.python(importing: "numpy, hnswlib, usearch, faiss")

    private static let scientific = Executable.python(importing: "numpy, scipy")

    @Test(
        .enabled(if: HeavyTests.run, "indexes 3,000 vectors and compares six engines: run it with swift test -c release"),
        .enabled(if: python != nil, "no python3 with numpy, hnswlib, usearch and faiss"))
    func theSearchBenchmarkComparesAllEnginesAtItsTiniest() throws {
        var python = try #require(Self.python)
        python.environment["CAUSEWAY"] = try Executable.causeway().path
        let script = Self.root.appendingPathComponent("Benchmarks/search_peers.py").path
        let finished = try python.run([script, "--tiny"], timeLimit: 300)
        #expect(finished.succeeded, "\(finished.ending)\n\(finished.errorText.suffix(2_000))")
        for modality in ["image", "text"] {
            #expect(finished.output.contains("generated-3000x64, \(modality) → image"), "\(finished.output)")
        }
        // A figure at recall 0.99 for ours in both tables: the exact stage reaches what codes alone may not.
        let ours = finished.lines.filter { $0.hasPrefix("| Causeway |") }
        #expect(ours.count == 3 && !ours.contains { $0.contains("–") }, "\(finished.output)")
        #expect(finished.lines.count { $0.hasPrefix("| FAISS HNSW-SQ8 |") } == 3)
    }

    @Test(
        .enabled(if: HeavyTests.run, "trains and evaluates: run it with swift test -c release"),
        .enabled(if: scientific != nil, "no python3 with numpy and scipy"))
    func theCrossModalBenchmarkAgreesWithItsPeerAtItsTiniest() throws {
        var python = try #require(Self.scientific)
        python.environment["CAUSEWAY"] = try Executable.causeway().path
        let script = Self.root.appendingPathComponent("Benchmarks/cross_modal.py").path
        let finished = try python.run([script, "--tiny"], timeLimit: 120)
        #expect(finished.succeeded, "\(finished.ending)\n\(finished.errorText.suffix(2_000))")
        #expect(finished.lines.count { $0.contains("| Causeway |") } == 3, "\(finished.output)")
        #expect(finished.lines.count { $0.contains("| NumPy and SciPy |") } == 1)
    }

    private static let pythonWithTransport = Executable.python(importing: "numpy, scipy, ot")

    @Test(
        .enabled(if: HeavyTests.run, "times transport beside POT: run it with swift test -c release"),
        .enabled(if: pythonWithTransport != nil, "no python3 with numpy, scipy and POT"))
    func theTransportBenchmarkFindsPotsOptimaAtItsTiniest() throws {
        var python = try #require(Self.pythonWithTransport)
        python.environment["CAUSEWAY"] = try Executable.causeway().path
        let script = Self.root.appendingPathComponent("Benchmarks/transport_solve.py").path
        let finished = try python.run([script, "--tiny"], timeLimit: 120)
        #expect(finished.succeeded, "\(finished.ending)\n\(finished.errorText.suffix(2_000))")
        #expect(finished.lines.count { $0.contains("POT core") } == 2, "\(finished.output)")
        #expect(finished.output.contains("largest difference from POT's float64 optimum"), "\(finished.output)")
    }

    private static let numerical = Executable.python(importing: "numpy")

    @Test(
        .enabled(if: HeavyTests.run, "indexes 3,000 vectors and filters them: run it with swift test -c release"),
        .enabled(if: numerical != nil, "no python3 with numpy"))
    func theFilterBenchmarkFindsAllMatchesAtItsTiniest() throws {
        var python = try #require(Self.numerical)
        python.environment["CAUSEWAY"] = try Executable.causeway().path
        let script = Self.root.appendingPathComponent("Benchmarks/filters.py").path
        let finished = try python.run([script, "--tiny"], timeLimit: 120)
        #expect(finished.succeeded, "\(finished.ending)\n\(finished.errorText.suffix(2_000))")
        for kind in ["independent", "positive", "negative"] {
            #expect(finished.lines.count { $0.hasPrefix("| \(kind) |") } == 4, "\(finished.output)")
        }
    }
}
