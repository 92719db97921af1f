/// `causeway gap`: how far two modalities of a collection lie apart.
import Causeway

package enum GapCommand: Command {
    package static let description = CommandDescription(
        "gap", topic: .crossModal, summary: "Measure how far two modalities of a collection lie apart",
        discussion: [
            "Every measure is given on the stored vectors, scaled to unit length, and again after each modality's mean is "
                + "subtracted (centred), with what it would give where there is nothing to find (null). Two disjoint halves of a "
                + "seeded sample are used: the first gives means and trains, the second is measured.",
        ],
        positionals: [.database()],
        options: [
            .collection,
            .values("between", "M1 M2", .exactly(2), isRequired: true, help: "the two modalities"),
            .value("sample", "N", kind: .integer(8...20_000), default: "4000", help: "at most so many rows of each modality"),
            .report, .seed, .threads,
        ],
        examples: ["causeway gap photos.db --collection photos --between image text"], printsResults: true)

    package static func run(_ arguments: ParsedArguments, _ context: Context) throws {
        let collection = try arguments.database(.readOnly).collection(arguments.text("collection"))
        let names = arguments.texts("between")
        guard names[0] != names[1] else { throw arguments.usageError("the two modalities of --between are the same") }
        var options = ModalityGapOptions(seed: UInt64(arguments.integer("seed")))
        options.sampleMax = arguments.integer("sample") / 2
        if let threads = arguments.integerIfGiven("threads") { options.threads = threads }
        let (handler, finish) = context.progressHandler(unit: "measures")
        defer { finish() }
        let report = try collection.gap(between: names[0], and: names[1], options: options, progress: handler)
        finish()
        if let path = arguments.textIfGiven("report") {
            let picture = try collection.picture(between: names[0], and: names[1], seed: options.seed)
            try context.write(report: gapPage(report, picture, collection: collection.name), to: path)
            if path == "-" { return }
        }
        try print(report, context)
    }

    private static func print(_ report: ModalityGapReport, _ context: Context) throws {
        guard context.format == .table else { return try context.print(report.json) }
        let results = context.results(["measure", "raw", "null", "centred", .init("centredNull", title: "null"), "n", "caution"])
        for measure in report.measures {
            try results.add([
                "measure": .text(measure.name), "raw": .real(measure.value), "null": measure.null.map { .real($0) } ?? .null,
                "centred": .real(measure.centred), "centredNull": measure.centredNull.map { .real($0) } ?? .null,
                "n": .integer(measure.n), "caution": .text(measure.caution),
            ])
        }
        for omission in report.leftOut {
            try results.add(["measure": .text(omission.name), "caution": .text(omission.caution)])
        }
        try results.finish()
    }
}

extension ModalityGapReport {
    var json: JSONValue {
        var members = [
            JSONMember("between", .array(between.map { .text($0) })), JSONMember("measures", .array(measures.map(\.json))),
        ]
        if !leftOut.isEmpty {
            members.append(JSONMember("leftOut", .array(leftOut.map { ["name": .text($0.name), "caution": .text($0.caution)] })))
        }
        return .object(members + [JSONMember("paired", .bool(isPaired))])
    }
}

extension ModalityGapReport.Measure {
    fileprivate var json: JSONValue {
        [
            "name": .text(name), "value": .real(value), "null": null.map { .real($0) } ?? .null, "n": .integer(n),
            "caution": .text(caution), "centred": .real(centred), "centredNull": centredNull.map { .real($0) } ?? .null,
        ]
    }
}
