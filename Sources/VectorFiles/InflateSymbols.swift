/// The inner loop of inflate: literals, lengths and distances (RFC 1951, 3.2.5). Knows no block headers and no input source.

/// Where the loop stands in its input and output.
struct SymbolCursor {
    /// Bits taken from the input and not used, the next lowest.
    var bits: UInt64
    var count: Int
    var position: Int
    /// Bytes of output, the window included.
    var length: Int

    /// The next `width` bits, at most 15, which are there.
    mutating func take(_ width: UInt64) -> Int {
        let value = Int(bits & (1 << width - 1))
        bits >>= width
        count -= Int(width)
        return value
    }

    /// The symbol that the next bits stand for; nil for none.
    mutating func symbol(_ table: Span<UInt16>, _ mask: UInt64) -> Int? {
        let entry = table[Int(bits & mask)]
        guard entry != 0 else { return nil }
        bits >>= UInt64(entry & 15)
        count -= Int(entry & 15)
        return Int(entry >> 4)
    }
}

private let lengthBase: [UInt16] = [
    3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258]
private let lengthExtra: [UInt8] = [
    0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0]
private let distanceBase: [UInt16] = [
    1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097, 6145,
    8193, 12289, 16385, 24577]
private let distanceExtra: [UInt8] = [
    0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13]

/// The longest pair (length 15 + 5 bits, distance 15 + 13) takes 6 bytes, a refill reaches 8 further.
private let inputMargin = 16

/// Decodes until `full` bytes of output, the end of the block (true), or `inputMargin` before the input's end.
/// Precondition: `output` has room for one match (258 bytes) beyond `full`.
func decodeSymbols(
    _ input: Span<UInt8>, into output: inout MutableSpan<UInt8>, literals: Span<UInt16>, distances: Span<UInt16>,
    full: Int, _ place: inout SymbolCursor
) throws(InflateFault) -> Bool {
    var cursor = place
    defer { place = cursor }
    let literalMask = UInt64(literals.count - 1), distanceMask = UInt64(distances.count - 1)
    let inputEnd = input.count - inputMargin
    while cursor.length < full, cursor.position <= inputEnd {
        while cursor.count <= 56 {
            cursor.bits |= UInt64(input[cursor.position]) << UInt64(cursor.count)
            cursor.position += 1
            cursor.count += 8
        }
        guard let symbol = cursor.symbol(literals, literalMask) else { throw .data("a code is unknown") }
        if symbol < 256 {
            output[cursor.length] = UInt8(symbol)
            cursor.length += 1
            continue
        }
        if symbol == 256 { return true }
        guard symbol <= 285 else { throw .data("a length is unknown") }
        let length = Int(lengthBase[symbol - 257]) + cursor.take(UInt64(lengthExtra[symbol - 257]))
        guard let code = cursor.symbol(distances, distanceMask), code < 30 else { throw .data("a distance is unknown") }
        let distance = Int(distanceBase[code]) + cursor.take(UInt64(distanceExtra[code]))
        guard distance <= cursor.length else { throw .data("a match begins before the start") }
        for index in cursor.length..<cursor.length + length { output[index] = output[index - distance] }
        cursor.length += length
    }
    return false
}
