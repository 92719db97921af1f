/// What a user stores: one vector of one modality, with the item it shows, its metadata and its tokens.
import Foundation
import Storage
import VectorMath

/// One embedding of an item in one modality.
public struct Embedding: Sendable, Equatable {
    /// Unique within (collection, modality); 1…1024 bytes of UTF-8.
    public var id: String
    /// The thing that embeddings of several modalities show; pairs are made by it. Defaults to the id.
    public var item: String
    /// As long as the modality's dimension; finite.
    public var vector: [Float]
    /// Token-level embeddings, for the metrics on sets.
    public var tokens: TokenSet?
    /// A JSON object as text, kept to the byte; nil when there is none.
    public var metadata: String?

    public init(id: String, vector: [Float], item: String? = nil, metadata: String? = nil, tokens: TokenSet? = nil) {
        self.id = id
        self.item = item ?? id
        self.vector = vector
        self.tokens = tokens
        self.metadata = metadata
    }

    /// An embedding whose metadata is any value that encodes to a JSON object.
    /// - Throws: `EncodingError` of the value.
    public init<Metadata: Encodable>(
        id: String, vector: [Float], item: String? = nil, encoding metadata: Metadata, tokens: TokenSet? = nil
    ) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let text = String(decoding: try encoder.encode(metadata), as: UTF8.self)
        self.init(id: id, vector: vector, item: item, metadata: text, tokens: tokens)
    }
}

/// A set of token-level embeddings: `count` × `dimension` numbers, row by row, and a weight each when they differ. What is none,
/// such as numbers that do not make whole tokens, is refused where it is used: by ingesting, and by searching.
public struct TokenSet: Sendable, Equatable {
    public var dimension: Int
    public var values: [Float]
    /// Not negative, not all zero; normalised when used. Nil means all equal.
    public var weights: [Float]?

    public init(dimension: Int, values: [Float], weights: [Float]? = nil) {
        self.dimension = dimension
        self.values = values
        self.weights = weights
    }

    /// Tokens one by one. Where they are not all of one length `dimension` is 0, and whatever takes the set refuses it.
    public init(_ tokens: [[Float]], weights: [Float]? = nil) {
        let dimension = tokens.first?.count ?? 0
        let areEven = tokens.allSatisfy { $0.count == dimension }
        self.init(dimension: areEven ? dimension : 0, values: tokens.flatMap { $0 }, weights: weights)
    }

    /// Of a query: numbers that are no tokens would be cut into wrong ones.
    func refuseRagged() throws(TransportError) {
        guard !values.isEmpty, dimension < 1 || values.count % dimension != 0 else { return }
        throw .raggedTokens(.query, values: values.count, dimension: dimension)
    }

    /// The mean of the tokens, each counting the same.
    var mean: [Float] {
        get throws(TransportError) {
            try refuseRagged()
            guard count > 0 else { throw .emptyTokenSet(.query) }
            return (0..<dimension).map { component in
                let sum = stride(from: component, to: values.count, by: dimension).reduce(0.0) { $0 + Double(values[$1]) }
                return Float(sum / Double(count))
            }
        }
    }

    public var count: Int { dimension > 0 ? values.count / dimension : 0 }

    /// What keeps the weights from being masses, in words; nil where nothing does. Their number is another matter.
    var weightFault: String? {
        guard let weights else { return nil }
        if let index = weights.firstIndex(where: { !$0.isFinite }) { return "weight \(index) is not finite" }
        if let index = weights.firstIndex(where: { $0 < 0 }) { return "weight \(index) is negative" }
        return weights.contains { $0 > 0 } ? nil : "all weights are zero, or too small for float32"
    }

    static let weightRemedy = "use weights of at least 0, the largest of about 1"

    init(_ stored: Storage.TokenSet) {
        self.init(dimension: stored.dimension, values: stored.values, weights: stored.weights)
    }

    var stored: Storage.TokenSet { Storage.TokenSet(dimension: dimension, values: values, weights: weights) }
}

/// A named kind of embedding in a collection: one dimension, one producer.
public struct Modality: Sendable, Equatable {
    public var name: String
    public var dimension: Int
    /// The length of one token's vector, when token sets are stored.
    public var tokenDimension: Int?
    /// How the numbers of those tokens are kept.
    public var tokenPrecision = TokenPrecision.float32
    /// The model that made the vectors, recorded at the first ingest that named it.
    public var producer: String?
    /// Embeddings stored now.
    public var count: Int
}
