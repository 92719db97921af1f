/// The search loops: best-first over one layer, greedy descent, and the scan of every code.
/// Invariants: a scratch serves one thread at a time; `visited`, `pool`, `ids` and `dots` are owned by it and as long as
/// their capacities say; every node number read from a list is compared with the tables' counts before it is used.
import CKernels
import Synchronization

/// The memory of one running search. Reused, so that a search allocates nothing once warm.
@safe final class SearchScratch: @unchecked Sendable {
    let nodeCapacity: Int
    /// A byte a node. Fresh pages are zero, so that only what a walk marks is ever touched.
    private let marks: PageArray<UInt8>
    let visited: UnsafeMutablePointer<UInt8>
    private(set) var epoch: UInt8 = 0
    private(set) var poolCapacity: Int
    private(set) var pool: UnsafeMutablePointer<PoolKey>
    /// Keys in the pool, best first.
    var count = 0
    let ids: UnsafeMutablePointer<UInt32>
    let dots: UnsafeMutablePointer<Int32>
    static let listMax = 2 * connectivityMax + extraDegreeMax
    private(set) var distances = 0
    var hops = 0
    /// Nodes of the table that walks neither score nor pass through, unless they begin there.
    var hiddenNodes: [Int] = []
    /// Of a wide scan: keys from here on are not among the best.
    private var threshold = PoolKey(bits: .max)
    /// What must be asked before a file's bytes are used; nil for codes in memory and for files known to be sound.
    private var verifier: GraphVerifier?
    private var codeFlags: UnsafeMutablePointer<Atomic<UInt8>>?
    private var codeShift = 0
    private var linkFlags: UnsafeMutablePointer<Atomic<UInt8>>?
    private var linkShift = 0
    /// The search met bytes that do not match their checksum and stopped.
    private(set) var isDamaged = false

    init(nodeCapacity: Int, width: Int) {
        self.nodeCapacity = nodeCapacity
        poolCapacity = max(2 * width, 64)
        do { marks = try PageArray(count: nodeCapacity + 1) } catch { preconditionFailure("a search needs memory: \(error)") }
        unsafe visited = marks.base
        unsafe pool = .allocate(capacity: poolCapacity)
        unsafe ids = .allocate(capacity: max(Self.listMax, scanBlock))
        unsafe dots = .allocate(capacity: max(Self.listMax, scanBlock))
    }

    deinit {
        unsafe pool.deallocate()
        unsafe ids.deallocate()
        unsafe dots.deallocate()
    }

    subscript(index: Int) -> PoolKey {
        precondition(index >= 0 && index < count, "index out of range")
        return unsafe pool[index]
    }

    /// Forgets the last search and its counts.
    func reset(width: Int, verifier: GraphVerifier? = nil) {
        self.verifier = verifier?.isComplete == true ? nil : verifier
        unsafe codeFlags = self.verifier?.codes.flags.base
        codeShift = verifier?.codes.shift ?? 0
        unsafe linkFlags = self.verifier?.links.flags.base
        linkShift = verifier?.links.shift ?? 0
        isDamaged = false
        if 2 * width > poolCapacity {
            unsafe pool.deallocate()
            poolCapacity = 2 * width
            unsafe pool = .allocate(capacity: poolCapacity)
        }
        (count, distances, hops) = (0, 0, 0)
        threshold = PoolKey(bits: .max)
    }

    // MARK: Damage

    /// Whether the first `found` nodes of `ids` may be scored.
    @inline(__always) func admitsCodes(_ found: Int) -> Bool {
        guard let flags = unsafe codeFlags else { return true }
        let ids = unsafe self.ids, shift = codeShift
        var all: UInt8 = 1
        for index in 0..<found {
            // No branch on each: the loads overlap.
            all &= unsafe flags[Int(ids[index]) >> shift].load(ordering: .relaxed)
        }
        return all == 1 || checkCodes(found)
    }

