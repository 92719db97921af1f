// Cross-modal edges: the same for any number of threads, within their budget, beside a graph that stays what it was, and of
// use to queries that nobody had seen.
import Foundation
import Platform
import ProximityGraph
import Testing

/// Vectors of two encoders: both see some common directions, each has others of its own and an offset.
private struct TwoModalities {
    let dimension: Int
    private var random: Random
    private let topics: [[Float]]
    private let common: [[Float]]
    private let own: [[[Float]]]
    private let gaps: [[Float]]

    init(dimension: Int, topics: Int, seed: UInt64) {
        var random = Random(seed)
        self.dimension = dimension
        self.topics = (0..<topics).map { _ in random.vector(12).map { 1.2 * $0 } }
        common = (0..<12).map { _ in random.vector(dimension) }
        own = (0..<2).map { _ in (0..<24).map { _ in random.vector(dimension) } }
        gaps = (0..<2).map { _ in random.vector(dimension).map { 4 * $0 } }
        self.random = random
    }

    /// n × d vectors; modality 0 has less of its own than modality 1.
    mutating func vectors(_ count: Int, of modality: Int) -> [Float] {
        var values: [Float] = []
        for _ in 0..<count {
            let topic = topics[random.below(topics.count)]
            var vector = gaps[modality]
            for (axis, weight) in zip(common, topic) { add(axis, weight + random.gaussian(), to: &vector) }
            for axis in own[modality] { add(axis, (modality == 0 ? 0.5 : 1) * random.gaussian(), to: &vector) }
            values += vector
        }
        return values
    }

    private func add(_ axis: [Float], _ weight: Float, to vector: inout [Float]) {
        for index in vector.indices { vector[index] += weight * axis[index] }
    }
}

private struct Fixed {
    let scratch = Scratch()
    let builder: GraphBuilder

    init(_ base: [Float], _ settings: GraphSettings, threads: Int = 2) throws {
        let rows = base.count / settings.dimension
        builder = try GraphBuilder(
            settings: settings, capacity: rows, mean: mean(base, settings.dimension), threads: threads)
        try builder.append(labels: (0..<rows).map { Int64(1000 + $0) }, vectors: base.span)
        _ = try builder.build()
    }

    /// How many extra links a file has, by its table of sections.
    func extraLinks(_ name: String) throws -> Int {
        let bytes = [UInt8](try Data(contentsOf: URL(filePath: scratch.file(name))))
        let header = try GraphHeader(decoding: Array(bytes[..<4096]), fileBytes: bytes.count, path: name)
        return (header.sections.first { $0.name == "XTRA" }?.length ?? 0) / 4
    }

    func write(_ name: String) throws -> (graph: Graph, bytes: Data?) {
        let path = scratch.file(name)
        let checksum = try builder.write(to: path, identity: someone)
        return (
            try Graph(path: path, identity: someone, checksum: checksum), FileManager.default.contents(atPath: path)
        )
    }
}

struct EdgeFixingTests {
    private let dimension = 32
    private let settings = GraphSettings(dimension: 32, connectivity: 4, constructionBreadth: 16)

    private func corpus(_ seed: UInt64) -> (base: [Float], samples: [Float], judges: [Float]) {
        var source = TwoModalities(dimension: dimension, topics: 20, seed: seed)
        return (source.vectors(900, of: 0), source.vectors(200, of: 1), source.vectors(40, of: 1))
    }

    @Test func bytesDoNotDependOnThreads() throws {
        let corpus = corpus(1)
        var files: [Data?] = []
        for threads in 1...3 {
            let fixed = try Fixed(corpus.base, settings, threads: threads)
            let fixer = try fixed.builder.edgeFixer()
            try fixer.fix(Array(corpus.samples[..<(120 * dimension)]))
            try fixer.fix(Array(corpus.samples[(120 * dimension)...]))
            #expect(fixer.report.queries == 200 && fixer.report.added > 50)
            files.append(try fixed.write("g").bytes)
        }
        #expect(files[0] == files[1] && files[1] == files[2])
    }

    /// The wide search that takes the scan's place in large graphs gives links too.
    @Test(arguments: [100 << 20, 0]) func budgetAndGraphAreKept(scanBytesMax: Int) throws {
        let corpus = corpus(2)
        let fixed = try Fixed(corpus.base, settings)
        let plain = try fixed.write("plain").graph
        var fixing = EdgeFixingSettings()
        (fixing.hardOnly, fixing.scanBytesMax) = (false, scanBytesMax)
        let fixer = try fixed.builder.edgeFixer(fixing)
        for _ in 0..<3 { try fixer.fix(corpus.samples) }
        let written = try fixed.write("fixed").graph
        #expect(try fixed.extraLinks("fixed") == fixer.report.added && fixed.extraLinks("plain") == 0)
        #expect(written.nodesReached() == written.nodeCount)
        #expect(written.checkInvariants() == [] && written.verifyChecksums() == [])
        for index in 0..<40 {
            let query = row(corpus.base, index * 20, dimension)
            #expect(written.search(query.span, width: 20, crossModal: false) == plain.search(query.span, width: 20))
        }
    }

    /// Every query that was used finds its answer at a width of little more than what was connected.
    @Test func queriesThatWereUsedFindTheirNeighbours() throws {
        let corpus = corpus(3)
        let fixed = try Fixed(corpus.base, settings)
        let before = try fixed.builder.edgeFixer().judge(corpus.samples)
        let fixer = try fixed.builder.edgeFixer()
        for _ in 0..<2 { try fixer.fix(corpus.samples) }
        let after = try fixer.judge(corpus.samples)
        for (old, new) in zip(before.distances, after.distances) {
            #expect(try #require(new) < #require(old))
        }
    }

