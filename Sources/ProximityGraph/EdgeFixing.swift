/// Cross-modal edges: links beside the graph's own that let a walk reach, and not leave, the neighbours of queries of
/// another modality (after NGFix). Only adds, only to a budget a node, and can take back what it added.
import Platform
import Synchronization

package struct EdgeFixingSettings: Sendable, Equatable {
    /// Width of the search that tells which queries are hard. Narrow: what only a wider search finds is worth a link.
    package var width = 16
    /// The best so many must be found; and the width of the search that shows where walks end.
    package var judged = 10
    /// So many nearest neighbours are connected with each other, in turn.
    package var kept = [100, 30, 10]
    /// Width of the search for the true neighbours where a scan costs more.
    /// Four hundred give the same links to within a hundredth as exact neighbours do.
    package var truthWidth = 400
    /// Code bytes up to which the true neighbours come from a scan: about where both take the same time.
    package var scanBytesMax = 8 << 20
    /// Queries whose search succeeds are passed over.
    package var hardOnly = true
    package var fixesEntry = true
    package var entryLinks = 6
    package var entryCandidates = 200
    /// Of a node's links, those between neighbours that nothing connected: long ones, which cost easy queries.
    package var unlinkedMax = ExtraLinks.degree / 2
    /// Queries that see the same state of the graph.
    package var batch = 64

    package init() {}
}

package struct EdgeFixingReport: Sendable, Equatable {
    package var queries = 0
    /// Whose ordinary search missed some of the best.
    package var hard = 0
    package var proposed = 0
    /// Links of the graph now that it had not before.
    package var added = 0

    package init() {}
}

/// One modality's queries against one graph, between `build` and `write`. Same links for any number of threads.
package final class EdgeFixer {
    let settings: EdgeFixingSettings
    let quantizer: VectorQuantizer
    let threads: Int
    let workers: [FixingWorker]
    let graph: FrozenGraph
    private let extra: ExtraLinks
    /// Owns the memory that `graph` looks at.
    private let builder: GraphBuilder
    /// What each change replaced, oldest first.
    private var changes: [(node: UInt32, slot: UInt8, before: ExtraLinks.Place)] = []
    package private(set) var report = EdgeFixingReport()

    init(_ builder: GraphBuilder, _ extra: ExtraLinks, _ settings: EdgeFixingSettings) {
        precondition(settings.batch >= 1 && settings.kept.allSatisfy { 2 * $0 <= NeighborhoodHardness.sizeMax })
        let (table, layers) = (builder.table, builder.layers)
        self.settings = settings
        self.builder = builder
        self.extra = extra
        let quantizer = builder.quantizer
        self.quantizer = quantizer
        threads = builder.threads
        graph = FrozenGraph(
            table: table, base: layers[0].table(count: layers[0].nodeCount).extended(extra),
            above: layers[1...].reversed().map { $0.table(count: $0.nodeCount) }, lists: layers[0], extra: extra)
        workers = (0..<threads).map { _ in
            FixingWorker(nodes: table.count, codeBytes: quantizer.codeBytes, settings: settings)
        }
    }

    /// Looks at n × d queries in their order and adds the links they ask for. Queries without a direction are passed over.
    /// Throws `.cancelled`; the links so far stay until `undo`.
    package func fix(_ queries: [Float], cancellation: Cancellation? = nil) throws(GraphError) {
        guard graph.table.count > 0 else { return }
        let coded = encoded(queries)
        let truth = try truths(coded, cancellation)
        let (workers, graph, size) = (workers, graph, settings.batch)
        for start in stride(from: 0, to: coded.count, by: size) {
            if cancellation?.isCancelled == true { throw .cancelled }
            let count = min(size, coded.count - start)
            let proposals = Mutex([Proposal](repeating: Proposal(), count: count))
            Parallel.forEach(count, threads: threads) { index, worker in
                let proposal = workers[worker].propose(coded[start + index], truth: truth?[start + index], graph)
                proposals.withLock { $0[index] = proposal }
            }
            for proposal in proposals.withLock({ $0 }) { apply(proposal) }
        }
    }

    /// Takes back every link added.
    package func undo() {
        for change in changes.reversed() { extra[Int(change.node), Int(change.slot)] = change.before }
        changes.removeAll()
        report.added = 0
    }

    func encoded(_ queries: [Float]) -> [CodedQuery] {
        let (dimension, quantizer) = (quantizer.dimension, quantizer)
        precondition(queries.count % dimension == 0, "queries of another dimension")
        return Parallel.map(queries.count / dimension, threads: threads) { index in
            quantizer.encode(query: queries.span.extracting((index * dimension)..<((index + 1) * dimension)))
        }.compactMap { $0 }
    }

    /// The neighbours of each query by a scan of all codes; nil where searches are cheaper.
    private func truths(_ queries: [CodedQuery], _ cancellation: Cancellation?) throws(GraphError) -> [[UInt32]]? {
        guard graph.table.count * graph.table.codeBytes <= settings.scanBytesMax else { return nil }
        let largest = min(2 * (settings.kept.max() ?? 1), NeighborhoodHardness.sizeMax)
        return try scanned(queries, limit: max(largest, settings.entryCandidates), cancellation)
    }

    private func scanned(
        _ queries: [CodedQuery], limit: Int, _ cancellation: Cancellation?
    ) throws(GraphError) -> [[UInt32]] {
        let (table, group) = (graph.table, 8)
        let limit = min(limit, table.count)
        let found: [[[UInt32]]] = Parallel.map((queries.count + group - 1) / group, threads: threads) { index in
            if cancellation?.isCancelled == true { return [] }
            let members = Array(queries[(index * group)..<min((index + 1) * group, queries.count)])
            return zip(members, table.scanned(for: members, limit: limit)).map { query, pool in
                query.withViews { pool.refine(table, $0) }
                return (0..<pool.count).map { UInt32(pool[$0].node) }
            }
        }
        if cancellation?.isCancelled == true { throw .cancelled }
        return found.flatMap { $0 }
    }

    private func apply(_ proposal: Proposal) {
        report.queries += 1
        if proposal.isHard { report.hard += 1 }
        report.proposed += proposal.links.count
        for link in proposal.links { add(link) }
    }

    /// Takes the first free place, else that of the least hard link unless all are harder.
    private func add(_ proposed: ProposedLink) {
        let node = Int(proposed.from)
        let isUnlinked = proposed.hardness == ExtraLinks.unlinked
        var chosen: (slot: Int, before: ExtraLinks.Place)?
        var unlinked = 0
        for slot in 0..<ExtraLinks.degree {
            let place = extra[node, slot]
            if place.link == proposed.to { return }
            if place.link == noLink {
                chosen = (slot, place)
                break
            }
            if place.hardness == ExtraLinks.unlinked { unlinked += 1 }
            if place.hardness <= proposed.hardness && place.hardness < chosen?.before.hardness ?? .max {
                chosen = (slot, place)
            }
        }
        guard let chosen, !isUnlinked || unlinked < settings.unlinkedMax else { return }
        changes.append((UInt32(node), UInt8(chosen.slot), chosen.before))
        extra[node, chosen.slot] = ExtraLinks.Place(link: proposed.to, hardness: proposed.hardness)
        if chosen.before.link == noLink { report.added += 1 }
    }
}

