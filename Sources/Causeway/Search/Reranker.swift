/// The exact stage over candidates: which stored vectors must be read, and their order by the exact metric.
import Storage
import VectorMath

/// A row that the codes propose, with its estimated cosine and a certified bound on the estimate's error.
struct Candidate: Sendable {
    var row: RowID
    var estimate: Float
    var errorBound: Float
    var leastCosine: Float { estimate - errorBound }
    var mostCosine: Float { estimate + errorBound }
}

extension [Candidate] {
    /// Those that can be among the best k by cosine, in their order: fewer than k others lie surely above them. Copies have one
    /// estimate and count as one: those that filled the number would rule out what another metric finds better.
    /// - Precondition: best estimate first.
    func thatMayBeAmongBest(_ k: Int) -> [Candidate] {
        let different = placesOfDifferent(moreThan: k)
        guard k > 0, different.count > k else { return self }
        let bar = different.lazy.map { self[$0].leastCosine }.largest(k)
        return filter { $0.mostCosine >= bar }
    }

    /// The best k by estimate. Copies count as one: a number that cut between them would leave out what is as good as what it
    /// kept, and one that they filled what may be better.
    /// - Precondition: best estimate first.
    func best(_ k: Int) -> ArraySlice<Candidate> {
        let different = placesOfDifferent(moreThan: k)
        return different.count > k ? self[..<different[k]] : self[...]
    }

    /// Where each different estimate stands first; none where there are no more candidates than `count`.
    private func placesOfDifferent(moreThan count: Int) -> [Int] {
        self.count > count ? indices.filter { $0 == 0 || self[$0].estimate != self[$0 - 1].estimate } : []
    }
}

extension Sequence<Float> {
    /// The k-th largest of at least k values. Where they nearly descend few are moved: about O(n + k log k).
    fileprivate func largest(_ k: Int) -> Float {
        var best: [Float] = []
        best.reserveCapacity(k + 1)
        for value in self {
            if best.count == k, value <= best[k - 1] { continue }
            var place = best.count
            while place > 0, best[place - 1] < value { place -= 1 }
            best.insert(value, at: place)
            if best.count > k { best.removeLast() }
        }
        return best[k - 1]
    }
}

struct Reranker {
    let target: ModalityRecord
    let options: SearchOptions.Decided
    let reader: Reader
    let vectors: VectorCache

    /// The candidates' best k and all ties, by the exact metric. Equals scoring every candidate; reads fewer where it can.
    func rank(
        _ candidates: [Candidate], for query: PreparedQuery, explanation: inout Explanation
    ) throws -> [TopList.Entry] {
        let (needed, spared) = split(candidates)
        var list = TopList(k: options.k, largerIsBetter: options.metric.isSimilarity)
        let scorer = VectorScorer(options.metric.vectorMetric, query: query.vector)
        var found = try score(needed, with: scorer, into: &list, explanation: &explanation)
        explanation.candidates = candidates.count
        if found < needed.count && !spared.isEmpty {
            // A damaged or just deleted row was among those that ruled others out: give the others their chance.
            found += try score(spared, with: scorer, into: &list, explanation: &explanation)
        } else {
            explanation.pruned = spared.count
        }
        return list.finish()
    }

    /// Candidates that can still be among the best k by cosine, and those that cannot. Other metrics have no such bound, so all
    /// their candidates are read.
    func split(_ candidates: [Candidate]) -> (needed: [Candidate], spared: [Candidate]) {
        guard options.metric == .cosine, candidates.count > options.k else { return (candidates, []) }
        let bar = candidates.lazy.map(\.leastCosine).largest(options.k)
        var parts: (needed: [Candidate], spared: [Candidate]) = ([], [])
        parts.needed.reserveCapacity(candidates.count)
        for candidate in candidates {
            if candidate.mostCosine >= bar {
                parts.needed.append(candidate)
            } else {
                parts.spared.append(candidate)
            }
        }
        return parts
    }

    /// Scores rows, and reads those that are not in memory in storage order; returns how many were sound.
    private func score(
        _ candidates: [Candidate], with scorer: VectorScorer, into list: inout TopList, explanation: inout Explanation
    ) throws -> Int {
        var rows: [RowID] = []
        var held = 0
        for row in candidates.lazy.map(\.row) {
            if let vector = vectors.vector(of: row.rawValue), vector.count == target.dimension {
                list.insert(row, scorer.score(vector.span))
                held += 1
            } else {
                rows.append(row)
            }
        }
        rows.sort()
        var found = 0
        let damaged = try reader.forEachVector(rows, of: target) { index, vector in
            list.insert(rows[index], scorer.score(vector))
            vectors.keep(vector, of: rows[index].rawValue)
            found += 1
        }
        explanation.bytesRead += found * target.dimension * 4
        explanation.cached += held
        found += held
        explanation.reranked += found
        explanation.leaveOut(damaged: damaged.count)
        return found
    }
}
