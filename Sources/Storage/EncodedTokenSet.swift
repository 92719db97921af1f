/// A stored token set before it is decoded: in its row, or taken out of it so that another thread can decode it.

/// What decoding needs of a stored token set.
protocol StoredTokens {
    var count: Int64 { get }
    var codec: Int64 { get }
    /// Of the numbers and, continued, of the weights.
    var checksum: Int64 { get }
    /// Nil without weights.
    var weightsCodec: Int64? { get }
    func withNumbers<R>(_ body: (Span<UInt8>) -> R) -> R
    func withWeights<R>(_ body: (Span<UInt8>) -> R) -> R
}

struct DecodingFailure: Error { var reason: RowDamage.Reason }

extension StoredTokens {
    func decoded(dimension: Int?, scratch: VectorCodec.Scratch) -> Result<TokenSet, DecodingFailure> {
        guard let dimension, count >= 0, count <= StorageLimits.tokenNumbersMax / dimension else {
            return .failure(DecodingFailure(reason: .undecodable))
        }
        let numbers = Int(count) * dimension
        // The checksum runs on over the weights, so without them it is complete here.
        if let reason = withNumbers({ bytes in
            VectorCodec.decode(
                codec: codec, bytes, count: numbers, checksum: weightsCodec == nil ? checksum : nil, scratch: scratch)
        }) {
            return .failure(DecodingFailure(reason: reason))
        }
        var set = TokenSet(dimension: dimension, values: scratch.values)
        guard let weightsCodec else { return .success(set) }
        let seed = Storage.checksum(of: set.values.span)
        if let reason = withWeights({ bytes in
            VectorCodec.decode(
                codec: weightsCodec, bytes, count: Int(count), checksum: checksum, seed: seed, scratch: scratch)
        }) {
            return .failure(DecodingFailure(reason: reason))
        }
        set.weights = scratch.values
        return .success(set)
    }
}

/// A row of the statement that reads token sets; valid until the next step.
struct TokenRow: StoredTokens {
    static let query = "SELECT count, codec, checksum, bytes, weights_codec, weights FROM token_set WHERE row = ?"

    let statement: Statement

    var count: Int64 { statement.int(0) }
    var codec: Int64 { statement.int(1) }
    var checksum: Int64 { statement.int(2) }
    var weightsCodec: Int64? { statement.isNull(4) ? nil : statement.int(4) }
    func withNumbers<R>(_ body: (Span<UInt8>) -> R) -> R { statement.withBlob(3, body) }
    func withWeights<R>(_ body: (Span<UInt8>) -> R) -> R { statement.withBlob(5, body) }
}

/// A token set's stored bytes, out of the database.
package struct EncodedTokenSet: Sendable, StoredTokens {
    let count, codec, checksum: Int64
    let weightsCodec: Int64?
    private let dimension: Int?
    private let numbers, weights: [UInt8]
    package var byteCount: Int { numbers.count + weights.count }

    init(_ row: TokenRow, dimension: Int?) {
        (count, codec, checksum, weightsCodec) = (row.count, row.codec, row.checksum, row.weightsCodec)
        self.dimension = dimension
        numbers = row.statement.blob(3)
        weights = weightsCodec == nil ? [] : row.statement.blob(5)
    }

    func withNumbers<R>(_ body: (Span<UInt8>) -> R) -> R { body(numbers.span) }
    func withWeights<R>(_ body: (Span<UInt8>) -> R) -> R { body(weights.span) }
}

/// Decodes token sets; one thread at a time.
package final class TokenDecoder {
    private let scratch = VectorCodec.Scratch()

    package init() {}

    /// Nil where the bytes are damaged.
    package func decode(_ set: EncodedTokenSet) -> TokenSet? { try? set.decoded(scratch: scratch).get() }
}

extension EncodedTokenSet {
    fileprivate func decoded(scratch: VectorCodec.Scratch) -> Result<TokenSet, DecodingFailure> {
        decoded(dimension: dimension, scratch: scratch)
    }
}
