/// Bytes to and from graph files: the stream that cuts sections into checksummed chunks, and typed views of a mapped file.
/// Invariants: a Section lies wholly inside its MappedFile, which the Graph keeps alive, and starts on a multiple of
/// 4,096 bytes; every index is compared with the section's length.
import Platform
import Synchronization

/// Flags that threads set and read without a lock, each set once.
@safe final class AtomicFlags: @unchecked Sendable {
    let count: Int
    /// One byte a flag, 1 when set.
    let base: UnsafeMutablePointer<Atomic<UInt8>>

    init(count: Int) {
        self.count = count
        unsafe base = .allocate(capacity: count)
        for index in 0..<count { unsafe (base + index).initialize(to: Atomic(0)) }
    }

    deinit {
        unsafe base.deinitialize(count: count)
        unsafe base.deallocate()
    }

    @inline(__always) subscript(index: Int) -> Bool {
        precondition(index >= 0 && index < count, "index out of range")
        return unsafe base[index].load(ordering: .relaxed) != 0
    }

    /// True when this call was the first to set it.
    func set(_ index: Int) -> Bool {
        precondition(index >= 0 && index < count, "index out of range")
        return unsafe base[index].exchange(1, ordering: .relaxed) == 0
    }
}

/// Appends sections to a new file, as its layout plans them. The header's place is left free at the start.
struct SectionStream {
    private let file: any WritableFile
    private let cancellation: Cancellation?
    private let progress: ((_ done: Int, _ total: Int) -> Void)?
    private let planned: [SectionEntry]
    private let fileBytes: Int
    private var section = -1
    private var buffer: [UInt8] = []
    private var position = 0
    private(set) var checksums: [UInt32] = []

    init(
        file: any WritableFile, layout: GraphLayout, cancellation: Cancellation?, progress: ((Int, Int) -> Void)?
    ) throws(GraphError) {
        (self.file, self.cancellation, self.progress) = (file, cancellation, progress)
        (planned, fileBytes) = (layout.sections, layout.fileBytes)
        buffer.reserveCapacity(GraphFormat.chunkBytesMax)
        do { try file.append([UInt8](repeating: 0, count: GraphFormat.headerBytes)) } catch { throw .file(error) }
        position = GraphFormat.headerBytes
    }

    mutating func begin(_ name: SectionName) {
        section += 1
        precondition(buffer.isEmpty, "the section before was not ended")
        precondition(planned[section].name == name.rawValue && planned[section].offset == position, "not as planned")
    }

    mutating func append<Element: BitwiseCopyable>(_ values: [Element]) throws(GraphError) {
        var failure: GraphError?
        unsafe values.withUnsafeBytes { bytes in
            do throws(GraphError) { try unsafe put(bytes) } catch { failure = error }
        }
        if let failure { throw failure }
    }

    mutating func append(_ array: PageArray<UInt8>, _ start: Int, length: Int) throws(GraphError) {
        precondition(start >= 0 && length >= 0 && start + length <= array.count)
        try unsafe put(UnsafeRawBufferPointer(start: array.base + start, count: length))
    }

    /// Pads the section to the next one.
    mutating func end() throws(GraphError) {
        let entry = planned[section]
        precondition(position + buffer.count == entry.offset + entry.length, "not as planned")
        try append([UInt8](repeating: 0, count: entry.paddedLength - entry.length))
        try flush()
    }

    /// Cuts bytes into chunks of the section.
    private mutating func put(_ bytes: UnsafeRawBufferPointer) throws(GraphError) {
        let chunkBytes = planned[section].chunkBytes
        var done = 0
        while done < bytes.count {
            let length = min(bytes.count - done, chunkBytes - buffer.count)
            unsafe buffer.append(contentsOf: UnsafeRawBufferPointer(rebasing: bytes[done..<(done + length)]))
            done += length
            if buffer.count == chunkBytes { try flush() }
        }
    }

    private mutating func flush() throws(GraphError) {
        guard !buffer.isEmpty else { return }
        if cancellation?.isCancelled == true { throw .cancelled }
        checksums.append(crc32c(buffer))
        do { try file.append(buffer) } catch { throw .file(error) }
        position += buffer.count
        buffer.removeAll(keepingCapacity: true)
        progress?(position, fileBytes)
    }

    func write(header: [UInt8]) throws(GraphError) {
        var failure: FileError?
        unsafe header.withUnsafeBytes { bytes in
            do throws(FileError) { try unsafe file.write(bytes, at: 0) } catch { failure = error }
        }
        if let failure { throw .file(failure) }
    }
}

