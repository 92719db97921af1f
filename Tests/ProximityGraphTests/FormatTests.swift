// Schemas/FORMAT-graph.md describes the bytes: a second reader, written from that page alone, finds in a file what was put
// in, and every section the page names is known to it.
import Foundation
import Platform
import ProximityGraph
import Testing

private struct Page {
    let bytes: [UInt8]

    func number(_ offset: Int, _ length: Int) -> Int {
        (0..<length).reduce(0) { $0 | Int(bytes[offset + $1]) << (8 * $1) }
    }

    /// The components of a code: upper halves of bytes first, then lower ones; component i beside i + p/2.
    func code(at offset: Int, _ padded: Int) -> [Int] {
        (0..<padded).map { component in
            let half = padded / 2, place = component % half, shift = component < half ? 0 : 4
            let upper = Int(bytes[offset + place]) >> shift & 15, lower = Int(bytes[offset + half + place]) >> shift & 15
            return 16 * upper + lower - 128
        }
    }

    /// Name → (offset, length, first checksum).
    var sections: [String: (offset: Int, length: Int, checksum: Int)] {
        var result: [String: (Int, Int, Int)] = [:]
        for index in 0..<number(20, 4) {
            let entry = 512 + 40 * index
            let name = String(decoding: bytes[entry..<(entry + 4)], as: UTF8.self)
            result[name] = (number(entry + 8, 8), number(entry + 16, 8), number(entry + 24, 8))
        }
        return result
    }
}

struct FormatTests {
    @Test func aReaderWrittenFromThePageUnderstandsTheFile() throws {
        let dimension = 70, count = 300
        let values = clustered(count, dimension, clusters: 4, seed: 71)
        let doubled = values + values[0..<(10 * dimension)]
        let built = try makeGraph(
            doubled, settings: GraphSettings(dimension: dimension, connectivity: 5, constructionBreadth: 30, seed: 9))
        let page = Page(bytes: built.bytes)
        #expect(Array(page.bytes[..<8]) == [0x89, 0x43, 0x57, 0x47, 0x0D, 0x0A, 0x1A, 0x0A])
        #expect(page.number(8, 2) == 3 && page.number(12, 4) == 0x0102_0304 && page.number(24, 8) == page.bytes.count)
        #expect(Array(page.bytes[32..<48]) == someone.database)
        #expect([48, 56, 64].map { page.number($0, 8) } == [7, 3, 1234])
        #expect([72, 76, 80, 84, 88].map { page.number($0, 4) } == [70, 128, 5, 10, 30])
        #expect(page.number(96, 8) == 9 && page.number(104, 8) == count && page.number(112, 8) == count + 10)
        #expect(UInt32(page.number(4092, 4)) == crc32c(Array(page.bytes[..<4092])))
        #expect(UInt32(page.number(4092, 4)) == built.checksum)
        let sections = page.sections
        let crct = try #require(sections["CRCT"])
        for (name, section) in sections where name != "CRCT" {
            let padded = (section.length + 4095) / 4096 * 4096
            guard padded > 0 else { continue }
            let checksum = crc32c(Array(page.bytes[section.offset..<(section.offset + padded)]))
            #expect(UInt32(page.number(crct.offset + 4 * section.checksum, 4)) == checksum, "\(name)")
        }
        try similaritiesFollowFromTheBytes(page, built, values)
    }

    /// Node by node: the label's vector has, against a second one, the cosine that codes, scales and biases say.
    private func similaritiesFollowFromTheBytes(_ page: Page, _ built: Built, _ values: [Float]) throws {
        let sections = page.sections
        let code = try #require(sections["CODE"]), scale = try #require(sections["SCAL"])
        let offsets = try #require(sections["LOFF"]), labels = try #require(sections["LABL"])
        let mean = try #require(sections["MEAN"]), errors = try #require(sections["ERRN"])
        func float(_ offset: Int) -> Double { Double(Float(bitPattern: UInt32(page.number(offset, 4)))) }
        let square = (0..<70).reduce(0.0) { $0 + float(mean.offset + 4 * $1) * float(mean.offset + 4 * $1) }
        func vector(_ node: Int) -> [Float] {
            let label = page.number(labels.offset + 8 * page.number(offsets.offset + 4 * node, 4), 8)
            return row(values, (label - 1000) % 300, 70)
        }
        for (a, b) in [(0, 1), (5, 200), (299, 17)] {
            let (left, right) = (page.code(at: code.offset + 128 * a, 128), page.code(at: code.offset + 128 * b, 128))
            let dot = zip(left, right).reduce(0) { $0 + $1.0 * $1.1 }
            let estimate = float(scale.offset + 8 * a) * float(scale.offset + 8 * b) * Double(dot)
                + float(scale.offset + 8 * a + 4) + float(scale.offset + 8 * b + 4) + square
            let bound = 2 * (float(errors.offset + 4 * a) + float(errors.offset + 4 * b)) + 1e-4
            #expect(abs(estimate - cosine(vector(a), vector(b))) <= bound)
        }
    }

    /// Codes read for one list should share cache lines and pages: nodes that follow each other in the file are alike, though the
    /// rows came in no order.
    @Test func nodesThatFollowEachOtherInTheFileAreNeighbours() throws {
        let dimension = 16, count = 2000
        let values = clustered(count, dimension, clusters: 40, seed: 73)
        let page = Page(bytes: try makeGraph(values, settings: .standard(dimension: dimension)).bytes)
        // No node has two labels, so that the labels are those of the nodes in turn.
        let labels = try #require(page.sections["LABL"])
        #expect(page.sections["LOFF"] == nil)
        let inFile = (0..<count).map { row(values, page.number(labels.offset + 8 * $0, 8) - 1000, dimension) }
        let asGiven = (0..<count).map { row(values, $0, dimension) }
        func likeness(_ rows: [[Float]]) -> Double {
            zip(rows, rows.dropFirst()).reduce(0) { $0 + cosine($1.0, $1.1) } / Double(count - 1)
        }
        #expect(likeness(inFile) > likeness(asGiven) + 0.2, "\(likeness(inFile)), \(likeness(asGiven)) as given")
    }

    @Test func thePageNamesEverySection() throws {
        let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        guard let text = try? String(contentsOf: root.appending(path: "Schemas/FORMAT-graph.md"), encoding: .utf8) else {
            print("skipped: Schemas/FORMAT-graph.md is not beside the sources")
            return
        }
        let values = clustered(100, 8, clusters: 2, seed: 72)
        for name in Page(bytes: try makeGraph(values, settings: .standard(dimension: 8)).bytes).sections.keys {
            #expect(text.contains(name))
        }
    }
}
