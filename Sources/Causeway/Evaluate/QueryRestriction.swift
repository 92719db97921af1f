/// Which of the queries that have a right answer are asked: those of held-out items, those outside a bank. Draws none.
import Platform
import Storage

struct QueryRestriction: Sendable {
    /// Only queries that show one of these; nil admits all.
    var items: Set<ExactText>?
    var excluded: Set<RowID> = []

    func admitted(_ rows: [RowID], in reader: Reader) throws -> [RowID] {
        let rest = excluded.isEmpty ? rows : rows.filter { !excluded.contains($0) }
        guard let items else { return rest }
        return zip(rest, try reader.embeddings(rest)).compactMap { row, record in
            record.map { items.contains(ExactText($0.item)) } == true ? row : nil
        }
    }
}

extension Pairs {
    /// - Throws: `.invalidArgument` where there is nothing to ask.
    func refuseNone(of collection: EmbeddingCollection, _ from: String, _ to: String) throws {
        guard queries.isEmpty else { return }
        throw CausewayError.invalidArgument(
            reason: "no item of \(collection.name) that may be asked for has embeddings in both \(from) and \(to)",
            remedy: "ingest pairs under the same item")
    }
}
