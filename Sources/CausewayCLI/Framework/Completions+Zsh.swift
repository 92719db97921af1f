/// The zsh completion script: one `_arguments` call a command, one `_describe` a group.
extension Program {
    func zshCompletions() -> String {
        let branches = branchPaths.map(zshBranch)
        let leaves = descriptions.map(zshLeaf)
        return """
            #compdef \(name)
            # zsh completion for \(name). Save it as _\(name) in a directory of $fpath, or:  source <(\(name) completions zsh)
            \((branches + leaves).joined(separator: "\n"))
            if [ "$funcstack[1]" = "_\(name)" ]; then
                _\(name) "$@"
            else
                compdef _\(name) \(name)
            fi
            """
    }

    private func zshFunction(_ path: [String]) -> String { (["_" + name] + path).joined(separator: "_") }

    private func zshBranch(_ path: [String]) -> String {
        let words = words(under: path)
        let described = words.map { shellQuoted("\($0):\(summary(of: path + [$0]))") }.joined(separator: " ")
        let cases = words.map { "            \($0)) \(zshFunction(path + [$0])) ;;" }.joined(separator: "\n")
        return """
            \(zshFunction(path))() {
                local curcontext="$curcontext" context state state_descr line
                typeset -A opt_args
                _arguments -C '(- *)'{-h,--help}'[show help]' '1: :->word' '*:: :->rest'
                case "$state" in
                word)
                    local -a words_below
                    words_below=(\(described))
                    _describe -t commands command words_below ;;
                rest)
                    case "$line[1]" in
            \(cases)
                    esac ;;
                esac
            }
            """
    }

    private func zshLeaf(_ command: CommandDescription) -> String {
        var specifications: [String] = []
        for option in command.allOptions where !option.isHidden {
            let spellings = option.shownSpellings
            let repeatable = option.repeats ? "*" : "(\(spellings.joined(separator: " ")))"
            for spelling in spellings {
                let takes = option.takesValues && spelling.hasPrefix("--") ? "=" : ""
                let help = "[\(zshEscaped(option.help, "[]:"))]"
                specifications.append(repeatable + spelling + takes + help + zshValues(option))
            }
        }
        for positional in command.positionals {
            let many = positional.count == .oneOrMore || positional.count == .zeroOrMore
            specifications.append("\(many ? "*" : ""):\(zshEscaped(positional.name, ":")):\(zshAction(positional.kind))")
        }
        let lines = specifications.map { "        \(shellQuoted($0))" }.joined(separator: " \\\n")
        return "\(zshFunction(command.path))() {\n    _arguments -s -S \\\n\(lines)\n}"
    }

    private func zshValues(_ option: OptionDescription) -> String {
        let message = zshEscaped(option.valueName, ":")
        return switch option.values {
        case .none: ""
        case .one: ":\(message):\(zshAction(option.kind))"
        case .exactly(let count): String(repeating: ":\(message):\(zshAction(option.kind))", count: count)
        case .oneOrMore: ":*-*:\(message):\(zshAction(option.kind))"
        }
    }

    private func zshAction(_ kind: ValueKind) -> String {
        switch CompletionOffer(kind) {
        case .words(let words): "(\(words.map { zshEscaped($0, ":()") }.joined(separator: " ")))"
        case .files: "_files"
        case .directories: "_files -/"
        case .nothing: " "
        }
    }

    private func zshEscaped(_ text: String, _ special: String) -> String {
        text.reduce(into: "") { $0 += special.contains($1) ? "\\\($1)" : "\($1)" }
    }
}
