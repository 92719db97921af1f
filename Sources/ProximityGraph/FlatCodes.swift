/// Codes in memory without a graph: the rows newer than the graph. Every search scans all of them.
import Platform

/// A value: whoever holds one sees the rows of that moment. A copy that is changed costs about what one search of it does.
package struct FlatCodes: Sendable {
    package let quantizer: VectorQuantizer
    private let meanNorm: Float
    private var rows = FlatRows()

    package init(quantizer: VectorQuantizer) {
        self.quantizer = quantizer
        meanNorm = Float(quantizer.mean.reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot())
    }

    package var count: Int { rows.labels.count }
    package func contains(_ label: Int64) -> Bool { rows.slot(of: label) != nil }

    /// Adds a raw vector, unless the label is there. False when it has no direction (nothing is changed then).
    /// Complexity: O(dimension · log dimension) where labels come ascending.
    package mutating func insert(label: Int64, vector: Span<Float>) -> Bool {
        guard let code = quantizer.encode(vector: vector) else { return false }
        rows.insert(label, code.bytes, scales: [code.scale, code.bias], code.error)
        return true
    }

    /// Forgets the rows that are there of some labels. O(rows).
    package mutating func remove(labels: [Int64]) {
        guard let first = labels.compactMap(rows.slot).min() else { return }
        rows.remove(Set(labels), from: first, codeBytes: quantizer.codeBytes)
    }

    /// The best `limit` rows, copies (rows with one estimate) counted as one; of `admitting` only when given; best first, ties
    /// by label.
    package func scan(_ query: CodedQuery, limit: Int, admitting: [Int64]? = nil) -> GraphAnswer {
        precondition(limit >= 1, "a search returns at least one")
        precondition(query.coarse.count == quantizer.codeBytes, "a query of another quantizer")
        var answer = GraphAnswer()
        guard !rows.labels.isEmpty else { return answer }
        let scratch = SearchScratch(nodeCapacity: 0, width: min(limit, rows.labels.count) + 1)
        let admitted = admitting.map(rows.admitted)
        rows.withTable(codeBytes: quantizer.codeBytes) { table in
            query.withViews { query in
                answer.distances = scratch.scanCopiesAsOne(table, query.coarse, limit: limit, admitted: admitted)
                scratch.refine(table, query)
            }
        }
        for index in 0..<scratch.count {
            let (slot, similarity) = (scratch[index].node, scratch[index].similarity)
            let bound = query.bound(error: rows.errors[slot], meanNorm: meanNorm)
            answer.hits.append(GraphHit(label: rows.labels[slot], similarity: similarity, errorBound: bound))
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

/// The rows of a FlatCodes, dense, labels ascending.
struct FlatRows: Sendable {
    var codes: [UInt8] = []
    /// Scale and bias of each row.
    var scales: [Float] = []
    var errors: [Float] = []
    var labels: [Int64] = []

    /// The first slot whose label is not less.
    private func place(of label: Int64) -> Int {
        if let last = labels.last, last < label { return labels.count }
        return labels.partitioningIndex { $0 >= label }
    }

    func slot(of label: Int64) -> Int? {
        let place = place(of: label)
        return place < labels.count && labels[place] == label ? place : nil
    }

    mutating func insert(_ label: Int64, _ code: [UInt8], scales pair: [Float], _ error: Float) {
        let place = place(of: label)
        if place < labels.count, labels[place] == label { return }
        labels.insert(label, at: place)
        codes.insert(contentsOf: code, at: place * code.count)
        scales.insert(contentsOf: pair, at: 2 * place)
        errors.insert(error, at: place)
    }

    /// Closes the gaps that rows leave, of which `first` is the first.
    mutating func remove(_ gone: Set<Int64>, from first: Int, codeBytes n: Int) {
        var kept = first
        for slot in first..<labels.count where !gone.contains(labels[slot]) {
            for byte in 0..<n { codes[kept * n + byte] = codes[slot * n + byte] }
            (scales[2 * kept], scales[2 * kept + 1]) = (scales[2 * slot], scales[2 * slot + 1])
            (errors[kept], labels[kept]) = (errors[slot], labels[slot])
            kept += 1
        }
        codes.removeSubrange((kept * n)...)
        scales.removeSubrange((2 * kept)...)
        errors.removeSubrange(kept...)
        labels.removeSubrange(kept...)
    }

    /// A bit a slot: those of some labels.
    func admitted(_ wanted: [Int64]) -> [UInt64] {
        var words = [UInt64](repeating: 0, count: (labels.count + 63) / 64)
        for slot in wanted.compactMap(slot) { words[slot >> 6] |= 1 << UInt64(slot & 63) }
        return words
    }
}
