// No wrong answer in silence: whatever byte of a graph file changes, a search answers as before or says what is damaged.
import Foundation
import Platform
import ProximityGraph
import Testing

struct DamageTests {
    private let dimension = 48
    private let count = 2_600
    private let values: [Float]

    init() { values = clustered(2_600, 48, clusters: 9, seed: 61) }

    private struct Sound {
        let scratch = Scratch()
        var bytes: [UInt8] = []
        var checksum: UInt32 = 0
        var path: String { scratch.file("flipped.vgx") }

        func sections() throws -> [SectionEntry] {
            try GraphHeader(decoding: Array(bytes[..<4096]), fileBytes: bytes.count, path: path).sections
        }

        func u32(_ place: Int) -> UInt32 { (0..<4).reduce(0) { $0 | UInt32(bytes[place + $1]) << UInt32(8 * $1) } }
    }

    /// Several chunks of codes and links, rows that share a node, and extra links: every section there is.
    private func sound() throws -> Sound {
        var sound = Sound()
        let builder = try GraphBuilder(
            settings: GraphSettings(dimension: dimension, connectivity: 12, constructionBreadth: 40), capacity: 3_000,
            mean: mean(values, dimension), threads: 2)
        try builder.append(labels: (0..<count).map { Int64(1000 + $0) }, vectors: values.span)
        let again = Array(values[0..<(100 * dimension)])
        try builder.append(labels: (0..<100).map { Int64(5000 + $0) }, vectors: again.span)
        _ = try builder.build()
        for index in 0..<200 { try builder.addExtraLinks(from: Int64(1000 + index), to: [Int64(2500 - index), 1700]) }
        sound.checksum = try builder.write(to: sound.path, identity: someone)
        sound.bytes = [UInt8](try Data(contentsOf: URL(filePath: sound.path)))
        return sound
    }

    private func answers(_ graph: Graph) -> [GraphAnswer] {
        var answers: [GraphAnswer] = []
        let some = graph.labelSet(containing: (0..<count).map { Int64(1000 + $0) }.filter { $0 % 3 == 0 })
        let most = graph.labelSet(excluding: [1001, 5003])
        for index in [3, 700, 1900] {
            let query = row(values, index, dimension)
            answers.append(graph.search(query.span, width: 24))
            answers.append(graph.search(query.span, width: 10, admitting: most))
            answers.append(graph.searchFiltered(query.span, best: 12, width: 12, admitting: some))
        }
        answers.append(graph.scan(row(values, 40, dimension).span, limit: 30))
        answers += graph.scanMany(Array(values[0..<(3 * dimension)]).span, limit: 5, threads: 1)
        return answers
    }

    @Test func aFlippedByteNeverChangesAnAnswerInSilence() throws {
        let sound = try sound()
        let truth = answers(try Graph(path: sound.path, identity: someone, checksum: sound.checksum))
        #expect(truth.allSatisfy { $0.damage == nil && !$0.hits.isEmpty })
        var random = Random(62)
        var outcomes = (refused: 0, reported: 0, unharmed: 0)
        for round in 0..<(isOptimised ? 400 : 40) {
            var bytes = sound.bytes
            // Half of the rounds at the start of a page, where sections begin: small ones would else hardly be met.
            // Every eighth is in the header's used part, which opening must refuse.
            let position = switch round % 8 {
            case 0, 2, 4, 6: random.below(bytes.count)
            case 7: random.below(128)
            default: random.below(bytes.count / 4096) * 4096 + random.below(40)
            }
            bytes[position] ^= UInt8(1 + random.below(255))
            try Data(bytes).write(to: URL(filePath: sound.path))
            guard let graph = try? Graph(path: sound.path, identity: someone, checksum: sound.checksum) else {
                outcomes.refused += 1
                continue
            }
            let found = answers(graph)
            var isReported = false
            for (answer, expected) in zip(found, truth) {
                if answer.damage != nil {
                    isReported = true
                    #expect(answer.hits.isEmpty, "byte \(position)")
                } else {
                    #expect(!isReported, "byte \(position): a search forgot what an earlier one had found")
                    #expect(answer == expected, "byte \(position)")
                }
            }
            #expect(isReported == (graph.damage != nil), "byte \(position)")
            #expect(graph.verifyChecksums() != [], "byte \(position)")
            if isReported { outcomes.reported += 1 } else { outcomes.unharmed += 1 }
        }
        #expect(outcomes.refused > 0 && outcomes.reported > outcomes.unharmed, "\(outcomes)")
    }

    @Test func changesUnderAnOpenGraphAreNoticedWhereNothingWasReadYet() throws {
        let sound = try sound()
        let graph = try Graph(path: sound.path, identity: someone, checksum: sound.checksum)
        let file = try FileHandle(forUpdating: URL(filePath: sound.path))
        for position in stride(from: 4096, to: sound.bytes.count, by: 1000) {
            try file.seek(toOffset: UInt64(position))
            try file.write(contentsOf: Data([sound.bytes[position] ^ 0x55]))
        }
        try file.close()
        let query = row(values, 1, dimension)
        #expect(graph.search(query.span, width: 20).damage != nil)
        #expect(graph.scan(query.span, limit: 20).damage != nil)
        #expect(graph.labelSet(containing: [1003]).count == 0)
    }

    @Test func onceEverythingIsVerifiedNothingIsAsked() throws {
        let sound = try sound()
        let graph = try Graph(path: sound.path, identity: someone, checksum: sound.checksum)
        let query = row(values, 1, dimension)
        let before = graph.search(query.span, width: 20)
        for index in 0..<400 { _ = graph.search(row(values, 5 * index, dimension).span, width: 20) }
        // What fills the last page of each section, which answers nothing and is in a checksum.
        let file = try FileHandle(forUpdating: URL(filePath: sound.path))
        for section in try sound.sections() where section.length < section.paddedLength {
            try file.seek(toOffset: UInt64(section.offset + section.length))
            try file.write(contentsOf: Data([0x55]))
        }
        try file.close()
        #expect(graph.search(query.span, width: 20) == before)
        #expect(graph.labelSet(containing: [1003]).count == 1)
        #expect(graph.damage == nil && !graph.verifyChecksums().isEmpty)
    }

    @Test(arguments: [("leads outside", UInt32.max), ("leads to itself", 0), ("lead twice to one node", 1)])
    func extraLinksThatCannotBeAreNamed(problem: String, number: UInt32) throws {
        let sound = try sound()
        let graph = try Graph(path: sound.path, identity: someone, checksum: sound.checksum)
        #expect(graph.checkInvariants() == [])
        let places = try sound.sections().filter { ["XOFF", "XTRA"].contains($0.name) }.map(\.offset)
        let (offsets, links) = (places[0], places[1])
        // The first node that has two: the first link becomes the number, the node itself, or its second one.
        let node = try #require((0..<2_000).first { sound.u32(offsets + 4 * $0 + 4) == sound.u32(offsets + 4 * $0) + 2 })
        let first = links + 4 * Int(sound.u32(offsets + 4 * node))
        let link = number == 0 ? UInt32(node) : number == 1 ? sound.u32(first + 4) : number
        var bytes = sound.bytes
        for byte in 0..<4 { bytes[first + byte] = UInt8(truncatingIfNeeded: link >> (8 * UInt32(byte))) }
        try Data(bytes).write(to: URL(filePath: sound.path))
        let damaged = try Graph(path: sound.path, identity: someone, checksum: sound.checksum)
        #expect(damaged.checkInvariants().contains { $0.contains("extra link") && $0.contains(problem) })
    }
}
