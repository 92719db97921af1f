/// Tokens rounded to half precision on their way in, where a modality is declared to keep them so. Encodes nothing: the
/// lossless codecs find that such numbers need two bytes each.
import Platform
import Storage
import Synchronization

/// How the numbers of tokens are kept. Declared at the first ingest of tokens into a modality, and for good.
public enum TokenPrecision: String, Sendable, CaseIterable {
    /// To the bit.
    case float32
    /// Rounded to the nearest half, two bytes and 11 significant bits a number; the sets' 8-bit codes are as large as ever, so
    /// that a database of tokens shrinks to about 0.7. Values of magnitude 65520 and more are refused, and tokens of which only
    /// zeros would be left.
    case float16

    var stored: TokenStorage { self == .float16 ? .float16 : .float32 }
}

final class TokenRounding: Sendable {
    private let collection: EmbeddingCollection
    private let wanted: TokenPrecision?
    private let known = Mutex<[ExactText: TokenStorage]>([:])

    /// - Parameter wanted: nil follows what was declared before.
    init(collection: EmbeddingCollection, wanted: TokenPrecision?) {
        (self.collection, self.wanted) = (collection, wanted)
    }

    /// - Throws: `.invalidArgument` where another precision was declared; `.badInput` naming the row for a value too large.
    func apply(to batch: SourceBatch) throws -> SourceBatch {
        var batch = batch
        for index in batch.parts.indices where batch.parts[index].tokenDimension != nil {
            guard try storage(of: batch.parts[index].modality) == .float16 else { continue }
            for row in batch.parts[index].input.tokenSets.indices {
                guard var set = batch.parts[index].input.tokenSets[row] else { continue }
                if let fault = set.roundToHalves() {
                    throw batch.parts[index].origin.bad(
                        .tokens, at: batch.parts[index].places[row], fault.description,
                        remedy: "scale the tokens, or ingest them into a modality that keeps float32")
                }
                batch.parts[index].input.tokenSets[row] = set
            }
        }
        return batch
    }

    /// Records the precision with the modality's first tokens, in their transaction.
    func declare(_ modality: ModalityRecord, isFirst: Bool, in writer: Writer) throws {
        let applied = try storage(of: modality.name)
        if isFirst && applied == .float16 { try writer.declareTokenStorage(.float16, of: modality.id) }
        guard try writer.tokenStorage(of: modality.id) == applied else {
            throw CausewayError.failed(
                what: "another process declared how modality \(modality.name) keeps its tokens", remedy: "ingest again")
        }
    }

    private func storage(of name: String) throws -> TokenStorage {
        let key = ExactText(name)
        if let storage = known.withLock({ $0[key] }) { return storage }
        let declared = try collection.database.read { reader -> TokenStorage? in
            guard let collection = try reader.collection(named: collection.name),
                let modality = try reader.modality(named: name, in: collection.id), modality.tokenDimension != nil
            else { return nil }
            return try reader.tokenStorage(of: modality.id)
        }
        if let declared, let wanted, wanted.stored != declared {
            throw CausewayError.invalidArgument(
                reason: "modality \(name) keeps its tokens as \(declared.rawValue), not \(wanted.rawValue)",
                remedy: "leave the precision to the modality, or use one of another name")
        }
        let storage = declared ?? wanted?.stored ?? .float32
        known.withLock { $0[key] = storage }
        return storage
    }
}

extension Storage.TokenSet {
    /// Rounds all values to the nearest half, ties to even. Nil, or the first token that halves cannot hold.
    fileprivate mutating func roundToHalves() -> HalfFault? {
        for token in 0..<count {
            var (hadLength, hasLength) = (false, false)
            for index in token * dimension..<(token + 1) * dimension {
                guard let half = roundedToHalf(values[index]) else { return .tooLarge(token: token) }
                hadLength = hadLength || values[index] != 0
                hasLength = hasLength || half != 0
                values[index] = half
            }
            if hadLength && !hasLength { return .vanishes(token: token) }
        }
        return nil
    }
}

private enum HalfFault: CustomStringConvertible {
    case tooLarge(token: Int)
    /// It has length, and would have none.
    case vanishes(token: Int)

    var description: String {
        switch self {
        case .tooLarge(let token): "token \(token) holds a number too large for float16"
        case .vanishes(let token): "token \(token) holds only numbers that are zero as float16"
        }
    }
}

/// The float16 nearest to a number, as float32; nil from 65520 on, where it would be infinite.
/// By hand, because Float16 does not exist on Intel Macs.
package func roundedToHalf(_ value: Float) -> Float? {
    let magnitude = value.magnitude
    guard magnitude < 65_520 else { return nil }
    // Below the least normal half, halves are multiples of 2⁻²⁴.
    if magnitude < 0x1p-14 { return (value * 0x1p24).rounded(.toNearestOrEven) * 0x1p-24 }
    let bits = value.bitPattern
    return Float(bitPattern: (bits &+ 0xFFF &+ ((bits >> 13) & 1)) & ~0x1FFF)
}
