/// How far a graph is behind its modality, and what is to be done about it. Counts only; whoever asks has read them.
import Storage

/// Rows are searched beside the graph, and deleted ones walked through, so a graph that is behind is never wrong, only slow.
struct IndexFreshness: Sendable, Equatable {
    /// From this share of deleted rows on, walks lose too much on nodes that cannot be returned (a tenth).
    static let deadShare = 10
    /// From this share of rows beside the graph on, walks see too little of what there is (a quarter).
    static let addedShare = 4
    /// Comparing so many codes one after the other takes as long as a walk does.
    static let addedMax = 8_192

    /// Rows of the graph, and of these the deleted.
    var inGraph: Int
    var dead: Int
    /// Live rows inserted since. Changes of metadata alone are no part of it.
    var added: Int

    var isCurrent: Bool { dead == 0 && added == 0 }

    /// So many rows deleted or added could make the graph slow searches down; fewer cannot.
    var changesLeft: Int {
        func least(_ share: Int) -> Int { (max(inGraph, 1) + share - 1) / share }
        return min(least(Self.deadShare) - dead, least(Self.addedShare) - added, Self.addedMax + 1 - added)
    }

    /// A walk compares many that are dead, or as many beside the graph as in it.
    var slowsSearches: Bool { changesLeft <= 0 }

    /// Half of the rows have come since the graph was built from nothing: the mean, and the links for other modalities' queries,
    /// were chosen for others. Then it is built from nothing again; so rarely that each row costs two insertions more at most.
    /// - Parameter merged: rows that came by merges since then.
    func outgrows(merged: Int) -> Bool { 2 * (merged + added) >= inGraph - dead + added }
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
