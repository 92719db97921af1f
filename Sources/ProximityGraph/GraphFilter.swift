/// Searches among some of the labels: drop, walk or scan, whichever compares fewer codes. Knows counts, not times.

extension Graph {
    /// Codes that an unfiltered search compares per unit of its width, at the lower end of what was measured (8 to 31).
    static let codesPerWidth = 8
    /// With so many of the nodes in the set, an ordinary search that drops the others is the cheapest.
    static let dropShare = 0.9
    /// With fewer of the nodes about the query in the set, two hops do not find a list's worth of them.
    static let localShareMin = 0.02
    /// With so many of the nodes about the query in the set, as a share of those everywhere, a walk would not get away.
    static let thinnest = 0.5
    /// So much fewer than everywhere there may be by chance.
    static let thin = 0.8
    /// A scan keeps so many times the width: a set that shuns the query has hundreds of rows whose estimates are too close to
    /// tell apart. The certified bound of each says which of them the caller must read.
    static let scanBreadth = 4

    /// The best `width` nodes' labels of a set, best first, and more where that is cheap (a scan). Compares at most half as
    /// many codes again as a scan of the set and, where nearly all nodes are in it, at most an ordinary search's and a scan's;
    /// in either case besides those on the way down to where a walk begins.
    ///
    /// Three ways: where nearly all nodes are in the set, an ordinary search a little wider; where the nodes about the query
    /// are in it at least half as often as elsewhere, a walk that scores hardly others, and is the wider the rarer they are there
    /// (what may be kept then lies farther out, where more is equally far); otherwise, where the set is so
    /// small that even an unfiltered search would cost more, and where a walk gives up, a scan of the set. A set that shuns the
    /// query's place is scanned because a walk would have to leave, in all directions, a region that holds nothing it may keep.
    package func searchFiltered(
        _ query: Span<Float>, width: Int, admitting: LabelSet, crossModal: Bool = true
    ) -> GraphAnswer {
        guard let coded = quantizer.encode(query: query) else { return GraphAnswer() }
        return searchFiltered(coded, width: width, admitting: admitting, crossModal: crossModal)
    }

    package func searchFiltered(
        _ query: CodedQuery, width: Int, admitting: LabelSet, crossModal: Bool = true
    ) -> GraphAnswer {
        let matches = min(admitting.count, nodeCount)
        guard Self.isWalkCheaper(width, matches) else { return scanned(query, width, admitting, after: GraphAnswer()) }
        let share = Double(matches) / Double(nodeCount)
        var spent = GraphAnswer()
        if share >= Self.dropShare {
            let answer = searchDropping(
                query, width: Int(Double(width) / share) + 2, limit: width, admitting, crossModal: crossModal)
            if answer.damage != nil || 10 * answer.nodes >= 9 * width { return answer }
            spent = answer  // what is near the query is gone: the walk must go farther
        }
        let budget = matches / 2 - spent.distances
        guard budget > 0 else { return scanned(query, width, admitting, after: spent) }
        var answer = walk(query, width: width, admitting, share: share, budget: budget, crossModal: crossModal)
        answer.visited += spent.visited
        answer.distances += spent.distances
        return answer.exhausted || answer.damage != nil ? answer : scanned(query, width, admitting, after: answer)
    }

    /// The best `width` nodes' labels, best first: by a walk, or where the width is so great that a scan of all codes compares
    /// fewer, by that, and then more of them.
    package func searchAll(_ query: CodedQuery, width: Int, crossModal: Bool = true) -> GraphAnswer {
        guard Self.isWalkCheaper(width, nodeCount) else { return scanned(query, width, nil, after: GraphAnswer()) }
        return search(query, width: width, crossModal: crossModal)
    }

    /// Than a scan of the nodes that match, which reads codes in their order.
    private static func isWalkCheaper(_ width: Int, _ matches: Int) -> Bool { 2 * matches > 3 * codesPerWidth * width }

    /// Not exhausted where it gave up: at once where too few about the query are in the set, or when the budget is spent.
    private func walk(
        _ query: CodedQuery, width: Int, _ admitting: LabelSet, share: Double, budget: Int, crossModal: Bool
    ) -> GraphAnswer {
        let widest = Int(Double(width) / Self.thinnest) + 1
        return run(query, width: widest, admitting) { scratch, view, query, widest in
            let base = crossModal ? view.base : view.base.plain
            let entry = descend(scratch, query)
            let nodes = admitting.nodes
            let local = scratch.share(of: nodes.span, around: entry, base)
            guard local >= max(Self.localShareMin, Self.thinnest * share) else { return false }
            let wide = local < Self.thin * share ? min(widest, Int(Double(width) * share / local)) : width
            return scratch.walk(
                view.table, base, query.walk, from: entry, seeds: admitting.spread(Self.seedsOfWalk), width: wide,
                admitted: nodes.span, sweepShare: Self.sweepShare, budget: budget)
        }
    }

    private func scanned(_ query: CodedQuery, _ width: Int, _ admitting: LabelSet?, after walk: GraphAnswer) -> GraphAnswer {
        var answer = scan(query, limit: Self.scanBreadth * width, admitting: admitting)
        answer.visited += walk.visited
        answer.distances += walk.distances
        answer.isScan = true
        return answer
    }
}
