/// What a database holds that only this module reads: names of metrics, and the bytes of models. Storage keeps them without
/// knowing what they mean; where they mean nothing `check` names them and `repair` takes them out.
import Foundation
import Storage
import VectorMath

struct Meaningless {
    var place: String
    var problem: String
    var remedy: String
    /// What a repair does, in words and in fact.
    var action: String
    var takeOut: (Writer) throws -> Void
}

extension Database {
    /// - Parameter deep: also the bytes of models.
    func meaningless(in reader: Reader, deep: Bool) throws -> [Meaningless] {
        try reader.collections().flatMap { (collection) -> [Meaningless] in
            let models = try deep ? reader.models(of: collection.id) : []
            return [unknownMetric(of: collection)].compactMap { $0 }
                + models.compactMap { emptyModel($0, of: collection, in: reader) }
        }
    }

    /// Searches that name no metric would fail.
    private func unknownMetric(of collection: CollectionRecord) -> Meaningless? {
        guard let name = collection.defaultMetric, (try? Metric(named: name)) == nil else { return nil }
        return Meaningless(
            place: "collection \(collection.name)", problem: "its default metric '\(name)' is none",
            remedy: "set another with `causeway set`, or run `causeway repair`, which goes back to cosine",
            action: "the default metric is cosine again"
        ) { try $0.setDefaultMetric(nil, of: collection.id) }
    }

    /// A model whose checksum matches, and of which nothing can be made all the same.
    private func emptyModel(_ model: ModelRecord, of collection: CollectionRecord, in reader: Reader) -> Meaningless? {
        // One without its modalities, or of modalities whose own numbers cannot be, is named for those.
        guard model.fault == nil, let from = try? reader.modality(model.from), let to = try? reader.modality(model.to),
            let problem = model.meaningFault(from: from, to: to)
        else { return nil }
        return Meaningless(
            place: "\(collection.name) model '\(model.name)'", problem: problem,
            remedy: "train it again, or delete it with `causeway align delete`", action: "removed; train it again"
        ) { _ = try $0.deleteModel(named: model.name, in: collection.id) }
    }

    func takeOutMeaningless(_ writer: Writer) throws -> [Repair] {
        try meaningless(in: writer, deep: true).map { found in
            try found.takeOut(writer)
            return Repair(place: found.place, problem: found.problem, action: found.action)
        }
    }
}

extension CheckFinding {
    init(_ found: Meaningless) {
        self.init(severity: .damage, place: found.place, problem: found.problem, remedy: found.remedy)
    }
}

extension ModelRecord {
    /// The model that the bytes are.
    /// - Throws: `.damaged` where they are none between these modalities.
    func decoded(from: ModalityRecord, to: ModalityRecord) throws(CausewayError) -> AlignmentModel {
        let model: AlignmentModel
        do throws(AlignmentError) {
            model = try AlignmentModel(decoding: bytes)
        } catch {
            guard case .malformedModel(let reason) = error else { throw damaged(error.description) }
            throw damaged("its bytes are no model: \(reason)")
        }
        guard model.sourceDimension == from.dimension, model.targetDimension == to.dimension else {
            throw damaged("it is of other dimensions than its modalities")
        }
        return model
    }

    private func damaged(_ what: String) -> CausewayError {
        .damaged(
            path: "model \(name)", what: what,
            remedy: "train it again with `causeway align train`, or delete it with `causeway align delete`")
    }

    /// What keeps everyone from using it. A method that this version does not know may be a newer version's.
    fileprivate func meaningFault(from: ModalityRecord, to: ModalityRecord) -> String? {
        do throws(CausewayError) {
            _ = try decoded(from: from, to: to)
        } catch {
            return if case .damaged(_, let what, _) = error { what } else { error.parts.what }
        }
        let isKnown = LearnedModel.Method(rawValue: method) != nil
        return isKnown && (try? LearnedModel(self, from: from, to: to)) == nil ? "its report cannot be read" : nil
    }
}
