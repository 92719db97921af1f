/// One immutable generation of a proximity graph, mapped from its file, and the searches over it. Knows codes and labels;
/// the exact vectors are the store's.
import Platform
import Synchronization

/// Safe to search from many threads at once. Opening reads the header, the mean and the checksums' table: four bytes, and a
/// flag in memory, for every 64 KiB of the file.
package final class Graph: Sendable {
    package let path: String
    package let settings: GraphSettings
    package let identity: GraphIdentity
    package let quantizer: VectorQuantizer
    /// Labels (rows), duplicates included.
    package let count: Int
    /// Distinct codes.
    package let nodeCount: Int
    let header: GraphHeader
    let file: MappedFile
    let whole: Section
    private let labels: Section
    private let labelOffsets: Section?
    private let labelOrder: Section
    private let errors: Section
    private let upperNodes: Section
    let verifier: GraphVerifier
    private let meanNorm: Float
    /// The sections that searches read.
    let view: GraphView
    /// Memory of searches that ended, for the next.
    private let scratches = Mutex<[SearchScratch]>([])

    /// Maps a graph file and checks its header, its section table, the checksums' own checksum and the mean; searches check
    /// the rest, chunk by chunk, when they first read it. Throws when the file is damaged, another generation's, or not the
    /// one with this checksum.
    package init(
        path: String, identity: GraphIdentity, checksum: UInt32, fileSystem: any FileSystem = PosixFileSystem()
    ) throws(GraphError) {
        let file: MappedFile
        do { file = try fileSystem.map(path) } catch { throw .file(error) }
        guard let whole = file.section, whole.length >= GraphFormat.headerBytes else {
            throw .damaged(path: path, what: "it is shorter than a header")
        }
        let bytes = whole.bytes(0..<GraphFormat.headerBytes)
        let header = try GraphHeader(decoding: bytes, fileBytes: whole.length, path: path)
        guard header.identity == identity else {
            throw .identityMismatch(path: path, what: identity.difference(to: header.identity))
        }
        guard GraphHeader.checksum(of: bytes) == checksum else {
            throw .identityMismatch(path: path, what: "its checksum is not the one that was recorded")
        }
        func section(_ name: SectionName) -> Section? {
            header.section(name).map { whole.subsection($0.offset, $0.length) }
        }
        guard let labels = section(.labels), let order = section(.labelOrder), let errors = section(.errors),
            let upperNodes = section(.upperNodes), let mean = section(.mean), let checksums = section(.checksums),
            let view = GraphView(header, section)
        else { throw .damaged(path: path, what: "a section is missing") }
        guard checksums.checksum(0..<checksums.length) == header.checksumOfChecksums else {
            throw .damaged(path: path, what: "the checksum of the checksums")
        }
        guard let verifier = GraphVerifier(header, whole: whole, checksums: checksums), verifier.admitsMean() else {
            throw .damaged(path: path, what: "the mean")
        }
        let center = (0..<header.settings.dimension).map { mean.float($0) }
        guard center.allSatisfy({ $0.isFinite }) else { throw .damaged(path: path, what: "the mean is not finite") }
        (self.path, self.file, self.whole, self.header) = (path, file, whole, header)
        self.verifier = verifier
        (settings, self.identity) = (header.settings, identity)
        (count, nodeCount) = (header.labelCount, header.nodeCount)
        (self.labels, labelOffsets, labelOrder) = (labels, section(.labelOffsets), order)
        (self.errors, self.upperNodes) = (errors, upperNodes)
        quantizer = VectorQuantizer(dimension: settings.dimension, mean: center, seed: settings.seed)
        meanNorm = Float(center.reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot())
        self.view = view
    }

    // MARK: Searching

    /// What a search of this graph found damaged, in words; nil as long as nothing was. From then on searches find nothing.
    package var damage: String? { verifier.damage }

    /// The best `width` nodes' labels for a query, best first. With `admitting`, only labels of that set are returned; the
    /// walk goes on until `budget` codes are scored (by default half of what a scan of the set costs). Where fewer than
    /// `sweepShare` of a node's neighbours are in the set, it looks past the others without scoring them; with 0 it is an
    /// ordinary search that drops what was not asked for. A query without a direction finds nothing. Extra links are walked when
    /// `crossModal`: they were chosen for queries of another modality and would only delay those of the graph's own.
    package func search(
        _ query: Span<Float>, width: Int, admitting: LabelSet? = nil, budget: Int? = nil,
        sweepShare: Double = Graph.sweepShare, crossModal: Bool = true
    ) -> GraphAnswer {
        guard let coded = quantizer.encode(query: query) else { return GraphAnswer() }
        return search(
            coded, width: width, admitting: admitting, budget: budget, sweepShare: sweepShare, crossModal: crossModal)
    }

    /// - entry: the node of level 0 to start from; found on the way down where it is not given.
    package func search(
        _ query: CodedQuery, from entry: Int? = nil, width: Int, admitting: LabelSet? = nil, budget: Int? = nil,
        sweepShare: Double = Graph.sweepShare, crossModal: Bool = true
    ) -> GraphAnswer {
        run(query, width: width, admitting) { scratch, view, query, width in
            let base = crossModal ? view.base : view.base.plain
            let entry = entry ?? descend(scratch, query)
            guard let admitting else {
                scratch.search(view.table, base, query.walk, from: entry, width: width)
                return true
            }
            let nodes = admitting.nodes
            let admitted = nodes.span
            return scratch.walk(
                view.table, base, query.walk, from: entry, seeds: admitting.spread(Graph.seedsOfWalk), width: width,
                admitted: admitted, sweepShare: sweepShare, budget: budget ?? admitting.count / 2)
        }
    }

    /// A query in codes; nil without a direction. Walks go as if the rows of the labels to hide were not in the graph, so
    /// that a stored vector measures what one that is not stored would meet. A row that shares its node is not hidden.
    package func coded(_ query: Span<Float>, hiding labels: [Int64] = []) -> CodedQuery? {
        guard var coded = quantizer.encode(query: query) else { return nil }
        coded.hiddenNodes = labels.compactMap(node(of:))
        return coded
    }

    /// The exact twin of `search`: the best `limit` of all codes, or of the admitted ones.
    package func scan(_ query: Span<Float>, limit: Int, admitting: LabelSet? = nil) -> GraphAnswer {
        guard let coded = quantizer.encode(query: query) else { return GraphAnswer() }
        return scan(coded, limit: limit, admitting: admitting)
    }

    /// - byUpperHalves: reads half of each admitted code; then the `limit` is better a few times what is wanted.
    package func scan(
        _ query: CodedQuery, limit: Int, admitting: LabelSet? = nil, byUpperHalves: Bool = false
    ) -> GraphAnswer {
        run(query, width: limit, admitting) { scratch, view, query, width in
            if let nodes = admitting?.nodes {
                let plane = byUpperHalves ? query.walk : query.coarse
                scratch.scan(view.table, plane, width: width, admitted: nodes.span)
            } else {
                scratch.scan(view.table, query.coarse, width: width, admitted: nil)
            }
            return true
        }
    }

    /// An ordinary search whose answer lacks what is not in the set: the labels of at most `limit` nodes, of fewer where the
    /// `width` it finds have fewer of the set. Not exhausted where fewer than k of the set are among the best `sure`.
    func searchDropping(
        _ query: CodedQuery, best k: Int, from entry: Int, width: Int, sure: Int, limit: Int, _ admitting: LabelSet,
        crossModal: Bool
    ) -> GraphAnswer {
        let nodes = admitting.nodes
        return run(query, width: width, limit: limit, admitting) { scratch, view, query, width in
            let base = crossModal ? view.base : view.base.plain
            scratch.search(view.table, base, query.walk, from: entry, width: width)
            let admitted = nodes.span
            return (0..<min(sure, scratch.count)).count { isSet(admitted, scratch[$0].node) } >= k
        }
    }

    /// The node of level 0 to start from.
    func descend(_ scratch: SearchScratch, _ query: QueryViews) -> Int {
        scratch.descend(view.table, view.upper, names: upperNodes, query.walk, fallback: header.entry)
    }

    func run(
        _ query: CodedQuery, width: Int, limit: Int? = nil, _ admitting: LabelSet?,
        _ body: (SearchScratch, GraphView, QueryViews, Int) -> Bool
    ) -> GraphAnswer {
        precondition(width >= 1, "a search returns at least one")
        precondition(query.coarse.count == quantizer.codeBytes, "a query of another quantizer")
        precondition(admitting == nil || admitting?.nodeCount == nodeCount, "a label set of another graph")
        let (limit, width) = (limit ?? width, min(width, max(nodeCount, 1)))
        if let damage { return GraphAnswer(damage: damage) }
        guard nodeCount > 0, admitting?.count != 0 else { return GraphAnswer() }
        let scratch = scratches.withLock { $0.popLast() } ?? SearchScratch(nodeCapacity: nodeCount, width: width)
        scratch.reset(width: width, verifier: verifier)
        scratch.hiddenNodes = query.hiddenNodes
        var answer = query.withViews { views in
            let ended = body(scratch, view, views, width)
            var answer = GraphAnswer()
            (answer.visited, answer.distances, answer.exhausted) = (scratch.hops, scratch.distances, ended)
            if scratch.isDamaged { return answer }
            scratch.refine(view.table, views)
            collect(scratch, query, limit, admitting, &answer)
            return answer
        }
        if let damage { answer = GraphAnswer(damage: damage) } else { verifier.advance() }
        scratches.withLock { $0.append(scratch) }
        return answer
    }

    /// The pool of a scan by other means as an answer.
    func answer(_ scratch: SearchScratch, _ query: CodedQuery, width: Int, distances: Int) -> GraphAnswer {
        var answer = GraphAnswer()
        answer.distances = distances
        collect(scratch, query, width, nil, &answer)
        return damage.map { GraphAnswer(damage: $0) } ?? answer
    }

    func nodeError(_ node: Int) -> Float { errors.float(node) }

    /// The labels of the best `limit` nodes in the scratch's pool, node by node; within one node ascending. All admitted labels
    /// of a node, however many, and they count as one: equal codes do not make equal vectors, and equal vectors are put in
    /// the order of their ids, so only who reads both can say which of them are among the best. Stops at damage.
    private func collect(
        _ scratch: SearchScratch, _ query: CodedQuery, _ limit: Int, _ admitting: LabelSet?, _ answer: inout GraphAnswer
    ) {
        answer.hits.reserveCapacity(scratch.count)
        for index in 0..<scratch.count where answer.nodes < limit {
            let before = answer.hits.count
            let key = scratch[index]
            guard verifier.errors.admits(key.node), verifier.labelOffsets?.admits(key.node..<(key.node + 2)) ?? true else {
                return
            }
            let slots = slotRange(of: key.node)
            guard verifier.labels.admits(slots) else { return }
            let isSound = key.similarity.isFinite
            let similarity = isSound ? key.similarity : -1
            let bound = isSound ? query.bound(error: nodeError(key.node), meanNorm: meanNorm) : 2
            func append(_ slot: Int) {
                answer.hits.append(GraphHit(label: label(slot), similarity: similarity, errorBound: bound))
            }
            if let admitting { admitting.forEachSlot(in: slots, append) } else { slots.forEach(append) }
            if answer.hits.count > before { answer.nodes += 1 }
        }
    }

    // MARK: Labels

    var hasDuplicates: Bool { labelOffsets != nil }

    func label(_ slot: Int) -> Int64 { labels.i64(slot) }

    /// The slot at a position of ascending labels; nil where the file is damaged.
    func slot(inOrder position: Int) -> Int? {
        let slot = Int(labelOrder.u32(position))
        return slot < count ? slot : nil
    }

    /// Where a node's labels are; empty where the file is damaged.
    func slotRange(of node: Int) -> Range<Int> {
        guard let labelOffsets else { return node..<(node + 1) }
        let start = Int(labelOffsets.u32(node)), end = Int(labelOffsets.u32(node + 1))
        return start <= end && end <= count ? start..<end : 0..<0
    }

    // MARK: Memory

    package var fileBytes: Int { header.fileBytes }

    var upperNames: Section { upperNodes }
}

