/// Which chunks of an open graph file have been compared with their checksums. A chunk is read whole when a search first
/// needs an element of it; once every chunk is known to be sound, searches no longer ask.
import Platform
import Synchronization

/// Safe to ask from many threads; two may check one chunk at once, to the same end.
final class GraphVerifier: Sendable {
    let links: VerifiedSection
    let codes: VerifiedSection
    let upperLinks: VerifiedSection
    let upperNodes: VerifiedSection
    let errors: VerifiedSection
    let labels: VerifiedSection
    let labelOffsets: VerifiedSection?
    let labelOrder: VerifiedSection
    let extraOffsets: VerifiedSection?
    let extraLinks: VerifiedSection?
    private let mean: VerifiedSection
    private let ledger = DamageLedger()
    /// Where `advance` goes on.
    private let cursor = Atomic<Int>(0)

    /// Nil when a section is missing.
    init?(_ header: GraphHeader, whole: Section, checksums: Section) {
        let ledger = ledger
        func verified(_ name: SectionName, _ companion: VerifiedSection? = nil) -> VerifiedSection? {
            header.section(name).map {
                VerifiedSection($0, whole: whole, checksums: checksums, ledger: ledger, companion: companion)
            }
        }
        guard let scales = verified(.scales), let codes = verified(.codes, scales), let links = verified(.baseLinks),
            let upperLinks = verified(.upperLinks), let upperNodes = verified(.upperNodes),
            let errors = verified(.errors), let labels = verified(.labels), let order = verified(.labelOrder),
            let mean = verified(.mean)
        else { return nil }
        (self.codes, self.links, self.upperLinks, self.upperNodes) = (codes, links, upperLinks, upperNodes)
        (self.errors, self.labels, labelOrder, self.mean) = (errors, labels, order, mean)
        (labelOffsets, extraOffsets, extraLinks) = (verified(.labelOffsets), verified(.extraOffsets), verified(.extraLinks))
    }

    /// The first damage met, in words; stays.
    var damage: String? { ledger.damage }

    /// Every chunk of every section was compared and is sound.
    var isComplete: Bool { ledger.isComplete }

    /// The mean, which is read when a graph is opened.
    func admitsMean() -> Bool { mean.admitsAll() }

    private var sections: [VerifiedSection] {
        [codes, links, upperLinks, upperNodes, errors, labels, labelOffsets, labelOrder, extraOffsets, extraLinks, mean]
            .compactMap { $0 }
    }

    /// Compares one more chunk once searches have met most of the file, so that they soon need not ask any more. A graph of
    /// which they read little is left alone: it may be larger than memory.
    func advance() {
        guard ledger.isMostlyDone else { return }
        var index = cursor.wrappingAdd(1, ordering: .relaxed).oldValue
        for section in sections {
            if index < section.chunkCount {
                _ = section.admitsChunk(index)
                return
            }
            index -= section.chunkCount
        }
        cursor.store(0, ordering: .relaxed)
    }
}

/// The chunks of one section.
final class VerifiedSection: Sendable {
    private let entry: SectionEntry
    private let whole: Section
    private let checksums: Section
    private let ledger: DamageLedger
    /// Elements with the same numbers, read whenever this section's are: a chunk counts as sound when both are.
    private let companion: VerifiedSection?
    /// The element's number shifted by this is its chunk.
    let shift: Int
    /// A chunk's flag is set once it is known to be sound.
    let flags: AtomicFlags
    let chunkCount: Int

    init(
        _ entry: SectionEntry, whole: Section, checksums: Section, ledger: DamageLedger, companion: VerifiedSection?
    ) {
        (self.entry, self.whole, self.checksums, self.ledger, self.companion) = (entry, whole, checksums, ledger, companion)
        shift = entry.chunkShift
        chunkCount = entry.checksumCount
        flags = AtomicFlags(count: chunkCount)
        ledger.expect(chunkCount)
    }

    /// Whether an element may be read: its chunk is sound.
    @inline(__always) func admits(_ element: Int) -> Bool { flags[element >> shift] || admitsChunk(element >> shift) }

    /// Whether all of a range of elements may be read.
    func admits(_ elements: Range<Int>) -> Bool {
        guard !elements.isEmpty else { return true }
        return ((elements.lowerBound >> shift)...((elements.upperBound - 1) >> shift)).allSatisfy {
            flags[$0] || admitsChunk($0)
        }
    }

    func admitsAll() -> Bool { (0..<chunkCount).allSatisfy { flags[$0] || admitsChunk($0) } }

    /// Compares one chunk with its checksum unless that was done. O(64 KiB) the first time.
    func admitsChunk(_ chunk: Int) -> Bool {
        if flags[chunk] { return true }
        guard whole.checksum(entry.chunk(chunk)) == checksums.u32(entry.firstChecksum + chunk) else {
            ledger.record(damageText(entry, chunk))
            return false
        }
        if let companion {
            let first = chunk << shift
            let end = min((chunk + 1) << shift, entry.length / entry.stride)
            guard companion.admits(min(first, end)..<end) else { return false }
        }
        if flags.set(chunk) { ledger.settle() }
        return true
    }
}

/// What was found wrong, and how many chunks are yet to be compared.
final class DamageLedger: Sendable {
    private let all = Atomic<Int>(0)
    private let left = Atomic<Int>(0)
    private let isDamaged = Atomic<Bool>(false)
    private let text = Mutex<String?>(nil)

    func expect(_ chunks: Int) {
        all.add(chunks, ordering: .relaxed)
        left.add(chunks, ordering: .relaxed)
    }
    func settle() { left.subtract(1, ordering: .relaxed) }
    var isComplete: Bool { left.load(ordering: .relaxed) == 0 }
    var isMostlyDone: Bool {
        let left = left.load(ordering: .relaxed)
        return left > 0 && 2 * left < all.load(ordering: .relaxed)
    }
    var damage: String? { isDamaged.load(ordering: .acquiring) ? text.withLock { $0 } : nil }

    func record(_ what: String) {
        text.withLock { if $0 == nil { $0 = what } }
        isDamaged.store(true, ordering: .releasing)
    }
}

func damageText(_ section: SectionEntry, _ chunk: Int) -> String {
    let range = section.chunk(chunk)
    return "section \(section.name), bytes \(range.lowerBound) to \(range.upperBound - 1) of the file"
}
