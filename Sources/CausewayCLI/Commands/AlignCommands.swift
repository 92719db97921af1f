/// `causeway align train|list|show|delete`: learned metrics between two modalities.
import Causeway

package enum AlignTrainCommand: Command {
    package static let description = CommandDescription(
        "align", "train", topic: .crossModal, summary: "Train a metric between two modalities on their stored pairs",
        discussion: [
            "Pairs are made by item and split by item: the figures come from items no training saw, beside plain cosine, or "
                + "beside guessing where the dimensions differ. center and procrustes move, ridge and cca map (regularised, "
                + "cross-validated), contrastive trains projection heads, ranking a network that scores pairs.",
            "Atomic: the model is stored when it is finished. It is bound to the producers of both modalities. "
                + "Use it as `search --metric learned:NAME`, in both directions; what its scores mean as probabilities is "
                + "stored with it.",
        ],
        positionals: [.database()],
        options: [
            .collection,
            .value("from", "M1", isRequired: true, help: "one modality"),
            .value("to", "M2", isRequired: true, help: "the other"),
            .value(
                "method", "METHOD", kind: .choice(LearnedModel.Method.allCases.map(\.rawValue)), isRequired: true,
                help: LearnedModel.Method.allCases.map(\.rawValue).joined(separator: ", ")),
            .value("name", "NAME", isRequired: true, help: "what learned:NAME will mean; no commas, no blanks"),
            .value("hold-out", "SHARE", kind: .real(0.05...0.5), default: "0.2", help: "share of the items no training sees"),
            .value("epochs", "N", kind: .integer(1...10_000), help: "at most so many passes; 60 for contrastive, 12 for ranking"),
            .value("batch", "N", kind: .integer(2...65_536), help: "pairs a batch; 256 for contrastive, 48 for ranking"),
            .value("learning-rate", "R", kind: .real(1e-8...10), help: "3e-4 for contrastive, 1e-3 for ranking"),
            .value("hidden", "N", kind: .integer(0...65_536), help: "width of the hidden layer; contrastive 0, ranking 64"),
            .value(
                "lambda", "L", kind: .real(0...1e9),
                help: "the regulariser of procrustes, ridge and cca; cross-validated when left out"),
            .value("items", "N", kind: .integer(20...10_000_000), default: "50000", help: "at most so many, drawn by the seed"),
            .flag("replace", help: "replace the model of that name"),
            .seed, .threads,
        ],
        examples: ["causeway align train photos.db --collection photos --from text --to image --method cca --name bridge"],
        printsResults: true)

    package static func run(_ arguments: ParsedArguments, _ context: Context) throws {
        let collection = try arguments.database(.readWrite).collection(arguments.text("collection"))
        let method = arguments.choice("method", as: LearnedModel.Method.self)
        try refuseUnused(arguments, method)
        var options = TrainingOptions(method: method)
        options.holdOut = arguments.realIfGiven("hold-out") ?? options.holdOut
        options.seed = UInt64(arguments.integer("seed"))
        options.epochs = arguments.integerIfGiven("epochs")
        options.batchSize = arguments.integerIfGiven("batch")
        options.learningRate = arguments.realIfGiven("learning-rate")
        options.hiddenWidth = arguments.integerIfGiven("hidden")
        options.lambda = arguments.realIfGiven("lambda")
        options.itemsMax = arguments.integer("items")
        options.replaces = arguments.flag("replace")
        if let threads = arguments.integerIfGiven("threads") { options.threads = threads }
        let (handler, finish) = context.progressHandler(unit: "steps")
        defer { finish() }
        let model = try collection.trainModel(
            named: arguments.text("name"), from: arguments.text("from"), to: arguments.text("to"), options: options,
            progress: handler)
        finish()
        AlignCalibrateCommand.calibrateBothWays(model, of: collection, context)
        try model.print(context)
        if let warning = model.warning { context.warn("warning: \(warning)") }
    }

    /// Options that would change nothing.
    private static func refuseUnused(_ arguments: ParsedArguments, _ method: LearnedModel.Method) throws {
        let stepwise = method.learnsBySteps ? [] : ["epochs", "batch", "learning-rate", "hidden"]
        let unused = (stepwise + (method.takesLambda ? [] : ["lambda"])).filter(arguments.isGiven).map { "--" + $0 }
        guard !unused.isEmpty else { return }
        throw arguments.usageError("--method \(method.rawValue) does not use \(unused.joined(separator: ", "))")
    }
}

package enum AlignListCommand: Command {
    package static let description = CommandDescription(
        "align", "list", topic: .crossModal, summary: "List the models of a collection", positionals: [.database()],
        options: [.anyCollection], examples: ["causeway align list photos.db"], printsResults: true)

    package static func run(_ arguments: ParsedArguments, _ context: Context) throws {
        let results = context.results([
            "collection", "name", "method", "from", "to", "version", "heldOutItems", .init("recall@10"), .init("baseline@10"),
            "createdAt", .init("obstacle"),
        ])
        for collection in try arguments.collections(of: arguments.database(.readOnly)) {
            for model in try collection.models() { try results.add(model.brief(collection.name)) }
        }
        try results.finish()
    }
}

