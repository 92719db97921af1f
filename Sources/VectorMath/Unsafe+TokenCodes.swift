/// The calls that take coded tokens apart and compare them. Invariants: the kernel refuses bytes whose size is not that of
/// the set they name; addresses of a code are used only while its bytes are borrowed; buffers are sized here.
import CKernels

/// A query's tokens as 8-bit codes, arranged for comparison with the codes of candidates (FORMAT.md, § Token codes).
@safe package struct CodedTokens: Sendable {
    package let cloud: TokenCloud
    private let planes: [Int8]
    private let offsets: [Int32]
    private let columns: [Float]

    /// Nil where a token is too long or too short for bounds to be sure.
    package init?(_ cloud: TokenCloud) {
        let bytes = Self.encoded(cloud.values, dimension: cloud.dimension)
        let count = cloud.count, groups = (count + Int(CK_TOKEN_GROUP) - 1) / Int(CK_TOKEN_GROUP)
        var planes: [Int8] = [], offsets = [Int32](repeating: 0, count: count)
        var columns = [Float](repeating: 0, count: groups * Int(CK_TOKEN_COLUMNS))
        let isBounded = unsafe bytes.withUnsafeBufferPointer { bytes in
            var code = unsafe ck_token_code()
            guard let start = bytes.baseAddress,
                unsafe ck_token_code_open(start, bytes.count, cloud.dimension, &code) == 1
            else { return false }
            planes = unsafe [Int8](repeating: 0, count: count * code.stride)
            unsafe ck_token_query(cloud.ground.kernel, &code, &planes, &offsets, &columns)
            return true
        }
        guard isBounded else { return nil }
        self.cloud = cloud
        (self.planes, self.offsets, self.columns) = (planes, offsets, columns)
    }

    /// A coded token set as databases hold it; empty for no tokens. Finite numbers, row-major. O(numbers).
    package static func encoded(_ values: [Float], dimension: Int, weights: [Float]? = nil) -> [UInt8] {
        let count = values.count / dimension
        precondition(values.count == count * dimension && weights.map { $0.count == count } ?? true, "ragged tokens")
        let size = ck_token_code_size(count, dimension, weights == nil ? 0 : 1)
        guard count > 0, size > 0 else { return [] }
        return unsafe [UInt8](unsafeUninitializedCapacity: size) { code, written in
            unsafe values.withUnsafeBufferPointer { values in
                guard let tokens = values.baseAddress, let out = code.baseAddress else { return }
                guard let weights else {
                    written = unsafe ck_token_code_encode(tokens, count, dimension, nil, out)
                    return
                }
                unsafe weights.withUnsafeBufferPointer {
                    written = unsafe ck_token_code_encode(tokens, count, dimension, $0.baseAddress, out)
                }
            }
        }
    }

    /// What a candidate's coded tokens are, besides their lower costs.
    struct Candidate {
        var count: Int
        /// As stored; nil where there are none.
        var weights: [Float]?
        /// Places of tokens of norm zero.
        var zeros: [Int]
    }

    /// Fills `costs` with lower bounds of the ground costs between the candidate's tokens (rows) and the query's (columns).
    /// Nil, with `costs` undefined, where the bytes bound nothing.
    func lowerCosts(of bytes: Span<UInt8>, into costs: CostMatrix, dots: inout WorkArray<Int32>) -> Candidate? {
        unsafe bytes.withUnsafeBufferPointer { bytes in
            var code = unsafe ck_token_code()
            guard let start = bytes.baseAddress,
                unsafe ck_token_code_open(start, bytes.count, cloud.dimension, &code) == 1
            else { return nil }
            let count = unsafe Int(code.count)
            guard count > 0 else { return Candidate(count: 0, weights: nil, zeros: []) }
            guard (try? costs.reshape(rows: count, columns: cloud.count)) != nil else { return nil }
            let needed = count * Int(CK_TOKEN_GROUP)
            if dots.capacity < needed { dots = WorkArray(undefined: needed + needed / 4) }
            unsafe ck_token_lower_costs(
                cloud.ground.kernel, &code, planes, offsets, columns, cloud.count, dots.pointer(needed),
                costs.cells.pointer(count * costs.stride), costs.stride)
            return unsafe Candidate(count: count, weights: Self.weights(code), zeros: Self.zeros(code))
        }
    }

    private static func weights(_ code: ck_token_code) -> [Float]? {
        guard let weights = unsafe code.weights else { return nil }
        return unsafe (0..<Int(code.count)).map { token in
            unsafe UnsafeRawPointer(weights).loadUnaligned(fromByteOffset: 4 * token, as: Float.self)
        }
    }

    private static func zeros(_ code: ck_token_code) -> [Int] {
        guard unsafe code.zero_count > 0, let facts = unsafe code.facts else { return [] }
        return unsafe (0..<Int(code.count)).filter { token in
            let offset = token * Int(CK_TOKEN_FACTS)
            return unsafe UnsafeRawPointer(facts).loadUnaligned(fromByteOffset: offset, as: ck_token_facts.self).norm == 0
        }
    }
}
