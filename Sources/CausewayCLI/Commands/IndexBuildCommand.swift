/// `causeway index build` and `index rebuild`: make graphs from the stored vectors.
import Causeway

private let buildOptions: [OptionDescription] = [
    .anyCollection, .anyModality, .threads,
    .value(
        "quality", "Q", kind: .choice(IndexOptions.Quality.allCases.map(\.rawValue)),
        help: "fast, balanced or high: more build time for narrower searches; as the index was built, else balanced, "
            + "when left out"),
    .value(
        "for", "M1,M2", repeats: true,
        help: "add edges for queries of these modalities, none for no edges, auto of all where they pay; as the index was "
            + "built, else auto, when left out"),
]

package enum IndexBuildCommand: Command {
    package static let description = CommandDescription(
        "index", "build", topic: .index, summary: "Build the indexes that are missing or stale",
        discussion: [
            "Resumable by modality: each index is published, in one transaction, as soon as it is built. Readers and a writer "
                + "may go on meanwhile; what they add is searched beside the graph. Ends with measuring the recall table.",
            "An index that is behind is merged with what changed, as ingest and delete do before they end; once half of its rows "
                + "came by merges it is built from nothing.",
            "Token sets stored by an earlier version get the 8-bit codes that spare searches reading most of them.",
        ],
        positionals: [.database()], options: buildOptions,
        examples: ["causeway index build photos.db"], printsResults: true)

    package static func run(_ arguments: ParsedArguments, _ context: Context) throws {
        try buildIndexes(arguments, context, rebuild: false)
    }
}

package enum IndexRebuildCommand: Command {
    package static let description = CommandDescription(
        "index", "rebuild", topic: .index, summary: "Build indexes from nothing, replacing those there are",
        discussion: ["Atomic per modality: the old index serves until the new one is on disk."],
        positionals: [.database()], options: buildOptions,
        examples: ["causeway index rebuild photos.db --collection photos --quality high"], printsResults: true)

    package static func run(_ arguments: ParsedArguments, _ context: Context) throws {
        try buildIndexes(arguments, context, rebuild: true)
    }
}

private func buildIndexes(_ arguments: ParsedArguments, _ context: Context, rebuild: Bool) throws {
    let database = try arguments.database(.readWrite)
    let options = IndexOptions(
        quality: arguments.choiceIfGiven("quality", as: IndexOptions.Quality.self),
        threads: arguments.integerIfGiven("threads"), rebuild: rebuild, crossModal: crossModal(arguments))
    let (handler, finish) = context.progressHandler(unit: "embeddings")
    defer { finish() }
    let results = context.results(["collection", "modality", "outcome", "embeddings", "bytes", "seconds", "tuningSeconds"])
    for collection in try arguments.collections(of: database) {
        let modalities = arguments.textIfGiven("modality").map { [$0] }
        for report in try collection.buildIndex(modalities: modalities, options: options, progress: handler) {
            try results.add(report.json(collection: collection.name))
        }
    }
    finish()
    try results.finish()
}

/// Neither `none` nor `auto` is a modality's name here; one that is called so is served by `auto`.
private func crossModal(_ arguments: ParsedArguments) -> IndexOptions.CrossModal? {
    guard arguments.isGiven("for") else { return nil }
    let names = arguments.texts("for").flatMap(commaSeparated)
    return names == ["auto"] ? .automatic : .modalities(names.filter { $0 != "none" })
}

extension CrossModalEdges {
    var json: JSONValue {
        func costs(_ distances: [Double?]) -> JSONValue {
            .array(distances.map { $0.map { .real($0.rounded()) } ?? .null })
        }
        return [
            "from": .text(from), "outcome": .text(outcome.rawValue), "forced": .bool(isForced),
            "sampleQueries": .integer(sampleQueries), "hardQueries": .integer(hardQueries), "edges": .integer(edges),
            "distancesBefore": costs(distancesBefore), "distancesAfter": costs(distancesAfter),
            "seconds": .real(rounded(seconds)),
        ]
    }
}

extension IndexReport {
    fileprivate func json(collection: String) -> JSONValue {
        [
            "collection": .text(collection), "modality": .text(modality), "outcome": .text(outcome.words),
            "embeddings": .integer(embeddings), "duplicates": .integer(duplicates), "zeroVectors": .integer(zeroVectors),
            "damagedRows": .integer(damagedRows), "bytes": .integer(bytes), "seconds": .real(rounded(seconds)),
            "tuningSeconds": .real(rounded(tuningSeconds)), "codedTokenSets": .integer(codedTokenSets),
            "crossModal": .array(crossModal.map(\.json)),
        ]
    }
}

extension IndexReport.Outcome {
    var words: String {
        switch self {
        case .built: "built"
        case .merged: "merged"
        case .current: "current"
        case .tooSmall: "too small to need one"
        case .superseded: "another build was first"
        }
    }
}
