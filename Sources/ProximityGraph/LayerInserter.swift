/// Inserts nodes into one layer batch by batch. First every node of the batch searches the layer as it stood before the
/// batch and chooses neighbours; then the reverse edges are grouped by the node they arrive at, and each such node takes
/// its own. Both phases run in parallel, neither depends on how.
import Platform

struct LayerInserter {
    private let table: CodeTable
    private let layer: BuildLayer
    /// Top first.
    private let above: [LinkTable]
    private let workers: [BuildWorker]
    private let breadth: Int
    private let forward: NeighborChoice
    private let backward: NeighborChoice
    private var arrivals: [UInt32]

    init(table: CodeTable, layers: [BuildLayer], level: Int, workers: [BuildWorker], settings: GraphSettings) {
        self.table = table
        layer = layers[level]
        above = layers[(level + 1)...].reversed().map { $0.table(count: $0.nodeCount) }
        self.workers = workers
        breadth = settings.constructionBreadth
        let m = settings.connectivity
        forward = NeighborChoice(limit: m, minimum: m / 2)
        backward = NeighborChoice(reverse: level, of: layer, settings)
        arrivals = [UInt32](repeating: 0, count: layer.nodeCount)
    }

    /// A sixteenth of what is there, at most a hundredth of everything: larger batches overlook more of each other.
    func batchSize(after done: Int, of total: Int) -> Int { max(1, min(done / 16, max(total / 100, 64))) }

    mutating func insert(_ batch: Range<Int>, _ cancellation: Cancellation?) {
        let (table, layer, above, workers, breadth, forward) = (table, layer, above, workers, breadth, forward)
        let frozen = layer.table(count: batch.lowerBound)
        let block = 16
        Parallel.forEach((batch.count + block - 1) / block, threads: workers.count) { index, worker in
            if cancellation?.isCancelled == true { return }
            let start = batch.lowerBound + index * block
            for node in start..<min(start + block, batch.upperBound) {
                workers[worker].link(
                    node, table, above: above, layer: frozen, breadth: breadth, choice: forward, into: layer[node])
            }
        }
        if cancellation?.isCancelled == true { return }
        takeReverseEdges(batch, cancellation)
    }

    private mutating func takeReverseEdges(_ batch: Range<Int>, _ cancellation: Cancellation?) {
        let (targets, starts, sources) = groupedByTarget(batch)
        let (table, layer, workers, backward) = (table, layer, workers, backward)
        let block = 16
        Parallel.forEach((targets.count + block - 1) / block, threads: workers.count) { index, worker in
            if cancellation?.isCancelled == true { return }
            for position in (index * block)..<min((index + 1) * block, targets.count) {
                let target = Int(targets[position])
                workers[worker].accept(
                    sources[starts[position]..<starts[position + 1]], at: target, table, choice: backward,
                    list: layer[target])
            }
        }
    }

    /// The edges into older nodes, by target in order of first arrival; sources of one target ascend.
    private mutating func groupedByTarget(_ batch: Range<Int>) -> (targets: [UInt32], starts: [Int], sources: [UInt32]) {
        var edges: [(target: UInt32, source: UInt32)] = []
        var targets: [UInt32] = []
        var list: [UInt32] = []
        for node in batch {
            list.removeAll(keepingCapacity: true)
            layer[node].read(into: &list)
            for target in list {
                if arrivals[Int(target)] == 0 { targets.append(target) }
                arrivals[Int(target)] += 1
                edges.append((target, UInt32(node)))
            }
        }
        var starts: [Int] = [0]
        starts.reserveCapacity(targets.count + 1)
        var total = 0
        for target in targets {
            let count = Int(arrivals[Int(target)])
            arrivals[Int(target)] = UInt32(total)  // from here on: where the next source goes
            total += count
            starts.append(total)
        }
        var sources = [UInt32](repeating: 0, count: total)
        for edge in edges {
            sources[Int(arrivals[Int(edge.target)])] = edge.source
            arrivals[Int(edge.target)] += 1
        }
        for target in targets { arrivals[Int(target)] = 0 }
        return (targets, starts, sources)
    }
}
