/// What a build does at one node: find candidates, choose diverse neighbours, take in reverse edges. Not the order of it.
/// Invariants: nodes below `count` of a layer are linked and frozen while candidates are searched; a node's list is written
/// by exactly one thread, in the phase that owns it; lists hold numbers below the layer's final count.
import CKernels
import Platform

/// A worker's memory during a build.
@safe final class BuildWorker: @unchecked Sendable {
    let scratch: SearchScratch
    private let query: UnsafeMutablePointer<Int8>
    private let candidateQuery: UnsafeMutablePointer<Int8>
    private let codeBytes: Int
    private var keys: [PoolKey] = []
    private var chosen: [UInt32] = []
    private var refused: [UInt32] = []
    private(set) var distances = 0

    init(nodes: Int, width: Int, codeBytes: Int) {
        scratch = SearchScratch(nodeCapacity: nodes, width: width)
        self.codeBytes = codeBytes
        unsafe query = .allocate(capacity: codeBytes)
        unsafe candidateQuery = .allocate(capacity: codeBytes)
    }

    deinit {
        unsafe query.deallocate()
        unsafe candidateQuery.deallocate()
    }

    private func view(_ table: CodeTable, of node: Int, _ memory: UnsafeMutablePointer<Int8>) -> QueryView {
        precondition(node >= 0 && node < table.count)
        let offset = unsafe ck_codes_as_query(table.codes + node * codeBytes, codeBytes, memory)
        return unsafe QueryView(
            code: memory, offset: offset, multiplier: table.scales[2 * node], biasFactor: 1,
            base: table.scales[2 * node + 1])
    }

    /// Chooses the neighbours of `node` among the `breadth` nearest that a search of `layer` finds, having come down through
    /// `above` (top first); writes them to `list`.
    func link(
        _ node: Int, _ table: CodeTable, above: [LinkTable], layer: LinkTable, breadth: Int, choice: NeighborChoice,
        into list: NodeList
    ) {
        let view = unsafe view(table, of: node, query)
        scratch.reset(width: breadth)
        var entry = 0
        for upper in above { entry = unsafe scratch.descend(table, upper, names: nil, view, from: entry) }
        scratch.search(table, layer, view, from: entry, width: breadth)
        keys.removeAll(keepingCapacity: true)
        for index in 0..<scratch.count { keys.append(scratch[index]) }
        distances += scratch.distances
        choose(table, choice)
        list.assign(chosen)
    }

    /// The `width` best of a layer for a node that is already in the table, nearest first.
    func nearest(_ node: Int, _ table: CodeTable, above: [LinkTable], layer: LinkTable, width: Int) -> [Int] {
        let view = unsafe view(table, of: node, query)
        scratch.reset(width: width)
        var entry = 0
        for upper in above { entry = unsafe scratch.descend(table, upper, names: nil, view, from: entry) }
        scratch.search(table, layer, view, from: entry, width: width)
        distances += scratch.distances
        return (0..<scratch.count).map { scratch[$0].node }
    }

    /// Adds links from `node` to `sources`, and prunes its list when they do not all fit.
    func accept(_ sources: ArraySlice<UInt32>, at node: Int, _ table: CodeTable, choice: NeighborChoice, list: NodeList) {
        chosen.removeAll(keepingCapacity: true)
        list.read(into: &chosen)
        chosen.append(contentsOf: sources)
        if chosen.count > list.degree {
            let view = unsafe view(table, of: node, query)
            keys.removeAll(keepingCapacity: true)
            scratch.reset(width: 1)
            scratch.similarities(table, view, of: chosen) { keys.append(PoolKey(similarity: $1, node: $0)) }
            distances += scratch.distances
            keys.sort()
            choose(table, choice)
        }
        list.assign(chosen)
    }

