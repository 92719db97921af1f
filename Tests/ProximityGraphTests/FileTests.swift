// Graph files: what is written is read; what is damaged is reported and crashes nothing; what fails leaves nothing.
import Foundation
import Platform
import ProximityGraph
import Synchronization
import Testing

struct FileTests {
    private let dimension = 20
    private let values = clustered(400, 20, clusters: 6, seed: 51)
    private let settings = GraphSettings(dimension: 20, connectivity: 4, constructionBreadth: 20)

    /// With duplicates, so that every section is there.
    private func built() throws -> Built { try makeGraph(values + values[0..<200], settings: settings) }

    private func store(_ bytes: [UInt8], _ path: String) throws { try Data(bytes).write(to: URL(filePath: path)) }

    @Test func identityAndChecksumAreCompared() throws {
        let built = try built()
        var other = someone
        other.generation += 1
        for (identity, checksum) in [(other, built.checksum), (someone, built.checksum ^ 1)] {
            do {
                _ = try Graph(path: built.path, identity: identity, checksum: checksum)
                Issue.record("opened a graph of another identity")
            } catch GraphError.identityMismatch { continue }
        }
        let again = try Graph(path: built.path, identity: someone, checksum: built.checksum)
        #expect(again.settings == settings && again.identity == someone)
    }

    @Test func everyFlippedByteIsReported() throws {
        let built = try built()
        let sound = built.bytes
        let path = built.scratch.file("flipped.vgx")
        var random = Random(52)
        for round in 0..<160 {
            var bytes = sound
            let position = round < 40 ? round * 4096 % sound.count + random.below(600) : random.below(sound.count)
            guard position < sound.count else { continue }
            bytes[position] ^= UInt8(1 + random.below(255))
            try store(bytes, path)
            do {
                let graph = try Graph(path: path, identity: someone, checksum: built.checksum)
                #expect(graph.verifyChecksums() != [], "byte \(position) was changed")
            } catch { continue }
        }
    }

    @Test func searchesOfRottenFilesCrashNothing() throws {
        let built = try built()
        let sound = built.bytes
        let path = built.scratch.file("rotten.vgx")
        var random = Random(53)
        var opened = 0
        for _ in 0..<60 {
            var bytes = sound
            // Anywhere but in the header and the checksums, where opening would already refuse.
            let start = 4096 + random.below(sound.count - 4096 - 8192), length = 1 + random.below(3000)
            for position in start..<min(start + length, sound.count - 4096) { bytes[position] = UInt8(random.below(256)) }
            try store(bytes, path)
            guard let graph = try? Graph(path: path, identity: someone, checksum: built.checksum) else { continue }
            opened += 1
            let query = row(values, random.below(400), dimension)
            _ = graph.checkInvariants()
            let set = graph.labelSet(excluding: [1003, 1100]), few = graph.labelSet(containing: [1001, 1007])
            for answer in [
                graph.search(query.span, width: 30), graph.scan(query.span, limit: 30),
                graph.search(query.span, width: 10, admitting: set), graph.scan(query.span, limit: 30, admitting: few),
            ] {
                #expect(answer.hits.allSatisfy { $0.errorBound.isFinite && $0.similarity.isFinite })
            }
            _ = graph.scanMany(query.span, limit: 5, threads: 1)
        }
        #expect(opened > 30)
    }

    @Test func headersThatLieAreRefused() throws {
        let built = try built()
        let sound = built.bytes
        let path = built.scratch.file("lying.vgx")
        var random = Random(54)
        for _ in 0..<400 {
            var header = Array(sound[..<4096])
            let position = random.below(1100)
            let length = [1, 4, 8][random.below(3)], value = UInt8([0, 1, 127, 255, random.below(256)][random.below(5)])
            for index in position..<(position + length) { header[index] = value }
            var checksum = crc32c(Array(header[..<4092]))
            for index in 4092..<4096 {
                header[index] = UInt8(truncatingIfNeeded: checksum)
                checksum >>= 8
            }
            try store(header + sound[4096...], path)
            let recorded = crc32c(Array(header[..<4092]))
            guard let graph = try? Graph(path: path, identity: someone, checksum: recorded) else { continue }
            let query = [Float](repeating: 1, count: graph.settings.dimension)
            _ = graph.search(query.span, width: 10)
            _ = graph.scan(query.span, limit: 10)
            _ = graph.checkInvariants()
            _ = graph.verifyChecksums()
        }
    }

