/// Where the sections of a graph file lie and how long they are: all of it follows from a few counts. Reads and writes nothing.

/// The counts that a graph file's size follows from. None can overflow 64 bits: counts are below 2³², elements at most 64 KiB.
package struct GraphLayout: Sendable, Equatable {
    package var settings: GraphSettings
    package var nodeCount: Int
    package var labelCount: Int
    /// Nodes of the upper layers, level 1 first.
    package var layers: [Int]
    /// Links beside the graph's own, of all nodes together; nil where the file has none.
    package var extraLinkCount: Int?

    package init(
        settings: GraphSettings, nodeCount: Int, labelCount: Int, layers: [Int], extraLinkCount: Int? = nil
    ) {
        self.settings = settings
        self.nodeCount = nodeCount
        self.labelCount = labelCount
        self.layers = layers
        self.extraLinkCount = extraLinkCount
    }

    /// As a build of so many nodes makes it: level l holds the first N / M^l nodes, down to a handful.
    package static func upperLayers(nodes: Int, connectivity: Int) -> [Int] {
        var sizes: [Int] = []
        var last = nodes
        while last > 2 * connectivity, sizes.count < layersMax {
            last = max(1, last / connectivity)
            sizes.append(last)
        }
        return sizes
    }

    /// Bytes of a section without padding; nil where the file has no such section.
    func length(of name: SectionName) -> Int? {
        switch name {
        case .baseLinks, .codes, .scales, .errors: nodeCount * stride(of: name)
        case .upperLinks: layers.reduce(0, +) * stride(of: name)
        case .upperNodes: (layers.first ?? 0) * stride(of: name)
        case .mean: settings.dimension * stride(of: name)
        case .labels, .labelOrder: labelCount * stride(of: name)
        case .labelOffsets: labelCount == nodeCount ? nil : (nodeCount + 1) * stride(of: name)
        case .extraOffsets: extraLinkCount == nil ? nil : (nodeCount + 1) * stride(of: name)
        case .extraLinks: extraLinkCount.map { $0 * stride(of: name) }
        case .checksums: checksumCount * stride(of: name)
        }
    }

    /// Bytes of one element of a section.
    func stride(of name: SectionName) -> Int {
        switch name {
        case .baseLinks: settings.baseDegree * 4
        case .upperLinks: settings.connectivity * 4
        case .codes: settings.paddedDimension
        case .scales, .labels: 8
        case .upperNodes, .errors, .mean, .labelOffsets, .labelOrder, .extraOffsets, .extraLinks, .checksums: 4
        }
    }

    /// The sections in the order of the file.
    package var sections: [SectionEntry] {
        var entries = checkedSections
        let end = entries.last.map { $0.offset + $0.paddedLength } ?? GraphFormat.headerBytes
        append(.checksums, at: end, to: &entries)
        return entries
    }

    package var fileBytes: Int { sections.last.map { $0.offset + $0.paddedLength } ?? GraphFormat.headerBytes }

    private var checksumCount: Int { checkedSections.reduce(0) { $0 + $1.checksumCount } }

    /// Those before the checksums, which cover them.
    private var checkedSections: [SectionEntry] {
        var entries: [SectionEntry] = []
        for name in SectionName.allCases where name != .checksums {
            append(name, at: entries.last.map { $0.offset + $0.paddedLength } ?? GraphFormat.headerBytes, to: &entries)
        }
        return entries
    }

    private func append(_ name: SectionName, at offset: Int, to entries: inout [SectionEntry]) {
        guard let length = length(of: name) else { return }
        let first = entries.last.map { $0.firstChecksum + $0.checksumCount } ?? 0
        entries.append(
            SectionEntry(name: name.rawValue, offset: offset, length: length, stride: stride(of: name), firstChecksum: first))
    }
}
