/// The codecs' calls into LZ4 and the byte kernels, over spans and arrays. Chooses nothing: Codec.swift does.
/// Invariants: every output size is computed from the number of values, never from stored bytes; decoders report false
/// instead of reading past a blob; LZ4 is told the exact size on both sides.
import CKernels
import CLZ4
import Platform

extension VectorCodec {
    /// Scratch for one thread's encoding and decoding.
    @safe final class Scratch {
        /// An encoding in the making.
        var candidate: [UInt8] = []
        /// The smallest encoding so far.
        var best: [UInt8] = []
        var bits: [UInt8] = []
        var halves: [UInt16] = []
        /// Decoded values.
        var values: [Float] = []

        func reserve(_ count: Int) {
            let bitsSize = ck_exponent_bits_size(count)
            let size = 4 * count + 64
            if candidate.count < size { candidate = [UInt8](repeating: 0, count: size) }
            if best.count < size { best = [UInt8](repeating: 0, count: size) }
            if bits.count < bitsSize { bits = [UInt8](repeating: 0, count: bitsSize) }
            if halves.count < count { halves = [UInt16](repeating: 0, count: count) }
        }
    }

    /// Encodes with this codec into `scratch.candidate`; the size, or nil when that is not smaller than `limit` bytes or
    /// the values do not fit the codec. `limit` is at most 4 × count.
    func encode(_ values: Span<Float>, limit: Int, scratch: Scratch) -> Int? {
        let count = values.count
        precondition(count > 0 && limit <= 4 * count + 1)
        scratch.reserve(count)
        return unsafe values.withUnsafeBufferPointer { values in
            unsafe scratch.candidate.withUnsafeMutableBufferPointer { out in
                let input = values.baseAddress!
                let output = out.baseAddress!
                switch self {
                case .raw: return unsafe Self.copy(input, count, limit, output)
                case .exponentSplit, .bfloat16:
                    return unsafe Self.split(input, count, limit, output, scratch, narrow: self == .bfloat16)
                case .float16: return unsafe Self.halve(input, count, limit, output, scratch)
                case .lz4:
                    return unsafe Self.compress(UnsafeRawPointer(input), 4 * count, into: output, limit: limit)
                }
            }
        }
    }

    private static func copy(
        _ input: UnsafePointer<Float>, _ count: Int, _ limit: Int, _ output: UnsafeMutablePointer<UInt8>
    ) -> Int? {
        guard 4 * count < limit else { return nil }
        unsafe UnsafeMutableRawPointer(output).copyMemory(from: input, byteCount: 4 * count)
        return 4 * count
    }

    private static func halve(
        _ input: UnsafePointer<Float>, _ count: Int, _ limit: Int, _ output: UnsafeMutablePointer<UInt8>,
        _ scratch: Scratch
    ) -> Int? {
        guard 2 * count < limit else { return nil }
        return unsafe scratch.halves.withUnsafeMutableBufferPointer { halves in
            guard unsafe ck_float16_exact(input, count, halves.baseAddress) == 1 else { return nil }
            unsafe UnsafeMutableRawPointer(output).copyMemory(from: halves.baseAddress!, byteCount: 2 * count)
            return 2 * count
        }
    }

    private static func split(
        _ input: UnsafePointer<Float>, _ count: Int, _ limit: Int, _ output: UnsafeMutablePointer<UInt8>,
        _ scratch: Scratch, narrow: Bool
    ) -> Int? {
        let planes = narrow ? count : 3 * count
        guard 1 + planes < limit else { return nil }
        return unsafe scratch.bits.withUnsafeMutableBufferPointer { bits in
            let bitsSize = ck_exponent_bits_size(count)
            if narrow {
                guard unsafe ck_is_bfloat16_exact(input, count) == 1 else { return nil }
                unsafe output[0] = ck_exponent_split_bfloat16(input, count, output + 1, bits.baseAddress)
            } else {
                unsafe output[0] = ck_exponent_split(input, count, output + 1, bits.baseAddress)
            }
            let room = limit - 1 - planes
            guard let size = unsafe compress(
                UnsafeRawPointer(bits.baseAddress!), bitsSize, into: output + 1 + planes, limit: room)
            else { return nil }
            return 1 + planes + size
        }
    }

    /// LZ4 block of `size` bytes, or nil when it would take `limit` bytes or more.
    private static func compress(
        _ input: UnsafeRawPointer, _ size: Int, into output: UnsafeMutablePointer<UInt8>, limit: Int
    ) -> Int? {
        guard limit > 1 else { return nil }
        let got = unsafe LZ4_compress_default(
            input.assumingMemoryBound(to: CChar.self), UnsafeMutableRawPointer(output).assumingMemoryBound(to: CChar.self),
            Int32(size), Int32(limit - 1))
        return got > 0 ? Int(got) : nil
    }

