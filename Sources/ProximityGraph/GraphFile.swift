/// The bytes of a graph file's header and section table (Schemas/FORMAT-graph.md): encoding and checked decoding. Reads
/// no section.
import Platform

enum GraphFormat {
    static let magic: [UInt8] = [0x89, 0x43, 0x57, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]  // not text, broken by newline translation
    static let major: UInt16 = 3
    static let minor: UInt16 = 0
    static let endianTag: UInt32 = 0x0102_0304
    static let headerBytes = 4096
    static let alignment = 4096
    static let chunkBytesMax = 1 << 16
    static let strideMax = 1 << 16
    static let sectionTableOffset = 512
    static let sectionEntryBytes = 40
    static let sectionsMax = 32
    static let layerTableOffset = 136
}

/// The four letters that name a section, in the order in which sections are written.
enum SectionName: String, CaseIterable, Sendable {
    case baseLinks = "LVL0"
    case upperLinks = "UPPR"
    case upperNodes = "UMAP"
    case extraOffsets = "XOFF"
    case extraLinks = "XTRA"
    case scales = "SCAL"
    case errors = "ERRN"
    case mean = "MEAN"
    case labels = "LABL"
    case labelOffsets = "LOFF"
    case labelOrder = "LORD"
    case codes = "CODE"
    case checksums = "CRCT"
}

package struct SectionEntry: Sendable, Equatable {
    /// FourCC, as text.
    package var name: String
    /// A reader that does not know a critical section must refuse the file.
    var isCritical = true
    package var offset: Int
    package var length: Int
    /// Bytes of one element.
    var stride: Int
    /// Index of the section's first checksum in CRCT.
    package var firstChecksum: Int

    /// The section with the zeros up to the next one: what its checksums cover.
    package var paddedLength: Int { roundedUp(length) }
    /// A checksum covers 2^`chunkShift` elements: as many as fit 64 KiB, so that no element lies in two chunks.
    var chunkShift: Int { Int.bitWidth - 1 - (GraphFormat.chunkBytesMax / stride).leadingZeroBitCount }
    var chunkBytes: Int { stride << chunkShift }
    package var checksumCount: Int { (paddedLength + chunkBytes - 1) / chunkBytes }

    /// The bytes of the file that a chunk covers; the last ones include the padding.
    package func chunk(_ part: Int) -> Range<Int> {
        let start = offset + part * chunkBytes
        return start..<min(start + chunkBytes, offset + paddedLength)
    }
}

func roundedUp(_ length: Int) -> Int {
    (length + GraphFormat.alignment - 1) / GraphFormat.alignment * GraphFormat.alignment
}

