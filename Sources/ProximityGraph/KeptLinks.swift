/// The links of a published graph among those of its nodes that live on, for a builder that goes on from it. Where a node
/// loses links to the dead, it chooses again among what is left and what the dead led to (after Qdrant's healing of segments).
import Platform

struct KeptLinks {
    private let graph: Graph
    /// By node of the builder: the graph's. Those of the upper layers come first, in the graph's order.
    let origins: [UInt32]
    /// By node of the graph: the builder's; `noLink` for the dead.
    private let names: [UInt32]
    /// By node of the builder, of the upper layers only: its number in the graph's upper lists.
    private let ordinals: [Int]
    /// By level: how many of the builder's first nodes come with links.
    private let counts: [Int]

    var nodeCount: Int { origins.count }

    init(_ graph: Graph, without dead: Set<Int64>) {
        func lives(_ node: Int) -> Bool { graph.slotRange(of: node).contains { !dead.contains(graph.label($0)) } }
        var origins: [UInt32] = []
        var ordinals: [Int] = []
        var names = [UInt32](repeating: noLink, count: graph.nodeCount)
        func take(_ node: Int) {
            names[node] = UInt32(origins.count)
            origins.append(UInt32(node))
        }
        var counts = graph.header.layers.map { _ in 0 }
        for ordinal in 0..<(graph.header.layers.first ?? 0) {
            let node = Int(graph.upperNames.u32(ordinal))
            guard node < graph.nodeCount, names[node] == noLink, lives(node) else { continue }
            take(node)
            ordinals.append(ordinal)
            for level in counts.indices where ordinal < graph.header.layers[level] { counts[level] += 1 }
        }
        for node in 0..<graph.nodeCount where names[node] == noLink && lives(node) { take(node) }
        (self.graph, self.origins, self.names, self.ordinals) = (graph, origins, names, ordinals)
        self.counts = [origins.count] + counts
    }

    /// The sizes of the layers: of each at least what comes with links; and no more than the layer below comes with, whose
    /// searches start from any of them.
    func layerSizes(atLeast wanted: [Int]) -> [Int] {
        var sizes: [Int] = [wanted[0]]
        for level in 1..<max(wanted.count, counts.count) {
            let most = counts[level - 1] > 0 ? counts[level - 1] : sizes[level - 1]
            let least = level < counts.count ? counts[level] : 0
            let size = min(max(level < wanted.count ? wanted[level] : 0, least), most)
            if size == 0 { break }
            sizes.append(size)
        }
        return sizes
    }

    /// Gives the first nodes of a layer their links and returns how many they are. Each node's depend on the graph alone.
    func restore(
        _ level: Int, to layer: BuildLayer, _ table: CodeTable, _ workers: [BuildWorker], _ settings: GraphSettings,
        _ cancellation: Cancellation?
    ) throws(GraphError) -> Int {
        guard level < counts.count else { return 0 }
        let choice = NeighborChoice(reverse: level, of: layer, settings)
        let block = 256
        Parallel.forEach((counts[level] + block - 1) / block, threads: workers.count) { index, worker in
            if cancellation?.isCancelled == true { return }
            for node in (index * block)..<min((index + 1) * block, counts[level]) {
                let (links, healing) = links(of: node, level)
                layer[node].assign(links)
                guard !healing.isEmpty else { continue }
                workers[worker].accept(healing[...], at: node, table, choice: choice, list: layer[node])
            }
        }
        if cancellation?.isCancelled == true { throw .cancelled }
        return counts[level]
    }

    /// The links of a node that live on, and what its dead links led to.
    private func links(of node: Int, _ level: Int) -> (living: [UInt32], healing: [UInt32]) {
        let list = level == 0 ? graph.view.base : graph.view.upper[graph.view.upper.count - level]
        func name(_ link: Int) -> UInt32 {
            guard link < list.count else { return noLink }
            let node = level == 0 ? link : Int(graph.upperNames.u32(link))
            return node < names.count ? names[node] : noLink
        }
        var living: [UInt32] = []
        var dead: [Int] = []
        list.forEachLink(of: level == 0 ? Int(origins[node]) : ordinals[node]) { link in
            if name(link) != noLink { living.append(name(link)) } else if link < list.count { dead.append(link) }
        }
        var healing: [UInt32] = []
        if !dead.isEmpty {
            var seen = Set(living + [UInt32(node)])
            for link in dead {
                list.forEachLink(of: link) { next in
                    let next = name(next)
                    if next != noLink, seen.insert(next).inserted { healing.append(next) }
                }
            }
        }
        return (living, healing)
    }

    // MARK: Links for queries of other modalities

    var hasExtraLinks: Bool { graph.view.base.hasExtraLinks }

    /// Those among the nodes that live on; how hard the queries were that they serve is no longer known.
    func addExtraLinks(to extra: ExtraLinks) {
        for (node, origin) in origins.enumerated() {
            var slot = 0
            for link in graph.view.base.extraLinks(of: Int(origin)) where link < names.count && names[link] != noLink {
                guard slot < ExtraLinks.degree else { break }
                extra[node, slot] = ExtraLinks.Place(link: names[link], hardness: 0)
                slot += 1
            }
        }
    }
}
