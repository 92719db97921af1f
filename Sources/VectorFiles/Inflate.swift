/// Decompression of a raw deflate stream (RFC 1951) in parts of bounded size. Knows no container and no checksum.

package enum InflateFault: Error, Equatable {
    /// The compressed bytes are not a valid stream.
    case data(String)
    /// The compressed bytes could not be read.
    case source(VectorFileError)
}

/// A stream being decompressed. `next` delivers it in parts of up to 256 KiB; memory is that and the 32 KiB window.
package struct Inflater: Sendable {
    private enum Block: Sendable { case header, stored(left: Int), compressed, finished }

    private static let window = 32 << 10
    private static let partBytes = 256 << 10
    private static let matchMax = 258

    private var block = Block.header
    private var isLast = false
    private var literals: HuffmanTable?
    private var distances: HuffmanTable?

    private var input: [UInt8] = []
    private var inputPosition = 0
    /// Compressed bytes taken from the source, padding excluded.
    private var taken = 0
    /// Zero bytes appended after the source's end, so that refills need no test for it.
    private var padding = 0
    private var bitBuffer: UInt64 = 0
    private var bitCount = 0

    /// The window, then what is being produced.
    private var output = [UInt8](repeating: 0, count: window + partBytes + matchMax)
    private var length = 0
    /// Bytes delivered so far.
    package private(set) var produced = 0

    package init() {}

    package typealias Source = (_ offset: Int) throws(InflateFault) -> [UInt8]

    /// The next part; empty at the end. `source` gives compressed bytes from an offset, none at their end.
    package mutating func next(_ source: Source) throws(InflateFault) -> [UInt8] {
        let keep = min(length, Self.window)
        if length > 0 {
            output.replaceSubrange(0..<keep, with: Array(output[length - keep..<length]))
        }
        length = keep
        let full = keep + Self.partBytes
        loop: while length < full {
            try fill(source)
            switch block {
            case .header: try readBlockHeader()
            case .stored(let left): try copyStored(left, full)
            case .compressed: try decode(full)
            case .finished: break loop
            }
            try checkInput()
        }
        produced += length - keep
        return Array(output[keep..<length])
    }

    // MARK: Input

    /// Keeps enough input for a block header (at most 320 code lengths of 14 bits, and the counts) or many symbols.
    private mutating func fill(_ source: Source) throws(InflateFault) {
        while input.count - inputPosition < 1024, padding == 0 {
            let more = try source(taken)
            input.removeFirst(inputPosition)
            inputPosition = 0
            taken += more.count
            if more.isEmpty {
                padding = 1024
                input += [UInt8](repeating: 0, count: padding)
            } else {
                input += more
            }
        }
    }

    /// Refuses a stream that was read into the padding.
    private func checkInput() throws(InflateFault) {
        guard padding > 0, inputPosition - bitCount / 8 > input.count - padding else { return }
        throw .data("it ends too soon")
    }

    private mutating func need(_ count: Int) throws(InflateFault) {
        while bitCount < count {
            guard inputPosition < input.count else { throw .data("it ends too soon") }
            bitBuffer |= UInt64(input[inputPosition]) << UInt64(bitCount)
            inputPosition += 1
            bitCount += 8
        }
    }

    private mutating func take(_ count: Int) throws(InflateFault) -> Int {
        try need(count)
        let value = Int(bitBuffer & (1 << UInt64(count) - 1))
        bitBuffer >>= UInt64(count)
        bitCount -= count
        return value
    }

    // MARK: Blocks

    private mutating func readBlockHeader() throws(InflateFault) {
        if isLast {
            block = .finished
            return
        }
        isLast = try take(1) == 1
        switch try take(2) {
        case 0:
            _ = try take(bitCount & 7)
            let count = try take(16), complement = try take(16)
            guard count == ~complement & 0xFFFF else { throw .data("a stored block's length is damaged") }
            block = .stored(left: count)
        case 1:
            (literals, distances) = try HuffmanTable.fixed()
            block = .compressed
        case 2:
            try readCodes()
            block = .compressed
        default:
            throw .data("a block has an unknown type")
        }
    }

    /// The order in which lengths of code-length codes are sent (3.2.7).
    private static let lengthOrder = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15]

    private mutating func readCodes() throws(InflateFault) {
        let literalCount = try take(5) + 257, distanceCount = try take(5) + 1, lengthCount = try take(4) + 4
        guard literalCount <= 286, distanceCount <= 30 else { throw .data("a block has too many codes") }
        var lengthLengths = [UInt8](repeating: 0, count: 19)
        for index in 0..<lengthCount { lengthLengths[Self.lengthOrder[index]] = UInt8(try take(3)) }
        let table = try HuffmanTable(lengths: lengthLengths[...])
        let total = literalCount + distanceCount
        var lengths: [UInt8] = []
        while lengths.count < total {
            let symbol = try symbol(table)
            switch symbol {
            case 0..<16:
                lengths.append(UInt8(symbol))
            case 16:
                guard let last = lengths.last else { throw .data("a repeated code length has nothing before it") }
                lengths += repeatElement(last, count: try take(2) + 3)
            case 17: lengths += repeatElement(0, count: try take(3) + 3)
            default: lengths += repeatElement(0, count: try take(7) + 11)
            }
        }
        guard lengths.count == total else { throw .data("code lengths run over their number") }
        guard lengths[256] > 0 else { throw .data("a block has no end code") }
        literals = try HuffmanTable(lengths: lengths[..<literalCount])
        distances = try HuffmanTable(lengths: lengths[literalCount...])
    }

    private mutating func symbol(_ table: HuffmanTable) throws(InflateFault) -> Int {
        // Near the end of the input the padding supplies the bits that a shorter code does not use.
        try need(table.bits)
        let entry = table.entries[Int(bitBuffer & (1 << UInt64(table.bits) - 1))]
        guard entry != 0 else { throw .data("a code is unknown") }
        bitBuffer >>= UInt64(entry & 15)
        bitCount -= Int(entry & 15)
        return Int(entry >> 4)
    }

    private mutating func copyStored(_ left: Int, _ full: Int) throws(InflateFault) {
        var left = left
        // After the header the bit buffer holds whole bytes.
        while left > 0, length < full, bitCount >= 8 {
            output[length] = UInt8(try take(8))
            length += 1
            left -= 1
        }
        let available = input.count - padding - inputPosition
        let count = min(left, full - length, available)
        if count > 0 {
            output.replaceSubrange(length..<length + count, with: input[inputPosition..<inputPosition + count])
            inputPosition += count
            length += count
            left -= count
        } else if left > 0, padding > 0, length < full {
            throw .data("it ends too soon")
        }
        block = left == 0 ? .header : .stored(left: left)
    }

    // MARK: Symbols

    /// Decodes symbols until the part is full, the block ends, or input must be refilled.
    private mutating func decode(_ full: Int) throws(InflateFault) {
        guard let literals, let distances else { throw .data("a block has no codes") }
        let input = input
        var target: [UInt8] = []
        swap(&target, &output)  // held alone here, so that writing does not copy it
        defer { swap(&target, &output) }
        var cursor = SymbolCursor(bits: bitBuffer, count: bitCount, position: inputPosition, length: length)
        var span = target.mutableSpan
        let isEnd = try decodeSymbols(
            input.span, into: &span, literals: literals.entries.span, distances: distances.entries.span, full: full, &cursor)
        (bitBuffer, bitCount, inputPosition, length) = (cursor.bits, cursor.count, cursor.position, cursor.length)
        if isEnd {
            block = .header
        } else if length < full, padding > 0 {
            throw .data("it ends too soon")
        }
    }
}
