/// What the storage tests share: seeded numbers, temporary directories, and corpora in a few shapes. Asserts nothing.
import Foundation
import Platform
import Storage

/// SplitMix64: the same numbers for a seed everywhere.
struct SeededNumbers: RandomNumberGenerator {
    var state: UInt64
    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    /// Roughly normal: a sum of uniform numbers.
    mutating func gaussian() -> Float {
        (0..<6).reduce(into: Float(-3)) { sum, _ in sum += Float.random(in: 0..<1, using: &self) } * 0.05
    }
}

/// A directory of its own, removed with everything in it when released.
final class TemporaryDirectory: Sendable {
    let path: String

    init() throws {
        path = FileManager.default.temporaryDirectory.appendingPathComponent("causeway-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func file(_ name: String) -> String { path + "/" + name }
}

/// The shapes of data that the codecs tell apart.
enum VectorShape: CaseIterable {
    case dense, zero, constant, sparse, half, brain, extreme, histogram, anyFinite

    func vector(_ dimension: Int, _ numbers: inout SeededNumbers) -> [Float] {
        switch self {
        case .zero: return [Float](repeating: 0, count: dimension)
        case .constant: return [Float](repeating: numbers.gaussian(), count: dimension)
        default: return (0..<dimension).map { _ in value(&numbers) }
        }
    }

    private func value(_ numbers: inout SeededNumbers) -> Float {
        switch self {
        case .sparse: numbers.next() % 20 == 0 ? numbers.gaussian() : 0
        case .half: Float(Float16(numbers.gaussian()))
        case .brain: Float(bitPattern: numbers.gaussian().bitPattern & 0xFFFF_0000)
        case .extreme:
            [-0.0, 0, .leastNonzeroMagnitude, -.leastNonzeroMagnitude, .greatestFiniteMagnitude,
             -.greatestFiniteMagnitude, .leastNormalMagnitude, 1].randomElement(using: &numbers)!
        case .histogram: Float(numbers.next() % 7 == 0 ? numbers.next() % 300 : 0)
        case .anyFinite: finite(&numbers)
        default: numbers.gaussian()
        }
    }

    private func finite(_ numbers: inout SeededNumbers) -> Float {
        while true {
            let value = Float(bitPattern: UInt32(truncatingIfNeeded: numbers.next()))
            if value.isFinite { return value }
        }
    }
}

func bits(_ values: [Float]) -> [UInt32] { values.map(\.bitPattern) }

func array(_ span: Span<Float>) -> [Float] { span.indices.map { span[$0] } }

/// A batch of plain rows "<prefix>0", "<prefix>1", ….
func plainBatch(_ count: Int, dimension: Int, prefix: String = "r", seed: UInt64 = 1) -> BatchInput {
    var numbers = SeededNumbers(seed: seed)
    return BatchInput(
        dimension: dimension, ids: (0..<count).map { "\(prefix)\($0)" },
        items: [String?](repeating: nil, count: count), metadata: [String?](repeating: nil, count: count),
        vectors: (0..<count * dimension).map { _ in numbers.gaussian() })
}

/// A database with one collection "c" and one modality "m", or more.
struct Fixture {
    let directory: TemporaryDirectory
    let store: Store
    let modality: ModalityRecord
    var path: String { store.path }

    init(dimension: Int = 8, tokenDimension: Int? = nil, options: StoreOptions = .init()) throws {
        directory = try TemporaryDirectory()
        store = try Store(path: directory.file("db"), access: .create, options: options)
        modality = try store.write { writer in
            let collection = try writer.ensureCollection(named: "c")
            return try writer.createModality(
                named: "m", in: collection.id, dimension: dimension, tokenDimension: tokenDimension)
        }
    }

    @discardableResult
    func insert(_ input: BatchInput, onConflict policy: ConflictPolicy = .error) throws -> InsertCounts {
        let batch = try EncodedBatch.encode(input)
        return try store.write { try $0.insert(batch, into: modality, onConflict: policy) }
    }

    /// Every vector by id, or the damage.
    func vectors() throws -> (byID: [String: [Float]], damage: [RowDamage]) {
        try store.read { reader in
            var found: [RowID: [Float]] = [:]
            let damage = try reader.forEachVector(of: modality) { row, values in found[row] = array(values) }
            let rows = try reader.rows(of: modality.id)
            let named = try reader.embeddings(rows).compactMap { record in
                record.flatMap { r in found[r.row].map { (r.id, $0) } }
            }
            return (Dictionary(uniqueKeysWithValues: named), damage)
        }
    }
}
