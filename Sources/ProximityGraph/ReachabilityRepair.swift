/// Makes every node reachable from the entry on level 0: a breadth-first audit, and for what it does not reach, one link
/// from the nearest reached node that can spare a place. Bounded by one search a stranded node; never loops.
struct ReachabilityRepair {
    private let table: CodeTable
    private let layer: BuildLayer
    private let above: [LinkTable]
    private let breadth: Int
    /// The node a node was first reached from; a link that some node was reached by is never replaced.
    private var parent: [UInt32]
    /// Reached nodes, in breadth-first order.
    private(set) var order: [UInt32] = []
    private(set) var added = 0
    private var next = 0
    private var spare = 0

    init(table: CodeTable, layers: [BuildLayer], breadth: Int) {
        self.table = table
        layer = layers[0]
        above = layers[1...].reversed().map { $0.table(count: $0.nodeCount) }
        self.breadth = breadth
        parent = [UInt32](repeating: noLink, count: layers[0].nodeCount)
    }

    /// Throws `.cancelled` when `isCancelled`, which it asks before every search and now and then in the audit, says so.
    mutating func run(_ worker: BuildWorker, isCancelled: () -> Bool) throws(GraphError) {
        guard layer.nodeCount > 0 else { return }
        reach(0, from: 0)
        try walk(isCancelled)
        var stranded = 0
        while order.count < layer.nodeCount {
            while parent[stranded] != noLink { stranded += 1 }
            if isCancelled() { throw .cancelled }
            anchor(stranded, worker)
            try walk(isCancelled)
        }
        if added > 0 { try restart(isCancelled) }
    }

    private mutating func reach(_ node: Int, from other: Int) {
        parent[node] = UInt32(other)
        order.append(UInt32(node))
    }

    private mutating func walk(_ isCancelled: () -> Bool) throws(GraphError) {
        while next < order.count {
            if next % 65_536 == 65_535, isCancelled() { throw .cancelled }
            let node = Int(order[next])
            next += 1
            let list = layer[node]
            for slot in 0..<list.degree {
                let link = list[slot]
                if link == noLink { break }
                if parent[Int(link)] == noLink { reach(Int(link), from: node) }
            }
        }
    }

    /// Gives `node` a link from a reached node: the nearest with a place, else the next reached node that has one.
    private mutating func anchor(_ node: Int, _ worker: BuildWorker) {
        let everything = layer.table(count: layer.nodeCount)
        for near in worker.nearest(node, table, above: above, layer: everything, width: breadth)
        where near != node && parent[near] != noLink && place(node, at: near) { return }
        while spare < order.count {
            if place(node, at: Int(order[spare])) { return }
            spare += 1
        }
        preconditionFailure("a tree has fewer links than its nodes have places")
    }

    /// Uses a free place of `anchor`, or that of its last link which no node was reached by.
    private mutating func place(_ node: Int, at anchor: Int) -> Bool {
        let list = layer[anchor]
        for slot in (0..<list.degree).reversed() {
            let link = list[slot]
            let isFree = link == noLink
            if isFree && slot > 0 && list[slot - 1] == noLink { continue }
            if !isFree && parent[Int(link)] == UInt32(anchor) { continue }
            list[slot] = UInt32(node)
            added += 1
            reach(node, from: anchor)
            return true
        }
        return false
    }

    /// The order of the repaired graph from its entry.
    private mutating func restart(_ isCancelled: () -> Bool) throws(GraphError) {
        for node in parent.indices { parent[node] = noLink }
        order.removeAll(keepingCapacity: true)
        next = 0
        reach(0, from: 0)
        try walk(isCancelled)
        precondition(order.count == layer.nodeCount, "a repaired link was lost")
    }
}
