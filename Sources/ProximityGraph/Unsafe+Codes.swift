/// Memory of codes and links, and the calls into the code kernels.
/// Invariants: a view (CodeTable, LinkTable, QueryView) is used only while the PageArray, Array or MappedFile it was made
/// from is alive; every node number handed to a kernel has been compared with the table's count; two threads never write
/// the same element of a PageArray, and nobody reads an element while another thread writes it.
import CKernels
import Platform

/// A fixed number of elements in huge pages, zero at first, shared between threads that keep apart by themselves.
@safe final class PageArray<Element: BitwiseCopyable>: @unchecked Sendable {
    let count: Int
    let base: UnsafeMutablePointer<Element>
    private let buffer: PageBuffer

    init(count: Int) throws(FileError) {
        let (bytes, overflow) = count.multipliedReportingOverflow(by: MemoryLayout<Element>.stride)
        guard count >= 0, !overflow else {
            throw FileError(operation: "allocate", path: "memory", code: 0, reason: "\(count) elements are too many")
        }
        buffer = try PageBuffer(byteCount: bytes)
        self.count = count
        unsafe base = buffer.bytes.baseAddress!.assumingMemoryBound(to: Element.self)
    }

    subscript(index: Int) -> Element {
        get {
            precondition(index >= 0 && index < count, "index out of range")
            return unsafe base[index]
        }
        set {
            precondition(index >= 0 && index < count, "index out of range")
            unsafe base[index] = newValue
        }
    }

    /// Copies `length` elements within the array.
    func move(_ source: Int, to target: Int, length: Int) {
        precondition(source >= 0 && target >= 0 && length >= 0 && max(source, target) + length <= count)
        unsafe (base + target).update(from: base + source, count: length)
    }

    /// Exchanges two runs of elements that do not overlap.
    func swap(_ first: Int, _ second: Int, length: Int) {
        precondition(first >= 0 && second >= 0 && length >= 0 && max(first, second) + length <= count)
        for offset in 0..<length {
            let held = unsafe base[first + offset]
            unsafe base[first + offset] = base[second + offset]
            unsafe base[second + offset] = held
        }
    }
}

extension PageArray where Element == UInt8 {
    /// Whether two runs of bytes (a multiple of 8) are equal.
    func bytesEqual(_ first: Int, _ second: Int, length: Int) -> Bool {
        precondition(first >= 0 && second >= 0 && length % 8 == 0 && max(first, second) + length <= count)
        let raw = unsafe UnsafeRawPointer(base)
        for offset in stride(from: 0, to: length, by: 8) {
            let a = unsafe raw.loadUnaligned(fromByteOffset: first + offset, as: UInt64.self)
            let b = unsafe raw.loadUnaligned(fromByteOffset: second + offset, as: UInt64.self)
            if a != b { return false }
        }
        return true
    }

    /// Copies the code of a node of another table.
    func copy(codeOf node: Int, in table: CodeTable, to start: Int) {
        precondition(node >= 0 && node < table.count && start >= 0 && start + table.codeBytes <= count)
        unsafe (base + start).update(from: table.codes + node * table.codeBytes, count: table.codeBytes)
    }

    /// A hash of a code and its scale.
    func codeHash(_ start: Int, length: Int, scale: Float) -> UInt64 {
        precondition(start >= 0 && length % 8 == 0 && start + length <= count)
        return unsafe hashOfCode(base + start, length, scale)
    }
}

private func hashOfCode(_ code: UnsafePointer<UInt8>, _ n: Int, _ scale: Float) -> UInt64 {
    var state = UInt64(scale.bitPattern) | 1 << 40
    let words = unsafe UnsafeRawPointer(code)
    for offset in stride(from: 0, to: n, by: 8) {
        let word = unsafe words.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
        state = (state ^ UInt64(littleEndian: word)) &* 0x9E37_79B9_7F4A_7C15
        state ^= state >> 29
    }
    return SplitMix64.mix(state)
}

extension CodeTable {
    func scale(of node: Int) -> (scale: Float, bias: Float) {
        precondition(node >= 0 && node < count)
        return unsafe (scales[2 * node], scales[2 * node + 1])
    }
}

