/// How numbers are stored: one lossless encoding a row, the smallest of five. Layouts are normative in FORMAT.md, § Codecs.
/// Why these: mantissas of dense embeddings are noise that LZ4 cannot shorten, exponents carry about 2.6 bits (storage facts
/// in FORMAT.md); features born in half precision shrink by two; sparse ones go to plain LZ4.

/// The codec byte of a stored row. Numbers are for ever.
package enum VectorCodec: Int64, CaseIterable, Sendable {
    /// float32, little-endian.
    case raw = 0
    /// Largest exponent, three raw byte planes, LZ4 of the exponents' bit planes.
    case exponentSplit = 1
    /// binary16, little-endian, where every value fits it exactly.
    case float16 = 2
    /// Largest exponent, one raw byte plane, LZ4 of the exponents' bit planes, where every value fits bfloat16 exactly.
    case bfloat16 = 3
    /// LZ4 block of the float32 bytes.
    case lz4 = 4

    /// The order of trial: halves first, so that the costlier trials can stop at a size that is already beaten.
    private static let trials: [VectorCodec] = [.float16, .bfloat16, .lz4, .exponentSplit]

    /// Appends the smallest encoding of `values` to `bytes` and says which it was. Deterministic.
    static func encodeSmallest(_ values: Span<Float>, scratch: Scratch, appendingTo bytes: inout [UInt8]) -> VectorCodec {
        guard values.count > 0 else { return .raw }
        var chosen: VectorCodec?
        var size = 4 * values.count
        for codec in trials {
            guard let got = codec.encode(values, limit: size, scratch: scratch) else { continue }
            size = got
            chosen = codec
            swap(&scratch.candidate, &scratch.best)
        }
        guard let chosen else {
            _ = VectorCodec.raw.encode(values, limit: size + 1, scratch: scratch)
            bytes.append(contentsOf: scratch.candidate[..<size])
            return .raw
        }
        bytes.append(contentsOf: scratch.best[..<size])
        return chosen
    }

    /// Decodes `count` values into `scratch.values` and compares their checksum (continued from `seed`).
    static func decode(
        codec: Int64, _ bytes: Span<UInt8>, count: Int, checksum expected: Int64?, seed: UInt32 = 0, scratch: Scratch
    ) -> RowDamage.Reason? {
        guard let codec = VectorCodec(rawValue: codec) else { return .unknownCodec }
        guard codec.decode(bytes, count: count, scratch: scratch) else { return .undecodable }
        guard let expected else { return nil }
        let values = scratch.values
        return Int64(checksum(of: values.span, seed: seed)) == expected ? nil : .wrongChecksum
    }

    /// The smallest encoding of some values.
    package static func encoded(_ values: [Float]) -> (codec: VectorCodec, bytes: [UInt8]) {
        var bytes: [UInt8] = []
        let codec = encodeSmallest(values.span, scratch: Scratch(), appendingTo: &bytes)
        return (codec, bytes)
    }

    /// This codec's encoding; nil when the values do not fit it, or when it would not be smaller than float32.
    package func encoded(_ values: [Float]) -> [UInt8]? {
        guard !values.isEmpty else { return self == .raw ? [] : nil }
        let scratch = Scratch()
        let limit = 4 * values.count + (self == .raw ? 1 : 0)
        return encode(values.span, limit: limit, scratch: scratch).map { Array(scratch.candidate[..<$0]) }
    }

    /// Exactly `count` values, or nil when the bytes are not an encoding of that many.
    package func decoded(_ bytes: [UInt8], count: Int) -> [Float]? {
        let scratch = Scratch()
        return decode(bytes.span, count: count, scratch: scratch) ? scratch.values : nil
    }
}
