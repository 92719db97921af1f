/// How far a graph is behind its modality, and when that deserves a new one. Counts only; whoever asks has read them.
import Storage

/// Rows are searched beside the graph, and deleted ones walked through, so a graph that is behind is never wrong, only slow.
struct IndexFreshness: Sendable, Equatable {
    /// From this share of deleted rows on, walks lose too much on nodes that cannot be returned (a tenth).
    static let deadShare = 10
    /// From this share of rows beside the graph on, a new mean and new neighbours pay (a quarter).
    static let addedShare = 4
    /// Comparing so many codes one after the other takes as long as a walk does.
    static let addedMax = 8_192

    /// Rows of the graph, and of these the deleted.
    var inGraph: Int
    var dead: Int
    /// Live rows inserted since. Changes of metadata alone are no part of it.
    var added: Int

    var isCurrent: Bool { dead == 0 && added == 0 }

    var deservesRebuild: Bool {
        dead * Self.deadShare >= max(inGraph, 1) || added * Self.addedShare >= max(inGraph, 1) || added > Self.addedMax
    }
}

extension Reader {
    /// What changed since a generation was made of `inGraph` rows. O(changes).
    func freshness(of generation: GenerationRecord, in modality: ModalityID, inGraph: Int) throws -> IndexFreshness {
        let through = generation.throughSequence
        let dead = try deletedRows(of: modality, after: through).count { $0.rawValue <= through.rawValue }
        return IndexFreshness(
            inGraph: inGraph, dead: dead, added: try changedRows(of: modality, after: through).count)
    }
}