package enum AlignShowCommand: Command {
    package static let description = CommandDescription(
        "align", "show", topic: .crossModal, summary: "Show a model, its settings and its held-out figures",
        positionals: [.database()], options: [.collection, .value("name", "NAME", isRequired: true, help: "the model")],
        examples: ["causeway align show photos.db --collection photos --name bridge"], printsResults: true)

    package static func run(_ arguments: ParsedArguments, _ context: Context) throws {
        let collection = try arguments.database(.readOnly).collection(arguments.text("collection"))
        try collection.model(named: arguments.text("name")).print(context)
    }
}

package enum AlignDeleteCommand: Command {
    package static let description = CommandDescription(
        "align", "delete", topic: .crossModal, summary: "Delete a model", positionals: [.database()],
        options: [.collection, .value("name", "NAME", isRequired: true, help: "the model")],
        examples: ["causeway align delete photos.db --collection photos --name bridge"])

    package static func run(_ arguments: ParsedArguments, _ context: Context) throws {
        let collection = try arguments.database(.readWrite).collection(arguments.text("collection"))
        try collection.deleteModel(named: arguments.text("name"))
        context.note("deleted model \(arguments.text("name"))")
    }
}

extension LearnedModel {
    /// A table of the held-out figures under a line of facts, or the object as JSON.
    fileprivate func print(_ context: Context) throws {
        guard context.format == .table else { return try context.print(json) }
        try context.output.writeLine(
            "\(name) (version \(version), \(method.rawValue)): \(from) and \(to), \(trainingPairs) pairs of "
                + "\(trainingItems) items; held out: \(heldOutItems) items")
        let results = context.results([
            "from", "to", "k", "learned", .init("moved", title: "as a graph query"), "cosine", "chance",
        ])
        for direction in heldOut {
            for recall in direction.recall {
                try results.add([
                    "from": .text(direction.from), "to": .text(direction.to), "k": .integer(recall.k),
                    "learned": .real(recall.learned.value), "moved": .real(recall.moved),
                    "cosine": recall.cosine.map { .real($0) } ?? .null, "chance": .real(recall.chance),
                ])
            }
        }
        try results.finish()
        if let obstacle { try context.output.writeLine("cannot be used: \(obstacle)") }
    }

    fileprivate func brief(_ collection: String) -> JSONValue {
        let recall = heldOut.first?.recall.last
        return [
            "collection": .text(collection), "name": .text(name), "method": .text(method.rawValue), "from": .text(from),
            "to": .text(to), "version": .integer(version), "heldOutItems": .integer(heldOutItems),
            "recall@10": recall.map { .real($0.learned.value) } ?? .null,
            "baseline@10": recall.map { .real($0.cosine ?? $0.chance) } ?? .null, "createdAt": .text(createdAt),
            "obstacle": obstacle.map { .text($0) } ?? .null,
        ]
    }

    fileprivate var json: JSONValue {
        [
            "name": .text(name), "version": .integer(version), "method": .text(method.rawValue), "from": .text(from),
            "to": .text(to), "createdAt": .text(createdAt), "bytes": .integer(bytes),
            "trainingItems": .integer(trainingItems), "trainingPairs": .integer(trainingPairs),
            "heldOutItems": .integer(heldOutItems),
            "settings": .object(settings.sorted { $0.key < $1.key }.map { JSONMember($0.key, .real($0.value)) }),
            "heldOut": .array(heldOut.map(\.json)), "warning": warning.map { .text($0) } ?? .null,
            "obstacle": obstacle.map { .text($0) } ?? .null,
        ]
    }
}

extension LearnedModel.Direction {
    fileprivate var json: JSONValue {
        func figures(_ value: (Int) -> JSONValue, mrr: JSONValue?) -> JSONValue {
            .object(recall.indices.map { JSONMember("recall@\(recall[$0].k)", value($0)) }
                + (mrr.map { [JSONMember("mrr", $0)] } ?? []))
        }
        let hasCosine = recall.contains { $0.cosine != nil }
        return [
            "from": .text(from), "to": .text(to), "queries": .integer(queries), "candidates": .integer(candidates),
            "learned": figures({ .real(recall[$0].learned.value) }, mrr: .real(meanReciprocalRank.learned.value)),
            "interval95": figures({ [.real(recall[$0].learned.low), .real(recall[$0].learned.high)] }, mrr: nil),
            "moved": figures({ .real(recall[$0].moved) }, mrr: nil),
            "cosine": hasCosine
                ? figures({ recall[$0].cosine.map { .real($0) } ?? .null }, mrr: meanReciprocalRank.cosine.map { .real($0) })
                : .null,
            "chance": figures({ .real(recall[$0].chance) }, mrr: nil),
        ]
    }
}
