/// A stored token set in its row: what the columns are, and how they are decoded and verified.

struct DecodingFailure: Error { var reason: RowDamage.Reason }

/// A row of the statement that walks over token sets; valid until the next step.
struct TokenRow {
    static let query = """
        SELECT row, count, codec, checksum, bytes, weights_codec, weights FROM token_set WHERE row >= ? ORDER BY row
        """

    let statement: Statement

    private var count: Int64 { statement.int(1) }
    private var codec: Int64 { statement.int(2) }
    /// Of the numbers and, continued, of the weights.
    private var checksum: Int64 { statement.int(3) }
    /// Nil without weights.
    private var weightsCodec: Int64? { statement.isNull(5) ? nil : statement.int(5) }

    func decoded(dimension: Int?, scratch: VectorCodec.Scratch) -> Result<TokenSet, DecodingFailure> {
        guard let dimension, count >= 0, count <= StorageLimits.tokenNumbersMax / dimension else {
            return .failure(DecodingFailure(reason: .undecodable))
        }
        let numbers = Int(count) * dimension
        let weightsCodec = weightsCodec
        // The checksum runs on over the weights, so without them it is complete here.
        if let reason = statement.withBlob(4, { bytes in
            VectorCodec.decode(
                codec: codec, bytes, count: numbers, checksum: weightsCodec == nil ? checksum : nil, scratch: scratch)
        }) {
            return .failure(DecodingFailure(reason: reason))
        }
        var set = TokenSet(dimension: dimension, values: scratch.values)
        guard let weightsCodec else { return .success(set) }
        let seed = Storage.checksum(of: set.values.span)
        if let reason = statement.withBlob(6, { bytes in
            VectorCodec.decode(
                codec: weightsCodec, bytes, count: Int(count), checksum: checksum, seed: seed, scratch: scratch)
        }) {
            return .failure(DecodingFailure(reason: reason))
        }
        set.weights = scratch.values
        return .success(set)
    }
}
