/// `causeway check`, `backup` and `compact`: care for the files.
import Causeway

package enum CheckCommand: Command {
    package static let description = CommandDescription(
        "check", topic: .care, summary: "Check a database and its graph files for damage",
        discussion: ["Exit status 3 when damage is found. Nothing is changed."],
        positionals: [.database()],
        options: [.flag("deep", help: "also every checksum and every invariant")],
        examples: ["causeway check photos.db --deep"], printsResults: true)

    package static func run(_ arguments: ParsedArguments, _ context: Context) throws {
        let findings = try findings(arguments, stoppedBy: context.cancellation)
        let results = context.results(["severity", "place", "problem", "remedy"])
        for finding in findings {
            try results.add([
                "severity": .text(finding.severity.rawValue), "place": .text(finding.place),
                "problem": .text(finding.problem), "remedy": .text(finding.remedy),
            ])
        }
        if findings.isEmpty {
            context.note("sound" + (arguments.flag("deep") ? "" : "; --deep checks every vector and every link"))
            if context.format == .json { try results.finish() }
        } else {
            try results.finish()
        }
        if findings.contains(where: { $0.severity == .damage }) { throw QuietExit(.damage) }
    }

    private static func findings(
        _ arguments: ParsedArguments, stoppedBy cancellation: Cancellation
    ) throws -> [CheckFinding] {
        let database: Database
        do {
            database = try arguments.database(.readOnly, stoppedBy: cancellation)
        } catch {
            guard let finding = CheckFinding(opening: error) else { throw error }
            return [finding]
        }
        return try database.check(deep: arguments.flag("deep"))
    }
}

package enum BackupCommand: Command {
    package static let description = CommandDescription(
        "backup", topic: .care, summary: "Copy a database, consistent and on disk, beside running writers",
        discussion: ["Atomic: DEST appears whole or not at all. Graphs are not copied: the copy has no index until "
                + "`causeway index build`, and searches scan exactly."],
        positionals: [.database(), PositionalDescription("DEST", kind: .file, help: "the copy; must not exist")],
        examples: ["causeway backup photos.db photos-monday.db"])

    package static func run(_ arguments: ParsedArguments, _ context: Context) throws {
        let copy = arguments.text("DEST")
        guard copy != "-" else { throw arguments.usageError("a database is no stream: DEST must be a file") }
        try arguments.database(.readOnly, stoppedBy: context.cancellation).backup(to: copy)
        context.note("wrote \(copy), without indexes; `causeway index build \(copy)` makes them")
    }
}

package enum CompactCommand: Command {
    package static let description = CommandDescription(
        "compact", topic: .care, summary: "Give back the space of deleted embeddings and old graph files",
        discussion: [
            "Atomic. Needs free space for a second copy while it runs. Graphs that hold deleted embeddings are merged with what "
                + "changed since they were built. Deletions that no graph need be told of are forgotten.",
        ],
        positionals: [.database()], examples: ["causeway compact photos.db"], printsResults: true)

    package static func run(_ arguments: ParsedArguments, _ context: Context) throws {
        let database = try arguments.database(.readWrite, stoppedBy: context.cancellation)
        let before = try database.info()
        let (handler, finish) = context.progressHandler(unit: "embeddings")
        defer { finish() }
        try database.compact(progress: handler)
        finish()
        let after = try database.info()
        try context.print([
            "bytesBefore": .integer(before.bytes), "bytesAfter": .integer(after.bytes),
            "indexBytesBefore": .integer(before.indexBytes), "indexBytesAfter": .integer(after.indexBytes),
        ])
    }
}