    @inline(never) private func checkCodes(_ found: Int) -> Bool {
        for index in 0..<found {
            if let verifier, unsafe !verifier.codes.admits(Int(ids[index])) { isDamaged = true }
        }
        return !isDamaged
    }

    /// Whether a run of nodes may be scored.
    func admitsCodes(_ nodes: Range<Int>) -> Bool {
        if let verifier, !verifier.codes.admits(nodes) { isDamaged = true }
        return !isDamaged
    }

    /// Whether the list of a node of level 0 may be read, with its extra links.
    @inline(__always) func admitsList(_ layer: LinkTable, _ node: Int) -> Bool {
        guard let flags = unsafe linkFlags else { return true }
        if unsafe layer.extraOffsets == nil, unsafe flags[node >> linkShift].load(ordering: .relaxed) == 1 { return true }
        return checkList(layer, node)
    }

    @inline(never) private func checkList(_ layer: LinkTable, _ node: Int) -> Bool {
        guard let verifier else { return true }
        if !verifier.links.admits(node) { isDamaged = true }
        if let offsets = unsafe layer.extraOffsets, let sums = verifier.extraOffsets, let lists = verifier.extraLinks {
            if !sums.admits(node..<(node + 2)) { isDamaged = true }
            let start = Int(unsafe offsets[node]), end = Int(unsafe offsets[node &+ 1])
            if start < end, end <= layer.extraCount, !lists.admits(start..<end) { isDamaged = true }
        }
        return !isDamaged
    }

    /// Whether the list of an ordinal of an upper layer may be read.
    private func admitsUpperList(_ layer: LinkTable, _ ordinal: Int) -> Bool {
        if let verifier, !verifier.upperLinks.admits(layer.firstList + ordinal) { isDamaged = true }
        return !isDamaged
    }

    /// Whether the names of the first `count` ordinals may be read.
    func admitsNames(_ count: Int) -> Bool {
        if let verifier, !verifier.upperNodes.admits(0..<count) { isDamaged = true }
        return !isDamaged
    }

    /// Begins a walk over the nodes themselves.
    func beginWalk() {
        nextEpoch()
        for node in hiddenNodes {
            precondition(node >= 0 && node < nodeCapacity, "node out of range")
            unsafe visited[node] = epoch
        }
    }

    private func nextEpoch() {
        epoch &+= 1
        if epoch == 0 {
            unsafe visited.update(repeating: 0, count: nodeCapacity + 1)
            epoch = 1
        }
    }

    // MARK: Pool

    /// Inserts a key into the best `width`; returns its position, or `width` when it is not among them.
    @inline(__always)
    static func insert(
        _ key: PoolKey, _ pool: UnsafeMutablePointer<PoolKey>, _ count: inout Int, _ width: Int
    ) -> Int {
        if count == width {
            if unsafe key >= pool[width &- 1] { return width }
            count &-= 1
        }
        var low = 0, length = count
        while length > 0 {
            let half = length >> 1
            if unsafe pool[low &+ half] < key {
                low = low &+ half &+ 1
                length = length &- half &- 1
            } else {
                length = half
            }
        }
        unsafe (pool + (low &+ 1)).update(from: pool + low, count: count &- low)
        unsafe pool[low] = key
        count &+= 1
        return low
    }

    /// Keeps a key of a scan if it may be among the best `width`; `settle` ends the scan. A narrow pool is kept sorted, a
    /// wide one is sorted whenever it is full: O(log width) a key either way.
    @inline(__always)
    func keep(_ key: PoolKey, width: Int) {
        if width <= sortedWidthMax {
            _ = unsafe Self.insert(key, pool, &count, width)
            return
        }
        if key >= threshold { return }
        if count == poolCapacity { settle(width: width) }
        unsafe pool[count] = key
        count &+= 1
    }

