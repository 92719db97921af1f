/// Escape hardness among the nearest nodes of a query (after NGFix): how far out a walk must go to get from one of them to
/// another. Knows positions in a list of neighbours, best first; no graph, no vectors.

/// At most 256 positions, of which the first `kept` are to be connected.
package struct NeighborhoodHardness {
    /// Of a pair that nothing in the neighbourhood connects.
    package static let unlinked = UInt8.max
    package static let sizeMax = 255
    package let size: Int
    package let kept: Int
    /// By position, the positions that it links to or, after `close`, reaches.
    private var rows: [SIMD4<UInt64>]
    /// kept × kept: the smallest h such that a path of positions 0...h exists.
    private var hardness: [UInt8]

    package init(size: Int, kept: Int) {
        precondition(size <= Self.sizeMax && kept <= size)
        self.size = size
        self.kept = kept
        rows = [SIMD4<UInt64>](repeating: .zero, count: size)
        hardness = [UInt8](repeating: Self.unlinked, count: kept * kept)
    }

    package mutating func link(_ from: Int, _ to: Int) {
        rows[from].insert(to)
        if from < kept && to < kept { hardness[from * kept + to] = UInt8(max(from, to)) }
    }

    package subscript(from: Int, to: Int) -> UInt8 { hardness[from * kept + to] }

    /// Warshall's closure in the order of the positions: after step h every path through positions up to h is known, so
    /// what step h adds needs just h.
    package mutating func close() {
        for step in 0..<size {
            let through = rows[step]
            for from in 0..<size where rows[from].contains(step) {
                let new = through & ~rows[from]
                guard new != .zero else { continue }
                rows[from] |= through
                guard from < kept else { continue }
                new.forEach(below: kept) { to in
                    hardness[from * kept + to] = UInt8(max(from, to, step))
                }
            }
        }
    }

    /// The links, shortest first, that make every kept position reach every other by paths of positions up to `kept`, as
    /// Kruskal's algorithm adds them. `pairs` are unordered pairs of positions, most similar first.
    package func missingLinks(_ pairs: [(Int, Int)]) -> [(from: Int, to: Int, hardness: UInt8)] {
        var reach = [SIMD4<UInt64>](repeating: .zero, count: kept)
        for from in 0..<kept {
            reach[from].insert(from)
            for to in 0..<kept where Int(self[from, to]) <= kept { reach[from].insert(to) }
        }
        var links: [(from: Int, to: Int, hardness: UInt8)] = []
        for (a, b) in pairs {
            for (from, to) in [(a, b), (b, a)] where !reach[from].contains(to) {
                links.append((from, to, self[from, to]))
                let gained = reach[to]
                for other in 0..<kept where reach[other].contains(from) { reach[other] |= gained }
            }
        }
        return links
    }

    /// Whether every kept position reaches every other.
    package var isConnected: Bool { hardness.indices.allSatisfy { Int(hardness[$0]) <= kept || $0 / kept == $0 % kept } }
}

extension SIMD4<UInt64> {
    @inline(__always) fileprivate func contains(_ index: Int) -> Bool { self[index >> 6] >> UInt64(index & 63) & 1 == 1 }
    @inline(__always) fileprivate mutating func insert(_ index: Int) { self[index >> 6] |= 1 << UInt64(index & 63) }

    @inline(__always) fileprivate func forEach(below limit: Int, _ body: (Int) -> Void) {
        for word in 0..<((limit + 63) / 64) {
            var bits = self[word]
            while bits != 0 {
                let index = word * 64 + bits.trailingZeroBitCount
                if index >= limit { return }
                bits &= bits &- 1
                body(index)
            }
        }
    }
}
