/// Help pages derived from descriptions: the list of commands, and a page for each. Fixed width, so that they are the same
/// on every terminal and in every pipe.
struct Help {
    private static let width = 96
    private static let helpColumn = 30
    private let program: Program

    init(_ program: Program) { self.program = program }

    /// Every command below a path, under its topics.
    func overview(under path: [String]) -> String {
        let group = program.groups.first { $0.path == path }
        let words = ([program.name] + path).joined(separator: " ")
        var lines = [group?.summary ?? program.summary, "", "Usage: \(words) COMMAND ..."]
        let shown = program.descriptions.filter { $0.path.starts(with: path) }
        for topic in CommandTopic.allCases {
            let members = shown.filter { $0.topic == topic }
            if members.isEmpty { continue }
            lines += ["", "\(topic.rawValue):"]
            for command in members { lines += entry(command.name, command.summary) }
        }
        lines += ["", "'\(program.name) COMMAND --help' explains a command; '\(program.name) --version' prints the version."]
        return lines.joined(separator: "\n")
    }

    func page(of command: CommandDescription) -> String {
        var lines = [command.summary + ".", ""]
        lines += usage(of: command)
        for paragraph in command.discussion { lines += [""] + wrapped(paragraph, to: Self.width) }
        if !command.positionals.isEmpty {
            lines += ["", "Arguments:"]
            for positional in command.positionals {
                lines += entry(positional.usage, positional.help + choices(of: positional.kind))
            }
        }
        lines += ["", "Options:"]
        for option in command.allOptions where !option.isHidden {
            lines += entry(names(of: option), explanation(of: option))
        }
        if !command.examples.isEmpty { lines += ["", "Examples:"] + command.examples.map { "  \($0)" } }
        return lines.joined(separator: "\n")
    }

    /// `Usage: causeway search DB --collection C …`, broken between words and indented under the first.
    private func usage(of command: CommandDescription) -> [String] {
        let start = "Usage: \(program.name) \(command.name) "
        var parts = command.positionals.map(\.usage)
        var grouped: Set<String> = []
        for option in command.allOptions where !option.isHidden && !grouped.contains(option.name) {
            if let group = command.constraints.lazy.compactMap({ $0.group(with: option.name) }).first {
                grouped.formUnion(group.names)
                let usages = group.names.compactMap { command.option(named: $0)?.usage }.joined(separator: " | ")
                parts.append(group.isRequired ? "(\(usages))" : "[\(usages)]")
            } else {
                parts.append(option.isRequired ? option.usage : "[\(option.usage)]")
            }
        }
        var lines: [String] = []
        var line = start
        for part in parts {
            if line.count > start.count, line.count + part.count > Self.width {
                lines.append(line)
                line = String(repeating: " ", count: start.count)
            }
            line += line.count > start.count ? " \(part)" : part
        }
        return lines + [line]
    }

    private func names(of option: OptionDescription) -> String {
        (option.short.map { "-\($0), " } ?? "") + option.usage
    }

    private func explanation(of option: OptionDescription) -> String {
        option.help + choices(of: option.kind) + (option.defaultValue.map { " (default \($0))" } ?? "")
    }

    private func choices(of kind: ValueKind) -> String {
        switch kind {
        case .choice(let words): ": \(words.joined(separator: ", "))"
        case .choices(let words): ": any of \(words.joined(separator: ","))"
        default: ""
        }
    }

    /// A name and its explanation in two columns; a long name has the line for itself.
    private func entry(_ name: String, _ help: String) -> [String] {
        let margin = String(repeating: " ", count: Self.helpColumn)
        let text = wrapped(help, to: Self.width - Self.helpColumn)
        let head = "  \(name)"
        guard let first = text.first else { return [head] }
        if head.count + 2 > Self.helpColumn { return [head] + text.map { margin + $0 } }
        return [head + String(repeating: " ", count: Self.helpColumn - head.count) + first]
            + text.dropFirst().map { margin + $0 }
    }
}

extension OptionConstraint {
    /// The alternatives an option belongs to.
    fileprivate func group(with name: String) -> (names: [String], isRequired: Bool)? {
        switch self {
        case .exactlyOne(let names): names.contains(name) ? (names, true) : nil
        case .atMostOne(let names): names.contains(name) ? (names, false) : nil
        case .requires: nil
        }
    }
}
