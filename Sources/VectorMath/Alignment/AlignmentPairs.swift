/// Pairs of rows that belong together, their split by item, and sets on which retrieval is judged. No learning here.
import Platform

/// Row `source` of one modality and row `target` of the other carry the same item. A row belongs to one item; an item may have
/// several rows on either side.
package struct AlignmentPair: Sendable, Equatable {
    package var source: Int
    package var target: Int
    package var item: Int

    package init(source: Int, target: Int, item: Int) {
        (self.source, self.target, self.item) = (source, target, item)
    }
}

/// The vectors as stored (rows × dimension) and the pairs among them. The dimensions may differ.
package struct AlignmentData: Sendable {
    package let sources: Matrix<Float>
    package let targets: Matrix<Float>
    package let pairs: [AlignmentPair]

    package init(sources: Matrix<Float>, targets: Matrix<Float>, pairs: [AlignmentPair]) {
        precondition(
            pairs.allSatisfy { sources.rowRange.contains($0.source) && targets.rowRange.contains($0.target) },
            "a pair names a row that is not there")
        self.sources = sources
        self.targets = targets
        self.pairs = pairs
    }

    /// Row i with row i, every row its own item.
    package init(sources: Matrix<Float>, targets: Matrix<Float>) {
        let pairs = (0..<min(sources.rows, targets.rows)).map { AlignmentPair(source: $0, target: $0, item: $0) }
        self.init(sources: sources, targets: targets, pairs: pairs)
    }

    /// Unit rows, as every method expects them.
    func normalized() -> AlignmentData {
        AlignmentData(sources: sources.normalizingRows(), targets: targets.normalizingRows(), pairs: pairs)
    }

    /// The items that training with this share and seed holds out, ascending.
    package func heldOutItems(share: Double, seed: UInt64) -> [Int] {
        let first = Self.heldOutShare(share)
        return Set(split(shares: [first, 1 - first], seed: seed)[0].map(\.item)).sorted()
    }

    /// Held-out shares are kept where both parts can be judged.
    static func heldOutShare(_ share: Double) -> Double { min(max(share, 0.05), 0.5) }

    /// The items in `parts` shares, cut from one seeded order, so that no item is on two sides.
    func split(shares: [Double], seed: UInt64) -> [[AlignmentPair]] {
        var random = SeededRandom(seed: seed)
        var items = Array(Set(pairs.map(\.item))).sorted()
        random.shuffle(&items)
        var part: [Int: Int] = [:], first = 0, cumulative = 0.0
        for (index, share) in shares.enumerated() {
            cumulative += share
            let last = index == shares.count - 1 ? items.count : Int((cumulative * Double(items.count)).rounded())
            for item in items[first..<max(last, first)] { part[item] = index }
            first = max(last, first)
        }
        var result = [[AlignmentPair]](repeating: [], count: shares.count)
        for pair in pairs { if let index = part[pair.item] { result[index].append(pair) } }
        return result
    }
}

extension Matrix {
    var rowRange: Range<Int> { 0..<rows }
}

/// The distinct rows of some pairs with their items: queries and candidates in both directions.
struct RetrievalSet: Sendable {
    let sources: Matrix<Float>
    let targets: Matrix<Float>
    let forward: Relevance
    let backward: Relevance

    init(_ data: AlignmentData, _ pairs: [AlignmentPair], rowsMax: Int = .max) {
        func distinct(_ row: (AlignmentPair) -> Int) -> (rows: [Int], items: [Int]) {
            var item: [Int: Int] = [:]
            for pair in pairs { item[row(pair)] = pair.item }
            let rows = item.keys.sorted()
            return (rows, rows.map { item[$0] ?? 0 })
        }
        let kept = Self.limited(pairs, rowsMax)
        var x = distinct(\.source), y = distinct(\.target)
        if kept.count < pairs.count {
            let items = Set(kept.map(\.item))
            x = Self.filtered(x, items)
            y = Self.filtered(y, items)
        }
        sources = data.sources.gathering(x.rows)
        targets = data.targets.gathering(y.rows)
        forward = Relevance(queryItems: x.items, candidateItems: y.items)
        backward = Relevance(queryItems: y.items, candidateItems: x.items)
    }

    /// Pairs of the first items until `rowsMax` pairs are reached.
    private static func limited(_ pairs: [AlignmentPair], _ rowsMax: Int) -> ArraySlice<AlignmentPair> {
        pairs.sorted { ($0.item, $0.source, $0.target) < ($1.item, $1.source, $1.target) }.prefix(rowsMax)
    }

    private static func filtered(_ side: (rows: [Int], items: [Int]), _ items: Set<Int>) -> (rows: [Int], items: [Int]) {
        let kept = side.rows.indices.filter { items.contains(side.items[$0]) }
        return (kept.map { side.rows[$0] }, kept.map { side.items[$0] })
    }

    /// Mean reciprocal rank over both directions, for unit embeddings.
    func meanReciprocalRank(_ x: Matrix<Float>, _ y: Matrix<Float>, threads: Int) -> Double {
        let forth = VectorMath.meanReciprocalRank(queries: x, candidates: y, relevance: forward, threads: threads)
        let back = VectorMath.meanReciprocalRank(queries: y, candidates: x, relevance: backward, threads: threads)
        return (forth + back) / 2
    }
}
