/// Which labels of one graph a search may return: some, or all but some. Made by a graph and only good for that graph.
import Platform
import Synchronization

package struct LabelSet: Sendable {
    /// Labels in the set that the graph has.
    package let count: Int
    /// Of the graph it was made by.
    let nodeCount: Int
    fileprivate let members: SlotMembers
    private let bits: NodeBits

    fileprivate init(count: Int, _ members: SlotMembers, of graph: Graph) {
        (self.count, nodeCount, self.members) = (count, graph.nodeCount, members)
        bits = NodeBits { graph.nodeBits(of: members) }
    }

    /// Calls `body` with the slots of a range whose labels are in the set, ascending.
    func forEachSlot(in range: Range<Int>, _ body: (Int) -> Void) {
        switch members {
        case .some(let words):
            for slot in range where isSet(words.span, slot) { body(slot) }
        case .allBut(let gone):
            var next = gone.partitioningIndex { $0 >= range.lowerBound }
            for slot in range {
                if next < gone.count, gone[next] == slot { next += 1 } else { body(slot) }
            }
        }
    }

    /// Bit n: node n has at least one label of the set. Made when first asked for, in O(N / 64) and what the set lists; who only
    /// drops labels from an answer does not ask.
    var nodes: [UInt64] { bits.words }

    /// Up to `limit` nodes of the set from places spread evenly over the graph. O(limit) unless the set is sparse.
    package func spread(_ limit: Int) -> [Int] {
        precondition(limit >= 1, "at least one node")
        let nodes = nodes
        let step = max(1, (nodes.count + limit - 1) / limit)
        var found: [Int] = []
        for start in stride(from: 0, to: nodes.count, by: step) {
            guard let word = nodes[start..<min(start + step, nodes.count)].firstIndex(where: { $0 != 0 }) else { continue }
            found.append(word * 64 + nodes[word].trailingZeroBitCount)
        }
        return found
    }
}

/// By slots: the places of labels in the file.
private enum SlotMembers: Sendable {
    /// Those whose bit is set.
    case some([UInt64])
    /// All but these, ascending.
    case allBut([UInt32])
}

/// Bits that are made by the first who asks, while others wait.
private final class NodeBits: Sendable {
    private let make: @Sendable () -> [UInt64]
    private let made = Mutex<[UInt64]?>(nil)

    init(make: @escaping @Sendable () -> [UInt64]) { self.make = make }

    var words: [UInt64] {
        made.withLock { made in
            let words = made ?? make()
            made = words
            return words
        }
    }
}

/// The numbers of the bits that are set, ascending.
private struct SetBits: Sequence, IteratorProtocol {
    let words: [UInt64]
    private var word = 0
    private var left: UInt64

    init(_ words: [UInt64]) {
        self.words = words
        left = words.first ?? 0
    }

    mutating func next() -> Int? {
        while left == 0 {
            word += 1
            guard word < words.count else { return nil }
            left = words[word]
        }
        defer { left &= left - 1 }
        return word * 64 + left.trailingZeroBitCount
    }
}

extension Graph {
    /// The set of the given labels (ascending) as far as this graph has them. O(n log N) or O(N), whichever is less, and a bit
    /// a label.
    package func labelSet(containing labels: [Int64]) -> LabelSet {
        let slots = slots(of: labels)
        var words = [UInt64](repeating: 0, count: (count + 63) / 64)
        for slot in slots { words[slot >> 6] |= 1 << UInt64(slot & 63) }
        return LabelSet(count: slots.count, .some(words), of: self)
    }

    /// The set of all labels but the given ones (ascending), or of what an earlier set of this kind, which has them, leaves.
    /// O(n log N) and a number for every label left out.
    package func labelSet(excluding labels: [Int64], from set: LabelSet? = nil) -> LabelSet {
        var gone: [UInt32] = []
        if let set {
            guard case .allBut(let before) = set.members else { preconditionFailure("a set that lists its labels") }
            gone = before
        }
        gone += slots(of: labels).map { UInt32($0) }
        gone.sort()
        return LabelSet(count: count - gone.count, .allBut(gone), of: self)
    }

    /// Those of some labels (ascending) that this graph does not have. O(n log N) or O(N), whichever is less.
    package func missing(of labels: [Int64]) -> [Int64] {
        var found = slots(of: labels).makeIterator()
        var next = found.next().map(label)
        return labels.filter { label in
            guard label == next else { return true }
            next = found.next().map(self.label)
            return false
        }
    }

    // MARK: Slots

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

    private func soundSlot(inOrder position: Int) -> Int? {
        guard verifier.labelOrder.admits(position), let slot = slot(inOrder: position), verifier.labels.admits(slot) else {
            return nil
        }
        return slot
    }

    // MARK: Nodes

    /// The node that has this label and no other.
    func node(of label: Int64) -> Int? {
        guard let slot = slots(of: [label]).first, let node = node(ofSlot: slot, from: 0) else { return nil }
        return slotRange(of: node) == slot..<(slot + 1) ? node : nil
    }

    /// Bit n: node n has a label among the members.
    fileprivate func nodeBits(of members: SlotMembers) -> [UInt64] {
        var words: [UInt64]
        switch members {
        case .some(let slots) where !hasDuplicates: return slots
        case .some(let slots):
            words = [UInt64](repeating: 0, count: (nodeCount + 63) / 64)
            forEachNode(of: SetBits(slots)) { node, _ in words[node >> 6] |= 1 << UInt64(node & 63) }
        case .allBut(let slots):
            words = [UInt64](repeating: .max, count: (nodeCount + 63) / 64)
            if nodeCount % 64 != 0 { words[words.count - 1] = (1 << UInt64(nodeCount % 64)) - 1 }
            forEachNode(of: slots.lazy.map { Int($0) }) { node, gone in
                if gone == slotRange(of: node).count { words[node >> 6] &= ~(1 << UInt64(node & 63)) }
            }
        }
        return words
    }

    /// Calls `body` with each node that has any of the slots (ascending), and how many of them it has. Ends at damage, which
    /// the search that asked for the nodes then says.
    private func forEachNode(of slots: some Sequence<Int>, _ body: (_ node: Int, _ slots: Int) -> Void) {
        var current = (node: 0, end: 0, slots: 0)
        for slot in slots {
            if slot >= current.end {
                if current.slots > 0 { body(current.node, current.slots) }
                guard let node = node(ofSlot: slot, from: current.node) else { return }
                current = (node, slotRange(of: node).upperBound, 0)
            }
            current.slots += 1
        }
        if current.slots > 0 { body(current.node, current.slots) }
    }

    /// The node of a slot that lies in `start` or after it; nil where the file is damaged. O(log distance).
    private func node(ofSlot slot: Int, from start: Int) -> Int? {
        guard let offsets = verifier.labelOffsets else { return slot }
        // `low` begins at or before the slot, `high` after it.
        var low = start, high = start + 1, step = 1
        while high < nodeCount {
            guard offsets.admits(high..<(high + 2)) else { return nil }
            if slotRange(of: high).lowerBound > slot { break }
            low = high
            step *= 2
            high = low + step
        }
        high = min(high, nodeCount)
        while high - low > 1 {
            let middle = (low + high) / 2
            guard offsets.admits(middle..<(middle + 2)) else { return nil }
            if slotRange(of: middle).lowerBound <= slot { low = middle } else { high = middle }
        }
        return offsets.admits(low..<(low + 2)) ? low : nil
    }
}
