/// The stored pairs of two modalities as training data: every row once, pairs by item, items numbered by their order.
import Foundation
import Platform
import Storage
import VectorMath

struct TrainingPairs {
    let data: AlignmentData
    /// Items by the numbers the pairs carry.
    let items: [String]

    /// Draws at most `itemsMax` items by the seed, and all pairs of each. Memory: the rows of both modalities once.
    init(from: ModalityRecord, to: ModalityRecord, itemsMax: Int, seed: UInt64, in reader: Reader) throws {
        let pairs = try reader.itemPairs(from: from.id, to: to.id)
        var sources: [RowID] = []
        for (row, _) in pairs where sources.last != row { sources.append(row) }
        var itemOf: [RowID: ExactText] = [:]
        for (row, record) in zip(sources, try reader.embeddings(sources)) { itemOf[row] = record.map { ExactText($0.item) } }
        // By bytes, so that one state of the data and one seed give one split everywhere.
        var names = Set(itemOf.values).sorted { $0.text.utf8.lexicographicallyPrecedes($1.text.utf8) }
        if names.count > itemsMax {
            var random = SeededRandom(seed: seed, stream: 7)
            random.shuffle(&names)
            names = names.prefix(max(itemsMax, 0)).sorted { $0.text.utf8.lexicographicallyPrecedes($1.text.utf8) }
        }
        var numbers: [ExactText: Int] = [:]
        for (number, name) in names.enumerated() { numbers[name] = number }
        var sourcePlaces = Places(), targetPlaces = Places(), kept: [AlignmentPair] = []
        for (a, b) in pairs {
            guard let item = itemOf[a].flatMap({ numbers[$0] }) else { continue }
            kept.append(AlignmentPair(source: sourcePlaces.place(of: a), target: targetPlaces.place(of: b), item: item))
        }
        items = names.map(\.text)
        data = AlignmentData(
            sources: try matrix(of: sourcePlaces.rows, modality: from, in: reader),
            targets: try matrix(of: targetPlaces.rows, modality: to, in: reader), pairs: kept)
    }

    private struct Places {
        var rows: [RowID] = []
        private var known: [RowID: Int] = [:]

        mutating func place(of row: RowID) -> Int {
            if let place = known[row] { return place }
            known[row] = rows.count
            rows.append(row)
            return rows.count - 1
        }
    }
}
