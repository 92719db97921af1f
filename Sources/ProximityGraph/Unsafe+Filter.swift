/// The filtered walk: best-first over one layer, through nodes that may not be returned.
/// Invariants: those of Unsafe+Search.swift; `aside` and `ids` hold a list with its extra links and one more list.
import CKernels

extension SearchScratch {
    /// The share of `admitted` among a node's neighbours' neighbours, without scoring any; nil where there are none.
    func share(of admitted: Span<UInt64>, around node: Int, _ layer: LinkTable) -> Double? {
        precondition(admitted.count * 64 >= layer.count)
        var seen = 0, found = 0
        forEachNeighbor(layer, node) { next in
            forEachNeighbor(layer, next) { other in
                seen += 1
                if isSet(admitted, other) { found += 1 }
            }
        }
        return seen == 0 ? nil : Double(found) / Double(seen)
    }

    private func forEachNeighbor(_ layer: LinkTable, _ node: Int, _ body: (Int) -> Void) {
        guard node >= 0, node < layer.count, admitsList(layer, node) else { return }
        let list = unsafe layer.links + node &* layer.degree
        for slot in 0..<layer.degree {
            let id = unsafe list[slot]
            if id == noLink { return }
            if Int(id) < layer.count { body(Int(id)) }
        }
    }

    /// Keeps the best `width` nodes of `admitted` (a bit a node), starting from `entry` and from `seeds`, until no place to
    /// go on from is better than the worst of them. After ACORN-1 (Patel et al. 2024), with the choice between neighbours
    /// and their neighbours made at every node from its own share of admitted ones (as in NaviX, Sehgal et al. 2025): from
    /// `sweepShare` on all of them are scored and passed through, below it the walk looks past the others without scoring.
    /// Returns false when that would take more than `budget` codes, or the ways on ran out, before that.
    func walk(
        _ table: CodeTable, _ layer: LinkTable, _ query: QueryView, from entry: Int, seeds: [Int], width: Int,
        admitted: Span<UInt64>, sweepShare: Double, budget: Int
    ) -> Bool {
        precondition(width >= 1 && width <= poolCapacity && layer.count <= min(nodeCapacity, table.count))
        precondition(admitted.count * 64 >= layer.count)
        count = 0
        beginWalk()
        var frontier = KeyHeap()
        var found = 0
        for node in [entry] + seeds where node >= 0 && node < layer.count && found < Self.listMax {
            if unsafe visited[node] == epoch { continue }
            unsafe visited[node] = epoch
            unsafe ids[found] = UInt32(node)
            found += 1
        }
        guard distances + found <= budget, keepScored(table, query, found, width, admitted, &frontier) else {
            return false
        }
        while let best = frontier.popFirst() {
            if unsafe count == width && best > pool[width - 1] { return true }
            hops += 1
            guard admitsList(layer, best.node) else { return false }
            let found = gather(layer, best.node, admitted, sweepShare)
            guard distances + found <= budget, !isDamaged, keepScored(table, query, found, width, admitted, &frontier) else {
                return false
            }
        }
        return count == width
    }

    /// Scores `ids`, keeps the admitted ones and notes all as places to go on from, as far as they are good enough.
    private func keepScored(
        _ table: CodeTable, _ query: QueryView, _ found: Int, _ width: Int, _ admitted: Span<UInt64>,
        _ frontier: inout KeyHeap
    ) -> Bool {
        guard admitsCodes(found) else { return false }
        score(table, query, found)
        var count = self.count
        for index in 0..<found {
            let id = unsafe ids[index]
            let key = unsafe PoolKey(similarity: Self.similarity(table, query, Int(id), dots[index]), node: id)
            if unsafe count == width && key > pool[width - 1] { continue }
            frontier.push(key)
            if isSet(admitted, Int(id)) { _ = unsafe Self.insert(key, pool, &count, width) }
        }
        self.count = count
        return true
    }

    /// So many lists are asked for before they are read: a walk that looks past most nodes reads several a hop.
    private static let listsAhead = 4

    /// Into `ids`: the admitted neighbours of a node not seen before; with them all others where the admitted prevail,
    /// otherwise admitted neighbours of the others, until there are as many as a list holds: with half as many it takes twice
    /// the width to find the same, and more time.
    private func gather(_ layer: LinkTable, _ node: Int, _ admitted: Span<UInt64>, _ sweepShare: Double) -> Int {
        let visited = unsafe self.visited, ids = unsafe self.ids, epoch = self.epoch
        var aside: [UInt32] = []
        aside.reserveCapacity(layer.degree)
        var found = 0
        forEachLink(layer, node) { next in
            if unsafe visited[next] == epoch { return }
            if isSet(admitted, next) {
                unsafe visited[next] = epoch
                unsafe ids[found] = UInt32(truncatingIfNeeded: next)
                found += 1
            } else {
                aside.append(UInt32(truncatingIfNeeded: next))
            }
        }
        if Double(found) >= sweepShare * Double(found + aside.count) {
            for id in aside {
                unsafe visited[Int(id)] = epoch
                unsafe ids[found] = id
                found += 1
            }
            return found
        }
        for id in aside.prefix(Self.listsAhead) { layer.prefetch(Int(id)) }
        for (place, id) in aside.enumerated() where found < layer.degree {
            if place + Self.listsAhead < aside.count { layer.prefetch(Int(aside[place + Self.listsAhead])) }
            unsafe visited[Int(id)] = epoch
            guard admitsList(layer, Int(id)) else { return found }
            forEachNeighbor(layer, Int(id)) { next in
                // The bits first: they fit a cache that the marks of all nodes do not.
                if unsafe !isSet(admitted, next) || visited[next] == epoch { return }
                unsafe visited[next] = epoch
                unsafe ids[found] = UInt32(truncatingIfNeeded: next)
                found += 1
            }
        }
        return found
    }

    /// The neighbours of a node and its extra ones; the list was admitted.
    private func forEachLink(_ layer: LinkTable, _ node: Int, _ body: (Int) -> Void) {
        forEachNeighbor(layer, node, body)
        guard let offsets = unsafe layer.extraOffsets, let extra = unsafe layer.extraLinks else { return }
        let start = Int(unsafe offsets[node]), end = Int(unsafe offsets[node &+ 1])
        guard start < end, end <= layer.extraCount else { return }
        for slot in start..<min(end, start &+ extraDegreeMax) {
            let next = Int(unsafe extra[slot])
            if next < layer.count { body(next) }
        }
    }
}
