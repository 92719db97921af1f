/// A database in a directory of its own, seeded vectors, and the oracle: brute force in float64.
import Foundation

import Causeway

final class TemporaryDatabase {
    let directory: String
    let database: Database
    var path: String { directory + "/test.db" }

    init(upkeep: IndexUpkeep = .manual) throws {
        directory = NSTemporaryDirectory() + "causeway-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        database = try Database(path: directory + "/test.db", upkeep: upkeep)
    }

    deinit {
        database.close()
        try? FileManager.default.removeItem(atPath: directory)
    }

    func collection(_ name: String = "c") -> EmbeddingCollection { database.collection(name) }
    func file(_ name: String) -> String { directory + "/" + name }
}

/// SplitMix64 with Gaussian numbers, so that every test can name its seed.
struct TestRandom: RandomNumberGenerator {
    private var state: UInt64
    init(_ seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var x = state
        x = (x ^ (x >> 30)) &* 0xBF58_476D_1CE4_E5B9
        x = (x ^ (x >> 27)) &* 0x94D0_49BB_1331_11EB
        return x ^ (x >> 31)
    }

    mutating func gaussian() -> Float {
        let radius = (-2 * log(Double.random(in: 1e-300..<1, using: &self))).squareRoot()
        return Float(radius * cos(2 * .pi * Double.random(in: 0..<1, using: &self)))
    }

    mutating func vector(_ dimension: Int) -> [Float] { (0..<dimension).map { _ in gaussian() } }
}

/// Points on clusters, so that neighbours mean something.
func clusteredEmbeddings(
    _ count: Int, dimension: Int, seed: UInt64, prefix: String = "", offset: Float = 0
) -> [Embedding] {
    var random = TestRandom(seed)
    var shared = TestRandom(99)
    let centres = (0..<20).map { _ in shared.vector(dimension) }
    let gap = shared.vector(dimension)
    return (0..<count).map { number in
        let centre = centres[number % centres.count]
        let vector = zip(zip(centre, random.vector(dimension)), gap).map { $0.0 + 0.6 * $0.1 + offset * $1 }
        return Embedding(id: prefix + String(number), vector: vector, item: String(number))
    }
}

/// All scores in float64 by the textbook, best first, ties by id.
func bruteForce(_ query: [Float], _ embeddings: [Embedding], _ metric: Metric) -> [Hit] {
    func score(_ x: [Float]) -> Double {
        let pairs = zip(query.map(Double.init), x.map(Double.init))
        switch metric {
        case .dot: return pairs.reduce(0) { $0 + $1.0 * $1.1 }
        case .euclidean: return pairs.reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }.squareRoot()
        case .manhattan: return pairs.reduce(0) { $0 + abs($1.0 - $1.1) }
        case .chiSquare:
            return pairs.reduce(0) { sum, pair in
                let size = abs(pair.0) + abs(pair.1)
                return size == 0 ? sum : sum + (pair.0 - pair.1) * (pair.0 - pair.1) / size
            }
        default:
            let dot = pairs.reduce(0) { $0 + $1.0 * $1.1 }
            let norms = query.reduce(0) { $0 + Double($1) * Double($1) } * x.reduce(0) { $0 + Double($1) * Double($1) }
            return norms == 0 ? 0 : dot / norms.squareRoot()
        }
    }
    return embeddings.map { Hit(id: $0.id, item: $0.item, score: score($0.vector)) }.sorted { a, b in
        if abs(a.score - b.score) > 1e-13 { return metric.isSimilarity ? a.score > b.score : a.score < b.score }
        return idPrecedes(a.id, b.id)
    }
}

/// True in builds whose kernels are compiled with optimisation: without it C is forty times slower.
var isOptimised: Bool {
    var optimised = true
    assert({ optimised = false; return true }())
    return optimised
}
