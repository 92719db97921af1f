/// Embeddings made ready to be stored: compressed, checksummed, metadata taken apart. Needs no database and no thread in
/// particular; a writer only binds what is here.
import Platform

/// Rows as they come in. All arrays count the same rows; `tokenSets` may be empty when there are none.
package struct BatchInput: Sendable {
    package var dimension: Int
    package var ids: [String]
    /// nil: the item is the id.
    package var items: [String?]
    /// JSON objects.
    package var metadata: [String?]
    /// ids.count × dimension, row-major.
    package var vectors: [Float]
    package var tokenSets: [TokenSet?]

    package init(
        dimension: Int, ids: [String], items: [String?], metadata: [String?], vectors: [Float],
        tokenSets: [TokenSet?] = []
    ) {
        self.dimension = dimension
        self.ids = ids
        self.items = items
        self.metadata = metadata
        self.vectors = vectors
        self.tokenSets = tokenSets
    }
}

package struct EncodedBatch: Sendable {
    struct Row {
        var id: Range<Int>
        var item: Range<Int>?
        var metadata: Range<Int>?
        var vector: Range<Int>
        var codec: VectorCodec
        var checksum: UInt32
        var attributes: Range<Int>
        var tokens: EncodedTokens?
    }

    struct EncodedTokens {
        var count: Int
        var codec: VectorCodec
        var checksum: UInt32
        var bytes: Range<Int>
        var weights: (codec: VectorCodec, bytes: Range<Int>)?
        /// Its checksum is to be sealed with the row. Nil for tokens so short that codes would not pay.
        var code: (checksum: UInt32, bytes: Range<Int>)?
    }

    enum Value { case integer(Int64), real(Double), text(Range<Int>) }

    struct Attribute {
        /// Into `paths`.
        var path: Int
        var kind: Int64
        var value: Value
    }

    package let dimension: Int
    package private(set) var tokenDimension: Int?
    /// Everything that is bound by address: ids, items, metadata, texts, vectors. Never empty.
    private(set) var storage: [UInt8] = [0]
    private(set) var rows: [Row] = []
    private(set) var attributes: [Attribute] = []
    private(set) var paths: [String] = []
    private var pathIndex: [ExactText: Int] = [:]

    package var count: Int { rows.count }
    /// Bytes of encoded vectors, ids and metadata held.
    package var byteCount: Int { storage.count }

    /// Encodes a batch; O(numbers). Errors name the row within the batch; arrays of unequal length are misuse.
    package static func encode(_ input: BatchInput) throws(StorageError) -> EncodedBatch {
        let count = input.ids.count
        precondition(input.items.count == count && input.metadata.count == count)
        precondition(input.vectors.count == count * input.dimension)
        precondition(input.tokenSets.isEmpty || input.tokenSets.count == count)
        precondition((1...StorageLimits.dimensionMax).contains(input.dimension))
        var batch = EncodedBatch(dimension: input.dimension)
        batch.rows.reserveCapacity(count)
        batch.storage.reserveCapacity(count * (input.dimension * 4 + 64))
        let scratch = VectorCodec.Scratch()
        for index in 0..<count { try batch.append(index, of: input, scratch: scratch) }
        return batch
    }

    private init(dimension: Int) { self.dimension = dimension }

    private mutating func append(
        _ index: Int, of input: BatchInput, scratch: VectorCodec.Scratch
    ) throws(StorageError) {
        let id = try append(name: input.ids[index], called: "id", index)
        var item: Range<Int>?
        if let name = input.items[index], !name.hasSameBytes(as: input.ids[index]) {
            item = try append(name: name, called: "item", index)
        }
        let firstAttribute = attributes.count
        var metadata: Range<Int>?
        if let json = input.metadata[index] { metadata = try append(metadata: json, index) }
        let from = index * input.dimension
        let vector = input.vectors.span.extracting(from..<from + input.dimension)
        guard isFinite(vector) else { throw .invalidRow(index: index, what: "the vector holds a number that is not finite") }
        let checksum = checksum(of: vector)
        let start = storage.count
        let codec = VectorCodec.encodeSmallest(vector, scratch: scratch, appendingTo: &storage)
        let end = storage.count
        var tokens: EncodedTokens?
        if !input.tokenSets.isEmpty, let set = input.tokenSets[index] {
            tokens = try append(tokens: set, index, scratch: scratch)
        }
        rows.append(Row(
            id: id, item: item, metadata: metadata, vector: start..<end, codec: codec, checksum: checksum,
            attributes: firstAttribute..<attributes.count, tokens: tokens))
    }

    private mutating func append(utf8 text: String) -> Range<Int> {
        let start = storage.count
        storage.append(contentsOf: text.utf8)
        return start..<storage.count
    }

    private mutating func append(name: String, called what: String, _ index: Int) throws(StorageError) -> Range<Int> {
        let range = append(utf8: name)
        guard (1...StorageLimits.idBytesMax).contains(range.count) else {
            let allowed = "1 to \(StorageLimits.idBytesMax) are allowed"
            throw .invalidRow(index: index, what: "the \(what) has \(range.count) bytes, \(allowed)")
        }
        guard !storage[range].contains(0) else {
            throw .invalidRow(index: index, what: "the \(what) contains a NUL character")
        }
        return range
    }

    private mutating func append(metadata json: String, _ index: Int) throws(StorageError) -> Range<Int> {
        let found = try metadataAttributes(of: json, index: index, pathBytesMax: StorageLimits.pathBytesMax)
        for attribute in found {
            let value: Value = switch attribute.value {
            case .integer(let number): .integer(number)
            case .real(let number): .real(number)
            case .text(let text): .text(append(utf8: text))
            }
            attributes.append(Attribute(path: number(of: attribute.path), kind: attribute.kind, value: value))
        }
        return append(utf8: json)
    }

    private mutating func number(of path: String) -> Int {
        let key = ExactText(path)
        if let known = pathIndex[key] { return known }
        pathIndex[key] = paths.count
        paths.append(path)
        return paths.count - 1
    }

    private mutating func append(
        tokens set: TokenSet, _ index: Int, scratch: VectorCodec.Scratch
    ) throws(StorageError) -> EncodedTokens {
        try validate(set, index)
        var checksum = checksum(of: set.values.span)
        let start = storage.count
        let codec = VectorCodec.encodeSmallest(set.values.span, scratch: scratch, appendingTo: &storage)
        var tokens = EncodedTokens(
            count: set.count, codec: codec, checksum: checksum, bytes: start..<storage.count)
        if let weights = set.weights {
            checksum = Storage.checksum(of: weights.span, seed: checksum)
            let start = storage.count
            let codec = VectorCodec.encodeSmallest(weights.span, scratch: scratch, appendingTo: &storage)
            tokens.checksum = checksum
            tokens.weights = (codec, start..<storage.count)
        }
        if TokenCode.pays(dimension: set.dimension) {
            let start = storage.count
            let checksum = TokenCode.append(set, to: &storage)
            tokens.code = (checksum, start..<storage.count)
        }
        return tokens
    }

    private mutating func validate(_ set: TokenSet, _ index: Int) throws(StorageError) {
        guard (1...StorageLimits.dimensionMax).contains(set.dimension), set.values.count % set.dimension == 0 else {
            throw .invalidRow(index: index, what: "\(set.values.count) token numbers are not rows of \(set.dimension)")
        }
        if let expected = tokenDimension, expected != set.dimension {
            throw .invalidRow(index: index, what: "the tokens have dimension \(set.dimension), those before \(expected)")
        }
        tokenDimension = set.dimension
        guard set.values.count + (set.weights?.count ?? 0) <= StorageLimits.tokenNumbersMax else {
            let most = "\(StorageLimits.tokenNumbersMax) numbers, weights included"
            throw .invalidRow(index: index, what: "the token set has more than \(most)")
        }
        if let weights = set.weights, weights.count != set.count {
            throw .invalidRow(index: index, what: "\(weights.count) weights for \(set.count) tokens")
        }
        guard isFinite(set.values.span), set.weights.map({ isFinite($0.span) }) ?? true else {
            throw .invalidRow(index: index, what: "the token set holds a number that is not finite")
        }
    }
}

/// The attributes of a row's metadata, or the error that names the row.
/// - Parameter pathBytesMax: for metadata to be stored; what is stored may be from before there was that limit.
func metadataAttributes(
    of json: String, index: Int = 0, pathBytesMax: Int = .max
) throws(StorageError) -> [MetadataAttribute] {
    guard json.utf8.count <= StorageLimits.metadataBytesMax else {
        throw .invalidMetadata(index: index, what: "it is longer than \(StorageLimits.metadataBytesMax) bytes")
    }
    do throws(MetadataError) {
        return try MetadataScanner.attributes(of: json, pathBytesMax: pathBytesMax)
    } catch {
        throw .invalidMetadata(index: index, what: error.what)
    }
}

/// A maximum over bit patterns, so that the compiler can vectorise it.
private func isFinite(_ values: Span<Float>) -> Bool {
    var largest: UInt32 = 0
    for index in values.indices { largest = max(largest, values[index].bitPattern & 0x7FFF_FFFF) }
    return largest < 0x7F80_0000
}
