/// Which rows of the recall table speak for a number of hits, and how far. Measures nothing.
import Storage

struct TuningLadder {
    /// The least k measured that is not smaller than asked for, else the largest.
    let bucket: Int
    /// Measured for that k, the recalls ascending.
    let rows: [TuningRecord]
    /// Beyond the largest bucket what it needed grows with k.
    private let scale: Double

    /// Nil without rows.
    init?(_ rows: [TuningRecord], k: Int) {
        let buckets = rows.map(\.k)
        guard let bucket = buckets.filter({ $0 >= k }).min() ?? buckets.max() else { return nil }
        self.bucket = bucket
        self.rows = rows.filter { $0.k == bucket }.sorted { $0.recallTarget < $1.recallTarget }
        scale = max(1, Double(k) / Double(bucket))
    }

    var isScaled: Bool { scale > 1 }
    func scaled(_ count: Int) -> Int { Int((Double(count) * scale).rounded(.up)) }

    /// The cheapest that promises the recall.
    func row(reaching recall: Double) -> TuningRecord? { rows.first { $0.recallTarget >= recall } }
}