    /// Leaves the best `width` of the kept keys, best first.
    func settle(width: Int) {
        guard width > sortedWidthMax else { return }
        var kept = unsafe UnsafeMutableBufferPointer(start: pool, count: count)
        unsafe kept.sort()
        guard count >= width else { return }
        count = width
        unsafe threshold = pool[width - 1]
    }

    // MARK: One hop

    /// The neighbours of `node` not seen before, into `ids`; marks them.
    @inline(__always)
    func gather(_ layer: LinkTable, _ table: CodeTable, _ node: Int) -> Int {
        let visited = unsafe self.visited, ids = unsafe self.ids, epoch = self.epoch
        let list = unsafe layer.links + node &* layer.degree
        var found = 0
        for slot in 0..<layer.degree {
            let id = unsafe list[slot]
            let next = Int(id)
            if next >= layer.count { if id == noLink { break } else { continue } }
            // No branch on what was seen: it cannot be predicted.
            let isNew = unsafe visited[next] != epoch
            unsafe visited[next] = epoch
            unsafe ck_prefetch(table.scales + 2 &* next)
            unsafe ids[found] = id
            found &+= isNew ? 1 : 0
        }
        guard let offsets = unsafe layer.extraOffsets, let extra = unsafe layer.extraLinks else { return found }
        let start = Int(unsafe offsets[node]), end = Int(unsafe offsets[node &+ 1])
        guard start < end, end <= layer.extraCount else { return found }
        for slot in start..<min(end, start &+ extraDegreeMax) {
            let next = Int(unsafe extra[slot])
            if next >= layer.count { continue }
            if unsafe visited[next] == epoch { continue }
            unsafe visited[next] = epoch
            unsafe ids[found] = UInt32(truncatingIfNeeded: next)
            found &+= 1
        }
        return found
    }

    @inline(__always)
    func score(_ table: CodeTable, _ query: QueryView, _ found: Int) {
        if query.isHot {
            unsafe ck_codes_gather_hot(table.codes, table.codeBytes, query.code, query.offset, ids, found, dots)
        } else {
            unsafe ck_codes_gather(table.codes, table.codeBytes, query.code, query.offset, ids, found, dots)
        }
        distances &+= found
    }

    @inline(__always)
    static func similarity(_ table: CodeTable, _ query: QueryView, _ node: Int, _ dot: Int32) -> Float {
        let scale = unsafe table.scales[2 &* node], bias = unsafe table.scales[2 &* node &+ 1]
        let product = (query.multiplier * scale) * Float(dot)
        return query.biasFactor == 0 ? query.base + product : query.base + (product + bias)
    }

    /// The similarity of one node.
    func similarity(_ table: CodeTable, _ query: QueryView, of node: Int) -> Float {
        precondition(node >= 0 && node < table.count, "node out of range")
        unsafe ids[0] = UInt32(node)
        score(table, query, 1)
        return unsafe Self.similarity(table, query, node, dots[0])
    }

    /// Scores `nodes[range]` into `values`.
    func scoreList(
        _ table: CodeTable, _ query: QueryView, _ nodes: [UInt32], _ range: Range<Int>, _ values: inout [Float]
    ) {
        precondition(range.upperBound <= nodes.count && range.upperBound <= values.count)
        for start in stride(from: range.lowerBound, to: range.upperBound, by: Self.listMax) {
            let length = min(Self.listMax, range.upperBound - start)
            for index in 0..<length {
                precondition(Int(nodes[start + index]) < table.count, "node out of range")
                unsafe ids[index] = nodes[start + index]
            }
            score(table, query, length)
            for index in 0..<length {
                values[start + index] = unsafe Self.similarity(table, query, Int(ids[index]), dots[index])
            }
        }
    }

