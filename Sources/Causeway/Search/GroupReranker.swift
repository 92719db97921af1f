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
        /// How many rows could answer.
        var eligible: Int
        /// The best k and all ties, best first.
        var best: [TopList.Entry]
        var explanation: Explanation
    }

    private struct Member {
        var index: Int
        var eligible: Int
        var query: PreparedQuery
        var narrowed: Narrowed
        var scorer: VectorScorer
        var list: TopList
        var needed: Int
        var found = 0
    }

    /// A row that a member needs.
    private struct Want {
        var row: RowID
        var member: Int
    }

    private let options: SearchOptions
    private let reader: Reader
    private let target: ModalityRecord
    private let single: Reranker
    private var members: [Member] = []
    private var wants: [Want] = []
    private var candidateCount = 0

    init(target: ModalityRecord, options: SearchOptions, reader: Reader) {
        self.options = options
        self.reader = reader
        self.target = target
        single = Reranker(target: target, options: options, reader: reader)
    }

    var isEmpty: Bool { members.isEmpty }
    var isFull: Bool { candidateCount >= Self.candidatesMax }

    mutating func append(_ narrowed: Narrowed, for query: PreparedQuery, at index: Int, eligible: Int) {
        let needed = single.split(narrowed.candidates).needed
        for candidate in needed { wants.append(Want(row: candidate.row, member: members.count)) }
        members.append(
            Member(
                index: index, eligible: eligible, query: query, narrowed: narrowed,
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
        wants.sort { ($0.row, $0.member) < ($1.row, $1.member) }
        var rows: [RowID] = []
        var starts: [Int] = []
        for (position, want) in wants.enumerated() where want.row != rows.last {
            rows.append(want.row)
            starts.append(position)
        }
        starts.append(wants.count)
        // Damage is told below, by the single ranking of those that met it.
        _ = try reader.forEachVector(rows, of: target) { index, vector in
            for position in starts[index]..<starts[index + 1] {
                let (row, member) = (wants[position].row, wants[position].member)
                members[member].list.insert(row, members[member].scorer.score(vector))
                members[member].found += 1
            }
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
            return Ranked(index: member.index, eligible: member.eligible, best: best, explanation: explanation)
        }
        explanation.candidates = member.narrowed.candidates.count
        explanation.reranked = member.found
        explanation.pruned = explanation.candidates - member.needed
        explanation.bytesRead = member.found * target.dimension * 4
        return Ranked(index: member.index, eligible: member.eligible, best: member.list.finish(), explanation: explanation)
    }
}
