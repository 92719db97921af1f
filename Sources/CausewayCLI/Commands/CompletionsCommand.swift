/// `causeway completions`: prints the completion script of a shell.
package enum CompletionsCommand: Command {
    package static let description = CommandDescription(
        "completions", topic: .help, summary: "Print the completion script of a shell",
        positionals: [
            PositionalDescription("SHELL", kind: .choice(Shell.allCases.map(\.rawValue)), help: "the shell")
        ],
        examples: [
            "source <(causeway completions bash)", "causeway completions zsh > ~/.zfunc/_causeway",
            "causeway completions fish | source",
        ])

    package static func run(_ arguments: ParsedArguments, _ context: Context) throws {
        try context.output.writeLine(context.program.completions(for: arguments.choice("SHELL", as: Shell.self)))
    }
}
