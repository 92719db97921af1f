/// Finds the command that a line of arguments names, runs it, and turns what it throws into one line and a status.
package struct Program: Sendable {
    package var version: String
    package var summary: String
    package var commands: [any Command.Type]
    package var groups: [CommandGroup]
    /// Errors of other modules in the terms of the command line; nil for those it does not know.
    package var explain: @Sendable (any Error) -> CommandFailure?
    package let name = "causeway"

    package init(
        version: String, summary: String, commands: [any Command.Type], groups: [CommandGroup],
        explain: @escaping @Sendable (any Error) -> CommandFailure? = { _ in nil }
    ) {
        self.version = version
        self.summary = summary
        self.commands = commands
        self.groups = groups
        self.explain = explain
    }

    package var descriptions: [CommandDescription] { commands.map { $0.description } }

    /// `arguments` without the program's own name. Prints everything, returns the status to leave with.
    package func run(_ arguments: [String], in surroundings: Surroundings) -> ExitStatus {
        let output = BufferedOutput(surroundings.output)
        var failure: (any Error)?
        do { try dispatch(arguments, output, surroundings) } catch { failure = error }
        // What was found before a failure is still worth having.
        do { try output.flush() } catch { failure = failure ?? error }
        return failure.map { report($0, surroundings) } ?? .done
    }

    private func dispatch(_ arguments: [String], _ output: BufferedOutput, _ surroundings: Surroundings) throws {
        if arguments.isEmpty {
            try surroundings.errors.write(Array((Help(self).overview(under: []) + "\n").utf8))
            throw QuietExit(.usage)
        }
        if arguments == ["--version"] { return try output.writeLine("\(name) \(version)") }
        switch try select(arguments) {
        case .overview(let path): try output.writeLine(Help(self).overview(under: path))
        case .command(let command, let rest):
            if ArgumentParser.asksForHelp(rest) {
                return try output.writeLine(Help(self).page(of: command.description))
            }
            let parsed = try ArgumentParser.parse(rest, for: command.description)
            try command.run(parsed, context(for: parsed, output, surroundings))
        }
    }

    private func context(for parsed: ParsedArguments, _ output: BufferedOutput, _ surroundings: Surroundings) -> Context {
        let asked = parsed.command.printsResults ? parsed.choiceIfGiven("format", as: OutputFormat.self) : nil
        return Context(
            program: self, output: output, format: asked ?? (surroundings.output.isTerminal ? .table : .jsonl),
            isQuiet: parsed.flag("quiet"), surroundings: surroundings)
    }

    // MARK: Selection

    private enum Selection {
        case overview(under: [String])
        case command(any Command.Type, rest: [String])
    }

    /// The command whose path begins the arguments, or the overview where help is asked for before one is named.
    private func select(_ arguments: [String]) throws(UsageError) -> Selection {
        var path: [String] = []
        for (index, word) in arguments.enumerated() {
            if word == "--help" || word == "-h" { return .overview(under: path) }
            if let command = commands.first(where: { $0.description.path == path + [word] }) {
                return .command(command, rest: Array(arguments[(index + 1)...]))
            }
            guard groups.contains(where: { $0.path == path + [word] }) else {
                let isOption = word.hasPrefix("-")
                let near = nearest(to: word, among: isOption ? ["--help", "--version"] : words(under: path))
                let kind = isOption ? "option" : "command"
                throw UsageError("unknown \(kind) \(quoted(word))", suggestion: near, path: path)
            }
            path.append(word)
        }
        let choices = words(under: path).joined(separator: ", ")
        throw UsageError("'\(path.joined(separator: " "))' needs one of \(choices)", path: path)
    }

    /// The words that may follow a path, in the order of the commands.
    package func words(under path: [String]) -> [String] {
        var words: [String] = []
        for next in descriptions.map(\.path) where next.count > path.count && next.starts(with: path) {
            if !words.contains(next[path.count]) { words.append(next[path.count]) }
        }
        return words
    }

    /// The help of a command, group or the whole, as `causeway help` is asked for it.
    package func help(for path: [String]) throws(UsageError) -> String {
        switch try select(path + ["--help"]) {
        case .overview(let path): Help(self).overview(under: path)
        case .command(let command, _): Help(self).page(of: command.description)
        }
    }

    /// Faults of all descriptions; the tests expect none.
    package func faults() -> [String] {
        let paths = descriptions.map(\.path)
        let twice = Set(paths.filter { path in paths.count { $0 == path } > 1 })
        let missing = Set(paths.filter { $0.count > 1 }.map { Array($0.dropLast()) })
            .filter { parent in !groups.contains { $0.path == parent } }
        return descriptions.flatMap { $0.faults() } + twice.map { "\($0) is declared twice" }
            + missing.map { "the group \($0) has no summary" }
    }

    // MARK: Failure

    private func report(_ error: any Error, _ surroundings: Surroundings) -> ExitStatus {
        func say(_ line: String) { try? surroundings.errors.write(Array((oneLine("\(name): \(line)") + "\n").utf8)) }
        if let quiet = error as? QuietExit { return quiet.status }
        if error as? OutputError == .closed || explain(error)?.exitStatus == .done { return .done }
        if surroundings.cancellation.isCancelled && (error as? CommandFailure)?.exitStatus != .interrupted {
            say("interrupted; what was committed is kept")
            return .interrupted
        }
        if let known = (error as? any ReportableError) ?? explain(error) {
            say(known.what + (known.remedy.map { "; \($0)" } ?? ""))
            return known.exitStatus
        }
        say("\(error)")
        return .failed
    }
}
