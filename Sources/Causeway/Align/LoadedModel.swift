/// A stored model ready to score: decoded, its checksum compared, its producers those it was trained on.
import Platform
import Storage
import VectorMath

struct LoadedModel: Sendable {
    let name: String
    let model: AlignmentModel
    let from: ModalityRecord
    let to: ModalityRecord
    let heldOutItems: Set<ExactText>

    /// - Throws: `.invalidArgument` when there is none, `.failed` when a producer has changed, `.damaged`.
    init(named name: String, of collection: EmbeddingCollection, in reader: Reader) throws {
        let record = try collection.modelRecord(named: name, in: reader)
        guard let from = try reader.modality(record.from), let to = try reader.modality(record.to) else {
            throw CausewayError.failed(what: "model \(name) names a modality that is gone", remedy: "train another")
        }
        if let obstacle = LearnedModel.obstacle(record, from: from, to: to) { throw obstacle }
        self.name = name
        (self.from, self.to) = (from, to)
        model = try record.decoded(from: from, to: to)
        heldOutItems = Set((record.decodedHeldOutItems ?? []).map(ExactText.init))
    }

    /// The side that queries are on.
    func side(from source: ModalityRecord, to target: ModalityRecord) throws -> AlignmentSide {
        if source.id == from.id && target.id == to.id { return .source }
        if source.id == to.id && target.id == from.id { return .target }
        throw CausewayError.invalidArgument(
            reason: "model \(name) compares \(from.name) with \(to.name), not \(source.name) with \(target.name)",
            remedy: "name the query's modality with --from, or train a model for these two")
    }

    /// Scores of a ranking model are a multiple of cosines; those of all others are cosines of a common space.
    var scoreScale: Double {
        model.method == .ranking ? Double(abs(model.parameters["scorer.scale"]?.elements.first ?? 1)) : 1
    }
}
