/// Training, listing and deleting the models of a collection. The learning itself is VectorMath's.
import Foundation
import Platform
import Storage
import VectorMath

extension EmbeddingCollection {
    /// Trains a model on the pairs that two modalities hold by item, judges it on items no training saw, and stores it.
    /// Atomic: the model is stored when it is finished; cancelling keeps nothing.
    /// - Parameter name: without commas, white space or control characters.
    /// - Throws: `.invalidArgument` for a name that is taken or not allowed, options out of their ranges, too few items, or
    ///   dimensions the method cannot join;
    ///   `.cancelled` when `progress` returns false, also while it waits for other writers.
    @discardableResult
    public func trainModel(
        named name: String, from: String, to: String, options: TrainingOptions, progress: ProgressHandler? = nil
    ) throws -> LearnedModel {
        try LearnedModel.validate(name: name)
        let (options, progress) = (try options.validated(), database.stoppable(progress))
        let (source, target, pairs) = try database.read { reader in
            let (source, target) = (try modality(from, in: reader), try modality(to, in: reader))
            guard source.id != target.id else {
                throw CausewayError.invalidArgument(
                    reason: "\(from) and \(to) are one modality", remedy: "name two modalities that share items")
            }
            try refuseTaken(name, options, in: reader)
            return (source, target, try TrainingPairs(
                from: source, to: target, itemsMax: options.itemsMax, seed: options.seed, in: reader))
        }
        let cancellation = Platform.Cancellation()
        let trained = try translatingAlignmentErrors { () throws(AlignmentError) in
            try trainAlignment(pairs.data, options: options.core, cancellation: cancellation) { step in
                let told = Progress(stage: step.stage, done: step.done, total: step.total)
                if progress?(told) == false { cancellation.cancel() }
            }
        }
        guard !cancellation.isCancelled else { throw CausewayError.cancelled }
        let report = try text(JSONEncoder.ordered.encode(trained.report))
        let heldOut = pairs.data.heldOutItems(share: options.holdOut, seed: options.seed).map { pairs.items[$0] }
        return try database.write(waitingWith: progress) { writer in
            let collection = try record(in: writer)
            try refuseTaken(name, options, in: writer)
            let (now, then) = (try modality(from, in: writer), try modality(to, in: writer))
            let record = ModelRecord(
                name: name, version: try writer.model(named: name, in: collection.id)?.nextVersion ?? 1,
                from: source.id, to: target.id, fromProducer: source.producer, toProducer: target.producer,
                method: options.method.rawValue, createdAt: Date().formatted(.iso8601), report: report,
                heldOutItems: try text(JSONEncoder.ordered.encode(heldOut)), bytes: trained.model.encoded())
            if let obstacle = LearnedModel.obstacle(record, from: now, to: then) { throw obstacle }
            try writer.store(record, in: collection.id)
            return try LearnedModel(record, from: now, to: then)
        }
    }

    /// The models of the collection, by name.
    public func models() throws -> [LearnedModel] {
        try database.read { reader in
            try reader.models(of: record(in: reader).id).map { try describe($0, in: reader) }
        }
    }

    /// - Throws: `.invalidArgument` when there is none of that name.
    public func model(named name: String) throws -> LearnedModel {
        try database.read { try describe(modelRecord(named: name, in: $0), in: $0) }
    }

    /// - Throws: `.invalidArgument` when there is none of that name.
    public func deleteModel(named name: String) throws {
        try database.write { writer in
            guard try writer.deleteModel(named: name, in: record(in: writer).id) else { throw noModel(name) }
        }
    }

    func modelRecord(named name: String, in reader: Reader) throws -> ModelRecord {
        guard let found = try reader.model(named: name, in: record(in: reader).id) else { throw noModel(name) }
        return found
    }

    private func describe(_ model: ModelRecord, in reader: Reader) throws -> LearnedModel {
        guard let from = try reader.modality(model.from), let to = try reader.modality(model.to) else {
            throw CausewayError.failed(what: "model \(model.name) names a modality that is gone", remedy: "delete it")
        }
        return try LearnedModel(model, from: from, to: to)
    }

    private func noModel(_ name: String) -> CausewayError {
        .invalidArgument(
            reason: "collection \(self.name) has no model \(name)", remedy: "list its models with `causeway align list`")
    }

    private func refuseTaken(_ name: String, _ options: TrainingOptions, in reader: Reader) throws {
        guard !options.replaces, try reader.model(named: name, in: record(in: reader).id) != nil else { return }
        throw CausewayError.invalidArgument(
            reason: "collection \(self.name) has a model \(name) already",
            remedy: "choose another name, or replace that one (--replace)")
    }

    private func text(_ data: Data) -> String { String(decoding: data, as: UTF8.self) }
}

extension JSONEncoder {
    static var ordered: JSONEncoder {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return encoder
    }
}

extension TrainingOptions {
    var core: AlignmentTrainingOptions {
        var core = AlignmentTrainingOptions(method: AlignmentMethod(rawValue: method.rawValue) ?? .center)
        core.seed = seed
        core.heldOutShare = holdOut
        core.epochs = epochs
        core.batchSize = batchSize
        core.learningRate = learningRate
        core.hiddenWidth = hiddenWidth
        core.lambda = lambda
        core.threads = threads
        return core
    }
}

func translatingAlignmentErrors<Value>(_ body: () throws(AlignmentError) -> Value) throws -> Value {
    do throws(AlignmentError) {
        return try body()
    } catch {
        switch error {
        case .cancelled: throw CausewayError.cancelled
        default:
            // The layer's own sentence is "what: remedy".
            let parts = error.description.split(separator: ": ", maxSplits: 1).map(String.init)
            throw CausewayError.invalidArgument(
                reason: parts[0], remedy: parts.count > 1 ? parts[1] : "choose another method or other settings")
        }
    }
}