/// Codes by node with their scales: `scales[2 * node]` is the scale, `scales[2 * node + 1]` the bias.
@safe struct CodeTable: @unchecked Sendable {
    let codes: UnsafePointer<UInt8>
    let codeBytes: Int
    let scales: UnsafePointer<Float>
    let count: Int
}

/// The lists of one layer, each `degree` long and ended by `noLink`; optionally extra lists in CSR form.
@safe struct LinkTable: @unchecked Sendable {
    let links: UnsafePointer<UInt32>
    let degree: Int
    let count: Int
    var extraOffsets: UnsafePointer<UInt32>?
    var extraLinks: UnsafePointer<UInt32>?
    var extraCount = 0
    /// The number of the first list in its section, where several layers share one.
    var firstList = 0
}

extension LinkTable {
    /// Asks for a node's list, of which `degree` is known to be a few cache lines.
    @inline(__always) func prefetch(_ node: Int) {
        let list = unsafe links + node &* degree
        unsafe ck_prefetch(list)
        if degree > 16 { unsafe ck_prefetch(list + 16) }
    }
}

let noLink = UInt32.max
let extraDegreeMax = 256  // of one node, whatever a damaged offset claims

/// A query as the kernels take it: similarity = base + multiplier · scale · dot + biasFactor · bias.
@safe struct QueryView {
    let code: UnsafePointer<Int8>
    let offset: Int32
    let multiplier: Float
    let biasFactor: Float
    let base: Float
    /// Whether the hot planes of the codes alone are read: estimates, at half the bytes.
    var isHot = false
}

/// A query as walks take it, and in its two planes.
@safe struct QueryViews {
    /// The coarse plane against the codes' hot planes.
    let walk: QueryView
    let coarse: QueryView
    let fine: QueryView
}

extension CodedQuery {
    func withViews<R>(_ body: (QueryViews) -> R) -> R {
        unsafe coarse.withUnsafeBufferPointer { first in
            unsafe fine.withUnsafeBufferPointer { second in
                let a = unsafe QueryView(
                    code: first.baseAddress!, offset: coarseOffset, multiplier: coarseScale, biasFactor: 0, base: center)
                let b = unsafe QueryView(
                    code: second.baseAddress!, offset: fineOffset, multiplier: fineScale, biasFactor: 0, base: 0)
                var walk = a
                walk.isHot = true
                return body(QueryViews(walk: walk, coarse: a, fine: b))
            }
        }
    }
}

// MARK: Encoding

func rotated(_ vector: [Float], padded: Int, signs: [Float]) -> [Float] {
    var work = vector + [Float](repeating: 0, count: padded - vector.count)
    unsafe work.withUnsafeMutableBufferPointer { buffer in
        unsafe signs.withUnsafeBufferPointer { unsafe ck_codes_rotate(buffer.baseAddress!, padded, $0.baseAddress!) }
    }
    return work
}

func encodedQuery(_ query: Span<Float>, _ quantizer: VectorQuantizer) -> CodedQuery? {
    let n = quantizer.codeBytes
    var result = CodedQuery(
        coarse: [Int8](repeating: 0, count: n), fine: [Int8](repeating: 0, count: n), coarseScale: 0, fineScale: 0,
        coarseError: 0, fineError: 0, coarseOffset: 0, fineOffset: 0, center: 0)
    var work = [Float](repeating: 0, count: n)
    var scale = ck_query_scale()
    let indexable = unsafe query.withUnsafeBufferPointer { x in
        unsafe ck_codes_encode_query(
            x.baseAddress!, quantizer.dimension, n, quantizer.mean, quantizer.signs, &work, &result.coarse, &result.fine,
            &scale)
    }
    guard indexable == 1 else { return nil }
    result.coarseScale = scale.coarse_scale
    result.fineScale = scale.fine_scale
    result.coarseError = scale.coarse_error
    result.fineError = scale.fine_error
    result.coarseOffset = scale.coarse_offset
    result.fineOffset = scale.fine_offset
    result.center = Float(scale.center)
    return result
}

/// The code of one vector, for tests and for the flat list of new rows; nil when it has no direction.
struct VectorCode {
    var bytes: [UInt8]
    var scale: Float
    var bias: Float
    var error: Float
}

