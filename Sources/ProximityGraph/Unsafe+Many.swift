/// Scans of all codes for many queries, eight in one pass over the codes: the truth that search widths are tuned against.
/// Invariants: eight queries lie one after the other, each as long as a code; the dots of a block fit `scanBlock` × 8.
import CKernels
import Platform
import Synchronization

extension Graph {
    /// `scan` for every row of n × d queries, on `threads` threads. An answer without hits stands for a query without a
    /// direction.
    package func scanMany(_ queries: Span<Float>, limit: Int, threads: Int) -> [GraphAnswer] {
        let dimension = settings.dimension
        precondition(queries.count % dimension == 0 && limit >= 1, "queries of another dimension")
        let coded = (0..<(queries.count / dimension)).map {
            quantizer.encode(query: queries.extracting(($0 * dimension)..<(($0 + 1) * dimension)))
        }
        return scanMany(coded, limit: limit, threads: threads)
    }

    package func scanMany(_ queries: [CodedQuery?], limit: Int, threads: Int) -> [GraphAnswer] {
        let valid = queries.indices.filter { queries[$0] != nil }
        let answers = Mutex([GraphAnswer](repeating: GraphAnswer(), count: queries.count))
        guard nodeCount > 0 else { return answers.withLock { $0 } }
        let group = 8
        Parallel.forEach((valid.count + group - 1) / group, threads: threads) { index, _ in
            let members = valid[(index * group)..<min((index + 1) * group, valid.count)]
            let found = self.scanGroup(members.compactMap { queries[$0] }, limit: limit)
            answers.withLock { answers in
                for (member, answer) in zip(members, found) { answers[member] = answer }
            }
        }
        return answers.withLock { $0 }
    }

    private func scanGroup(_ queries: [CodedQuery], limit: Int) -> [GraphAnswer] {
        let table = view.table
        let pools = table.scanned(for: queries, limit: min(limit, nodeCount)) { verifier.codes.admits($0) }
        return zip(queries, pools).map { query, pool in
            query.withViews { pool.refine(table, $0) }
            return answer(pool, query, width: limit, distances: nodeCount)
        }
    }
}

extension CodeTable {
    /// The best `limit` nodes by the coarse plane for each of at most eight queries, in the pool of a scratch each. The scan
    /// ends where `admits` says that codes cannot be trusted.
    func scanned(
        for queries: [CodedQuery], limit: Int, admits: (Range<Int>) -> Bool = { _ in true }
    ) -> [SearchScratch] {
        precondition(queries.count <= 8, "the kernel takes eight queries at a time")
        let planes = queries.flatMap(\.coarse), offsets = queries.map(\.coarseOffset)
        let pools = queries.map { _ in SearchScratch(nodeCapacity: 0, width: limit) }
        for pool in pools { pool.reset(width: limit) }
        var dots = [Int32](repeating: 0, count: scanBlock * queries.count)
        var bytes = [UInt8](repeating: 0, count: scanBlock * codeBytes)
        for start in stride(from: 0, to: count, by: scanBlock) {
            let length = min(scanBlock, count - start)
            guard admits(start..<(start + length)) else { break }
            unsafe ck_codes_unpack(codes + start * codeBytes, codeBytes, length, &bytes)
            unsafe ck_codes_many(bytes, codeBytes, length, planes, offsets, queries.count, &dots)
            for (column, query) in queries.enumerated() {
                pools[column].offer(
                    self, base: query.center, multiplier: query.coarseScale, from: start, length, dots, column,
                    queries.count, width: limit)
            }
        }
        for pool in pools { pool.settle(width: limit) }
        return pools
    }
}

extension SearchScratch {
    /// Offers nodes `start..<start + length`, whose dots stand in column `column` of `columns`.
    fileprivate func offer(
        _ table: CodeTable, base: Float, multiplier: Float, from start: Int, _ length: Int, _ dots: [Int32],
        _ column: Int, _ columns: Int, width: Int
    ) {
        precondition(width >= 1 && 2 * width <= poolCapacity)
        precondition(start >= 0 && start + length <= table.count && length * columns <= dots.count)
        for index in 0..<length {
            let node = start + index
            let value = unsafe base + (multiplier * table.scales[2 * node]) * Float(dots[index * columns + column])
            let key = PoolKey(similarity: value, node: UInt32(node))
            keep(key, width: width)
        }
    }
}
