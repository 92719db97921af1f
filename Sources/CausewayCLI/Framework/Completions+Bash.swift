/// The bash completion script. Works with the bash 3.2 of macOS: no associative arrays, `compopt` only where it exists.
extension Program {
    func bashCompletions() -> String {
        """
        # bash completion for \(name). Load it with:  source <(\(name) completions bash)
        _\(name)() {
            local cur="${COMP_WORDS[COMP_CWORD]}" prev="" command="" words="" i
            ((COMP_CWORD > 0)) && prev="${COMP_WORDS[COMP_CWORD-1]}"
            # bash splits '--name=value' into three words.
            if [[ $cur == "=" ]]; then
                cur=""
            elif [[ $prev == "=" ]] && ((COMP_CWORD > 1)); then
                prev="${COMP_WORDS[COMP_CWORD-2]}"
            fi
            COMPREPLY=()
            for ((i = 1; i < COMP_CWORD; i++)); do
                case "$command/${COMP_WORDS[i]}" in
        \(bashPathCases())
                esac
            done
            case "$command $prev" in
        \(bashValueCases())
            esac
            if [[ $cur == -* ]]; then
                case "$command" in
        \(bashOptionCases())
                esac
            else
                case "$command" in
        \(bashWordCases())
                esac
            fi
            COMPREPLY=($(compgen -W "$words" -- "$cur"))
        }
        _\(name)_files() {
            compopt -o filenames 2>/dev/null
            local IFS=$'\\n'
            COMPREPLY=($(compgen "$1" -- "$2"))
        }
        complete -F _\(name) \(name)
        """
    }

    /// From the words so far to the command they select.
    private func bashPathCases() -> String {
        let paths = groups.map(\.path) + descriptions.map(\.path)
        return paths.map { path in
            let before = path.dropLast().joined(separator: " ")
            let word = path.last ?? ""
            return "            \(shellQuoted("\(before)/\(word)"))) command=\(shellQuoted(path.joined(separator: " "))) ;;"
        }.joined(separator: "\n")
    }

    private func bashValueCases() -> String {
        descriptions.flatMap { command in
            command.allOptions.filter { $0.takesValues && !$0.isHidden }.map { option in
                let patterns = option.shownSpellings.map { shellQuoted("\(command.name) \($0)") }.joined(separator: "|")
                return "        \(patterns)) \(bashAction(CompletionOffer(option.kind))) ;;"
            }
        }.joined(separator: "\n")
    }

    private func bashOptionCases() -> String {
        descriptions.map { command in
            let spellings = command.allOptions.filter { !$0.isHidden }.flatMap(\.shownSpellings).joined(separator: " ")
            return "            \(shellQuoted(command.name))) words=\(shellQuoted(spellings)) ;;"
        }.joined(separator: "\n") + "\n            *) words='--help --version' ;;"
    }

    private func bashWordCases() -> String {
        let branches = branchPaths.map { path in
            let words = words(under: path).joined(separator: " ")
            return "            \(shellQuoted(path.joined(separator: " ")))) words=\(shellQuoted(words)) ;;"
        }
        let leaves = descriptions.map { command in
            let offers = command.positionals.map { CompletionOffer($0.kind) }
            let offer = offers.first { $0 != .nothing } ?? .nothing
            return "            \(shellQuoted(command.name))) \(bashAction(offer)) ;;"
        }
        return (branches + leaves).joined(separator: "\n")
    }

    private func bashAction(_ offer: CompletionOffer) -> String {
        switch offer {
        case .words(let words):
            "COMPREPLY=($(compgen -W \(shellQuoted(words.joined(separator: " "))) -- \"$cur\")); return"
        case .files: "_\(name)_files -f \"$cur\"; return"
        case .directories: "_\(name)_files -d \"$cur\"; return"
        case .nothing: "return"
        }
    }
}