    /// Whether the query is at least so similar to any of the nodes; looks at eight at a time.
    func anySimilarity(_ table: CodeTable, _ query: QueryView, of nodes: [UInt32], atLeast limit: Float) -> Bool {
        for start in stride(from: 0, to: nodes.count, by: 8) {
            let length = min(8, nodes.count - start)
            for index in 0..<length {
                precondition(Int(nodes[start + index]) < table.count, "node out of range")
                unsafe ids[index] = nodes[start + index]
            }
            score(table, query, length)
            for index in 0..<length {
                if unsafe Self.similarity(table, query, Int(ids[index]), dots[index]) >= limit { return true }
            }
        }
        return false
    }

    // MARK: Searches

    /// Best-first search of one layer from `entry`, keeping the best `width`.
    /// The layer's nodes are the table's own numbers. Afterwards the pool holds the result.
    func search(_ table: CodeTable, _ layer: LinkTable, _ query: QueryView, from entry: Int, width: Int) {
        precondition(width >= 1 && width <= poolCapacity && layer.count <= min(nodeCapacity, table.count))
        count = 0
        guard entry >= 0 && entry < layer.count, admitsCodes(entry..<(entry + 1)) else { return }
        beginWalk()
        unsafe visited[entry] = epoch
        let pool = unsafe self.pool, ids = unsafe self.ids, dots = unsafe self.dots
        unsafe pool[0] = PoolKey(similarity: similarity(table, query, of: entry), node: UInt32(entry))
        var count = 1, cursor = 0, hops = 0
        while cursor < count {
            let best = unsafe pool[cursor]
            if best.isExpanded {
                cursor &+= 1
                continue
            }
            unsafe pool[cursor].bits |= 1
            cursor &+= 1
            hops &+= 1
            guard admitsList(layer, best.node) else { return }
            let found = gather(layer, table, best.node)
            if cursor < count { unsafe layer.prefetch(pool[cursor].node) }
            guard admitsCodes(found) else { return }
            score(table, query, found)
            for index in 0..<found {
                let id = unsafe ids[index]
                let key = unsafe PoolKey(similarity: Self.similarity(table, query, Int(id), dots[index]), node: id)
                let position = unsafe Self.insert(key, pool, &count, width)
                if position <= cursor && position < width {
                    cursor = position
                    layer.prefetch(Int(id))  // likely the next to be looked at
                }
            }
        }
        self.count = count
        self.hops &+= hops
    }

    /// Greedy walk to a local best of a layer. `names` maps the layer's numbers to the table's (nil: they are the same);
    /// numbers outside the table are passed over.
    func descend(
        _ table: CodeTable, _ layer: LinkTable, names: UnsafePointer<UInt32>?, _ query: QueryView, from entry: Int
    ) -> Int {
        precondition(layer.count <= nodeCapacity)
        guard entry >= 0 && entry < layer.count else { return 0 }
        nextEpoch()
        let name = { (ordinal: Int) -> Int in
            if let names = unsafe names { unsafe Int(names[ordinal]) } else { ordinal }
        }
        guard name(entry) < table.count, admitsCodes(name(entry)..<(name(entry) + 1)) else { return entry }
        unsafe visited[entry] = epoch
        var best = entry
        var bestKey = PoolKey(similarity: similarity(table, query, of: name(entry)), node: UInt32(entry))
        while true {
            guard admitsUpperList(layer, best) else { return best }
            let list = unsafe layer.links + best * layer.degree
            var ordinals: (found: Int, start: Int) = (0, Self.listMax / 2)
            for slot in 0..<layer.degree {
                let id = unsafe list[slot]
                if Int(id) >= layer.count { if id == noLink { break } else { continue } }
                if unsafe visited[Int(id)] == epoch { continue }
                unsafe visited[Int(id)] = epoch
                let node = name(Int(id))
                if node >= table.count || hiddenNodes.contains(node) { continue }
                unsafe ids[ordinals.found] = UInt32(node)
                unsafe ids[ordinals.start + ordinals.found] = id
                ordinals.found += 1
            }
            guard admitsCodes(ordinals.found) else { return best }
            score(table, query, ordinals.found)
            hops += 1
            let before = best
            for index in 0..<ordinals.found {
                let ordinal = unsafe ids[ordinals.start + index]
                let value = unsafe Self.similarity(table, query, Int(ids[index]), dots[index])
                let key = PoolKey(similarity: value, node: ordinal)
                if key < bestKey { (bestKey, best) = (key, Int(ordinal)) }
            }
            if best == before { return best }
        }
    }

