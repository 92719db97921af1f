/// Rows become hits: ids and items looked up in one ordered pass for many answers, ties put in the order of ids.
import Storage

struct HitNames {
    let metric: Metric
    let k: Int
    let reader: Reader

    /// Best first, ties by id, at most k each; rows that are no more are left out.
    /// - Parameter answers: the best k and all ties with the k-th, best first.
    func hits(of answers: [[TopList.Entry]]) throws -> [[Hit]] {
        var rows = answers.flatMap { $0.map(\.row) }
        rows.sort()
        rows = rows.enumerated().filter { $0.offset == 0 || rows[$0.offset - 1] != $0.element }.map(\.element)
        let names = try reader.names(rows)
        let places = Dictionary(uniqueKeysWithValues: zip(rows, rows.indices))
        return answers.map { entries in
            var hits: [Hit] = []
            hits.reserveCapacity(entries.count)
            for entry in entries {
                guard let place = places[entry.row], let name = names[place] else { continue }
                hits.append(Hit(id: name.id, item: name.item, score: entry.score))
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
