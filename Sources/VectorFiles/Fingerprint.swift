/// A short text that tells one file's content from another's without reading it all; for resuming an interrupted ingest.
import Platform

package enum Fingerprint {
    /// Size, and CRC-32C of the header and of the first, middle and last 64 KiB. Nil for a stream, which cannot be looked at
    /// ahead. `part` tells the arrays of one file apart.
    package static func of(
        _ source: any ByteSource, header: [UInt8] = [], part: String = ""
    ) throws(VectorFileError) -> String? {
        guard let size = source.size, !source.isSequential else { return nil }
        var checksum = crc32c(header, seed: crc32c(Array(part.utf8)))
        let piece = 64 << 10
        for offset in [0, max(0, (size - piece) / 2), max(0, size - piece)] {
            checksum = crc32c(try source.read(piece, at: offset), seed: checksum)
        }
        return text(size, checksum)
    }

    /// Of numbers that are in memory, all of them.
    package static func of(_ numbers: [Int64]) -> String { text(numbers.count, crc32c(littleEndianBytes(numbers))) }
    package static func of(_ numbers: [Float]) -> String { text(numbers.count, crc32c(littleEndianBytes(numbers))) }

    private static func text(_ size: Int, _ checksum: UInt32) -> String {
        let digits = String(checksum, radix: 16)
        return "\(size)-" + String(repeating: "0", count: 8 - digits.count) + digits
    }
}