    /// Diverse neighbours out of `keys` (best first) into `chosen`: a candidate is refused when it is at least as near to
    /// one already chosen as to the node itself. (At least: with "nearer", copies at equal distance never refuse each
    /// other.) Refused ones fill up to the minimum, nearest first.
    private func choose(_ table: CodeTable, _ choice: NeighborChoice) {
        chosen.removeAll(keepingCapacity: true)
        refused.removeAll(keepingCapacity: true)
        for key in keys {
            if chosen.count >= choice.limit { break }
            if isCovered(key, table) { refused.append(UInt32(key.node)) } else { chosen.append(UInt32(key.node)) }
        }
        for node in refused {
            if chosen.count >= choice.minimum { break }
            chosen.append(node)
        }
    }

    private func isCovered(_ key: PoolKey, _ table: CodeTable) -> Bool {
        guard !chosen.isEmpty else { return false }
        let view = unsafe view(table, of: key.node, candidateQuery)
        scratch.reset(width: 1)
        defer { distances += scratch.distances }
        return scratch.anySimilarity(table, view, of: chosen, atLeast: key.similarity)
    }
}

extension SearchScratch {
    /// Calls `body` with each node and its similarity.
    func similarities(_ table: CodeTable, _ query: QueryView, of nodes: [UInt32], _ body: (UInt32, Float) -> Void) {
        var values = [Float](repeating: 0, count: nodes.count)
        scoreList(table, query, nodes, 0..<nodes.count, &values)
        for index in nodes.indices { body(nodes[index], values[index]) }
    }
}

/// How many neighbours a list takes when it is chosen anew.
struct NeighborChoice: Sendable {
    /// At most so many.
    var limit: Int
    /// Refused candidates fill up to this.
    var minimum: Int
}

extension NeighborChoice {
    /// Of a list that others have been added to. One of level 0 keeps some room, so that not every further link costs another
    /// choice.
    init(reverse level: Int, of layer: BuildLayer, _ settings: GraphSettings) {
        self.init(
            limit: level == 0 ? layer.degree - layer.degree / 8 : layer.degree, minimum: settings.connectivity / 2)
    }
}

/// The list of one node: up to `degree` numbers, the rest `noLink`.
@safe struct NodeList {
    let base: UnsafeMutablePointer<UInt32>
    let degree: Int

    func assign(_ nodes: [UInt32]) {
        let length = min(nodes.count, degree)
        for index in 0..<length { unsafe base[index] = nodes[index] }
        for index in length..<degree { unsafe base[index] = noLink }
    }

    func read(into nodes: inout [UInt32]) {
        for index in 0..<degree {
            let node = unsafe base[index]
            if node == noLink { break }
            nodes.append(node)
        }
    }

    subscript(index: Int) -> UInt32 {
        get {
            precondition(index >= 0 && index < degree)
            return unsafe base[index]
        }
        nonmutating set {
            precondition(index >= 0 && index < degree)
            unsafe base[index] = newValue
        }
    }
}

/// The lists of one layer during a build.
struct BuildLayer: Sendable {
    let degree: Int
    let nodeCount: Int
    let links: PageArray<UInt32>

    init(degree: Int, nodeCount: Int) throws(FileError) {
        self.degree = degree
        self.nodeCount = nodeCount
        links = try PageArray(count: degree * nodeCount)
    }

    subscript(node: Int) -> NodeList {
        precondition(node >= 0 && node < nodeCount)
        return unsafe NodeList(base: links.base + node * degree, degree: degree)
    }

    /// The layer as it stands with its first `count` nodes.
    func table(count: Int) -> LinkTable {
        precondition(count <= nodeCount)
        return unsafe LinkTable(links: links.base, degree: degree, count: count, extraOffsets: nil, extraLinks: nil)
    }
}

func codeTable(_ codes: PageArray<UInt8>, _ scales: PageArray<Float>, codeBytes: Int, count: Int) -> CodeTable {
    precondition(count * codeBytes <= codes.count && 2 * count <= scales.count)
    return unsafe CodeTable(codes: codes.base, codeBytes: codeBytes, scales: scales.base, count: count)
}