package struct GraphHeader: Sendable, Equatable {
    var identity: GraphIdentity
    var settings: GraphSettings
    var nodeCount: Int
    var labelCount: Int
    var entry: Int
    /// Nodes of the upper layers, level 1 first.
    var layers: [Int]
    package private(set) var fileBytes: Int
    var checksumOfChecksums: UInt32
    package private(set) var sections: [SectionEntry]

    func section(_ name: SectionName) -> SectionEntry? { sections.first { $0.name == name.rawValue } }

    /// The header's 4,096 bytes, the last four their checksum.
    package func encoded() -> [UInt8] {
        precondition(layers.count <= layersMax && sections.count <= GraphFormat.sectionsMax)
        var bytes = ByteWriter()
        bytes.put(GraphFormat.magic)
        bytes.put(GraphFormat.major)
        bytes.put(GraphFormat.minor)
        bytes.put(GraphFormat.endianTag)
        bytes.put(UInt32(GraphFormat.headerBytes))
        bytes.put(UInt32(sections.count))
        bytes.put(UInt64(fileBytes))
        bytes.put(identity.database)
        for number in [identity.modality, identity.generation, identity.throughSequence] { bytes.put(number) }
        bytes.put(UInt32(settings.dimension))
        bytes.put(UInt32(settings.paddedDimension))
        bytes.put(UInt32(settings.connectivity))
        bytes.put(UInt32(settings.baseDegree))
        bytes.put(UInt32(settings.constructionBreadth))
        bytes.put(UInt32(layers.count))
        bytes.put(settings.seed)
        bytes.put(UInt64(nodeCount))
        bytes.put(UInt64(labelCount))
        bytes.put(UInt64(entry))
        bytes.put(checksumOfChecksums)
        bytes.pad(to: GraphFormat.layerTableOffset)
        for count in layers { bytes.put(UInt64(count)) }
        bytes.pad(to: GraphFormat.sectionTableOffset)
        for section in sections {
            bytes.put(Array(section.name.utf8))
            bytes.put(UInt32(section.isCritical ? 1 : 0))
            bytes.put(UInt64(section.offset))
            bytes.put(UInt64(section.length))
            bytes.put(UInt64(section.firstChecksum))
            bytes.put(UInt32(section.stride))
            bytes.put(UInt32(0))
        }
        bytes.pad(to: GraphFormat.headerBytes - 4)
        bytes.put(crc32c(bytes.bytes))
        return bytes.bytes
    }

    /// Decodes and checks every size against the others and the file's length; throws, never traps.
    package init(decoding bytes: [UInt8], fileBytes actual: Int, path: String) throws(GraphError) {
        func damaged(_ what: String) -> GraphError { .damaged(path: path, what: what) }
        guard bytes.count == GraphFormat.headerBytes, Array(bytes[..<8]) == GraphFormat.magic else {
            throw damaged("it does not start like a graph file")
        }
        var reader = ByteReader(bytes: bytes, position: 8)
        let major = reader.u16()
        guard major == GraphFormat.major else { throw .unsupportedVersion(path: path, version: Int(major)) }
        guard crc32c(Array(bytes[..<(GraphFormat.headerBytes - 4)])) == Self.checksum(of: bytes) else {
            throw damaged("the header's checksum")
        }
        reader.position = 12
        guard reader.u32() == GraphFormat.endianTag, reader.u32() == UInt32(GraphFormat.headerBytes) else {
            throw damaged("byte order or header size")
        }
        let sectionCount = Int(reader.u32())
        guard sectionCount <= GraphFormat.sectionsMax, let fileBytes = reader.count(), fileBytes == actual else {
            throw damaged("the file has \(actual) bytes, its header says otherwise")
        }
        self.fileBytes = fileBytes
        let database = reader.take(16)
        var layerCount = 0
        identity = GraphIdentity(
            database: database, modality: reader.i64(), generation: reader.i64(), throughSequence: reader.i64())
        settings = try Self.settings(&reader, layers: &layerCount, path)
        guard let nodes = reader.count(), let labels = reader.count(), let entry = reader.count(), nodes < nodesMax,
            labels >= nodes, labels < labelsMax, entry < max(nodes, 1)
        else { throw damaged("node or label counts") }
        (nodeCount, labelCount, self.entry) = (nodes, labels, entry)
        checksumOfChecksums = reader.u32()
        reader.position = GraphFormat.layerTableOffset
        layers = []
        for _ in 0..<layerCount {
            guard let count = reader.count(), count >= 1, count <= (layers.last ?? nodes) else {
                throw damaged("layer sizes")
            }
            layers.append(count)
        }
        reader.position = GraphFormat.sectionTableOffset
        sections = try Self.sections(&reader, count: sectionCount, fileBytes: fileBytes, path)
        try checkSections(path)
    }

    private static func settings(
        _ reader: inout ByteReader, layers: inout Int, _ path: String
    ) throws(GraphError) -> GraphSettings {
        let dimension = Int(reader.u32()), padded = Int(reader.u32()), connectivity = Int(reader.u32())
        let baseDegree = Int(reader.u32()), breadth = Int(reader.u32())
        layers = Int(reader.u32())
        guard (1...dimensionMax).contains(dimension), (2...connectivityMax).contains(connectivity), breadth >= 1,
            layers <= layersMax
        else { throw .damaged(path: path, what: "settings out of range") }
        let settings = GraphSettings(
            dimension: dimension, connectivity: connectivity, constructionBreadth: breadth, seed: reader.u64())
        guard padded == settings.paddedDimension, baseDegree == settings.baseDegree else {
            throw .damaged(path: path, what: "settings that contradict each other")
        }
        return settings
    }

    private static func sections(
        _ reader: inout ByteReader, count: Int, fileBytes: Int, _ path: String
    ) throws(GraphError) -> [SectionEntry] {
        var sections: [SectionEntry] = []
        for _ in 0..<count {
            let name = String(decoding: reader.take(4), as: UTF8.self), flags = reader.u32()
            guard let offset = reader.count(), let length = reader.count(), let first = reader.count(),
                offset % GraphFormat.alignment == 0, offset >= GraphFormat.headerBytes, offset <= fileBytes,
                length <= fileBytes - offset, roundedUp(length) <= fileBytes - offset
            else { throw .damaged(path: path, what: "the place of section \(name)") }
            let stride = Int(reader.u32())
            guard (1...GraphFormat.strideMax).contains(stride) else {
                throw .damaged(path: path, what: "the element size of section \(name)")
            }
            sections.append(SectionEntry(
                name: name, isCritical: flags & 1 == 1, offset: offset, length: length, stride: stride, firstChecksum: first))
            _ = reader.u32()
        }
        return sections
    }

    package static func checksum(of bytes: [UInt8]) -> UInt32 {
        var reader = ByteReader(bytes: bytes, position: GraphFormat.headerBytes - 4)
        return reader.u32()
    }

    /// Lengths and element sizes that follow from the counts.
    private func checkSections(_ path: String) throws(GraphError) {
        let layout = GraphLayout(
            settings: settings, nodeCount: nodeCount, labelCount: labelCount, layers: layers,
            extraLinkCount: section(.extraOffsets) == nil ? nil : (section(.extraLinks)?.length ?? 0) / 4)
        let checksums = sections.filter { $0.name != SectionName.checksums.rawValue }.reduce(0) { $0 + $1.checksumCount }
        for name in SectionName.allCases {
            let expected = name == .checksums ? checksums * 4 : layout.length(of: name)
            guard section(name)?.length == expected else {
                throw .damaged(path: path, what: "the size of section \(name.rawValue)")
            }
        }
        for section in sections where section.name != SectionName.checksums.rawValue {
            guard section.firstChecksum <= checksums - section.checksumCount else {
                throw .damaged(path: path, what: "the checksums of section \(section.name)")
            }
            guard let name = SectionName(rawValue: section.name) else {
                if section.isCritical { throw .unsupportedVersion(path: path, version: Int(GraphFormat.major)) }
                continue
            }
            guard section.stride == layout.stride(of: name) else {
                throw .damaged(path: path, what: "the element size of section \(section.name)")
            }
        }
        if Set(sections.map(\.name)).count != sections.count {
            throw .damaged(path: path, what: "a section occurs twice")
        }
    }

    /// Of a file that is written: its entry is node 0.
    package init(identity: GraphIdentity, layout: GraphLayout, checksumOfChecksums: UInt32) {
        self.identity = identity
        settings = layout.settings
        (nodeCount, labelCount, entry, layers) = (layout.nodeCount, layout.labelCount, 0, layout.layers)
        (sections, fileBytes) = (layout.sections, layout.fileBytes)
        self.checksumOfChecksums = checksumOfChecksums
    }
}

