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

/// Stored vectors as rows, in the order asked for.
/// - Throws: `.damaged` naming the modality when a stored vector contradicts its checksum.
func matrix(of rows: [RowID], modality: ModalityRecord, in reader: Reader) throws -> Matrix<Float> {
    let order = rows.indices.sorted { rows[$0] < rows[$1] }
    var distinct: [RowID] = []
    for index in order where distinct.last != rows[index] { distinct.append(rows[index]) }
    var values: [Float] = []
    values.reserveCapacity(distinct.count * modality.dimension)
    let damaged = try reader.forEachVector(distinct, of: modality) { _, vector in
        for index in vector.indices { values.append(vector[index]) }
    }
    guard damaged.isEmpty else {
        throw CausewayError.failed(
            what: "\(damaged.count) stored vectors of \(modality.name) do not match their checksums",
            remedy: "run `causeway check --deep`, and ingest those embeddings again")
    }
    let compact = Matrix(rows: distinct.count, columns: modality.dimension, elements: values)
    guard distinct != rows else { return compact }
    var place: [RowID: Int] = [:]
    for (index, row) in distinct.enumerated() { place[row] = index }
    return compact.gathering(rows.map { place[$0] ?? 0 })
}