/// A stretch of a mapped file, or of a copy of it in huge pages.
@safe struct Section: @unchecked Sendable {
    let base: UnsafeRawPointer
    let length: Int

    func u32(_ index: Int) -> UInt32 {
        precondition(index >= 0 && index < length / 4, "outside the section")
        return UInt32(littleEndian: unsafe base.load(fromByteOffset: 4 * index, as: UInt32.self))
    }

    func i64(_ index: Int) -> Int64 {
        precondition(index >= 0 && index < length / 8, "outside the section")
        return Int64(littleEndian: unsafe base.load(fromByteOffset: 8 * index, as: Int64.self))
    }

    func float(_ index: Int) -> Float { Float(bitPattern: u32(index)) }

    /// CRC-32C of part of the section.
    func checksum(_ range: Range<Int>) -> UInt32 {
        precondition(range.lowerBound >= 0 && range.upperBound <= length)
        return unsafe crc32c(UnsafeRawBufferPointer(start: base + range.lowerBound, count: range.count))
    }

    func bytes(_ range: Range<Int>) -> [UInt8] {
        precondition(range.lowerBound >= 0 && range.upperBound <= length)
        return unsafe Array(UnsafeRawBufferPointer(start: base + range.lowerBound, count: range.count))
    }

    func subsection(_ offset: Int, _ length: Int) -> Section {
        precondition(offset >= 0 && length >= 0 && offset <= self.length - length)
        return unsafe Section(base: base + offset, length: length)
    }

    func links(degree: Int, count: Int) -> LinkTable {
        precondition(count * degree * 4 <= length)
        return unsafe LinkTable(
            links: base.assumingMemoryBound(to: UInt32.self), degree: degree, count: count, extraOffsets: nil,
            extraLinks: nil)
    }
}

extension LinkTable {
    /// With the extra lists of a file.
    func extended(offsets: Section, links: Section) -> LinkTable {
        precondition(offsets.length / 4 >= count + 1)
        var result = self
        unsafe result.extraOffsets = offsets.base.assumingMemoryBound(to: UInt32.self)
        unsafe result.extraLinks = links.base.assumingMemoryBound(to: UInt32.self)
        result.extraCount = links.length / 4
        return result
    }
}

extension CodeTable {
    init(codes: Section, scales: Section, codeBytes: Int, count: Int) {
        precondition(count * codeBytes <= codes.length && count * 8 <= scales.length)
        unsafe self.init(
            codes: codes.base.assumingMemoryBound(to: UInt8.self), codeBytes: codeBytes,
            scales: scales.base.assumingMemoryBound(to: Float.self), count: count)
    }
}

extension MappedFile {
    /// The whole file.
    var section: Section? {
        guard let base = unsafe bytes.baseAddress else { return nil }
        return unsafe Section(base: base, length: bytes.count)
    }
}

extension SearchScratch {
    /// Greedy descent through the upper layers of a file, whose lists hold ordinals named by `names`; the base node to
    /// start from, `fallback` where the names are damaged.
    func descend(
        _ table: CodeTable, _ layers: [LinkTable], names: Section, _ query: QueryView, fallback: Int
    ) -> Int {
        guard let lowest = layers.last else { return fallback }
        precondition(names.length / 4 >= lowest.count)
        guard admitsNames(lowest.count) else { return fallback }
        var ordinal = 0
        for layer in layers where !isDamaged {
            ordinal = unsafe descend(
                table, layer, names: names.base.assumingMemoryBound(to: UInt32.self), query, from: ordinal)
        }
        let node = Int(names.u32(ordinal))
        return node < table.count ? node : fallback
    }
}

extension LinkTable {
    /// Calls `body` with each link of a list, whatever it says, up to its end.
    func forEachLink(of node: Int, _ body: (Int) -> Void) {
        precondition(node >= 0 && node < count)
        for slot in 0..<degree {
            let link = unsafe links[node * degree + slot]
            if link == noLink { return }
            body(Int(link))
        }
    }

    /// Whether links follow the end of a list.
    func hasGap(_ node: Int) -> Bool {
        precondition(node >= 0 && node < count)
        var ended = false
        for slot in 0..<degree {
            let link = unsafe links[node * degree + slot]
            if link == noLink { ended = true } else if ended { return true }
        }
        return false
    }
}

extension CodeTable {
    func isSound(_ node: Int) -> Bool {
        precondition(node >= 0 && node < count)
        let scale = unsafe scales[2 * node], bias = unsafe scales[2 * node + 1]
        return scale.isFinite && scale >= 0 && bias.isFinite
    }
}
