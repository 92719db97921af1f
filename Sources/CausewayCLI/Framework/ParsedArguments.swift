/// The values of one command line, already checked against the command's description. Parses nothing itself.
/// Names are those of the description (`DB`, `collection`, `k`); asking for an undeclared one is our own mistake and traps.
package struct ParsedArguments: Sendable {
    package let command: CommandDescription
    /// By declared name; flags have an empty list.
    var given: [String: [String]] = [:]

    /// True when the user wrote the option or argument; a default does not count.
    package func isGiven(_ name: String) -> Bool {
        requireDeclared(name)
        return given[name] != nil
    }

    package func flag(_ name: String) -> Bool { isGiven(name) }

    /// The single value, or the default.
    package func textIfGiven(_ name: String) -> String? {
        requireDeclared(name)
        return given[name]?.last ?? command.option(named: name)?.defaultValue
    }

    /// All values of a repeated or many-valued option or argument; empty when not given.
    package func texts(_ name: String) -> [String] {
        requireDeclared(name)
        return given[name] ?? command.option(named: name)?.defaultValue.map { [$0] } ?? []
    }

    /// The value of an argument that is required or has a default.
    package func text(_ name: String) -> String {
        guard let value = textIfGiven(name) else {
            preconditionFailure("'\(name)' is neither required nor has a default: ask with textIfGiven")
        }
        return value
    }

    package func integerIfGiven(_ name: String) -> Int? { textIfGiven(name).flatMap { Int($0) } }
    package func realIfGiven(_ name: String) -> Double? { textIfGiven(name).flatMap { Double($0) } }

    package func integer(_ name: String) -> Int {
        guard let value = integerIfGiven(name) else { preconditionFailure("'\(name)' is not declared as an integer") }
        return value
    }

    package func real(_ name: String) -> Double {
        guard let value = realIfGiven(name) else { preconditionFailure("'\(name)' is not declared as a number") }
        return value
    }

    /// A comma-separated value as its elements, blanks dropped.
    package func list(_ name: String) -> [String] { textIfGiven(name).map(commaSeparated) ?? [] }

    package func integers(_ name: String) -> [Int] { list(name).compactMap { Int($0) } }

    /// The value as a case of an enumeration whose raw values are the declared choices.
    package func choiceIfGiven<Choice: RawRepresentable<String>>(_ name: String, as type: Choice.Type) -> Choice? {
        textIfGiven(name).map { word in
            guard let choice = Choice(rawValue: word) else {
                preconditionFailure("the choices of '\(name)' are not those of \(type)")
            }
            return choice
        }
    }

    package func choice<Choice: RawRepresentable<String>>(_ name: String, as type: Choice.Type) -> Choice {
        guard let choice = choiceIfGiven(name, as: type) else { preconditionFailure("'\(name)' has no default") }
        return choice
    }

    /// Wrong usage that only the command can see, pointing at its help.
    package func usageError(_ what: String, suggestion: String? = nil) -> UsageError {
        UsageError(what, suggestion: suggestion, path: command.path)
    }

    private func requireDeclared(_ name: String) {
        precondition(
            command.option(named: name) != nil || command.positionals.contains { $0.name == name },
            "'\(name)' is not declared by '\(command.name)'")
    }
}
