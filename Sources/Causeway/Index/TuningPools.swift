/// What searches of a width proposed, kept while other metrics and numbers of candidates are measured at it: they begin with the
/// same walk. Searches nothing itself.

/// Used by one thread at a time.
final class TuningPools {
    /// What decides a pool, for the judges from one on.
    struct Key: Hashable {
        var width: Int
        var k: Int
        /// Rows without a code are candidates of cosine alone.
        var isCosine: Bool
        var firstJudge: Int
    }

    private static let bytesMax = 64 << 20
    private var pools: [Key: [[Candidate]?]] = [:]
    private var bytes = 0

    /// By judge the candidates, nil where everything is compared; made where they are not kept.
    func pools(_ key: Key, _ make: () throws -> [[Candidate]?]) rethrows -> [[Candidate]?] {
        if let kept = pools[key] { return kept }
        let made = try make()
        let size = made.reduce(0) { $0 + ($1?.count ?? 0) } * MemoryLayout<Candidate>.stride
        if bytes + size > Self.bytesMax { (pools, bytes) = ([:], 0) }
        pools[key] = made
        bytes += size
        return made
    }
}
