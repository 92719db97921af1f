/// `causeway help`: the same pages as `--help`.
package enum HelpCommand: Command {
    package static let description = CommandDescription(
        "help", topic: .help, summary: "Explain a command, or list them all",
        positionals: [PositionalDescription("COMMAND", .zeroOrMore, help: "such as 'search' or 'index build'")])

    package static func run(_ arguments: ParsedArguments, _ context: Context) throws {
        let words = arguments.texts("COMMAND").flatMap { $0.split(separator: " ").map(String.init) }
        try context.output.writeLine(context.program.help(for: words))
    }
}
