// Times exact transport between token sets for Benchmarks/transport_solve.py, a pass at a time. Judges nothing itself.
//
//     transport-benchmark          then on standard input, a line a pass:  QUERIES.npy CANDIDATES.npy ROWS COLUMNS
//
// The files hold sets of ROWS and COLUMNS tokens one after the other; each query meets as many candidates, in their order, as a
// search compares a query with many. For each line it answers with
// a line of JSON: mean microseconds a pair. "total" begins at a candidate's float32 tokens (checks, norms, costs, optimum) and
// at a query that is packed already, as a search packs it once for all candidates; "costs" is the part up to the cost matrix,
// "solver" the rest. On the first pass over a group also the optima.
import Foundation
import Platform
import VectorFiles
import VectorMath

private final class Group {
    private let transports: [TokenTransport]
    private let candidates: [[Float]]
    private let dimension: Int
    private let matrices: [CostMatrix]
    private let masses: [TransportMasses]
    private let solver = TransportSolver()
    /// The optimum of each pair.
    let values: [Double]

    init(queries: String, candidates: String, rows: Int, columns: Int) throws {
        let left = try Self.sets(queries, tokens: rows), right = try Self.sets(candidates, tokens: columns)
        let shared = right.sets.count / left.sets.count
        precondition(left.dimension == right.dimension && right.sets.count == shared * left.sets.count, "files of another shape")
        let d = left.dimension
        dimension = d
        self.candidates = right.sets
        let queries = try left.sets.map {
            TokenTransport(PackedTokens(try TokenCloud(values: $0, dimension: d, ground: .euclidean, side: .query)))
        }
        transports = right.sets.indices.map { queries[$0 / shared] }
        masses = zip(transports, right.sets).map { TokenTransport.masses($0.query, nil, count: $1.count / d) }
        matrices = try zip(transports, right.sets).map { transport, set in
            let costs = CostMatrix()
            try TokenTransport.fill(costs, transport.query, Self.cloud(set, d), .single)
            return costs
        }
        var values: [Double] = []
        for (costs, masses) in zip(matrices, masses) {
            guard case .optimal(let value) = solver.solve(costs, masses) else { preconditionFailure("no limit was given") }
            values.append(value)
        }
        self.values = values
    }

    private static func sets(_ path: String, tokens: Int) throws -> (sets: [[Float]], dimension: Int) {
        let reader = try openMatrix(path, array: nil, fileSystem: PosixFileSystem())
        let sets = try stride(from: 0, to: reader.rowCount, by: tokens).map { try reader.read(rows: $0..<$0 + tokens) }
        return (sets, reader.dimension)
    }

    private static func cloud(_ values: [Float], _ dimension: Int) throws -> TokenCloud {
        try TokenCloud(values: values, dimension: dimension, ground: .euclidean, side: .candidate)
    }

    /// Mean microseconds of the whole, of its costs and of its solver.
    func pass() throws -> (total: Double, costs: Double, solver: Double) {
        try wake()
        let total = try time {
            for (transport, set) in zip(transports, candidates) { _ = try transport.solve(Self.cloud(set, dimension)) }
        }
        let costs = try time {
            for (index, set) in candidates.enumerated() {
                try TokenTransport.fill(matrices[index], transports[index].query, Self.cloud(set, dimension), .single)
            }
        }
        let solving = time {
            for (costs, masses) in zip(matrices, masses) { _ = solver.solve(costs, masses) }
        }
        return (total, costs, solving)
    }

    /// Brings the tokens into the caches, which takes several passes over them (measured: ten), and keeps the processor busy: the
    /// peers are measured on matrices that fit the first cache, in a process that has not waited for its turn.
    private func wake() throws {
        let start = ContinuousClock.now
        while start.duration(to: .now) < .milliseconds(10) {
            for (index, set) in candidates.enumerated() {
                try TokenTransport.fill(matrices[index], transports[index].query, Self.cloud(set, dimension), .single)
            }
        }
    }

    /// The second of two runs: as with the peers, what is measured has its data and its code in the caches.
    private func time(_ body: () throws -> Void) rethrows -> Double {
        try body()
        let start = ContinuousClock.now
        try body()
        let spent = start.duration(to: .now).components
        return (Double(spent.seconds) * 1e6 + Double(spent.attoseconds) * 1e-12) / Double(candidates.count)
    }
}

private var groups: [String: Group] = [:]
while let line = readLine() {
    let words = line.split(separator: " ").map(String.init)
    guard words.count == 4, let rows = Int(words[2]), let columns = Int(words[3]) else {
        preconditionFailure("a pass is QUERIES.npy CANDIDATES.npy ROWS COLUMNS, not '\(line)'")
    }
    var values = ""
    if groups[line] == nil {
        let group = try Group(queries: words[0], candidates: words[1], rows: rows, columns: columns)
        groups[line] = group
        values = #","values":\#(group.values)"#
    }
    guard let group = groups[line] else { continue }
    let spent = try group.pass()
    print(#"{"total":\#(spent.total),"costs":\#(spent.costs),"solver":\#(spent.solver)\#(values)}"#)
    fflush(nil)
}