/// What searches cost that find a share of the best ten.
package struct SearchCosts: Sendable, Equatable, Codable {
    /// Recall that the costs are for.
    package var recalls: [Double]
    /// Codes compared per query for each, interpolated between widths; nil where no width below 4,096 reaches it.
    package var distances: [Double?]

    package init(recalls: [Double], distances: [Double?]) { (self.recalls, self.distances) = (recalls, distances) }
}

extension EdgeFixer {
    private static let widthMax = 4_096

    /// Measures searches of the graph as it is with n × d queries that `fix` must never have seen. Truth is the scan of the
    /// codes. `progress` is told each width before it is tried. Throws `.cancelled`.
    package func judge(
        _ queries: [Float], recalls: [Double] = [0.90, 0.95, 0.99], cancellation: Cancellation? = nil,
        progress: ((_ width: Int) -> Void)? = nil
    ) throws(GraphError) -> SearchCosts {
        var costs = SearchCosts(recalls: recalls, distances: recalls.map { _ in nil })
        guard graph.table.count > 0 else { return costs }
        let coded = encoded(queries)
        let truth = try scanned(coded, limit: settings.judged, cancellation).map { Set($0) }
        var last: (recall: Double, distances: Double)?
        var width = settings.judged
        while width <= Self.widthMax, !coded.isEmpty, costs.distances.contains(nil) {
            progress?(width)
            let point = try measured(coded, truth, width: width, cancellation)
            for (index, recall) in recalls.enumerated() where costs.distances[index] == nil && point.recall >= recall {
                costs.distances[index] = Self.interpolated(recall, last ?? point, point)
            }
            last = point
            width = max(width + 2, width * 6 / 5)
        }
        return costs
    }

    /// Recall and codes compared per query at one width.
    private func measured(
        _ queries: [CodedQuery], _ truth: [Set<UInt32>], width: Int, _ cancellation: Cancellation?
    ) throws(GraphError) -> (recall: Double, distances: Double) {
        let sums = Mutex((found: 0, distances: 0))
        let (workers, graph, judged) = (workers, graph, settings.judged)
        Parallel.forEach(queries.count, threads: threads) { index, worker in
            if cancellation?.isCancelled == true { return }
            let answer = workers[worker].search(queries[index], width: width, graph)
            let found = answer.nodes.prefix(judged).count { truth[index].contains($0) }
            sums.withLock { $0 = ($0.found + found, $0.distances + answer.distances) }
        }
        if cancellation?.isCancelled == true { throw .cancelled }
        let best = truth.reduce(0) { $0 + $1.count }
        return sums.withLock { (Double($0.found) / Double(max(best, 1)), Double($0.distances) / Double(queries.count)) }
    }

    private static func interpolated(
        _ recall: Double, _ a: (recall: Double, distances: Double), _ b: (recall: Double, distances: Double)
    ) -> Double {
        guard b.recall > a.recall else { return b.distances }
        return a.distances + (b.distances - a.distances) * (recall - a.recall) / (b.recall - a.recall)
    }
}
