/// `causeway repair`: brings a damaged database back to a sound state, and lists everything it takes out.
import Causeway

package enum RepairCommand: Command {
    package static let description = CommandDescription(
        "repair", topic: .care, summary: "Take out what is damaged and make again what can be derived",
        discussion: [
            "Repairs what `check --deep` finds, in one transaction under the writers' lock: all or nothing. Embeddings "
                + "whose vector does not match its checksum are removed, and listed by id; token sets, metadata, models and "
                + "default metrics that cannot be read are removed alone. Indexes, counters and filters are made again. Graphs "
                + "that are damaged or missing are dropped, and measurements that cannot be: `index build` makes them again. "
                + "Every other embedding stays bit for bit.",
            "Before an embedding or a counter changes, the database is copied to DB-before-repair, with the bytes that "
                + "cannot be read; remove it when you need nothing of it, or use --no-copy where it does not fit.",
            "Exit status 3 when damage remains, or with --dry-run when there is anything to repair. Damaged pages of the "
                + "file itself are not repaired: restore a backup.",
        ],
        positionals: [.database()],
        options: [
            .flag("dry-run", short: "n", help: "list what would be done; nothing is changed"),
            .flag("no-copy", help: "no copy of the database as it was"),
        ],
        examples: ["causeway repair photos.db --dry-run", "causeway repair photos.db"], printsResults: true)

    package static func run(_ arguments: ParsedArguments, _ context: Context) throws {
        let isRehearsal = arguments.flag("dry-run")
        let report = try report(arguments, isRehearsal, stoppedBy: context.cancellation)
        let results = context.results(["place", "problem", "action"])
        for step in report.steps {
            try results.add([
                "place": .text(step.place), "problem": .text(step.problem), "action": .text(step.action),
            ])
        }
        for finding in report.remaining {
            try results.add([
                "place": .text(finding.place), "problem": .text(finding.problem),
                "action": .text("not repaired; \(finding.remedy)"),
            ])
        }
        let isSound = report.steps.isEmpty && report.remaining.isEmpty
        if !isSound || context.format == .json { try results.finish() }
        if isSound { context.note("sound: nothing to repair") }
        if isRehearsal && !report.steps.isEmpty { context.note("nothing was changed: --dry-run") }
        if let copy = report.copy { context.note("the database as it was: \(copy)") }
        if !report.remaining.isEmpty || (isRehearsal && !report.steps.isEmpty) { throw QuietExit(.damage) }
    }

    private static func report(
        _ arguments: ParsedArguments, _ isRehearsal: Bool, stoppedBy cancellation: Cancellation
    ) throws -> RepairReport {
        let database: Database
        do {
            database = try arguments.database(.readWrite, stoppedBy: cancellation)
        } catch {
            guard let finding = CheckFinding(opening: error) else { throw error }
            return RepairReport(remaining: [finding])
        }
        return try database.repair(dryRun: isRehearsal, keepsCopy: !arguments.flag("no-copy"))
    }
}
