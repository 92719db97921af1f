/// Shell completions derived from the descriptions: what bash, zsh and fish share. The scripts are complete in themselves
/// and never call the program.
package enum Shell: String, CaseIterable, Sendable {
    case bash, zsh, fish
}

extension Program {
    package func completions(for shell: Shell) -> String {
        switch shell {
        case .bash: bashCompletions()
        case .zsh: zshCompletions()
        case .fish: fishCompletions()
        }
    }

    /// Paths after which further words follow: none, and each group.
    var branchPaths: [[String]] { [[]] + groups.map(\.path).filter { !words(under: $0).isEmpty } }

    /// One line about a word below a path: a command's summary or a group's.
    func summary(of path: [String]) -> String {
        descriptions.first { $0.path == path }?.summary
            ?? groups.first { $0.path == path }?.summary ?? ""
    }
}

/// What a shell can offer where a value is expected.
enum CompletionOffer: Equatable {
    case words([String])
    case files
    case directories
    case nothing

    init(_ kind: ValueKind) {
        switch kind {
        case .choice(let words), .choices(let words), .suggested(let words): self = .words(words)
        case .file: self = .files
        case .directory: self = .directories
        case .text, .name, .integer, .integers, .real: self = .nothing
        }
    }
}

extension OptionDescription {
    /// All spellings shown to users: `-q`, `--quiet`.
    var shownSpellings: [String] { (short.map { ["-\($0)"] } ?? []) + [spelling] }
}

/// The text as one word of a POSIX shell.
func shellQuoted(_ text: String) -> String {
    "'" + text.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "'\\''") + "'"
}
