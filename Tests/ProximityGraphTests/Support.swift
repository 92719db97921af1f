// Seeded data, brute-force truth and temporary files for the graph's tests. No test.
import CKernels
import Foundation
import Platform
import ProximityGraph
import Testing

/// A seeded stream of numbers.
struct Random {
    private var state: UInt64
    init(_ seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 &+ 1 }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    mutating func below(_ limit: Int) -> Int { Int(next() % UInt64(limit)) }
    mutating func unit() -> Double { Double(next() >> 11) * 0x1p-53 }

    /// Nearly Gaussian: the sum of twelve uniform numbers.
    mutating func gaussian() -> Float {
        var sum = -6.0
        for _ in 0..<12 { sum += unit() }
        return Float(sum)
    }

    mutating func vector(_ dimension: Int) -> [Float] { (0..<dimension).map { _ in gaussian() } }
}

/// n × d vectors around `clusters` centres that share an offset, so that the mean is far from zero.
func clustered(_ count: Int, _ dimension: Int, clusters: Int, spread: Float = 0.7, seed: UInt64) -> [Float] {
    var random = Random(seed)
    let offset = random.vector(dimension)
    let centers = (0..<clusters).map { _ in random.vector(dimension) }
    var values: [Float] = []
    values.reserveCapacity(count * dimension)
    for _ in 0..<count {
        let center = centers[random.below(clusters)]
        for i in 0..<dimension { values.append(offset[i] + center[i] + spread * random.gaussian()) }
    }
    return values
}

func row(_ values: [Float], _ index: Int, _ dimension: Int) -> [Float] {
    Array(values[(index * dimension)..<((index + 1) * dimension)])
}

/// A query that has a direction.
func coded(_ query: [Float], _ quantizer: VectorQuantizer) throws -> CodedQuery {
    let coded = quantizer.encode(query: query.span)
    return try #require(coded)
}

func cosine(_ a: [Float], _ b: [Float]) -> Double {
    var dot = 0.0, x = 0.0, y = 0.0
    for i in a.indices {
        dot += Double(a[i]) * Double(b[i])
        x += Double(a[i]) * Double(a[i])
        y += Double(b[i]) * Double(b[i])
    }
    return dot / (x * y).squareRoot()
}

/// Similarity of the k-th best of n × d vectors.
func kthBest(_ query: [Float], _ values: [Float], _ k: Int) -> Double {
    let dimension = query.count
    let all = (0..<(values.count / dimension)).map { cosine(query, row(values, $0, dimension)) }
    return all.sorted(by: >)[min(k, all.count) - 1]
}

func mean(_ values: [Float], _ dimension: Int) -> [Float] {
    var mean = DirectionMean(dimension: dimension)
    mean.add(values.span)
    return mean.mean
}

let someone = GraphIdentity(
    database: [UInt8](1...16), modality: 7, generation: 3, throughSequence: 1234)

/// A directory that is removed with its content when the value goes.
final class Scratch {
    let path: String
    init() {
        path = FileManager.default.temporaryDirectory.appendingPathComponent("graph-\(UUID().uuidString)").path
        try? FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }
    deinit { try? FileManager.default.removeItem(atPath: path) }
    func file(_ name: String) -> String { path + "/" + name }
}

struct Built {
    let scratch: Scratch
    let graph: Graph
    let report: BuildReport
    let checksum: UInt32
    var path: String { graph.path }
    var bytes: [UInt8] { [UInt8](FileManager.default.contents(atPath: path) ?? Data()) }
}

/// Builds, writes and opens; labels are `firstLabel + row` unless given.
func makeGraph(
    _ values: [Float], settings: GraphSettings, threads: Int = 2, labels: [Int64]? = nil
) throws -> Built {
    let scratch = Scratch()
    let rows = values.count / settings.dimension
    let builder = try GraphBuilder(
        settings: settings, capacity: rows, mean: mean(values, settings.dimension), threads: threads)
    let labels = labels ?? (0..<rows).map { Int64(1000 + $0) }
    var start = 0
    while start < rows {
        let end = min(start + 777, rows)
        let part = Array(values[(start * settings.dimension)..<(end * settings.dimension)])
        try builder.append(labels: Array(labels[start..<end]), vectors: part.span)
        start = end
    }
    let report = try builder.build()
    let path = scratch.file("graph.vgx")
    let checksum = try builder.write(to: path, identity: someone)
    let graph = try Graph(path: path, identity: someone, checksum: checksum)
    return Built(scratch: scratch, graph: graph, report: report, checksum: checksum)
}

/// True in builds whose kernels are compiled with optimisation: without it C is many times slower.
var isOptimised: Bool {
    var optimised = true
    assert({ optimised = false; return true }())
    return optimised
}
