/// The exact stage for many queries at once: the rows that any of them needs are read in one ordered pass, each once.
/// Gives every query what it would get alone (Reranker), with fewer reads of a page and of a row that several want.
import Storage
import VectorMath

struct GroupReranker {
    /// Candidates held at once, 16 bytes each.
    private static let candidatesMax = 1 << 20

    struct Ranked {
        /// As the caller numbered the query.
        var index: Int
        /// The best k and all ties, best first.
        var best: [TopList.Entry]
        var explanation: Explanation
    }

    private struct Member {
        var index: Int
        var query: PreparedQuery
        var narrowed: Narrowed
        var scorer: VectorScorer
        var list: TopList
        var needed: Int
        var found = 0
        var cached = 0

        mutating func take(_ row: RowID, _ vector: Span<Float>, isCached: Bool) {
            list.insert(row, scorer.score(vector))
            found += 1
            if isCached { cached += 1 }
        }
    }

    /// A row that a member needs. In the order of rows, then members.
    private struct Want: Comparable {
        var row: Int64
        var member: Int

        static func < (a: Want, b: Want) -> Bool { a.row == b.row ? a.member < b.member : a.row < b.row }
    }

    private let options: SearchOptions
    private let reader: Reader
    private let vectors: VectorCache
    private let target: ModalityRecord
    private let single: Reranker
    private var members: [Member] = []
    private var wants: [Want] = []
    private var candidateCount = 0

    init(target: ModalityRecord, options: SearchOptions, reader: Reader, vectors: VectorCache) {
        self.vectors = vectors
        self.options = options
        self.reader = reader
        self.target = target
        single = Reranker(target: target, options: options, reader: reader, vectors: vectors)
    }

    var isEmpty: Bool { members.isEmpty }
    var isFull: Bool { candidateCount >= Self.candidatesMax }

    mutating func append(_ narrowed: Narrowed, for query: PreparedQuery, at index: Int) {
        let needed = single.split(narrowed.candidates).needed
        for candidate in needed { wants.append(Want(row: candidate.row.rawValue, member: members.count)) }
        members.append(
            Member(
                index: index, query: query, narrowed: narrowed,
                scorer: VectorScorer(options.metric.vectorMetric, query: query.vector),
                list: TopList(k: options.k, largerIsBetter: options.metric.isSimilarity), needed: needed.count))
        candidateCount += narrowed.candidates.count
    }

    /// The answers of all members, in the order they were appended. The group is empty afterwards.
    /// Complexity: O(candidates needed × dimension), and one read of each distinct row.
    mutating func finish() throws -> [Ranked] {
        var (members, wants) = ([Member](), [Want]())
        swap(&members, &self.members)
        swap(&wants, &self.wants)
        candidateCount = 0
        wants.sort()
        var unread: (rows: [RowID], wants: [Range<Int>]) = ([], [])
        var start = 0
        while start < wants.count {
            let row = wants[start].row
            var end = start + 1
            while end < wants.count, wants[end].row == row { end += 1 }
            if let vector = vectors.vector(of: row), vector.count == target.dimension {
                for want in wants[start..<end] {
                    members[want.member].take(RowID(rawValue: row), vector.span, isCached: true)
                }
            } else {
                unread.rows.append(RowID(rawValue: row))
                unread.wants.append(start..<end)
            }
            start = end
        }
        // Damage is told below, by the single ranking of those that met it.
        _ = try reader.forEachVector(unread.rows, of: target) { index, vector in
            let row = unread.rows[index]
            for want in unread.wants[index] { members[wants[want].member].take(row, vector, isCached: false) }
            vectors.keep(vector, of: row.rawValue)
        }
        var ranked: [Ranked] = []
        ranked.reserveCapacity(members.count)
        for index in members.indices { ranked.append(try rank(&members[index])) }
        return ranked
    }

    private func rank(_ member: inout Member) throws -> Ranked {
        var explanation = member.narrowed.explanation
        guard member.found == member.needed else {
            // A damaged or just deleted row was among those that ruled others out.
            let best = try single.rank(member.narrowed.candidates, for: member.query, explanation: &explanation)
            return Ranked(index: member.index, best: best, explanation: explanation)
        }
        explanation.candidates = member.narrowed.candidates.count
        explanation.reranked = member.found
        explanation.pruned = explanation.candidates - member.needed
        explanation.cached = member.cached
        explanation.bytesRead = (member.found - member.cached) * target.dimension * 4
        return Ranked(index: member.index, best: member.list.finish(), explanation: explanation)
    }
}