    // MARK: Scans

    /// The best `width` of all codes, or of the admitted ones.
    func scan(_ table: CodeTable, _ query: QueryView, width: Int, admitted: Span<UInt64>?) {
        precondition(width >= 1 && 2 * width <= poolCapacity)
        count = 0
        var start = 0
        while start < table.count {
            let length = min(scanBlock, table.count - start)
            if let admitted {
                scanAdmitted(table, query, width, start, length, admitted)
                if isDamaged { return }
            } else {
                guard admitsCodes(start..<(start + length)) else { return }
                let codes = unsafe table.codes + start * table.codeBytes
                unsafe ck_codes_block(codes, table.codeBytes, query.code, query.offset, length, dots)
                distances &+= length
                offer(table, query, width, length) { start &+ $0 }
            }
            start += length
        }
        settle(width: width)
    }

    private func scanAdmitted(
        _ table: CodeTable, _ query: QueryView, _ width: Int, _ start: Int, _ length: Int, _ admitted: Span<UInt64>
    ) {
        var found = 0
        for word in (start / 64)..<((start + length + 63) / 64) {
            var bits = admitted[word]
            while bits != 0 {
                let node = word * 64 + bits.trailingZeroBitCount
                bits &= bits &- 1
                if node >= start + length { break }
                unsafe ids[found] = UInt32(node)
                found += 1
            }
        }
        guard admitsCodes(found) else { return }
        score(table, query, found)
        let ids = unsafe self.ids
        offer(table, query, width, found) { unsafe Int(ids[$0]) }
    }

    @inline(__always)
    private func offer(_ table: CodeTable, _ query: QueryView, _ width: Int, _ length: Int, _ node: (Int) -> Int) {
        for index in 0..<length {
            let id = node(index)
            let value = unsafe Self.similarity(table, query, id, dots[index])
            keep(PoolKey(similarity: value, node: UInt32(id)), width: width)
        }
    }

    /// Scores the pool by both planes of the query and whole codes, and sorts again.
    func refine(_ table: CodeTable, _ query: QueryViews) {
        let listMax = Self.listMax
        for start in stride(from: 0, to: count, by: listMax) {
            let length = min(listMax, count - start)
            for index in 0..<length { unsafe ids[index] = UInt32(pool[start + index].node) }
            let (coarse, fine) = (query.coarse, query.fine)
            unsafe ck_codes_gather(table.codes, table.codeBytes, coarse.code, coarse.offset, ids, length, dots)
            for index in 0..<length {
                let value = unsafe Self.similarity(table, coarse, Int(ids[index]), dots[index])
                unsafe pool[start + index] = PoolKey(similarity: value, node: ids[index])
            }
            unsafe ck_codes_gather(table.codes, table.codeBytes, fine.code, fine.offset, ids, length, dots)
            for index in 0..<length {
                let node = unsafe Int(ids[index])
                let value = unsafe pool[start + index].similarity + Self.similarity(table, fine, node, dots[index])
                unsafe pool[start + index] = PoolKey(similarity: value, node: UInt32(node))
            }
        }
        var sorted = unsafe UnsafeMutableBufferPointer(start: pool, count: count)
        unsafe sorted.sort()
    }
}

let scanBlock = 512
let sortedWidthMax = 512  // above it, moving keys to keep the pool of a scan sorted costs more than sorting it at times

@inline(__always) func isSet(_ words: Span<UInt64>, _ index: Int) -> Bool {
    words[index >> 6] >> UInt64(index & 63) & 1 == 1
}
