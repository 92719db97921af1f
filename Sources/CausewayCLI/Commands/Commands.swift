/// The list of commands. A new command is a type in this folder and a name here.
extension Program {
    package static let causeway = Program(
        version: "0.1.0",
        summary: "Causeway: a cross-modal vector database in one SQLite file.",
        commands: [
            CompletionsCommand.self,
            HelpCommand.self,
        ],
        groups: [])
}
