/// A seeded sample of two modalities: pairs by item where there are enough, otherwise rows of each. Reads, measures nothing.
import Storage
import VectorMath

struct ModalitySample {
    var source: Matrix<Float>
    var target: Matrix<Float>
    /// Row i of both shows the same item, each item once.
    var isPaired: Bool

    /// Fewer pairs than this are no sample of their modalities.
    static let pairsMin = 8

    init(from: ModalityRecord, to: ModalityRecord, rowsMax: Int, seed: UInt64, in reader: Reader) throws {
        var random = SeededRandom(seed: seed)
        var pairs = try Self.onePairAnItem(from, to, in: reader)
        isPaired = pairs.count >= Self.pairsMin
        if isPaired {
            random.shuffle(&pairs)
            pairs = Array(pairs.prefix(rowsMax))
            source = try matrix(of: pairs.map(\.0), modality: from, in: reader)
            target = try matrix(of: pairs.map(\.1), modality: to, in: reader)
        } else {
            func sample(_ modality: ModalityRecord) throws -> Matrix<Float> {
                var rows = try reader.rows(of: modality.id)
                random.shuffle(&rows)
                return try matrix(of: Array(rows.prefix(rowsMax)), modality: modality, in: reader)
            }
            (source, target) = (try sample(from), try sample(to))
        }
    }

    /// Each row and so each item at most once, so that disjoint halves share none.
    private static func onePairAnItem(
        _ from: ModalityRecord, _ to: ModalityRecord, in reader: Reader
    ) throws -> [(RowID, RowID)] {
        guard from.id != to.id else { return [] }
        var used = Set<RowID>(), chosen: [(RowID, RowID)] = []
        // Ascending by source: the first source row of an item takes its first target row, its siblings find it taken.
        for (a, b) in try reader.itemPairs(from: from.id, to: to.id) where !used.contains(a) {
            used.insert(a)
            guard used.insert(b).inserted else { continue }
            chosen.append((a, b))
        }
        return chosen
    }
}
