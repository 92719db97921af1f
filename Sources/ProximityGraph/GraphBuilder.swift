/// Builds a graph in memory: takes vectors, codes them, links them in deterministic parallel batches (after ParlayANN,
/// Manohar et al. 2024), repairs reachability. Writing it is GraphWriter's task.
import Platform

/// Not for use from several threads at once; it uses its own.
///
/// Memory for each vector: its padded dimension, 8 M for the links, and 50 to 65 bytes; one for each thread; 28 more while it is
/// written; 84 more once links for other modalities are asked for. At 768 dimensions and M 16 that is one kilobyte, and it
/// is held until the builder goes: who maps the written file meanwhile has both in memory.
package final class GraphBuilder {
    package let settings: GraphSettings
    package let quantizer: VectorQuantizer
    let capacity: Int
    let threads: Int
    let codes: PageArray<UInt8>
    let scales: PageArray<Float>
    let errors: PageArray<Float>
    private var slots: NodeSlots
    /// By row, in the order of arrival.
    private(set) var labels: [Int64] = []
    private(set) var rowNodes: [UInt32] = []
    package private(set) var nodeCount = 0
    private var unindexable = 0
    /// layers[0] is level 0; empty before `build`.
    private(set) var layers: [BuildLayer] = []
    /// Nodes in the order they are written, a breadth-first walk of level 0 from the entry.
    private(set) var writeOrder: [UInt32] = []
    /// Of the graph this one goes on from, if any: the first nodes are its.
    private var kept: KeptLinks?

    /// Links beside the graph's own; made when the first is added.
    private(set) var extra: ExtraLinks?
    private var nodesByLabel: [Int64: UInt32] = [:]

    /// Room for `capacity` vectors is reserved, not touched, until they come. `mean` is the mean of the unit-length
    /// vectors (`DirectionMean`), as far as the caller sampled them.
    package init(settings: GraphSettings, capacity: Int, mean: [Float], threads: Int) throws(GraphError) {
        precondition(capacity >= 0 && threads >= 1 && mean.count == settings.dimension)
        guard capacity < nodesMax else { throw .capacity(limit: nodesMax - 1) }
        self.settings = settings
        self.capacity = capacity
        self.threads = threads
        quantizer = VectorQuantizer(dimension: settings.dimension, mean: mean, seed: settings.seed)
        do {
            codes = try PageArray(count: capacity * quantizer.codeBytes)
            scales = try PageArray(count: 2 * capacity)
            errors = try PageArray(count: capacity)
            slots = try NodeSlots(capacity: capacity)
        } catch { throw .file(error) }
        labels.reserveCapacity(capacity)
        rowNodes.reserveCapacity(capacity)
    }

    /// Goes on from a published graph, without the labels of `dead`, with room for `capacity` more vectors: the nodes that live
    /// on keep codes, mean and links, those of the dead are healed, and `build` inserts only what is appended. It costs what a
    /// copy of the graph costs and an insertion for each new vector (after Lucene's and Qdrant's merges). The same graph for
    /// any number of threads, though not the one that a build from nothing would make.
    /// Throws `.damaged` where the graph's bytes do not match their checksums; nothing of it is used then.
    package convenience init(
        continuing graph: Graph, without dead: Set<Int64>, capacity: Int, threads: Int
    ) throws(GraphError) {
        if let part = graph.verifyChecksums(threads: threads).first { throw .damaged(path: graph.path, what: part) }
        let kept = KeptLinks(graph, without: dead)
        try self.init(
            settings: graph.settings, capacity: kept.nodeCount + capacity, mean: graph.quantizer.mean, threads: threads)
        for origin in kept.origins {
            adopt(graph.view.table, Int(origin), error: graph.nodeError(Int(origin)))
            for slot in graph.slotRange(of: Int(origin)) where !dead.contains(graph.label(slot)) {
                labels.append(graph.label(slot))
                rowNodes.append(UInt32(nodeCount - 1))
            }
        }
        self.kept = kept
    }

    private func adopt(_ table: CodeTable, _ node: Int, error: Float) {
        let n = quantizer.codeBytes
        codes.copy(codeOf: node, in: table, to: nodeCount * n)
        (scales[2 * nodeCount], scales[2 * nodeCount + 1]) = table.scale(of: node)
        errors[nodeCount] = error
        slots.insert(codes.codeHash(nodeCount * n, length: n, scale: scales[2 * nodeCount]), nodeCount)
        nodeCount += 1
    }

    /// Rows taken so far, duplicates included, zero vectors not.
    package var rowCount: Int { labels.count }

    /// Codes n × d raw vectors, one label each. Vectors without a direction are counted and left out; a vector whose code
    /// is already there shares its node.
    package func append(labels newLabels: [Int64], vectors: Span<Float>) throws(GraphError) {
        let rows = newLabels.count
        precondition(vectors.count == rows * settings.dimension, "vectors and labels differ in number")
        precondition(layers.isEmpty, "append after build")
        guard nodeCount + rows <= capacity else { throw .capacity(limit: capacity) }
        guard labels.count + rows < labelsMax else { throw .capacity(limit: labelsMax - 1) }
        let n = quantizer.codeBytes
        let first = nodeCount
        let encoded = quantizer.encode(
            vectors, at: first, codes: codes, scales: scales, errors: errors, threads: threads)
        for row in 0..<rows {
            guard encoded.indexable[row] else {
                unindexable += 1
                continue
            }
            let source = first + row
            let found = slots.find(encoded.hashes[row]) { node in
                scales[2 * node].bitPattern == scales[2 * source].bitPattern
                    && codes.bytesEqual(node * n, source * n, length: n)
            }
            if let found {
                errors[found] = max(errors[found], errors[source])
            } else {
                if source != nodeCount {
                    codes.move(source * n, to: nodeCount * n, length: n)
                    scales.move(2 * source, to: 2 * nodeCount, length: 2)
                    errors[nodeCount] = errors[source]
                }
                slots.insert(encoded.hashes[row], nodeCount)
                nodeCount += 1
            }
            labels.append(newLabels[row])
            rowNodes.append(UInt32(found ?? nodeCount - 1))
        }
    }

    var table: CodeTable { codeTable(codes, scales, codeBytes: quantizer.codeBytes, count: nodeCount) }

    /// Links everything appended. Same result for any number of threads and any instruction set.
    package func build(
        cancellation: Cancellation? = nil, progress: ((_ done: Int, _ total: Int) -> Void)? = nil
    ) throws(GraphError) -> BuildReport {
        precondition(layers.isEmpty, "built twice")
        var report = BuildReport()
        report.nodes = nodeCount
        report.duplicates = labels.count - nodeCount
        report.unindexable = unindexable
        let clock = ContinuousClock()
        let start = clock.now
        shuffle(from: kept?.nodeCount ?? 0)
        do throws(GraphError) {
            try insertAll(cancellation, progress, &report)
            report.insertSeconds = (clock.now - start).seconds
            let linked = clock.now
            try repair(&report) {
                progress?(nodeCount, nodeCount)
                return cancellation?.isCancelled == true
            }
            if let kept, kept.hasExtraLinks { kept.addExtraLinks(to: try extraTable()) }
            report.repairSeconds = (clock.now - linked).seconds
        } catch {
            layers = []
            throw error
        }
        return report
    }

    /// Adds links that searches of another modality follow beside the graph's own. After `build`; labels that were not
    /// indexed are passed over. A node takes at most sixteen.
    package func addExtraLinks(from label: Int64, to targets: [Int64]) throws(GraphError) {
        if nodesByLabel.isEmpty {
            for row in labels.indices { nodesByLabel[labels[row]] = rowNodes[row] }
        }
        let extra = try extraTable()
        guard let node = nodesByLabel[label].map(Int.init) else { return }
        for target in targets {
            guard let link = nodesByLabel[target], Int(link) != node else { continue }
            for slot in 0..<ExtraLinks.degree where [noLink, link].contains(extra[node, slot].link) {
                extra[node, slot] = ExtraLinks.Place(link: link, hardness: 0)
                break
            }
        }
    }

    /// What adds links for queries of another modality. After `build`, before `write`.
    package func edgeFixer(_ settings: EdgeFixingSettings = EdgeFixingSettings()) throws(GraphError) -> EdgeFixer {
        EdgeFixer(self, try extraTable(), settings)
    }

    private func extraTable() throws(GraphError) -> ExtraLinks {
        precondition(!layers.isEmpty, "extra links before build")
        if let extra { return extra }
        do { extra = try ExtraLinks(nodeCount: nodeCount) } catch { throw .file(error) }
        guard let extra else { throw .capacity(limit: Int(UInt32.max) / ExtraLinks.degree) }
        return extra
    }

    // MARK: Order

    /// Puts the nodes from `first` on into insertion order: seeded, independent of the order of arrival's structure. The first
    /// nodes are those of the upper layers.
    private func shuffle(from first: Int) {
        var order = (first..<nodeCount).map { (SplitMix64.mix(settings.seed ^ SplitMix64.mix(UInt64($0))), UInt32($0)) }
        order.sort { $0 < $1 }
        var newName = [UInt32](0..<UInt32(nodeCount))
        for (position, old) in order.enumerated() { newName[Int(old.1)] = UInt32(first + position) }
        for row in rowNodes.indices { rowNodes[row] = newName[Int(rowNodes[row])] }
        permute(to: newName)
    }

    /// Moves every node's data from `node` to `target[node]`, cycle by cycle.
    private func permute(to target: [UInt32]) {
        let n = quantizer.codeBytes
        var done = [Bool](repeating: false, count: nodeCount)
        for start in 0..<nodeCount where !done[start] {
            var next = Int(target[start])
            while next != start {
                codes.swap(start * n, next * n, length: n)
                scales.swap(2 * start, 2 * next, length: 2)
                errors.swap(start, next, length: 1)
                done[next] = true
                next = Int(target[next])
            }
            done[start] = true
        }
    }

    // MARK: Layers

    /// Nodes of each layer, level 0 first.
    static func layerSizes(nodes: Int, connectivity: Int) -> [Int] {
        [nodes] + GraphLayout.upperLayers(nodes: nodes, connectivity: connectivity)
    }

    private func insertAll(
        _ cancellation: Cancellation?, _ progress: ((Int, Int) -> Void)?, _ report: inout BuildReport
    ) throws(GraphError) {
        var sizes = Self.layerSizes(nodes: nodeCount, connectivity: settings.connectivity)
        if let kept { sizes = kept.layerSizes(atLeast: sizes) }
        var made: [BuildLayer] = []
        do {
            for (level, size) in sizes.enumerated() {
                made.append(try BuildLayer(
                    degree: level == 0 ? settings.baseDegree : settings.connectivity, nodeCount: size))
            }
        } catch { throw .file(error) }
        layers = made
        guard nodeCount > 0 else { return }
        let workers = (0..<threads).map { _ in
            BuildWorker(nodes: nodeCount, width: settings.constructionBreadth, codeBytes: quantizer.codeBytes)
        }
        for level in made.indices.reversed() {
            let linked = try kept?.restore(level, to: made[level], table, workers, settings, cancellation) ?? 0
            let inherited = linked > 0 ? linked : level + 1 < made.count ? made[level + 1].nodeCount : 1
            if linked == 0 { inherit(level, inherited) }
            var inserter = LayerInserter(
                table: table, layers: made, level: level, workers: workers, settings: settings)
            var done = inherited
            while done < sizes[level] {
                if cancellation?.isCancelled == true { throw .cancelled }
                let size = inserter.batchSize(after: done, of: nodeCount)
                let batch = done..<min(done + size, sizes[level])
                inserter.insert(batch, cancellation)
                done = batch.upperBound
                if level == 0 { progress?(done, nodeCount) }
            }
        }
        if cancellation?.isCancelled == true { throw .cancelled }
        report.distances = workers.reduce(0) { $0 + $1.distances }
    }

    /// A layer starts as the graph of the layer above it: its nodes were there first.
    private func inherit(_ level: Int, _ count: Int) {
        var list: [UInt32] = []
        for node in 0..<count {
            list.removeAll(keepingCapacity: true)
            if level + 1 < layers.count { layers[level + 1][node].read(into: &list) }
            layers[level][node].assign(list)
        }
    }

    private func repair(_ report: inout BuildReport, isCancelled: () -> Bool) throws(GraphError) {
        guard nodeCount > 0 else { return }
        let worker = BuildWorker(
            nodes: nodeCount, width: settings.constructionBreadth, codeBytes: quantizer.codeBytes)
        var repairer = ReachabilityRepair(table: table, layers: layers, breadth: settings.constructionBreadth)
        try repairer.run(worker, isCancelled: isCancelled)
        report.repairedLinks = repairer.added
        report.distances += worker.distances
        writeOrder = repairer.order
    }
}