/// Little-endian numbers appended to bytes.
struct ByteWriter {
    private(set) var bytes: [UInt8] = []

    mutating func put(_ raw: [UInt8]) { bytes += raw }

    mutating func put<Number: FixedWidthInteger>(_ number: Number) {
        for byte in 0..<(Number.bitWidth / 8) { bytes.append(UInt8(truncatingIfNeeded: number >> (8 * byte))) }
    }

    mutating func pad(to length: Int) {
        precondition(bytes.count <= length, "a header field overran its place")
        bytes += [UInt8](repeating: 0, count: length - bytes.count)
    }
}

/// Little-endian numbers out of a header that is long enough for all of them.
struct ByteReader {
    let bytes: [UInt8]
    var position: Int

    private mutating func number(_ length: Int) -> UInt64 {
        var value: UInt64 = 0
        for index in 0..<length { value |= UInt64(bytes[position + index]) << UInt64(8 * index) }
        position += length
        return value
    }

    mutating func take(_ length: Int) -> [UInt8] {
        defer { position += length }
        return Array(bytes[position..<(position + length)])
    }

    mutating func u16() -> UInt16 { UInt16(number(2)) }
    mutating func u32() -> UInt32 { UInt32(number(4)) }
    mutating func u64() -> UInt64 { number(8) }
    mutating func i64() -> Int64 { Int64(bitPattern: number(8)) }
    /// A size or offset; nil when it exceeds what an address can be.
    mutating func count() -> Int? {
        let value = number(8)
        return value < 1 << 47 ? Int(value) : nil
    }
}
