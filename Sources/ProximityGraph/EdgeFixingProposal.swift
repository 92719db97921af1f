/// What one query asks of the graph: its true neighbours, whether an ordinary search finds them, and the links that would
/// make it. Reads the graph, never changes it.
import Synchronization

/// The graph as all queries of a batch see it.
struct FrozenGraph: Sendable {
    let table: CodeTable
    /// Level 0 with the extra links so far.
    let base: LinkTable
    /// Top first.
    let above: [LinkTable]
    let lists: BuildLayer
    let extra: ExtraLinks
}

/// A link from one node to another.
struct ProposedLink: Sendable, Equatable {
    var from: UInt32
    var to: UInt32
    var hardness: UInt8
}

/// What came of looking at one query.
struct Proposal: Sendable {
    var isHard = false
    var links: [ProposedLink] = []
}

/// One thread's memory.
final class FixingWorker: Sendable {
    private let state: Mutex<State>

    init(nodes: Int, codeBytes: Int, settings: EdgeFixingSettings) {
        state = Mutex(State(nodes: nodes, codeBytes: codeBytes, settings: settings))
    }

    /// `truth`: nearest nodes, best first; nil to find them by a wide search.
    func propose(_ query: CodedQuery, truth: [UInt32]?, _ graph: FrozenGraph) -> Proposal {
        state.withLock { $0.propose(query, truth: truth, graph) }
    }

    /// The best `width` nodes of a search, refined, and the codes it compared.
    func search(_ query: CodedQuery, width: Int, _ graph: FrozenGraph) -> (nodes: [UInt32], distances: Int) {
        state.withLock { $0.search(query, width: width, graph) }
    }

    private struct State {
        let settings: EdgeFixingSettings
        let scratch: SearchScratch
        let nodeQuery: NodeQuery
        /// By node: its position among the neighbours plus one, or 0.
        var positions: [UInt8]
        var list: [UInt32] = []
        var values: [Float]

        init(nodes: Int, codeBytes: Int, settings: EdgeFixingSettings) {
            self.settings = settings
            scratch = SearchScratch(nodeCapacity: nodes, width: max(settings.truthWidth, settings.width))
            nodeQuery = NodeQuery(codeBytes: codeBytes)
            positions = [UInt8](repeating: 0, count: nodes)
            values = [Float](repeating: 0, count: NeighborhoodHardness.sizeMax)
        }

        mutating func search(_ query: CodedQuery, width: Int, _ graph: FrozenGraph) -> (nodes: [UInt32], distances: Int) {
            let width = min(width, graph.table.count)
            scratch.reset(width: width)
            return query.withViews { query in
                let entry = scratch.descend(graph.table, graph.above, query.walk)
                scratch.search(graph.table, graph.base, query.walk, from: entry, width: width)
                let distances = scratch.distances
                scratch.refine(graph.table, query)
                return ((0..<scratch.count).map { UInt32(scratch[$0].node) }, distances)
            }
        }

        mutating func propose(_ query: CodedQuery, truth: [UInt32]?, _ graph: FrozenGraph) -> Proposal {
            var proposal = Proposal()
            let truth = truth ?? search(query, width: settings.truthWidth, graph).nodes
            let found = search(query, width: settings.width, graph).nodes
            let best = truth.prefix(settings.judged)
            proposal.isHard = Set(found.prefix(settings.judged)) != Set(best)
            guard proposal.isHard || !settings.hardOnly else { return proposal }
            for kept in settings.kept where truth.count > 1 {
                let size = min(2 * kept, truth.count, NeighborhoodHardness.sizeMax)
                connect(Array(truth.prefix(size)), kept: min(kept, size), graph, &proposal)
            }
            if settings.fixesEntry { lead(to: truth, of: query, graph, &proposal) }
            return proposal
        }

        /// Links that let a walk go from each of the first `kept` to every other without leaving the neighbourhood.
        private mutating func connect(_ nodes: [UInt32], kept: Int, _ graph: FrozenGraph, _ proposal: inout Proposal) {
            var hardness = NeighborhoodHardness(size: nodes.count, kept: kept)
            for (position, node) in nodes.enumerated() { positions[Int(node)] = UInt8(position + 1) }
            defer { for node in nodes { positions[Int(node)] = 0 } }
            for (position, node) in nodes.enumerated() {
                list.removeAll(keepingCapacity: true)
                graph.lists[Int(node)].read(into: &list)
                graph.extra.read(Int(node), into: &list)
                for link in list {
                    let other = positions[Int(link)]
                    if other > 0 { hardness.link(position, Int(other) - 1) }
                }
            }
            for link in proposal.links {
                let from = positions[Int(link.from)], to = positions[Int(link.to)]
                if from > 0 && to > 0 { hardness.link(Int(from) - 1, Int(to) - 1) }
            }
            hardness.close()
            if hardness.isConnected { return }
            for link in hardness.missingLinks(pairs(Array(nodes.prefix(kept)), graph.table)) {
                proposal.links.append(
                    ProposedLink(from: nodes[link.from], to: nodes[link.to], hardness: link.hardness))
            }
        }

        /// Unordered pairs of positions, most similar first.
        private mutating func pairs(_ nodes: [UInt32], _ table: CodeTable) -> [(Int, Int)] {
            var keys: [PoolKey] = []
            for first in 0..<(nodes.count - 1) {
                nodeQuery.similarities(
                    of: Int(nodes[first]), table, to: nodes, (first + 1)..<nodes.count, scratch, into: &values)
                for second in (first + 1)..<nodes.count {
                    keys.append(PoolKey(similarity: values[second], node: UInt32(first << 8 | second)))
                }
            }
            keys.sort()
            return keys.map { ($0.node >> 8, $0.node & 255) }
        }

        /// When a narrow search ends before the neighbourhood begins: links from where it ended to some of the
        /// neighbourhood, in directions that differ.
        private mutating func lead(to truth: [UInt32], of query: CodedQuery, _ graph: FrozenGraph, _ proposal: inout Proposal) {
            guard let end = search(query, width: settings.judged, graph).nodes.first,
                !truth.prefix(settings.judged).contains(end)
            else { return }
            let place = truth.firstIndex(of: end) ?? truth.count
            var nodes = Array(truth.prefix(min(place, settings.entryCandidates)))
            nodeQuery.similarities(of: Int(end), graph.table, to: nodes, 0..<nodes.count, scratch, into: &values)
            let keys = nodes.indices.map { PoolKey(similarity: values[$0], node: nodes[$0]) }.sorted()
            nodes.removeAll()
            for key in keys where nodes.count < settings.entryLinks {
                nodeQuery.similarities(of: key.node, graph.table, to: nodes, 0..<nodes.count, scratch, into: &values)
                if nodes.indices.contains(where: { values[$0] >= key.similarity }) { continue }
                nodes.append(UInt32(key.node))
            }
            for node in nodes {
                proposal.links.append(ProposedLink(from: UInt32(end), to: node, hardness: ExtraLinks.unlinked))
            }
        }
    }
}
