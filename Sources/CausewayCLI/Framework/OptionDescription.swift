/// One option of a command: its spellings, how many values it takes and of which kind. Holds no value a user gave.
import Causeway

package struct OptionDescription: Sendable {
    package enum Values: Equatable, Sendable {
        case none
        case one
        case exactly(Int)
        /// Every argument up to the next option.
        case oneOrMore
    }

    /// The long name without its dashes, by which `ParsedArguments` knows the option.
    package var name: String
    package var short: Character?
    /// Other long spellings, accepted and never shown.
    package var aliases: [String]
    package var values: Values
    /// As usage lines show it: `N`, `FILE`, `M1 M2`.
    package var valueName: String
    package var kind: ValueKind
    package var defaultValue: String?
    /// May be given more than once; otherwise a second time is wrong usage.
    package var repeats: Bool
    package var isRequired: Bool
    /// Accepted and parsed, but left out of help and completions.
    package var isHidden: Bool
    package var help: String

    package static func flag(
        _ name: String, short: Character? = nil, aliases: [String] = [], isHidden: Bool = false, help: String
    ) -> Self {
        OptionDescription(
            name: name, short: short, aliases: aliases, values: .none, valueName: "", kind: .text,
            defaultValue: nil, repeats: false, isRequired: false, isHidden: isHidden, help: help)
    }

    package static func value(
        _ name: String, _ valueName: String, short: Character? = nil, aliases: [String] = [], kind: ValueKind = .text,
        default defaultValue: String? = nil, repeats: Bool = false, isRequired: Bool = false,
        isHidden: Bool = false, help: String
    ) -> Self {
        OptionDescription(
            name: name, short: short, aliases: aliases, values: .one, valueName: valueName, kind: kind,
            defaultValue: defaultValue, repeats: repeats, isRequired: isRequired, isHidden: isHidden, help: help)
    }

    /// An option with several values: `--between M1 M2` (`.exactly(2)`), `--id ID...` (`.oneOrMore`, which may repeat).
    package static func values(
        _ name: String, _ valueName: String, _ values: Values, short: Character? = nil, aliases: [String] = [],
        kind: ValueKind = .text, isRequired: Bool = false, help: String
    ) -> Self {
        OptionDescription(
            name: name, short: short, aliases: aliases, values: values, valueName: valueName, kind: kind,
            defaultValue: nil, repeats: values == .oneOrMore, isRequired: isRequired, isHidden: false, help: help)
    }

    /// `--id ID...`, without brackets.
    var usage: String {
        switch values {
        case .none: "--\(name)"
        case .one, .exactly: "\(isShortOnly ? "-" : "--")\(name) \(valueName)"
        case .oneOrMore: "--\(name) \(valueName)..."
        }
    }

    /// An option such as `-k` whose only name is one letter.
    package var isShortOnly: Bool { name.count == 1 }

    /// How messages and help spell the option.
    package var spelling: String { isShortOnly ? "-\(name)" : "--\(name)" }

    var takesValues: Bool { values != .none }
}

// MARK: Options that every command has

extension OptionDescription {
    static let format = OptionDescription.value(
        "format", "FORMAT", kind: .choice(OutputFormat.allCases.map(\.rawValue)),
        help: "how results are printed: table on a terminal, jsonl otherwise")
    static let quiet = OptionDescription.flag("quiet", short: "q", help: "no progress, no notes")
    static let help = OptionDescription.flag("help", short: "h", help: "show this help")
}

/// What a value must look like, and what a shell may offer for it.
package enum ValueKind: Sendable {
    case text
    /// A collection or a modality.
    case name
    /// Any text, with words that completions offer.
    case suggested([String])
    case file
    case directory
    case integer(ClosedRange<Int>)
    case real(ClosedRange<Double>)
    case choice([String])
    /// Comma-separated, each one of the words.
    case choices([String])
    /// Comma-separated integers.
    case integers(ClosedRange<Int>)

    /// Nil for a good value, otherwise what was expected.
    func problem(with value: String) -> String? {
        switch self {
        case .text, .suggested, .directory: return nil
        case .name: return isName(value) ? nil : "expected 1 to 255 bytes without control characters, got \(quoted(value))"
        case .file: return value.isEmpty ? "expected a file, got an empty text" : nil
        case .integer(let range):
            guard let number = Int(value), range.contains(number) else {
                return "expected an integer \(described(range)), got \(quoted(value))"
            }
        case .real(let range):
            guard let number = Double(value), number.isFinite, range.contains(number) else {
                return "expected a number \(described(range)), got \(quoted(value))"
            }
        case .choice(let words):
            guard words.contains(value) else {
                return "expected one of \(words.joined(separator: ", ")), got \(quoted(value))"
            }
        case .choices(let words):
            return commaSeparated(value).lazy.compactMap { ValueKind.choice(words).problem(with: $0) }.first
        case .integers(let range):
            return commaSeparated(value).lazy.compactMap { ValueKind.integer(range).problem(with: $0) }.first
        }
        return nil
    }

    /// The declared word that a wrong value was probably meant to be.
    func suggestion(for value: String) -> String? {
        switch self {
        case .choice(let words): nearest(to: value, among: words)
        case .choices(let words):
            commaSeparated(value).first { !words.contains($0) }.flatMap { nearest(to: $0, among: words) }
        default: nil
        }
    }
}

private func described<Bound: Numeric & LosslessStringConvertible>(_ range: ClosedRange<Bound>) -> String {
    let low = "\(range.lowerBound)", high = "\(range.upperBound)"
    let unbounded = [String(Int.max), String(Double.infinity), String(Double.greatestFiniteMagnitude)]
    let openBelow = [String(Int.min), String(-Double.infinity), String(-Double.greatestFiniteMagnitude)].contains(low)
    switch (openBelow, unbounded.contains(high)) {
    case (true, true): return "of any size"
    case (true, false): return "of at most \(high)"
    case (false, true): return "of at least \(low)"
    case (false, false): return "from \(low) to \(high)"
    }
}

/// `a, b,,c` as `["a", "b", "", "c"]`: blanks round an element are dropped, empty elements kept for the caller to refuse.
func commaSeparated(_ text: String) -> [String] {
    text.split(separator: ",", omittingEmptySubsequences: false).map { part in
        let start = part.drop { $0 == " " }
        return String(start.reversed().drop { $0 == " " }.reversed())
    }
}
