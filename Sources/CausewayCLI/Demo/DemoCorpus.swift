/// The corpus of `causeway demo`: photos and captions as two encoders would see them, made from a seed, with a modality gap.
/// Not real data: its structure is chosen so that search, filters and evaluation have something to show.
import Causeway

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

    /// - Throws: `.cancelled`.
    /// - Complexity: O(count × dimension).
    init(count: Int, seed: UInt64, cancellation: Cancellation) throws {
        var random = SeededRandom(seed: seed)
        let topics = Self.topics.map { ($0, random.gaussians(Self.latentDimension)) }
        let projection = (0..<Self.latentDimension).map { _ in random.gaussians(Self.dimension) }
        // Each encoder adds a constant of its own: the two clouds lie apart, as those of CLIP do.
        let gaps = (image: random.gaussians(Self.dimension), text: random.gaussians(Self.dimension))
        let licenses = ["cc0", "cc-by", "cc-by-sa", "all rights reserved"]
        items = try (0..<count).map { number in
            if cancellation.isCancelled { throw CausewayError.cancelled }
            let (topic, centre) = topics[random.index(below: topics.count)]
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
                number: number, topic: topic, year: 2005 + random.index(below: 20),
                license: licenses[random.index(below: 4)], image: seen(noise: 0.7, gap: gaps.image),
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

extension SeededRandom {
    fileprivate mutating func gaussians(_ count: Int) -> [Double] { (0..<count).map { _ in normal() } }
}