    /// Decodes exactly `count` values into `scratch.values`; false when the bytes are not an encoding of that many.
    func decode(_ bytes: Span<UInt8>, count: Int, scratch: Scratch) -> Bool {
        precondition(count >= 0)
        // LZ4 expands 255 times at most: a short blob must not make us allocate much.
        guard count <= 64 * (bytes.count + 1) else { return false }
        if scratch.values.count != count { scratch.values = [Float](repeating: 0, count: count) }
        if count == 0 { return bytes.isEmpty }
        scratch.reserve(count)
        return unsafe bytes.withUnsafeBufferPointer { bytes in
            unsafe scratch.values.withUnsafeMutableBufferPointer { values in
                guard let input = bytes.baseAddress, let output = values.baseAddress else { return false }
                switch self {
                case .raw:
                    guard bytes.count == 4 * count else { return false }
                    unsafe UnsafeMutableRawPointer(output).copyMemory(from: input, byteCount: 4 * count)
                    return true
                case .exponentSplit: return unsafe Self.merge(input, bytes.count, count, output, scratch, narrow: false)
                case .bfloat16: return unsafe Self.merge(input, bytes.count, count, output, scratch, narrow: true)
                case .float16:
                    guard bytes.count == 2 * count else { return false }
                    return unsafe scratch.halves.withUnsafeMutableBufferPointer { halves in
                        let start = halves.baseAddress!
                        unsafe UnsafeMutableRawPointer(start).copyMemory(from: input, byteCount: 2 * count)
                        unsafe ck_float16_widen(start, count, output)
                        return true
                    }
                case .lz4:
                    let target = UnsafeMutableRawPointer(output)
                    return unsafe Self.decompress(input, bytes.count, into: target, size: 4 * count)
                }
            }
        }
    }

    private static func merge(
        _ input: UnsafePointer<UInt8>, _ size: Int, _ count: Int, _ output: UnsafeMutablePointer<Float>,
        _ scratch: Scratch, narrow: Bool
    ) -> Bool {
        let planes = narrow ? count : 3 * count
        guard size > 1 + planes else { return false }
        return unsafe scratch.bits.withUnsafeMutableBufferPointer { bits in
            let start = bits.baseAddress!
            guard unsafe decompress(
                input + 1 + planes, size - 1 - planes, into: UnsafeMutableRawPointer(start),
                size: ck_exponent_bits_size(count))
            else { return false }
            if narrow {
                unsafe ck_exponent_merge_bfloat16(input + 1, start, input[0], count, output)
            } else {
                unsafe ck_exponent_merge(input + 1, start, input[0], count, output)
            }
            return true
        }
    }

    private static func decompress(
        _ input: UnsafePointer<UInt8>, _ inputSize: Int, into output: UnsafeMutableRawPointer, size: Int
    ) -> Bool {
        unsafe decompressed(input, inputSize, into: output, room: size) == size
    }

    /// The bytes that an LZ4 block makes; nil where it is none, or makes more than there is room for.
    private static func decompressed(
        _ input: UnsafePointer<UInt8>, _ inputSize: Int, into output: UnsafeMutableRawPointer, room: Int
    ) -> Int? {
        guard inputSize <= Int(Int32.max) else { return nil }
        let got = unsafe LZ4_decompress_safe(
            UnsafeRawPointer(input).assumingMemoryBound(to: CChar.self), output.assumingMemoryBound(to: CChar.self),
            Int32(inputSize), Int32(room))
        return got < 0 ? nil : Int(got)
    }

    /// How many values an LZ4 block holds, `limit` at most; nil where it holds none. Leaves nothing of use in `scratch`.
    static func blockCount(_ bytes: Span<UInt8>, atMost limit: Int, scratch: Scratch) -> Int? {
        let room = min(limit, 64 * (bytes.count + 1))
        if scratch.values.count != room { scratch.values = [Float](repeating: 0, count: room) }
        let size = unsafe bytes.withUnsafeBufferPointer { bytes -> Int? in
            unsafe scratch.values.withUnsafeMutableBytes { values in
                guard let input = bytes.baseAddress, let output = values.baseAddress else { return nil }
                return unsafe decompressed(input, bytes.count, into: output, room: 4 * room)
            }
        }
        return size.flatMap { $0 > 0 && $0 % 4 == 0 ? $0 / 4 : nil }
    }
}

/// CRC-32C of float32 values as little-endian bytes.
func checksum(of values: Span<Float>, seed: UInt32 = 0) -> UInt32 {
    unsafe values.withUnsafeBytes { unsafe crc32c($0, seed: seed) }
}