    @Test func whatIsTakenBackLeavesTheFileAsItWas() throws {
        let corpus = corpus(4)
        let fixed = try Fixed(corpus.base, settings)
        let plain = try fixed.write("a").bytes
        let kept = try fixed.builder.edgeFixer()
        try kept.fix(Array(corpus.samples[..<(100 * dimension)]))
        let some = try fixed.write("b").bytes
        let dropped = try fixed.builder.edgeFixer()
        for _ in 0..<4 { try dropped.fix(corpus.samples) }
        #expect(try fixed.write("c").bytes != some)
        dropped.undo()
        #expect(try fixed.write("d").bytes == some)
        kept.undo()
        #expect(try fixed.write("e").bytes == plain)
    }

    @Test func cancellationStops() throws {
        let corpus = corpus(5)
        let fixer = try Fixed(corpus.base, settings).builder.edgeFixer()
        let cancellation = Cancellation()
        cancellation.cancel()
        #expect(throws: GraphError.cancelled) { try fixer.fix(corpus.samples, cancellation: cancellation) }
        #expect(throws: GraphError.cancelled) { try fixer.judge(corpus.judges, cancellation: cancellation) }
        let later = Cancellation()
        var widths: [Int] = []
        #expect(throws: GraphError.cancelled) {
            try fixer.judge(corpus.judges, cancellation: later) { width in
                widths.append(width)
                if widths.count == 2 { later.cancel() }
            }
        }
        #expect(widths == [10, 12])
    }

    @Test(arguments: [1, 2, 3, 9, 70]) func smallGraphsAndEmptyQueriesTrapNothing(count: Int) throws {
        let corpus = corpus(6)
        let fixed = try Fixed(Array(corpus.base[..<(count * dimension)]), settings)
        var fixing = EdgeFixingSettings()
        fixing.hardOnly = false
        let fixer = try fixed.builder.edgeFixer(fixing)
        try fixer.fix([Float](repeating: 0, count: dimension) + corpus.samples)
        try fixer.fix([])
        #expect(fixer.report.queries == 200)
        #expect(try fixer.judge(corpus.judges).distances.allSatisfy { $0 != nil })
        #expect(try fixer.judge([]).distances.allSatisfy { $0 == nil })
        #expect(try fixed.write("g").graph.checkInvariants() == [])
    }

    /// Held-out queries of the other modality need fewer distances; those of the graph's own are not touched.
    @Test(.enabled(if: isOptimised)) func unseenQueriesCostLess() throws {
        let dimension = 64
        var source = TwoModalities(dimension: dimension, topics: 60, seed: 7)
        let fixed = try Fixed(source.vectors(6000, of: 0), .standard(dimension: dimension))
        let fixer = try fixed.builder.edgeFixer()
        let judges = source.vectors(300, of: 1), own = source.vectors(50, of: 0)
        let before = try fixer.judge(judges), plain = try fixed.write("plain").graph
        try fixer.fix(source.vectors(3000, of: 1))
        let after = try fixer.judge(judges), written = try fixed.write("fixed").graph
        for (recall, share) in [(1, 0.9), (2, 0.95)] {
            let (old, new) = (try #require(before.distances[recall]), try #require(after.distances[recall]))
            #expect(new < share * old, "\(before.recalls[recall]): \(old) became \(new)")
        }
        for index in 0..<50 {
            let query = row(own, index, dimension)
            #expect(written.search(query.span, width: 50, crossModal: false) == plain.search(query.span, width: 50))
        }
        let links = try fixed.extraLinks("fixed")
        #expect(written.fileBytes - plain.fileBytes <= 4 * (6001 + links) + 3 * 4096 + 4096)
    }

    /// Against the definition: the smallest h such that positions 0...h hold a path, tried one after the other.
    @Test func hardnessIsTheNarrowestPath() {
        for seed in UInt64(0)..<30 {
            var random = Random(seed)
            let size = 2 + random.below(40), kept = 1 + random.below(size)
            var hardness = NeighborhoodHardness(size: size, kept: kept)
            var links = [[Bool]](repeating: [Bool](repeating: false, count: size), count: size)
            for _ in 0..<(size * 3 / 2) {
                let (from, to) = (random.below(size), random.below(size))
                guard from != to else { continue }
                links[from][to] = true
                hardness.link(from, to)
            }
            hardness.close()
            for from in 0..<kept {
                for to in 0..<kept where from != to {
                    let expected = (max(from, to)..<size).first { reaches(links, from, to, within: $0) }
                    #expect(
                        hardness[from, to] == expected.map { UInt8($0) } ?? NeighborhoodHardness.unlinked,
                        "seed \(seed), \(from) to \(to)")
                }
            }
            let pairs = (0..<kept).flatMap { a in ((a + 1)..<max(kept, a + 1)).map { (a, $0) } }
            let added = hardness.missingLinks(pairs)
            #expect(added.count <= 2 * kept && (added.isEmpty == hardness.isConnected))
            for link in added { links[link.from][link.to] = true }
            for from in 0..<kept {
                for to in 0..<kept where from != to {
                    #expect(reaches(links, from, to, within: min(kept, size - 1)), "seed \(seed), \(from) to \(to)")
                }
            }
        }
    }

    private func reaches(_ links: [[Bool]], _ from: Int, _ to: Int, within limit: Int) -> Bool {
        var seen = Set([from]), queue = [from]
        while let node = queue.popLast() {
            if node == to { return true }
            for next in 0...limit where links[node][next] && seen.insert(next).inserted { queue.append(next) }
        }
        return false
    }
}
