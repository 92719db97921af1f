// Solves problems that Benchmarks/transport_check.py wrote, for comparison with POT. Runs only when that script asks.
import Foundation
import Testing
import VectorMath

private let problemsPath = ProcessInfo.processInfo.environment["CAUSEWAY_TRANSPORT_PROBLEMS"]

/// Little-endian: Int32 m, n, d, ground cost, weighted; m·d and n·d Float32 tokens; m and n Float64 weights.
private struct ProblemReader {
    let bytes: [UInt8]
    var offset = 0

    mutating func word() -> UInt32 {
        defer { offset += 4 }
        return (0..<4).reduce(0) { $0 | UInt32(bytes[offset + $1]) << (8 * UInt32($1)) }
    }
    mutating func integer() -> Int { Int(Int32(bitPattern: word())) }
    mutating func floats(_ count: Int) -> [Float] { (0..<count).map { _ in Float(bitPattern: word()) } }
    mutating func doubles(_ count: Int) -> [Double] {
        (0..<count).map { _ in
            let low = UInt64(word())
            return Double(bitPattern: low | UInt64(word()) << 32)
        }
    }
}

@Suite struct TransportComparisonTests {
    @Test(.enabled(if: problemsPath != nil)) func solveTheProblemsOfTheScript() throws {
        let path = try #require(problemsPath)
        var reader = ProblemReader(bytes: [UInt8](try Data(contentsOf: URL(fileURLWithPath: path))))
        var lines: [String] = []
        while reader.offset < reader.bytes.count {
            let (m, n, d) = (reader.integer(), reader.integer(), reader.integer())
            let ground = GroundCost.allCases[reader.integer()], weighted = reader.integer() == 1
            let (x, y) = (reader.floats(m * d), reader.floats(n * d))
            let (a, b) = (reader.doubles(m), reader.doubles(n))
            let query = try PackedTokens(
                TokenCloud(values: x, dimension: d, weights: weighted ? a : nil, ground: ground, side: .query))
            let candidate = try TokenCloud(
                values: y, dimension: d, weights: weighted ? b : nil, ground: ground, side: .candidate)
            let values = try [TokenTransport.Precision.double, .single].map { precision in
                guard case .optimal(let value) = try TokenTransport(query, precision: precision).solve(candidate) else {
                    throw TransportError.emptyTokenSet(.query)
                }
                return value
            }
            lines.append("\(values[0]) \(values[1])\n")
        }
        try lines.joined().write(toFile: path + ".values", atomically: true, encoding: .utf8)
    }
}
