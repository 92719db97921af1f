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
        /// Places of the rows it needs, in `wanted` and in the scores.
        var places: Range<Int>
        var cached = 0
    }

    /// A row that a member needs. In the order of rows, then places: members come and go while a row is in the caches.
    private struct Want: Comparable {
        var row: RowID
        var member: UInt32
        var place: UInt32

        static func < (a: Want, b: Want) -> Bool {
            a.row == b.row ? a.place < b.place : a.row.rawValue < b.row.rawValue
        }
    }

    private let options: SearchOptions.Decided
    private let reader: Reader
    private let vectors: VectorCache
    private let target: ModalityRecord
    private let single: Reranker
    private var members: [Member] = []
    private var scorers: VectorScorers
    private var wanted: [Want] = []
    private var candidateCount = 0

    init(target: ModalityRecord, options: SearchOptions.Decided, reader: Reader, vectors: VectorCache) {
        self.vectors = vectors
        self.options = options
        self.reader = reader
        self.target = target
        single = Reranker(target: target, options: options, reader: reader, vectors: vectors)
        scorers = VectorScorers(options.metric.vectorMetric, dimension: target.dimension)
    }

    var isEmpty: Bool { members.isEmpty }
    var isFull: Bool { candidateCount >= Self.candidatesMax }

    mutating func append(_ narrowed: Narrowed, for query: PreparedQuery, at index: Int) {
        let needed = single.split(narrowed.candidates).needed
        let start = wanted.count
        for (offset, candidate) in needed.enumerated() {
            wanted.append(Want(row: candidate.row, member: UInt32(members.count), place: UInt32(start + offset)))
        }
        members.append(
            Member(index: index, query: query, narrowed: narrowed, places: start..<(start + needed.count)))
        scorers.append(query.vector)
        candidateCount += narrowed.candidates.count
    }

    /// The answers of all members, in the order they were appended. The group is empty afterwards.
    /// Complexity: O(candidates needed × dimension), and one read of each distinct row.
    mutating func finish() throws -> [Ranked] {
        var members: [Member] = []
        var scorers = VectorScorers(options.metric.vectorMetric, dimension: target.dimension)
        swap(&members, &self.members)
        swap(&scorers, &self.scorers)
        let rows = wanted.map(\.row)
        wanted.sort()
        defer { wanted.removeAll(keepingCapacity: true) }
        candidateCount = 0
        let scores = try score(wanted, with: scorers, members: &members)
        var ranked: [Ranked] = []
        ranked.reserveCapacity(members.count)
        for member in members { ranked.append(try rank(member, rows, scores)) }
        return ranked
    }

    /// The score of every want at its place; what could not be read is no number.
    private func score(_ wants: [Want], with scorers: VectorScorers, members: inout [Member]) throws -> [Double] {
        var scores = [Double](repeating: .nan, count: wants.count)
        var unread: (rows: [RowID], wants: [Range<Int>]) = ([], [])
        var start = 0
        while start < wants.count {
            let row = wants[start].row
            var end = start + 1
            while end < wants.count, wants[end].row == row { end += 1 }
            if let vector = vectors.vector(of: row.rawValue), vector.count == target.dimension {
                for want in wants[start..<end] {
                    scores[Int(want.place)] = scorers.score(Int(want.member), vector.span)
                    members[Int(want.member)].cached += 1
                }
            } else {
                unread.rows.append(row)
                unread.wants.append(start..<end)
            }
            start = end
        }
        // Damage is told below, by the single ranking of those that met it.
        _ = try reader.forEachVector(unread.rows, of: target) { index, vector in
            // While the next row is read and decoded, its queries come from memory.
            if index + 1 < unread.wants.count {
                for want in unread.wants[index + 1] { scorers.prefetch(Int(wants[want].member)) }
            }
            for want in unread.wants[index] {
                scores[Int(wants[want].place)] = scorers.score(Int(wants[want].member), vector)
            }
            vectors.keep(vector, of: unread.rows[index].rawValue)
        }
        return scores
    }

    private func rank(_ member: Member, _ rows: [RowID], _ scores: [Double]) throws -> Ranked {
        var explanation = member.narrowed.explanation
        var list = TopList(k: options.k, largerIsBetter: options.metric.isSimilarity)
        for place in member.places {
            guard !scores[place].isNaN else {
                // A damaged or just deleted row was among those that ruled others out.
                let best = try single.rank(member.narrowed.candidates, for: member.query, explanation: &explanation)
                return Ranked(index: member.index, best: best, explanation: explanation)
            }
            list.insert(rows[place], scores[place])
        }
        explanation.candidates = member.narrowed.candidates.count
        explanation.reranked = member.places.count
        explanation.pruned = explanation.candidates - member.places.count
        explanation.cached = member.cached
        explanation.bytesRead = (member.places.count - member.cached) * target.dimension * 4
        return Ranked(index: member.index, best: list.finish(), explanation: explanation)
    }
}
