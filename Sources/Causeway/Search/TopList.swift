/// The best k of a stream of scores, ties with the k-th kept, because ties are broken by id and ids are looked up last.
import Storage

struct TopList: Sendable {
    struct Entry: Sendable { var row: RowID, score: Double }

    private let k: Int
    private let largerIsBetter: Bool
    private var entries: [Entry] = []
    /// The k-th best score among those compacted: anything strictly worse cannot enter.
    private(set) var bar: Double?
    private var limit: Int

    init(k: Int, largerIsBetter: Bool) {
        self.k = k
        self.largerIsBetter = largerIsBetter
        limit = 4 * k + 64
    }

    private func isBetter(_ a: Double, _ b: Double) -> Bool { largerIsBetter ? a > b : a < b }

    mutating func insert(_ row: RowID, _ score: Double) {
        if let bar, isBetter(bar, score) { return }
        entries.append(Entry(row: row, score: score))
        if entries.count >= limit {
            compact()
            limit = max(2 * entries.count, limit)  // many ties must not compact at every insertion
        }
    }

    /// The k-th best score; nil while there are fewer.
    mutating func last() -> Double? {
        compact()
        return entries.count >= k && k > 0 ? entries[k - 1].score : nil
    }

    /// Best first; as many as k and all ties with the k-th.
    mutating func finish() -> [Entry] {
        compact()
        return entries
    }

    private mutating func compact() {
        let largerIsBetter = largerIsBetter
        entries.sort { a, b in
            if a.score == b.score { return a.row < b.row }
            return largerIsBetter ? a.score > b.score : a.score < b.score
        }
        guard entries.count > k else { return }
        let worst = entries[k - 1].score
        bar = worst
        let end = entries[k...].firstIndex { $0.score != worst } ?? entries.count
        entries.removeLast(entries.count - end)
    }
}
