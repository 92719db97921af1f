/// Searches among some of the labels: an ordinary search that drops the others, a walk that looks past them, or a scan, whichever
/// is likely to take the least time. Knows counts, not times: what a code costs where was measured once, and is a number here.

extension Graph {
    /// Codes that an unfiltered search compares per unit of its width; 8 to 31 were measured.
    static let codesPerWidth = (least: 8, usual: 16)
    /// Codes that a walk which looks past most nodes compares per unit of its width, at the upper end of what was measured (8 to
    /// 42).
    static let codesPerWidthOfWalk = 40
    /// So many codes are compared in their order in the time of one on a walk: 30 ns and 130 with 100,000 codes of 256 bytes.
    static let scanSpeed = 4
    /// With so many of the nodes about the query in the set, an ordinary search that drops the others takes less time.
    static let dropShare = 0.4
    /// With less than this of the share everywhere about the query, the set shuns it.
    static let thin = 0.8
    /// A walk among some of the nodes has fewer ways than the search that its width was measured with.
    static let breadth = 1.5
    /// What a set that shuns the query has to offer lies round it on all sides, and a walk comes from one.
    static let breadthAround = 4.0
    /// So much of a list two links away is new to a walk.
    static let newShare = 0.3
    /// A scan keeps so many times the width: its estimates are rough, and a set that shuns the query has hundreds of rows that
    /// they cannot tell apart. The certified bound of each says which of them the caller must read.
    static let scanBreadth = 4
    /// Where that is too few, as among near copies, it is made again and keeps so many times more.
    static let scanGrowth = 8

    /// The best `k` nodes' labels of a set, best first, and all others that a search met which finds them as surely as one
    /// of that width finds the best k of all. Compares at most half as many codes again as a scan of the set; where many nodes
    /// about the query are in it, at most an ordinary search's and a scan's; in either case besides those on the way down to
    /// where a walk begins, and another scan among near copies.
    ///
    /// Where many of the nodes about the query are in the set, an ordinary search: the best k of the set are among about
    /// k / share of all, and the width that finds the best k was found to grow about as the root of k. Otherwise a scan, where
    /// the set is so small that a walk would take longer; otherwise a walk that scores hardly others. It is wider than an
    /// ordinary search, the more so where few of the nodes two links away are in the set, and most where the set shuns the query.
    /// A walk that takes as long as a scan gives up, and the set is scanned. Of sets that do not shun the query, the upper halves
    /// of codes are scanned.
    package func searchFiltered(
        _ query: Span<Float>, best k: Int, width: Int, admitting: LabelSet, crossModal: Bool = true
    ) -> GraphAnswer {
        guard let coded = quantizer.encode(query: query) else { return GraphAnswer() }
        return searchFiltered(coded, best: k, width: width, admitting: admitting, crossModal: crossModal)
    }

    package func searchFiltered(
        _ query: CodedQuery, best k: Int, width: Int, admitting: LabelSet, crossModal: Bool = true
    ) -> GraphAnswer {
        let matches = min(admitting.count, nodeCount)
        guard Self.isWalkCheaper(width, matches) else {
            return scanned(query, best: k, width, admitting, after: GraphAnswer())
        }
        let share = Double(matches) / Double(nodeCount)
        let (descent, entry, about) = surroundings(of: query, admitting)
        var (spent, local) = (descent, about ?? share)
        let dropping = Self.widthOfDropping(k, width, local: local)
        if local >= Self.dropShare, Self.codesPerWidth.usual * dropping <= matches {
            let answer = searchDropping(
                query, best: k, from: entry, width: dropping, sure: Int(Double(dropping) / Self.margin(local)), limit: width,
                admitting, crossModal: crossModal
            ).after(spent)
            if answer.damage != nil || answer.exhausted && 2 * answer.nodes >= width { return answer }
            // What is near the query is gone: the walk must go farther.
            (spent, local) = (answer, min(local, Double(answer.nodes) / Double(dropping)))
        }
        let shuns = local < Self.thin * share
        let wide = Self.widthOfWalk(k, width, local: min(local, share), shuns: shuns, degree: settings.baseDegree)
        let budget = matches / Self.scanSpeed - spent.distances
        guard budget >= Self.codesPerWidthOfWalk * wide else {
            return scanned(query, best: k, width, admitting, byUpperHalves: !shuns, after: spent)
        }
        let answer = search(
            query, from: entry, width: wide, admitting: admitting, budget: budget, crossModal: crossModal
        ).after(spent)
        if answer.exhausted || answer.damage != nil { return answer }
        return scanned(query, best: k, width, admitting, byUpperHalves: !shuns, after: answer)
    }

