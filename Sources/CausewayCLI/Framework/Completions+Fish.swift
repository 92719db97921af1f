/// The fish completion script: one `complete` line an option, conditional on the command that the words so far select.
extension Program {
    func fishCompletions() -> String {
        let paths = groups.map(\.path) + descriptions.map(\.path)
        let cases = paths.map { path in
            let before = path.dropLast().joined(separator: " ")
            return "            case \(fishQuoted("\(before)/\(path.last ?? "")"))\n"
                + "                set command \(fishQuoted(path.joined(separator: " ")))"
        }.joined(separator: "\n")
        let lines = branchPaths.flatMap(fishBranch) + descriptions.flatMap(fishLeaf)
        return """
            # fish completion for \(name). Load it with:  \(name) completions fish | source
            function __\(name)_is
                set -l command ''
                set -l words (commandline -opc)
                set -e words[1]
                for word in $words
                    switch "$command/$word"
            \(cases)
                    end
                end
                test "$command" = "$argv[1]"
            end
            complete -c \(name) -f
            \(lines.joined(separator: "\n"))
            """
    }

    private func fishCondition(_ path: [String]) -> String {
        "complete -c \(name) -n \(fishQuoted("__\(name)_is \"\(path.joined(separator: " "))\""))"
    }

    private func fishBranch(_ path: [String]) -> [String] {
        words(under: path).map { word in
            "\(fishCondition(path)) -a \(fishQuoted(word)) -d \(fishQuoted(summary(of: path + [word])))"
        } + ["\(fishCondition(path)) -s h -l help -d 'show help'"]
    }

    private func fishLeaf(_ command: CommandDescription) -> [String] {
        var lines: [String] = []
        for option in command.allOptions where !option.isHidden {
            var line = fishCondition(command.path)
            if let short = option.short { line += " -s \(short)" }
            line += option.isShortOnly ? " -s \(option.name)" : " -l \(option.name)"
            if option.takesValues { line += fishValue(option.kind) }
            lines.append(line + " -d \(fishQuoted(option.help))")
        }
        for positional in command.positionals {
            let offer = CompletionOffer(positional.kind)
            if offer != .nothing { lines.append(fishCondition(command.path) + fishOffer(offer)) }
        }
        return lines
    }

    private func fishValue(_ kind: ValueKind) -> String {
        switch CompletionOffer(kind) {
        case .nothing: " -x"
        case .files: " -r -F"
        case let offer: " -x" + fishOffer(offer)
        }
    }

    private func fishOffer(_ offer: CompletionOffer) -> String {
        switch offer {
        case .words(let words): " -a \(fishQuoted(words.joined(separator: " ")))"
        case .files: " -F"
        case .directories: " -a '(__fish_complete_directories)'"
        case .nothing: ""
        }
    }

    private func fishQuoted(_ text: String) -> String {
        "'" + text.reduce(into: "") { $0 += $1 == "'" || $1 == "\\" ? "\\\($1)" : "\($1)" } + "'"
    }
}