extension Duration {
    var seconds: Double { Double(components.seconds) + Double(components.attoseconds) * 1e-18 }
}

/// Nodes by the hash of their code: open addressing, at most half full.
struct NodeSlots {
    private let nodes: PageArray<UInt32>  // node + 1; 0 is free
    private let tags: PageArray<UInt32>
    private let mask: Int

    init(capacity: Int) throws(FileError) {
        var size = 16
        while size < 2 * capacity { size *= 2 }
        nodes = try PageArray(count: size)
        tags = try PageArray(count: size)
        mask = size - 1
    }

    func find(_ hash: UInt64, where equal: (Int) -> Bool) -> Int? {
        var slot = Int(truncatingIfNeeded: hash) & mask
        let tag = UInt32(truncatingIfNeeded: hash >> 32)
        while nodes[slot] != 0 {
            let node = Int(nodes[slot]) - 1
            if tags[slot] == tag && equal(node) { return node }
            slot = (slot + 1) & mask
        }
        return nil
    }

    mutating func insert(_ hash: UInt64, _ node: Int) {
        var slot = Int(truncatingIfNeeded: hash) & mask
        while nodes[slot] != 0 { slot = (slot + 1) & mask }
        nodes[slot] = UInt32(node + 1)
        tags[slot] = UInt32(truncatingIfNeeded: hash >> 32)
    }
}
