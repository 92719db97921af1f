/// Memory of the extra links while they are chosen, and codes as queries for the similarities between nodes.
/// Invariants: `offsets` has an entry more than there are nodes and `links` sixteen places a node, so a table extended with
/// them never leads outside; nobody searches such a table while links are added; a NodeQuery serves one thread at a time.
import CKernels
import Platform

/// A fixed number of places a node for links beside the graph's own, each with the hardness it remedies.
final class ExtraLinks: Sendable {
    /// Links of a node at most. Longer lists cost every query that passes (NGFix allows 48; sixteen buy nearly all of it).
    static let degree = 16
    /// Of a link between nodes that no path among the neighbours connects.
    static let unlinked = UInt8.max
    let nodeCount: Int
    private let links: PageArray<UInt32>
    private let hardness: PageArray<UInt8>
    fileprivate let offsets: PageArray<UInt32>

    /// Nil where the places of all nodes cannot be numbered with 32 bits.
    init?(nodeCount: Int) throws(FileError) {
        guard nodeCount < Int(UInt32.max) / Self.degree else { return nil }
        self.nodeCount = nodeCount
        links = try PageArray(count: nodeCount * Self.degree)
        hardness = try PageArray(count: nodeCount * Self.degree)
        offsets = try PageArray(count: nodeCount + 1)
        for place in 0..<links.count { links[place] = noLink }
        for node in 0...nodeCount { offsets[node] = UInt32(node * Self.degree) }
    }

    struct Place: Sendable, Equatable {
        var link: UInt32
        var hardness: UInt8
    }

    subscript(node: Int, slot: Int) -> Place {
        get {
            precondition(slot >= 0 && slot < Self.degree)
            let index = node * Self.degree + slot
            return Place(link: links[index], hardness: hardness[index])
        }
        set {
            precondition(slot >= 0 && slot < Self.degree)
            let index = node * Self.degree + slot
            links[index] = newValue.link
            hardness[index] = newValue.hardness
        }
    }

    func read(_ node: Int, into list: inout [UInt32]) {
        for place in (node * Self.degree)..<((node + 1) * Self.degree) {
            let link = links[place]
            if link == noLink { break }
            list.append(link)
        }
    }

    fileprivate func extend(_ table: LinkTable) -> LinkTable {
        precondition(table.count <= nodeCount)
        var result = table
        unsafe result.extraOffsets = UnsafePointer(offsets.base)
        unsafe result.extraLinks = UnsafePointer(links.base)
        result.extraCount = links.count
        return result
    }
}

extension LinkTable {
    /// With the extra links of a build.
    func extended(_ extra: ExtraLinks) -> LinkTable { extra.extend(self) }

    /// Without extra links.
    var plain: LinkTable {
        var result = self
        unsafe result.extraOffsets = nil
        unsafe result.extraLinks = nil
        return result
    }

    var hasExtraLinks: Bool { unsafe extraLinks != nil }

    /// The extra links of a node as a file has them, whatever they say.
    func extraLinks(of node: Int) -> [Int] {
        precondition(node >= 0 && node < count)
        guard let offsets = unsafe extraOffsets, let extra = unsafe extraLinks else { return [] }
        let start = Int(unsafe offsets[node]), end = Int(unsafe offsets[node + 1])
        guard start < end, end <= extraCount else { return [] }
        return (start..<end).map { unsafe Int(extra[$0]) }
    }
}

/// A node's code in the form of a query.
@safe final class NodeQuery: @unchecked Sendable {
    private let memory: UnsafeMutablePointer<Int8>
    private let codeBytes: Int

    init(codeBytes: Int) {
        self.codeBytes = codeBytes
        unsafe memory = .allocate(capacity: codeBytes)
    }

    deinit { unsafe memory.deallocate() }

    /// The similarities of `node` to `nodes[range]`, into the same places of `values`.
    func similarities(
        of node: Int, _ table: CodeTable, to nodes: [UInt32], _ range: Range<Int>, _ scratch: SearchScratch,
        into values: inout [Float]
    ) {
        precondition(node >= 0 && node < table.count && table.codeBytes == codeBytes)
        let offset = unsafe ck_codes_as_query(table.codes + node * codeBytes, codeBytes, memory)
        let view = unsafe QueryView(
            code: memory, offset: offset, multiplier: table.scales[2 * node], biasFactor: 1,
            base: table.scales[2 * node + 1])
        scratch.scoreList(table, view, nodes, range, &values)
    }
}

extension SearchScratch {
    /// Greedy descent through the layers of a build, which share the table's numbers.
    func descend(_ table: CodeTable, _ layers: [LinkTable], _ query: QueryView) -> Int {
        var entry = 0
        for layer in layers { entry = unsafe descend(table, layer, names: nil, query, from: entry) }
        return entry
    }
}
