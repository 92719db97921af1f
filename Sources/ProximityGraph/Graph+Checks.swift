/// Whether a graph file is what it should be: checksums of every byte, and the invariants of its lists and labels.
import Platform
import Synchronization

extension Graph {
    /// Every chunk of every section against its checksum; a sentence for each that differs. Reads the whole file.
    package func verifyChecksums(threads: Int = 1) -> [String] {
        struct Chunk: Sendable { var section: SectionEntry, part: Int }
        let checked = header.sections.filter { $0.name != SectionName.checksums.rawValue }
        let chunks = checked.flatMap { section in (0..<section.checksumCount).map { Chunk(section: section, part: $0) } }
        guard let table = header.section(.checksums) else { return ["the checksums are missing"] }
        let checksums = whole.subsection(table.offset, table.length)
        let findings = Mutex<[(order: Int, text: String)]>([])
        Parallel.forEach(chunks.count, threads: threads) { index, _ in
            let (section, part) = (chunks[index].section, chunks[index].part)
            let range = section.chunk(part)
            if self.whole.checksum(range) != checksums.u32(section.firstChecksum + part) {
                findings.withLock { $0.append((index, damageText(section, part))) }
            }
        }
        var result = findings.withLock { $0.sorted { $0.order < $1.order }.map(\.text) }
        if !frameIsSound(table) { result.append("the header, the checksums or bytes outside every section") }
        return result
    }

    /// The header as it is now, the checksums, and the zeros after them.
    private func frameIsSound(_ table: SectionEntry) -> Bool {
        let bytes = whole.bytes(0..<GraphFormat.headerBytes)
        guard let now = try? GraphHeader(decoding: bytes, fileBytes: whole.length, path: path), now == header else {
            return false
        }
        guard whole.checksum(table.offset..<(table.offset + table.length)) == header.checksumOfChecksums else {
            return false
        }
        return whole.bytes((table.offset + table.length)..<whole.length).allSatisfy { $0 == 0 }
    }

    /// What every sound graph fulfils; a sentence for each rule broken, at most one example of each. O(nodes + links).
    package func checkInvariants() -> [String] {
        var findings = Findings()
        checkLists(&findings)
        checkExtraLinks(&findings)
        checkLabels(&findings)
        checkScales(&findings)
        let reached = nodesReached()
        if reached != nodeCount {
            findings.add("\(nodeCount - reached) of \(nodeCount) nodes cannot be reached from the entry on level 0")
        }
        return findings.texts
    }

    /// Nodes that a breadth-first walk of level 0 from the entry reaches, without extra links; all of them when sound.
    package func nodesReached() -> Int {
        guard nodeCount > 0 else { return 0 }
        let base = view.base
        var seen = [Bool](repeating: false, count: nodeCount)
        var queue = [header.entry]
        seen[header.entry] = true
        var next = 0
        while next < queue.count {
            base.forEachLink(of: queue[next]) { link in
                if link < nodeCount && !seen[link] {
                    seen[link] = true
                    queue.append(link)
                }
            }
            next += 1
        }
        return queue.count
    }

    private func checkLists(_ findings: inout Findings) {
        let view = view
        for (level, layer) in ([view.base] + view.upper.reversed()).enumerated() {
            for node in 0..<layer.count {
                var links: [Int] = []
                layer.forEachLink(of: node) { links.append($0) }
                if links.contains(where: { $0 >= layer.count }) {
                    findings.add("level \(level): a link of node \(node) leads outside")
                }
                if links.contains(node) { findings.add("level \(level): node \(node) links to itself") }
                if Set(links).count != links.count { findings.add("level \(level): node \(node) links twice to one node") }
                if layer.hasGap(node) { findings.add("level \(level): the list of node \(node) has a gap") }
            }
        }
        var names = Set<UInt32>()
        for ordinal in 0..<(header.layers.first ?? 0) {
            let node = upperNames.u32(ordinal)
            if Int(node) >= nodeCount || !names.insert(node).inserted {
                findings.add("upper layers: entry \(ordinal) names no node of its own")
            }
        }
    }

    private func checkExtraLinks(_ findings: inout Findings) {
        let base = view.base
        for node in 0..<nodeCount {
            let links = base.extraLinks(of: node)
            if links.count > ExtraLinks.degree { findings.add("node \(node) has more than \(ExtraLinks.degree) extra links") }
            if links.contains(where: { $0 >= nodeCount }) { findings.add("an extra link of node \(node) leads outside") }
            if links.contains(node) { findings.add("an extra link of node \(node) leads to itself") }
            if Set(links).count != links.count { findings.add("extra links of node \(node) lead twice to one node") }
        }
    }

    private func checkLabels(_ findings: inout Findings) {
        if hasDuplicates {
            var expected = 0
            for node in 0..<nodeCount {
                let range = slotRange(of: node)
                if range.isEmpty || range.lowerBound != expected {
                    findings.add("the labels of node \(node) do not follow those of the node before")
                }
                expected = range.upperBound
            }
            if expected != count { findings.add("labels after those of the last node") }
        }
        var last: Int64?
        for position in 0..<count {
            guard let slot = slot(inOrder: position) else {
                findings.add("the label order leads outside at position \(position)")
                continue
            }
            if let last, label(slot) <= last { findings.add("labels do not ascend at position \(position) of their order") }
            last = label(slot)
        }
    }

    private func checkScales(_ findings: inout Findings) {
        let table = view.table
        for node in 0..<nodeCount where !table.isSound(node) || !nodeError(node).isFinite || nodeError(node) < 0 {
            findings.add("the scale or the error of node \(node) is no possible number")
        }
    }
}

/// Sentences, the first of each kind (up to its first number).
private struct Findings {
    private(set) var texts: [String] = []
    private var kinds = Set<String>()

    mutating func add(_ text: String) {
        let kind = String(text.filter { !$0.isNumber })
        if kinds.insert(kind).inserted { texts.append(text) }
    }
}
