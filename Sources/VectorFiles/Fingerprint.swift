/// A short text that tells one file's content from another's without reading it all; for resuming an interrupted ingest.
import Platform

enum Fingerprint {
    /// Size, and CRC-32C of the first, middle and last 64 KiB. Of a stream (no size), the header's CRC alone.
    /// `part` tells the arrays of one file apart.
    static func of(_ source: any ByteSource, header: [UInt8] = [], part: String = "") throws(VectorFileError) -> String {
        var checksum = crc32c(header, seed: crc32c(Array(part.utf8)))
        guard let size = source.size, !source.isSequential else { return "stream-\(hexadecimal(checksum))" }
        let piece = 64 << 10
        for offset in [0, max(0, (size - piece) / 2), max(0, size - piece)] {
            checksum = crc32c(try source.read(piece, at: offset), seed: checksum)
        }
        return "\(size)-\(hexadecimal(checksum))"
    }

    private static func hexadecimal(_ value: UInt32) -> String {
        let digits = String(value, radix: 16)
        return String(repeating: "0", count: 8 - digits.count) + digits
    }
}