    @Test func truncatedFilesAreRefused() throws {
        let built = try built()
        let path = built.scratch.file("short.vgx")
        for length in [0, 1, 4095, 4096, 8192, built.bytes.count - 1] {
            try store(Array(built.bytes[..<length]), path)
            #expect(throws: GraphError.self) {
                try Graph(path: path, identity: someone, checksum: built.checksum)
            }
        }
        #expect(throws: GraphError.self) {
            try Graph(path: built.scratch.file("missing"), identity: someone, checksum: 0)
        }
    }

    @Test func cancellationStopsTheBuild() throws {
        let builder = try GraphBuilder(settings: settings, capacity: 400, mean: mean(values, dimension), threads: 2)
        try builder.append(labels: (0..<400).map { Int64($0) }, vectors: values.span)
        let cancellation = Cancellation()
        #expect(throws: GraphError.cancelled) {
            try builder.build(cancellation: cancellation) { done, _ in if done > 100 { cancellation.cancel() } }
        }
    }

    /// Nodes that nobody links to are anchored one by one, and the build asks before each.
    @Test func cancellationStopsTheRepair() throws {
        var values = clustered(2_000, 32, clusters: 1, spread: 0.05, seed: 8)
        var random = Random(9)
        for _ in 0..<20 { values += random.vector(32).map { -10 * abs($0) } }
        let settings = GraphSettings(dimension: 32, connectivity: 2, constructionBreadth: 4)
        func builder() throws -> GraphBuilder {
            let builder = try GraphBuilder(settings: settings, capacity: 2_020, mean: mean(values, 32), threads: 1)
            try builder.append(labels: (0..<2_020).map { Int64($0) }, vectors: values.span)
            return builder
        }
        let repaired = try builder().build().repairedLinks
        #expect(repaired > 1)
        let cancellation = Cancellation()
        var linked = 0
        #expect(throws: GraphError.cancelled) {
            try builder().build(cancellation: cancellation) { done, total in
                if done == total { linked += 1 }
                if linked == repaired { cancellation.cancel() }
            }
        }
        #expect(linked == repaired)
    }

    @Test func aCancelledWriteLeavesNothing() throws {
        let scratch = Scratch()
        let builder = try GraphBuilder(settings: settings, capacity: 400, mean: mean(values, dimension), threads: 1)
        try builder.append(labels: (0..<400).map { Int64($0) }, vectors: values.span)
        _ = try builder.build()
        let path = scratch.file("a.vgx")
        for share in [0, 0.5, 0.9, 1] {
            let cancellation = Cancellation()
            #expect(throws: GraphError.cancelled) {
                try builder.write(to: path, identity: someone, cancellation: cancellation) { done, total in
                    if Double(done) >= share * Double(total) { cancellation.cancel() }
                }
            }
            #expect(try FileManager.default.contentsOfDirectory(atPath: scratch.path) == [], "cancelled at \(share)")
        }
        var last = 0
        let checksum = try builder.write(to: path, identity: someone) { done, _ in last = done }
        #expect(try Graph(path: path, identity: someone, checksum: checksum).fileBytes == last)
    }

    @Test func appendingPastTheCapacityIsAnError() throws {
        let builder = try GraphBuilder(settings: settings, capacity: 10, mean: mean(values, dimension), threads: 1)
        #expect(throws: GraphError.capacity(limit: 10)) {
            try builder.append(labels: (0..<400).map { Int64($0) }, vectors: values.span)
        }
    }

    @Test func aFailedWriteLeavesNothing() throws {
        let scratch = Scratch()
        let builder = try GraphBuilder(settings: settings, capacity: 400, mean: mean(values, dimension), threads: 1)
        try builder.append(labels: (0..<400).map { Int64($0) }, vectors: values.span)
        _ = try builder.build()
        let path = scratch.file("a.vgx")
        for failing in 1...15 {
            let disk = FailingFileSystem(failAt: failing)
            #expect(throws: GraphError.self) { try builder.write(to: path, identity: someone, fileSystem: disk) }
            #expect(try FileManager.default.contentsOfDirectory(atPath: scratch.path) == [], "call \(failing)")
        }
        let checksum = try builder.write(to: path, identity: someone)
        let before = FileManager.default.contents(atPath: path)
        #expect(throws: GraphError.self) {
            try builder.write(to: path, identity: someone, fileSystem: FailingFileSystem(failAt: 5))
        }
        #expect(FileManager.default.contents(atPath: path) == before)
        #expect(try Graph(path: path, identity: someone, checksum: checksum).checkInvariants() == [])
    }

    @Test func manyThreadsSearchAtOnce() throws {
        let graph = try built().graph
        let truth = (0..<40).map { graph.search(row(values, $0, dimension).span, width: 15) }
        let wrong = Mutex(0)
        Parallel.forEach(400, threads: 4) { index, _ in
            let answer = graph.search(row(values, index % 40, dimension).span, width: 15)
            if answer != truth[index % 40] { wrong.withLock { $0 += 1 } }
        }
        #expect(wrong.withLock { $0 } == 0)
    }
}