extension VectorQuantizer {
    func encode(vector: Span<Float>) -> VectorCode? {
        precondition(vector.count == dimension, "a vector of another dimension")
        var bytes = [UInt8](repeating: 128, count: codeBytes)
        var work = [Float](repeating: 0, count: codeBytes)
        var scale = ck_code_scale()
        let indexable = unsafe vector.withUnsafeBufferPointer { x in
            unsafe ck_codes_encode(x.baseAddress!, dimension, codeBytes, mean, signs, rotatedMean, &work, &bytes, &scale)
        }
        guard indexable == 1 else { return nil }
        return VectorCode(bytes: bytes, scale: scale.scale, bias: scale.bias, error: scale.error)
    }

    /// Encodes n × d vectors into rows `first...` of the arrays, in parallel; `indexable` receives 1 or 0 a row, `hashes`
    /// a hash of the code and its scale.
    func encode(
        _ vectors: Span<Float>, at first: Int, codes: PageArray<UInt8>, scales: PageArray<Float>,
        errors: PageArray<Float>, threads: Int
    ) -> (hashes: [UInt64], indexable: [Bool]) {
        let rows = vectors.count / dimension
        precondition((first + rows) * codeBytes <= codes.count && first + rows <= errors.count)
        var hashes = [UInt64](repeating: 0, count: rows)
        var indexable = [Bool](repeating: false, count: rows)
        unsafe vectors.withUnsafeBufferPointer { x in
            unsafe hashes.withUnsafeMutableBufferPointer { h in
                unsafe indexable.withUnsafeMutableBufferPointer { flags in
                    guard let source = x.baseAddress, let h = h.baseAddress else { return }
                    let job = unsafe EncodeJob(
                        quantizer: self, source: source, rows: rows, codes: codes.base + first * codeBytes,
                        scales: scales.base + 2 * first, errors: errors.base + first, hashes: h,
                        indexable: flags.baseAddress!)
                    Parallel.forEach((rows + EncodeJob.blockRows - 1) / EncodeJob.blockRows, threads: threads) { block, _ in
                        job.run(block)
                    }
                }
            }
        }
        return (hashes, indexable)
    }
}

/// Blocks of rows to encode; each block is written by one thread.
@safe private struct EncodeJob: @unchecked Sendable {
    static let blockRows = 64
    let quantizer: VectorQuantizer
    let source: UnsafePointer<Float>
    let rows: Int
    let codes: UnsafeMutablePointer<UInt8>
    let scales: UnsafeMutablePointer<Float>
    let errors: UnsafeMutablePointer<Float>
    let hashes: UnsafeMutablePointer<UInt64>
    let indexable: UnsafeMutablePointer<Bool>

    func run(_ block: Int) {
        let n = quantizer.codeBytes
        var work = [Float](repeating: 0, count: n)
        for row in (block * Self.blockRows)..<min((block + 1) * Self.blockRows, rows) {
            var scale = ck_code_scale()
            let code = unsafe codes + row * n
            let done = unsafe ck_codes_encode(
                source + row * quantizer.dimension, quantizer.dimension, n, quantizer.mean, quantizer.signs,
                quantizer.rotatedMean, &work, code, &scale)
            unsafe indexable[row] = done == 1
            guard done == 1 else { continue }
            unsafe scales[2 * row] = scale.scale
            unsafe scales[2 * row + 1] = scale.bias
            unsafe errors[row] = scale.error
            unsafe hashes[row] = hashOfCode(code, n, scale.scale)
        }
    }
}

extension FlatRows {
    /// Runs `body` with a view of the rows.
    func withTable(codeBytes: Int, _ body: (CodeTable) -> Void) {
        precondition(codes.count == labels.count * codeBytes && scales.count == 2 * labels.count)
        unsafe codes.withUnsafeBufferPointer { codes in
            unsafe scales.withUnsafeBufferPointer { scales in
                guard let first = codes.baseAddress, let scale = scales.baseAddress else { return }
                body(unsafe CodeTable(codes: first, codeBytes: codeBytes, scales: scale, count: labels.count))
            }
        }
    }
}
