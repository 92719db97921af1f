/// Collects embeddings into one batch per modality and checks each: what passes here can be stored.
import Platform
import Storage
import VectorFiles

struct BatchAssembler {
    /// Of a set, as ingest-record.schema.json says.
    private static let tokensMax = 65_536

    private let origin: BatchOrigin
    private var parts: [ModalityBatch] = []
    private var positions: [ExactText: Int] = [:]

    init(_ origin: BatchOrigin) { self.origin = origin }

    func finish() -> [ModalityBatch] { parts }

    /// - Throws: `.badInput` naming file, place and reason.
    mutating func append(
        modality: String, id: String, item: String?, metadata: String?, vector: [Float], tokens: TokenSet?, place: Int
    ) throws(CausewayError) {
        try check(id: id, as: "id", place, .id)
        if let item { try check(id: item, as: "item", place, .item) }
        if let metadata { try check(metadata: metadata, place) }
        guard (1...StorageLimits.dimensionMax).contains(vector.count) else {
            throw bad(place, "a vector of \(vector.count) components", "use 1 to \(StorageLimits.dimensionMax)")
        }
        if let component = vector.firstIndex(where: { !$0.isFinite }) {
            throw bad(place, "component \(component) is \(vector[component])", "remove or repair the row")
        }
        if let tokens { try check(tokens: tokens, place) }
        let known = positions[ExactText(modality)]
        let part = known ?? start(modality, dimension: vector.count)
        guard parts[part].input.dimension == vector.count else {
            throw bad(
                place, "the vector has \(vector.count) components and the ones before have \(parts[part].input.dimension)",
                "give a modality vectors of one dimension")
        }
        if let tokens {
            let known = parts[part].tokenDimension ?? tokens.dimension
            guard known == tokens.dimension else {
                throw bad(
                    place, "tokens of \(tokens.dimension) components follow tokens of \(known)",
                    "give a modality tokens of one dimension")
            }
            parts[part].tokenDimension = known
        }
        parts[part].input.ids.append(id)
        parts[part].input.items.append(item?.hasSameBytes(as: id) == true ? nil : item)
        parts[part].input.metadata.append(metadata)
        parts[part].input.vectors.append(contentsOf: vector)
        parts[part].input.tokenSets.append(tokens?.stored)
        parts[part].places.append(place)
    }

    private mutating func start(_ modality: String, dimension: Int) -> Int {
        let input = BatchInput(dimension: dimension, ids: [], items: [], metadata: [], vectors: [], tokenSets: [])
        parts.append(ModalityBatch(modality: modality, tokenDimension: nil, input: input, origin: origin, places: []))
        positions[ExactText(modality)] = parts.count - 1
        return parts.count - 1
    }

    // MARK: Checks

    private func check(id: String, as what: String, _ place: Int, _ part: BatchOrigin.Part) throws(CausewayError) {
        guard !id.isEmpty else { throw bad(place, "an empty \(what)", "give every row a name", part) }
        guard id.utf8.count <= StorageLimits.idBytesMax else {
            throw bad(place, "an \(what) of \(id.utf8.count) bytes", "use at most \(StorageLimits.idBytesMax)", part)
        }
        guard !id.utf8.contains(0) else { throw bad(place, "an \(what) with a NUL character", "remove it", part) }
    }

    private func check(metadata: String, _ place: Int) throws(CausewayError) {
        guard metadata.utf8.count <= StorageLimits.metadataBytesMax else {
            throw bad(
                place, "metadata of \(metadata.utf8.count) bytes", "use at most \(StorageLimits.metadataBytesMax)", .metadata)
        }
        do throws(JSONFault) {
            try validateJSONObject(metadata)
        } catch {
            throw bad(place, "metadata, byte \(error.offset + 1): \(error.reason)", "give a JSON object", .metadata)
        }
    }

    private func check(tokens: TokenSet, _ place: Int) throws(CausewayError) {
        guard tokens.dimension > 0 || tokens.values.isEmpty else {
            throw bad(place, "tokens of several lengths", "give all tokens one length", .tokens)
        }
        guard (1...StorageLimits.dimensionMax).contains(tokens.dimension), !tokens.values.isEmpty,
            tokens.values.count % tokens.dimension == 0, tokens.count <= Self.tokensMax
        else {
            throw bad(
                place, "a token set of \(tokens.values.count) numbers in vectors of \(tokens.dimension)",
                "give at least one token and at most \(Self.tokensMax), all of one dimension", .tokens)
        }
        guard tokens.values.count <= StorageLimits.tokenNumbersMax else {
            throw bad(
                place, "a token set of \(tokens.values.count) numbers", "use at most \(StorageLimits.tokenNumbersMax)", .tokens)
        }
        if let index = tokens.values.firstIndex(where: { !$0.isFinite }) {
            throw bad(place, "token \(index / tokens.dimension) is not finite", "remove or repair the row", .tokens)
        }
        guard let weights = tokens.weights else { return }
        guard weights.count == tokens.count else {
            throw bad(place, "\(weights.count) weights for \(tokens.count) tokens", "give every token one weight", .weights)
        }
        if let fault = tokens.weightFault { throw bad(place, fault, TokenSet.weightRemedy, .weights) }
    }

    private func bad(
        _ place: Int, _ reason: String, _ remedy: String, _ part: BatchOrigin.Part = .row
    ) -> CausewayError {
        origin.bad(part, at: place, reason, remedy: remedy)
    }
}
