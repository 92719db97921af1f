/// A canonical Huffman code of deflate (RFC 1951, 3.2.2) as one lookup table.

struct HuffmanTable: Sendable {
    /// Indexed by the next `bits` bits: symbol << 4 | code length; 0 where no code begins so.
    private(set) var entries: [UInt16] = []
    private(set) var bits = 0

    /// Lengths by symbol, 0 for unused ones, at most 15. Refuses over-subscribed codes, and incomplete ones but for the
    /// single one-bit code and the empty code that deflate allows for distances.
    init(lengths: ArraySlice<UInt8>) throws(InflateFault) {
        var counts = [Int](repeating: 0, count: 16)
        for length in lengths { counts[Int(length)] += 1 }
        counts[0] = 0
        bits = max(1, counts.lastIndex(where: { $0 > 0 }) ?? 1)
        var code = 0, space = 1
        var next = [Int](repeating: 0, count: 16)
        for length in 1...15 {
            code = (code + counts[length - 1]) << 1
            next[length] = code
            space = space << 1 - counts[length]
            guard space >= 0 else { throw .data("a code has too many symbols") }
        }
        let used = counts.reduce(0, +)
        guard space == 0 || used == 0 || (used == 1 && counts[1] == 1) else { throw .data("a code is incomplete") }
        entries = [UInt16](repeating: 0, count: 1 << bits)
        for (symbol, length) in lengths.enumerated() where length > 0 {
            let length = Int(length)
            // Codes are sent from their most significant bit, and bits are read from the least.
            var index = Int(UInt16(next[length]).bitReversed >> (16 - length))
            next[length] += 1
            let entry = UInt16(symbol << 4 | length)
            while index < entries.count {
                entries[index] = entry
                index += 1 << length
            }
        }
    }

    /// The codes of fixed blocks (3.2.6); neither can fail to build.
    static func fixed() throws(InflateFault) -> (literals: HuffmanTable, distances: HuffmanTable) {
        let lengths = [UInt8](repeating: 8, count: 144) + [UInt8](repeating: 9, count: 112)
            + [UInt8](repeating: 7, count: 24) + [UInt8](repeating: 8, count: 8)
        let distances = [UInt8](repeating: 5, count: 32)
        return (try HuffmanTable(lengths: lengths[...]), try HuffmanTable(lengths: distances[...]))
    }
}

extension UInt16 {
    fileprivate var bitReversed: UInt16 {
        var value = self
        value = (value & 0x5555) << 1 | (value >> 1) & 0x5555
        value = (value & 0x3333) << 2 | (value >> 2) & 0x3333
        value = (value & 0x0F0F) << 4 | (value >> 4) & 0x0F0F
        return value.byteSwapped
    }
}
