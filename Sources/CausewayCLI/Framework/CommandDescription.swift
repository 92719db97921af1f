/// What a command is, as data: parsing, help, usage errors and shell completions are all derived from it. Runs nothing.
package struct CommandDescription: Sendable {
    /// The words that select the command: `["index", "build"]`.
    package var path: [String]
    package var topic: CommandTopic
    /// One line, no full stop: what the listing of commands says.
    package var summary: String
    /// Paragraphs below the usage line; each string is wrapped on its own.
    package var discussion: [String]
    package var positionals: [PositionalDescription]
    /// The command's own options; `allOptions` adds those that every command has.
    package var options: [OptionDescription]
    package var constraints: [OptionConstraint]
    /// Lines to paste, shown at the end of the help.
    package var examples: [String]
    /// Adds `--format`.
    package var printsResults: Bool

    package init(
        _ path: String..., topic: CommandTopic, summary: String, discussion: [String] = [],
        positionals: [PositionalDescription] = [], options: [OptionDescription] = [],
        constraints: [OptionConstraint] = [], examples: [String] = [], printsResults: Bool = false
    ) {
        self.path = path
        self.topic = topic
        self.summary = summary
        self.discussion = discussion
        self.positionals = positionals
        self.options = options
        self.constraints = constraints
        self.examples = examples
        self.printsResults = printsResults
    }

    /// `index build`.
    package var name: String { path.joined(separator: " ") }

    /// The command's options followed by the common ones.
    package var allOptions: [OptionDescription] {
        options + (printsResults ? [.format] : []) + [.quiet, .help]
    }

    func option(named name: String) -> OptionDescription? {
        allOptions.first { $0.name == name || $0.aliases.contains(name) }
    }

    func option(short: Character) -> OptionDescription? {
        allOptions.first { $0.short == short }
    }

    /// What is wrong with the description itself; empty for a sound one. The tests ask every command.
    package func faults() -> [String] {
        var faults: [String] = []
        var names: Set<String> = []
        for option in allOptions {
            for name in [option.name] + option.aliases + (option.short.map { [String($0)] } ?? [])
            where !names.insert(name).inserted {
                faults.append("\(self.name): the option name '\(name)' is used twice")
            }
            if let value = option.defaultValue, let problem = option.kind.problem(with: value) {
                faults.append("\(self.name): the default of --\(option.name) is wrong: \(problem)")
            }
        }
        for name in constraints.flatMap(\.names) where !options.contains(where: { $0.name == name }) {
            faults.append("\(self.name): a constraint names the undeclared option '\(name)'")
        }
        for positional in positionals.dropLast() where positional.count != .one {
            faults.append("\(self.name): only the last positional argument may be optional or repeated")
        }
        if path.isEmpty { faults.append("a command has no name") }
        return faults
    }
}

/// The heading under which the list of commands shows a command.
package enum CommandTopic: String, CaseIterable, Sendable {
    case data = "Data"
    case index = "Index"
    case search = "Search"
    case crossModal = "Cross-modal work"
    case care = "Care"
    case help = "Help"
}

/// A word that selects several commands (`index`), and what they have in common.
package struct CommandGroup: Sendable {
    package var path: [String]
    package var summary: String

    package init(_ path: String..., summary: String) {
        self.path = path
        self.summary = summary
    }
}

/// An argument known by its place.
package struct PositionalDescription: Sendable {
    package enum Count: Sendable { case one, optional, oneOrMore, zeroOrMore }
    /// In capitals, as usage lines show it; also the name `ParsedArguments` knows it by.
    package var name: String
    package var count: Count
    package var kind: ValueKind
    package var help: String

    package init(_ name: String, _ count: Count = .one, kind: ValueKind = .text, help: String) {
        self.name = name
        self.count = count
        self.kind = kind
        self.help = help
    }

    package static func database(_ help: String = "the database file") -> Self {
        PositionalDescription("DB", kind: .file, help: help)
    }

    var usage: String {
        switch count {
        case .one: name
        case .optional: "[\(name)]"
        case .oneOrMore: "\(name)..."
        case .zeroOrMore: "[\(name)...]"
        }
    }
}

/// A rule over several options, checked after all have been read.
package enum OptionConstraint: Sendable {
    case exactlyOne([String])
    case atMostOne([String])
    /// The first option makes sense only beside the second.
    case requires(String, String)

    var names: [String] {
        switch self {
        case .exactlyOne(let names), .atMostOne(let names): names
        case .requires(let one, let other): [one, other]
        }
    }
}