extension Graph {
    /// Nodes of the set, spread over the whole graph, that a filtered walk also starts from.
    static let seedsOfWalk = 32
    /// Up to here passing through what is not asked for costs no more than half of the search again.
    package static let sweepShare = 0.7
}

/// The sections a search walks.
struct GraphView: Sendable {
    let table: CodeTable
    let base: LinkTable
    /// Top first.
    let upper: [LinkTable]

    init?(_ header: GraphHeader, _ section: (SectionName) -> Section?) {
        guard let codes = section(.codes), let scales = section(.scales), let links = section(.baseLinks),
            let upperLinks = section(.upperLinks)
        else { return nil }
        let degree = header.settings.connectivity
        var upper: [LinkTable] = []
        var offset = 0
        for count in header.layers {
            let length = count * degree * 4
            var layer = upperLinks.subsection(offset, length).links(degree: degree, count: count)
            layer.firstList = offset / (degree * 4)
            upper.append(layer)
            offset += length
        }
        table = CodeTable(
            codes: codes, scales: scales, codeBytes: header.settings.paddedDimension, count: header.nodeCount)
        var base = links.links(degree: header.settings.baseDegree, count: header.nodeCount)
        if let offsets = section(.extraOffsets), let lists = section(.extraLinks) {
            base = base.extended(offsets: offsets, links: lists)
        }
        (self.base, self.upper) = (base, upper.reversed())
    }
}
