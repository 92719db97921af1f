/// The calls that code token sets. Invariants: the size of a code is computed from counts within StorageLimits, and the
/// kernel writes at most that.
import CKernels
import Platform

extension TokenCode {
    /// Appends the coded set and returns its checksum. O(numbers).
    static func append(_ set: TokenSet, to bytes: inout [UInt8]) -> UInt32 {
        let size = ck_token_code_size(set.count, set.dimension, set.weights == nil ? 0 : 1)
        precondition(size > 0 && size <= StorageLimits.tokenCodeBytesMax, "a token set beyond its limits")
        precondition(set.values.count == set.count * set.dimension && set.weights.map { $0.count == set.count } ?? true)
        let code = unsafe [UInt8](unsafeUninitializedCapacity: size) { code, written in
            guard let out = code.baseAddress else { return }
            unsafe set.values.withUnsafeBufferPointer { values in
                // An empty array may have no address, and the kernel then reads none.
                let tokens = unsafe values.baseAddress ?? noFloats
                guard let weights = set.weights else {
                    written = unsafe ck_token_code_encode(tokens, set.count, set.dimension, nil, out)
                    return
                }
                unsafe weights.withUnsafeBufferPointer { weights in
                    written = unsafe ck_token_code_encode(
                        tokens, set.count, set.dimension, weights.baseAddress ?? noFloats, out)
                }
            }
        }
        bytes.append(contentsOf: code)
        return crc32c(code)
    }
}

nonisolated(unsafe) private let noFloats: UnsafePointer<Float> = {
    let number = UnsafeMutablePointer<Float>.allocate(capacity: 1)
    unsafe number.initialize(to: 0)
    return unsafe UnsafePointer(number)
}()

/// CRC-32C of bytes.
func checksum(of bytes: Span<UInt8>) -> UInt32 { unsafe bytes.withUnsafeBytes { unsafe crc32c($0) } }
