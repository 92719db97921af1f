/// A dry run: finds in a batch what writing it would find, by reading what is stored and remembering what came before.
/// Writes nothing.
import Platform
import Storage

/// Used by one thread. Memory grows with the ids seen, because nothing is stored that could tell of a repetition.
final class Rehearsal {
    private struct Seen {
        var shape: ModalityShape
        var ids: Set<ExactText> = []
    }

    private let database: Database
    private let collection: String
    private let fit: BatchFit
    private var seen: [ExactText: Seen] = [:]

    init(database: Database, collection: String, fit: BatchFit) {
        self.database = database
        self.collection = collection
        self.fit = fit
    }

    /// What `write` would count.
    /// - Throws: what `write` would throw of the data.
    func check(_ batch: SourceBatch) throws -> InsertCounts {
        try database.read { reader in
            var counts = InsertCounts()
            for part in batch.parts {
                let stored = try reader.collection(named: collection).flatMap {
                    try reader.modality(named: part.modality, in: $0.id)
                }
                var known = try seen[ExactText(part.modality)] ?? Seen(
                    shape: stored.map(ModalityShape.init) ?? fit.newShape(of: part))
                try fit.check(part, against: known.shape)
                known.shape.tokenDimension = known.shape.tokenDimension ?? part.tokenDimension
                for (index, id) in part.input.ids.enumerated() {
                    let isNew = known.ids.insert(ExactText(id)).inserted
                    guard try !isNew || stored.map({ try reader.row(id: id, in: $0.id) != nil }) ?? false else {
                        counts.inserted += 1
                        continue
                    }
                    switch fit.options.onConflict {
                    case .error: throw fit.duplicate(index, of: part, isOfThisIngest: !isNew)
                    case .skip: counts.skipped += 1
                    case .replace: counts.replaced += 1
                    }
                }
                seen[ExactText(part.modality)] = known
            }
            return counts
        }
    }
}
