/// Rows become hits: ids and items looked up in one ordered pass for many answers, ties put in the order of ids.
import Storage

struct HitNames {
    let metric: Metric
    let k: Int
    let reader: Reader

    /// A row to be looked up, and where it stands in all answers one after the other.
    private struct Want: Comparable {
        var row: RowID
        var position: Int

        static func < (a: Want, b: Want) -> Bool { a.row.rawValue < b.row.rawValue }
    }

    /// Best first, ties by id, at most k each; rows that are no more are left out.
    /// - Parameter answers: the best k and all ties with the k-th, best first.
    func hits(of answers: [[TopList.Entry]]) throws -> [[Hit]] {
        var wants = answers.joined().enumerated().map { Want(row: $0.element.row, position: $0.offset) }
        wants.sort()
        var rows: [RowID] = []
        var places = [Int](repeating: 0, count: wants.count)
        for want in wants {
            if rows.last != want.row { rows.append(want.row) }
            places[want.position] = rows.count - 1
        }
        let names = try reader.names(rows)
        var position = 0
        return answers.map { entries in
            var hits: [Hit] = []
            hits.reserveCapacity(entries.count)
            for entry in entries {
                if let name = names[places[position]] { hits.append(Hit(id: name.id, item: name.item, score: entry.score)) }
                position += 1
            }
            return ordered(hits)
        }
    }

    private func ordered(_ hits: [Hit]) -> [Hit] {
        var hits = hits
        let hasTies = zip(hits, hits.dropFirst()).contains { $0.score == $1.score }
        if hasTies {
            let largerIsBetter = metric.isSimilarity
            hits.sort { a, b in
                if a.score != b.score { return largerIsBetter ? a.score > b.score : a.score < b.score }
                return idPrecedes(a.id, b.id)
            }
        }
        return hits.count > k ? Array(hits.prefix(k)) : hits
    }
}

/// The order of ids: decimal integers by value and before all others, the rest by their UTF-8 bytes.
/// Row numbers, the default ids, so sort as the numbers they are.
package func idPrecedes(_ a: String, _ b: String) -> Bool {
    switch (decimalID(a), decimalID(b)) {
    case (let x?, let y?): x < y
    case (_?, nil): true
    case (nil, _?): false
    case (nil, nil): a.utf8.lexicographicallyPrecedes(b.utf8)
    }
}

/// The value of an id that is a decimal integer in its shortest form.
private func decimalID(_ id: String) -> Int64? {
    guard let first = id.utf8.first, first == 45 || (48...57).contains(first), let value = Int64(id) else { return nil }
    return String(value) == id ? value : nil
}
