/// Reads the words after a command's name against its description. Knows no command and prints nothing.
/// `--name value`, `--name=value`, `-k 10`, `-k10`, bundled flags; `--` ends options; `-` and negative numbers are values.
package struct ArgumentParser {
    private let command: CommandDescription
    private let arguments: [String]
    private var position = 0
    private var result: ParsedArguments
    private var positionals: [String] = []

    private init(_ command: CommandDescription, _ arguments: [String]) {
        self.command = command
        self.arguments = arguments
        result = ParsedArguments(command: command)
    }

    package static func parse(_ arguments: [String], for command: CommandDescription) throws(UsageError) -> ParsedArguments {
        var parser = ArgumentParser(command, arguments)
        try parser.readAll()
        try parser.assignPositionals()
        try parser.checkRequired()
        for constraint in command.constraints { try parser.check(constraint) }
        return parser.result
    }

    /// Help is given however broken the rest of the line is.
    static func asksForHelp(_ arguments: [String]) -> Bool {
        arguments.prefix { $0 != "--" }.contains { $0 == "--help" || $0 == "-h" }
    }

    // MARK: Reading

    private mutating func readAll() throws(UsageError) {
        while position < arguments.count {
            let argument = arguments[position]
            position += 1
            if argument == "--" {
                positionals += arguments[position...]
                position = arguments.count
            } else if argument.hasPrefix("--") {
                try readLong(argument)
            } else if Self.looksLikeOption(argument) {
                try readShort(argument)
            } else {
                positionals.append(argument)
            }
        }
    }

    private mutating func readLong(_ argument: String) throws(UsageError) {
        let body = argument.dropFirst(2)
        let name = String(body.prefix { $0 != "=" })
        let attached = body.count > name.count ? String(body.dropFirst(name.count + 1)) : nil
        // A one-letter name is written with one dash; with two it is accepted all the same.
        guard let option = command.option(named: name) else {
            let known = command.allOptions.filter { !$0.isHidden && !$0.isShortOnly }.map(\.name)
            let near = nearest(to: name, among: known).map { "--\($0)" }
            throw failure("unknown option \(quoted("--" + name))", suggestion: near)
        }
        try read(option, attached: attached)
    }

    private mutating func readShort(_ argument: String) throws(UsageError) {
        var rest = argument.dropFirst()
        while let letter = rest.popFirst() {
            let found = command.option(short: letter) ?? command.allOptions.first { $0.name == String(letter) }
            guard let option = found else {
                let word = String(argument.dropFirst().prefix { $0 != "=" })  // `-metric` for `--metric`
                let long = word.count > 1 && command.option(named: word) != nil ? "--\(word)" : nil
                throw failure("unknown option \(quoted("-\(letter)"))", suggestion: long)
            }
            guard option.takesValues else {
                try read(option, attached: nil)
                continue
            }
            if rest.first == "=" { rest.removeFirst() }
            try read(option, attached: rest.isEmpty ? nil : String(rest))
            return
        }
    }

    private mutating func read(_ option: OptionDescription, attached: String?) throws(UsageError) {
        if result.given[option.name] != nil, !option.repeats {
            throw failure("option '\(option.spelling)' is given twice")
        }
        let values: [String]
        switch option.values {
        case .none:
            guard attached == nil else { throw failure("option '\(option.spelling)' takes no value") }
            values = []
        case .one, .oneOrMore:
            if let attached { values = [attached] } else { values = takeValues(option.values == .one ? 1 : .max) }
            if values.isEmpty { throw missingValue(of: option) }
        case .exactly(let count):
            values = attached == nil ? takeValues(count) : []
            if values.count < count {
                throw failure("option '\(option.spelling)' needs \(count) values: \(option.usage)")
            }
        }
        for value in values {
            if let problem = option.kind.problem(with: value) {
                throw failure("option '\(option.spelling)': \(problem)", suggestion: option.kind.suggestion(for: value))
            }
        }
        result.given[option.name, default: []] += values
    }

    private mutating func takeValues(_ limit: Int) -> [String] {
        var values: [String] = []
        while values.count < limit, position < arguments.count, !Self.looksLikeOption(arguments[position]) {
            values.append(arguments[position])
            position += 1
        }
        return values
    }

    private func missingValue(of option: OptionDescription) -> UsageError {
        let next = position < arguments.count ? arguments[position] : nil
        let hint = next.map { ", but \(quoted($0)) follows (a value that starts with '-' is written after '=')" } ?? ""
        return failure("option '\(option.spelling)' needs a value: \(option.usage)\(hint)")
    }

    /// `-` alone is standard input or output, and `-1.5` or `-.5,2` are numbers: neither is an option.
    private static func looksLikeOption(_ argument: String) -> Bool {
        guard argument.hasPrefix("-"), argument != "-" else { return false }
        let second = argument.dropFirst().drop { $0 == "." }.first
        return !(second?.isASCII == true && second?.isNumber == true)
    }

    // MARK: Positional arguments and rules

    private mutating func assignPositionals() throws(UsageError) {
        var rest = positionals[...]
        for positional in command.positionals {
            let taken: [String]
            switch positional.count {
            case .one, .optional: taken = rest.popFirst().map { [$0] } ?? []
            case .oneOrMore, .zeroOrMore:
                taken = Array(rest)
                rest = []
            }
            if taken.isEmpty, positional.count == .one || positional.count == .oneOrMore {
                throw failure("\(positional.name) is missing\(hintAtGreedyOption(positional))")
            }
            for value in taken {
                if let problem = positional.kind.problem(with: value) {
                    throw failure("\(positional.name): \(problem)", suggestion: positional.kind.suggestion(for: value))
                }
            }
            if !taken.isEmpty { result.given[positional.name] = taken }
        }
        if let extra = rest.first { throw failure("unexpected argument \(quoted(extra))") }
    }

    /// `delete --id a photos.db`: the option took the database for an id.
    private func hintAtGreedyOption(_ positional: PositionalDescription) -> String {
        let greedy = command.options.first { $0.values == .oneOrMore && result.given[$0.name]?.count ?? 0 > 1 }
        guard let greedy, let last = result.given[greedy.name]?.last else { return "" }
        return " (\(quoted(last)) was read as a value of '\(greedy.spelling)': write \(positional.name) before the options)"
    }

    private func checkRequired() throws(UsageError) {
        for option in command.options where option.isRequired && result.given[option.name] == nil {
            throw failure("option '\(option.usage)' is missing")
        }
    }

    private func check(_ constraint: OptionConstraint) throws(UsageError) {
        func given(_ names: [String]) -> [String] { names.filter { result.given[$0] != nil } }
        func spelt(_ names: [String], _ word: String) -> String {
            let all = names.map { "'\(command.option(named: $0)?.spelling ?? $0)'" }
            return all.count < 2 ? all.joined() : all.dropLast().joined(separator: ", ") + " \(word) " + all[all.count - 1]
        }
        switch constraint {
        case .exactlyOne(let names) where given(names).isEmpty:
            throw failure("one of \(spelt(names, "or")) is needed")
        case .exactlyOne(let names), .atMostOne(let names):
            if given(names).count > 1 { throw failure("\(spelt(given(names), "and")) exclude each other") }
        case .requires(let name, let other):
            if !given([name]).isEmpty, given([other]).isEmpty {
                throw failure("\(spelt([name], "")) needs \(spelt([other], "")) beside it")
            }
        }
    }

    private func failure(_ what: String, suggestion: String? = nil) -> UsageError {
        UsageError(what, suggestion: suggestion, path: command.path)
    }
}
