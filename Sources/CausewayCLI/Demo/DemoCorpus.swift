/// The corpus of `causeway demo`: photos and captions as two encoders would see them, made from a seed, with a modality gap.
/// Not real data: its structure is chosen so that search, filters and evaluation have something to show.
import Causeway
import Foundation

struct DemoCorpus {
    static let dimension = 128
    private static let latentDimension = 24

    struct Item {
        var number: Int
        var topic: String
        var year: Int
        var license: String
        var image: [Float]
        var text: [Float]
    }

    let items: [Item]

    /// - Complexity: O(count × dimension).
    init(count: Int, seed: UInt64) {
        var random = SeededRandom(seed: seed)
        let topics = Self.topics.map { ($0, random.gaussians(Self.latentDimension)) }
        let projection = (0..<Self.latentDimension).map { _ in random.gaussians(Self.dimension) }
        // Each encoder adds a constant of its own: the two clouds lie apart, as those of CLIP do.
        let gaps = (image: random.gaussians(Self.dimension), text: random.gaussians(Self.dimension))
        let licenses = ["cc0", "cc-by", "cc-by-sa", "all rights reserved"]
        items = (0..<count).map { number in
            let (topic, centre) = topics[Int(random.next() % UInt64(topics.count))]
            let latent = zip(centre, random.gaussians(Self.latentDimension)).map { 1.2 * $0 + $1 }
            func seen(noise: Double, gap: [Double]) -> [Float] {
                let perceived = zip(latent, random.gaussians(Self.latentDimension)).map { $0 + noise * $1 }
                var vector = gap.map { 4 * $0 }
                for (weight, direction) in zip(perceived, projection) {
                    for index in vector.indices { vector[index] += weight * direction[index] }
                }
                let norm = vector.reduce(0) { $0 + $1 * $1 }.squareRoot()
                return vector.map { Float($0 / norm) }
            }
            return Item(
                number: number, topic: topic, year: 2005 + Int(random.next() % 20),
                license: licenses[Int(random.next() % 4)], image: seen(noise: 0.7, gap: gaps.image),
                text: seen(noise: 0.9, gap: gaps.text))
        }
    }

    /// Writes what `causeway ingest` takes: two matrices, ids, items and metadata, a line a row.
    func write(to directory: String) throws {
        try writeMatrix(items.map(\.image), to: directory + "/image.npy")
        try writeMatrix(items.map(\.text), to: directory + "/text.npy")
        try writeLines(items.map { "photo-\($0.number)" }, to: directory + "/image-ids.txt")
        try writeLines(items.map { "caption-\($0.number)" }, to: directory + "/text-ids.txt")
        try writeLines(items.map { "item-\($0.number)" }, to: directory + "/items.txt")
        try writeLines(
            items.map { #"{"topic":"\#($0.topic)","year":\#($0.year),"license":"\#($0.license)"}"# },
            to: directory + "/metadata.jsonl")
    }

    private static let topics = [
        "harbour", "mountain lake", "city at night", "market stall", "kitchen", "library", "forest path", "snowfield",
        "desert road", "beach", "football match", "chess game", "orchestra", "street musician", "wedding", "graduation",
        "cat on a sofa", "dog in a park", "horse", "aquarium", "bird feeder", "butterfly", "bicycle race", "railway station",
        "airport", "sailing boat", "lighthouse", "castle", "temple", "bridge", "waterfall", "vineyard", "bakery",
        "noodle soup", "fruit basket", "birthday cake", "workshop", "laboratory", "telescope", "old typewriter",
    ]
}

/// SplitMix64, and Gaussian numbers from it by Box and Muller's method.
struct SeededRandom: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var x = state
        x = (x ^ (x >> 30)) &* 0xBF58_476D_1CE4_E5B9
        x = (x ^ (x >> 27)) &* 0x94D0_49BB_1331_11EB
        return x ^ (x >> 31)
    }

    /// Uniform in (0, 1].
    private mutating func uniform() -> Double { Double((next() >> 11) + 1) * 0x1p-53 }

    mutating func gaussians(_ count: Int) -> [Double] {
        (0..<count).map { _ in (-2 * log(uniform())).squareRoot() * cos(2 * .pi * uniform()) }
    }
}