    /// The best `width` nodes' labels, best first: by a walk, or where the width is so great that a scan of all codes compares
    /// fewer, by that, and then more of them: as many at least as may be among the best `k`.
    package func searchAll(_ query: CodedQuery, best k: Int, width: Int, crossModal: Bool = true) -> GraphAnswer {
        guard Self.isWalkCheaper(width, nodeCount) else { return scanned(query, best: k, width, nil, after: GraphAnswer()) }
        return search(query, width: width, crossModal: crossModal)
    }

    /// Than a scan of the nodes that match, even where it compares few codes.
    private static func isWalkCheaper(_ width: Int, _ matches: Int) -> Bool { 2 * matches > 3 * codesPerWidth.least * width }

    /// Of an ordinary search that finds k of a set, by two standard deviations, not among the last nodes that it finds, and the
    /// best of the set as one of that width finds the best of all.
    /// - local: the share of the set among the nodes about the query.
    private static func widthOfDropping(_ k: Int, _ width: Int, local: Double) -> Int {
        let local = max(local, dropShare)
        let holdsK = (Double(k) + 2 * (Double(k) * (1 - local)).squareRoot()) / local
        return Int(max(Double(width) / local.squareRoot(), holdsK * margin(local))) + 2
    }

    /// The last nodes that a search finds are the least sure. A width near k was enough for the best k of all, which often lie
    /// together; those of a set lie among others, the more so the fewer of all are in it.
    private static func margin(_ local: Double) -> Double { 2 - local }

    /// Of a walk that finds the best of a set as an ordinary search of that width finds the best of all.
    private static func widthOfWalk(_ k: Int, _ width: Int, local: Double, shuns: Bool, degree: Int) -> Int {
        // Of the set two links away, in lists. With less there are too few ways on: with none, no walk is wide enough.
        let ways = max(newShare * Double(degree) * local, 1e-6)
        let surely = Double(max(width, 2 * k))
        return Int(surely * (shuns ? breadthAround : breadth) * max(1, 1 / ways).squareRoot()) + 1
    }

    /// What the way down to level 0 cost and where it ends, and the share of the set among the nodes two links about that.
    private func surroundings(of query: CodedQuery, _ admitting: LabelSet) -> (GraphAnswer, entry: Int, share: Double?) {
        var (entry, share) = (0, Double?.none)
        let nodes = admitting.nodes
        let answer = run(query, width: 1, admitting) { scratch, view, query, _ in
            entry = descend(scratch, query)
            share = scratch.share(of: nodes.span, around: entry, view.base.plain)
            return true
        }
        return (answer, entry, share)
    }

    /// The best of a scan, as many as it takes to leave out hardly any of the best k: nearly always the first so many.
    private func scanned(
        _ query: CodedQuery, best k: Int, _ width: Int, _ admitting: LabelSet?, byUpperHalves: Bool = false,
        after spent: GraphAnswer
    ) -> GraphAnswer {
        var (answer, limit) = (spent, Self.scanBreadth * width)
        while true {
            answer = scan(query, limit: limit, admitting: admitting, byUpperHalves: byUpperHalves).after(answer)
            if answer.nodes < limit || answer.outdoes(k, dimension: quantizer.codeBytes) { break }
            limit *= Self.scanGrowth
        }
        answer.isScan = true
        return answer
    }
}

extension GraphAnswer {
    /// Told with what was spent before.
    fileprivate func after(_ spent: GraphAnswer) -> GraphAnswer {
        var answer = self
        answer.visited += spent.visited
        answer.distances += spent.distances
        return answer
    }

    /// Whether what comes after its last hit is hardly among the best k, as far as that one speaks for others: four standard
    /// deviations, were what their codes lost of so many dimensions in no direction rather than in the query's.
    fileprivate func outdoes(_ k: Int, dimension: Int) -> Bool {
        guard let last = hits.last else { return true }
        let deviations = 4 / Float(dimension).squareRoot()
        let bar = hits.prefix(k).lazy.map { $0.similarity - deviations * $0.errorBound }.min() ?? 1
        return last.similarity + deviations * last.errorBound < bar
    }
}
