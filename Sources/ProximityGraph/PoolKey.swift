/// A scored node as one integer that sorts best first: similarity descending, then node ascending; the last bit says
/// whether its neighbours have been looked at. Any bit pattern is a valid key, NaN similarities included.
struct PoolKey: Comparable, Sendable, BitwiseCopyable {
    var bits: UInt64

    @inline(__always) init(bits: UInt64) { self.bits = bits }

    @inline(__always) init(similarity: Float, node: UInt32) {
        let pattern = similarity.bitPattern
        let sign = UInt32(bitPattern: Int32(bitPattern: pattern) >> 31)
        let ascending = pattern ^ (sign | 0x8000_0000)
        bits = UInt64(~ascending) << 32 | UInt64(node << 1)
    }

    @inline(__always) var node: Int { Int(UInt32(truncatingIfNeeded: bits) >> 1) }
    @inline(__always) var isExpanded: Bool { bits & 1 == 1 }

    @inline(__always) var similarity: Float {
        let ascending = ~UInt32(truncatingIfNeeded: bits >> 32)
        let sign = UInt32(bitPattern: Int32(bitPattern: ascending) >> 31)
        return Float(bitPattern: ascending ^ (~sign | 0x8000_0000))
    }

    @inline(__always) static func < (a: PoolKey, b: PoolKey) -> Bool { a.bits < b.bits }
}

/// A binary heap of keys, best at the root. The frontier of a filtered search, which has no width to bound it.
struct KeyHeap {
    private var keys: [PoolKey] = []

    var first: PoolKey? { keys.first }

    mutating func push(_ key: PoolKey) {
        keys.append(key)
        var child = keys.count - 1
        while child > 0 {
            let parent = (child - 1) / 2
            if keys[parent] <= keys[child] { break }
            keys.swapAt(parent, child)
            child = parent
        }
    }

    mutating func popFirst() -> PoolKey? {
        guard let best = keys.first, let last = keys.popLast() else { return nil }
        guard !keys.isEmpty else { return best }
        keys[0] = last
        var parent = 0
        while true {
            var child = 2 * parent + 1
            if child >= keys.count { break }
            if child + 1 < keys.count && keys[child + 1] < keys[child] { child += 1 }
            if keys[parent] <= keys[child] { break }
            keys.swapAt(parent, child)
            parent = child
        }
        return best
    }
}
