/// Which rows of the recall table still hold: those measured on the graph in force, before too much of the data changed.
/// Only says so; TuningRecords are replaced by Tuner.
import Storage
import VectorMath

struct TuningFreshness {
    private let generation: Int64?
    /// When rows were measured that too much has changed since.
    private let outdated: Set<ChangeSequence>

    /// - Complexity: O(1) where little changed since the rows were measured, else O(changes).
    init(of rows: [TuningRecord], in modality: ModalityID, reader: Reader) throws {
        generation = try reader.generation(of: modality)?.generation
        outdated = try Set(rows.map(\.measuredAt)).filter { try reader.isOutdated(modality, since: $0) }
    }

    /// Rows of generation 0 were measured without a graph, and hold for any.
    func isStale(_ row: TuningRecord) -> Bool {
        (row.generation != 0 && row.generation != generation) || outdated.contains(row.measuredAt)
    }

    /// What a search that goes by a row has to say of it.
    func notes(of row: TuningRecord) -> [String] {
        guard isStale(row) else { return [] }
        let isBuilt = VectorMetric(rawValue: row.metric) != nil
        return [
            "the recall table is stale: the index, or over a quarter of the embeddings, changed since it was measured; "
                + "`causeway index \(isBuilt ? "build" : "tune --metric \(row.metric)")` measures it anew",
        ]
    }
}
