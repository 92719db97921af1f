/// Codes in memory without a graph: the rows newer than the graph. Every search scans all of them.
import Platform
import Synchronization

/// Safe to change and scan from many threads; a scan sees the rows of the moment it began.
package final class FlatCodes: Sendable {
    package let quantizer: VectorQuantizer
    private let meanNorm: Float
    private let rows = Mutex(FlatRows())

    package init(quantizer: VectorQuantizer) {
        self.quantizer = quantizer
        meanNorm = Float(quantizer.mean.reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot())
    }

    package var count: Int { rows.withLock { $0.labels.count } }
    package var labels: [Int64] { rows.withLock { $0.labels } }

    /// Adds a raw vector, or replaces the one with this label. False when it has no direction (nothing is changed then).
    package func append(label: Int64, vector: Span<Float>) -> Bool {
        guard let code = quantizer.encode(vector: vector) else { return false }
        rows.withLock { rows in
            rows.remove(label, codeBytes: quantizer.codeBytes)
            rows.slots[label] = rows.labels.count
            rows.labels.append(label)
            rows.codes += code.bytes
            rows.scales += [code.scale, code.bias]
            rows.errors.append(code.error)
        }
        return true
    }

    /// Forgets a row; false when there is none with this label. O(1).
    @discardableResult
    package func remove(label: Int64) -> Bool {
        rows.withLock { $0.remove(label, codeBytes: quantizer.codeBytes) }
    }

    /// The best `limit` rows, copies (rows with one estimate) counted as one; of `admitting` only when given; best first, ties by
    /// label.
    package func scan(_ query: Span<Float>, limit: Int, admitting: [Int64]? = nil) -> GraphAnswer {
        // Most of the time there is nothing to scan, and coding a query costs more than to find that out.
        guard count > 0, let coded = quantizer.encode(query: query) else { return GraphAnswer() }
        return scan(coded, limit: limit, admitting: admitting)
    }

    package func scan(_ query: CodedQuery, limit: Int, admitting: [Int64]? = nil) -> GraphAnswer {
        precondition(limit >= 1, "a search returns at least one")
        precondition(query.coarse.count == quantizer.codeBytes, "a query of another quantizer")
        let snapshot = rows.withLock { $0 }
        var answer = GraphAnswer()
        guard !snapshot.labels.isEmpty else { return answer }
        let scratch = SearchScratch(nodeCapacity: 0, width: min(limit, snapshot.labels.count) + 1)
        let admitted = admitting.map(snapshot.admitted)
        snapshot.withTable(codeBytes: quantizer.codeBytes) { table in
            query.withViews { query in
                answer.distances = scratch.scanCopiesAsOne(table, query.coarse, limit: limit, admitted: admitted)
                scratch.refine(table, query)
            }
        }
        for index in 0..<scratch.count {
            let (slot, similarity) = (scratch[index].node, scratch[index].similarity)
            let bound = query.bound(error: snapshot.errors[slot], meanNorm: meanNorm)
            answer.hits.append(GraphHit(label: snapshot.labels[slot], similarity: similarity, errorBound: bound))
        }
        answer.hits.sort { ($1.similarity, $0.label) < ($0.similarity, $1.label) }
        return answer
    }
}

extension SearchScratch {
    /// The best of a table, of at most `limit` different similarities; returns how many codes were scored. Scans again, wider,
    /// while those found have fewer: only where there are many copies.
    fileprivate func scanCopiesAsOne(_ table: CodeTable, _ query: QueryView, limit: Int, admitted: [UInt64]?) -> Int {
        var scored = 0
        var width = min(limit, table.count)
        while true {
            width = min(width + 1, table.count)
            reset(width: width)
            if let admitted {
                scan(table, query, width: width, admitted: admitted.span)
            } else {
                scan(table, query, width: width, admitted: nil)
            }
            scored += distances
            if let end = end(ofSimilarities: limit) {
                count = end
                return scored
            }
            if width == table.count || count < width { return scored }
            width *= 4
        }
    }

    /// Where the pool's best `limit` different similarities end; nil when it has no more than those.
    private func end(ofSimilarities limit: Int) -> Int? {
        var different = 0
        for index in 0..<count where index == 0 || self[index].similarity != self[index - 1].similarity {
            if different == limit { return index }
            different += 1
        }
        return nil
    }
}

/// The rows of a FlatCodes, dense; a removed row's slot is taken by the last one.
struct FlatRows: Sendable {
    var codes: [UInt8] = []
    /// Scale and bias of each row.
    var scales: [Float] = []
    var errors: [Float] = []
    var labels: [Int64] = []
    var slots: [Int64: Int] = [:]

    @discardableResult
    mutating func remove(_ label: Int64, codeBytes n: Int) -> Bool {
        guard let slot = slots.removeValue(forKey: label) else { return false }
        let last = labels.count - 1
        if slot != last {
            for byte in 0..<n { codes[slot * n + byte] = codes[last * n + byte] }
            (scales[2 * slot], scales[2 * slot + 1]) = (scales[2 * last], scales[2 * last + 1])
            (errors[slot], labels[slot]) = (errors[last], labels[last])
            slots[labels[slot]] = slot
        }
        codes.removeLast(n)
        scales.removeLast(2)
        errors.removeLast()
        labels.removeLast()
        return true
    }

    /// A bit a slot.
    func admitted(_ wanted: [Int64]) -> [UInt64] {
        var words = [UInt64](repeating: 0, count: (labels.count + 63) / 64)
        for label in wanted {
            if let slot = slots[label] { words[slot >> 6] |= 1 << UInt64(slot & 63) }
        }
        return words
    }
}
