/// A filter's tree as text that parses back to the same tree: for `--explain`, and as the parser's own check.
extension FilterExpression: CustomStringConvertible {
    package var description: String {
        switch self {
        case .and(let operands): joined(operands, " AND ")
        case .or(let operands): joined(operands, " OR ")
        case .not(.isNull(let field)): "\(field) IS NOT NULL"
        case .not(let operand): "NOT \(operand.isJunction ? "(\(operand))" : operand.description)"
        case .compare(let field, let comparison, let value): "\(field) \(comparison.rawValue) \(value)"
        case .among(let field, let values): "\(field) IN (\(values.map(\.description).joined(separator: ", ")))"
        case .like(let field, let pattern): "\(field) LIKE \(FilterValue.text(pattern))"
        case .contains(let field, let value): "\(field) CONTAINS \(value)"
        case .isNull(let field): "\(field) IS NULL"
        case .isTrue(let field): field.description
        }
    }

    /// Operands that are junctions themselves stand in parentheses, also where precedence would not need them: the tree
    /// `a AND (b AND c)` is another than `a AND b AND c`.
    private func joined(_ operands: [FilterExpression], _ word: String) -> String {
        operands.map { $0.isJunction ? "(\($0))" : $0.description }.joined(separator: word)
    }

    private var isJunction: Bool {
        switch self {
        case .and, .or: true
        default: false
        }
    }
}

extension FilterField: CustomStringConvertible {
    package var description: String {
        switch self {
        case .id: "id"
        case .item: "item"
        case .attribute(let path): path.map { Self.spelt($0, alone: path.count == 1) }.joined(separator: ".")
        }
    }

    /// Bare where the parser reads it as the same name, otherwise in double quotes.
    private static func spelt(_ name: String, alone: Bool) -> String {
        let scalars = name.unicodeScalars
        let isWord = scalars.first.map(FilterTokenizer.startsWord) == true
            && scalars.allSatisfy(FilterTokenizer.continuesWord)
        let isReserved = FilterParser.Keyword(word: name) != nil || alone && (name == "id" || name == "item")
        return isWord && !isReserved ? name : FilterValue.quoted(name, with: "\"")
    }
}

extension FilterValue: CustomStringConvertible {
    package var description: String {
        switch self {
        case .text(let text): Self.quoted(text, with: "'")
        case .integer(let number): String(number)
        case .real(let number): number.description
        case .bool(let value): value ? "TRUE" : "FALSE"
        }
    }

    /// Quotes inside are doubled, by scalar: a quote that a combining mark follows is a quote to the parser.
    fileprivate static func quoted(_ text: String, with quote: Unicode.Scalar) -> String {
        var view = String.UnicodeScalarView()
        view.append(quote)
        for scalar in text.unicodeScalars {
            if scalar == quote { view.append(quote) }
            view.append(scalar)
        }
        view.append(quote)
        return String(view)
    }
}
