/// Which labels of one graph a filtered search may return: a bit a node and, where nodes have several labels, a bit a
/// label. Made by a graph and only good for that graph.
package struct LabelSet: Sendable {
    /// Labels in the set that the graph has.
    package let count: Int
    /// Bit n: node n has at least one admitted label.
    let nodes: [UInt64]
    /// Bit s: the label in slot s is admitted; nil when slots are nodes.
    let slots: [UInt64]?
    /// Of the graph it was made by.
    let nodeCount: Int

    func admits(slot: Int) -> Bool {
        let words = slots ?? nodes
        return words[slot >> 6] >> UInt64(slot & 63) & 1 == 1
    }

    /// Up to `limit` nodes of the set from places spread evenly over the graph. O(limit) unless the set is sparse.
    func spread(_ limit: Int) -> [Int] {
        let step = max(1, nodes.count / max(limit, 1))
        var found: [Int] = []
        for start in stride(from: 0, to: nodes.count, by: step) {
            guard let word = nodes[start..<min(start + step, nodes.count)].firstIndex(where: { $0 != 0 }) else { continue }
            found.append(word * 64 + nodes[word].trailingZeroBitCount)
        }
        return found
    }
}

extension Graph {
    /// The set of the given labels (ascending) as far as this graph has them. O(n log N) or O(N), whichever is less.
    package func labelSet(containing labels: [Int64]) -> LabelSet { labelSet(slots(of: labels), inverted: false) }

    /// The set of all labels but the given ones (ascending).
    package func labelSet(excluding labels: [Int64]) -> LabelSet { labelSet(slots(of: labels), inverted: true) }

    /// Slots in LABL of the labels that are there; none once the file is found damaged, which every search then says.
    private func slots(of labels: [Int64]) -> [Int] {
        var found: [Int] = []
        if labels.count > count / 16 {
            guard verifier.labelOrder.admitsAll(), verifier.labels.admitsAll() else { return [] }
            var position = 0
            for label in labels {
                while position < count, let slot = slot(inOrder: position), self.label(slot) < label { position += 1 }
                if position < count, let slot = slot(inOrder: position), self.label(slot) == label { found.append(slot) }
            }
            return found
        }
        for label in labels {
            var low = 0, high = count
            while low < high {
                let middle = (low + high) / 2
                guard let slot = soundSlot(inOrder: middle) else { return [] }
                if self.label(slot) < label { low = middle + 1 } else { high = middle }
            }
            if low < count, let slot = soundSlot(inOrder: low), self.label(slot) == label { found.append(slot) }
        }
        return found
    }

    /// The node that has this label and no other.
    func node(of label: Int64) -> Int? {
        guard let slot = slots(of: [label]).first else { return nil }
        guard let offsets = verifier.labelOffsets else { return slot }
        var low = 0, high = nodeCount - 1
        while low < high {
            let middle = (low + high + 1) / 2
            guard offsets.admits(middle..<(middle + 2)) else { return nil }
            if slotRange(of: middle).lowerBound <= slot { low = middle } else { high = middle - 1 }
        }
        return slotRange(of: low) == slot..<(slot + 1) ? low : nil
    }

    private func soundSlot(inOrder position: Int) -> Int? {
        guard verifier.labelOrder.admits(position), let slot = slot(inOrder: position), verifier.labels.admits(slot) else {
            return nil
        }
        return slot
    }

    private func labelSet(_ found: [Int], inverted: Bool) -> LabelSet {
        var slots = [UInt64](repeating: 0, count: (count + 63) / 64)
        for slot in found { slots[slot >> 6] |= 1 << UInt64(slot & 63) }
        if inverted {
            for word in slots.indices { slots[word] = ~slots[word] }
            if count % 64 != 0 { slots[slots.count - 1] &= (1 << UInt64(count % 64)) - 1 }
        }
        let admitted = slots.reduce(0) { $0 + $1.nonzeroBitCount }
        guard hasDuplicates else { return LabelSet(count: admitted, nodes: slots, slots: nil, nodeCount: nodeCount) }
        var nodes = [UInt64](repeating: 0, count: (nodeCount + 63) / 64)
        guard verifier.labelOffsets?.admitsAll() == true else {
            return LabelSet(count: 0, nodes: nodes, slots: slots, nodeCount: nodeCount)
        }
        for node in 0..<nodeCount {
            for slot in slotRange(of: node) where slots[slot >> 6] >> UInt64(slot & 63) & 1 == 1 {
                nodes[node >> 6] |= 1 << UInt64(node & 63)
                break
            }
        }
        return LabelSet(count: admitted, nodes: nodes, slots: slots, nodeCount: nodeCount)
    }
}
