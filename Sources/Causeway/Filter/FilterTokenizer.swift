/// Cuts the text of a filter into words, values and signs, each with its column. Knows no grammar.
struct FilterToken: Equatable {
    enum Kind: Equatable {
        /// A bare word; keywords are words until the parser reads them as such.
        case word(String)
        /// A name in double quotes, never a keyword.
        case name(String)
        case text(String)
        case integer(Int64)
        case real(Double)
        case comparison(FilterComparison)
        case open, close, comma, dot, end
    }

    var kind: Kind
    var column: Int
    /// As written, for messages.
    var source: String
}

struct FilterTokenizer {
    private let scalars: [Unicode.Scalar]
    private var position = 0

    private init(_ text: String) { scalars = Array(text.unicodeScalars) }

    /// The tokens, of which the last is `.end`.
    static func tokens(of text: String) throws(FilterError) -> [FilterToken] {
        var tokenizer = FilterTokenizer(text)
        var tokens: [FilterToken] = []
        while true {
            let token = try tokenizer.next()
            tokens.append(token)
            if token.kind == .end { return tokens }
        }
    }

    private var current: Unicode.Scalar? { position < scalars.count ? scalars[position] : nil }
    private var following: Unicode.Scalar? { position + 1 < scalars.count ? scalars[position + 1] : nil }

    private mutating func next() throws(FilterError) -> FilterToken {
        while let blank = current, blank.properties.isWhitespace { position += 1 }
        let start = position
        let kind = try readKind()
        var source = ""
        source.unicodeScalars.append(contentsOf: scalars[start..<position])
        return FilterToken(kind: kind, column: start + 1, source: source)
    }

    private mutating func readKind() throws(FilterError) -> FilterToken.Kind {
        guard let scalar = current else { return .end }
        switch scalar {
        case "(": return sign(.open)
        case ")": return sign(.close)
        case ",": return sign(.comma)
        case "'": return .text(try quotedText("'"))
        case "\"": return .name(try quotedText("\""))
        case "=":
            position += following == "=" ? 2 : 1
            return .comparison(.eq)
        case "<", ">", "!": return try comparison(scalar)
        case "+", "-", "0"..."9", ".": return try number()
        default:
            guard Self.startsWord(scalar) else {
                throw failure("unexpected character \(Self.shown(scalar))", at: position)
            }
            let start = position
            while let next = current, Self.continuesWord(next) { position += 1 }
            return .word(text(start..<position))
        }
    }

    private mutating func sign(_ kind: FilterToken.Kind) -> FilterToken.Kind {
        position += 1
        return kind
    }

    private mutating func comparison(_ first: Unicode.Scalar) throws(FilterError) -> FilterToken.Kind {
        let start = position
        position += 1
        switch (first, current) {
        case ("<", "="), (">", "="), ("!", "="), ("<", ">"): position += 1
        case ("!", _): throw failure("expected '=' after '!'", at: start)
        default: break
        }
        let written = text(start..<position)
        return .comparison(written == "!=" ? .ne : FilterComparison(rawValue: written) ?? .eq)
    }

    /// A text between two equal quotes, in which a doubled quote stands for one.
    private mutating func quotedText(_ quote: Unicode.Scalar) throws(FilterError) -> String {
        let start = position
        position += 1
        var content = String.UnicodeScalarView()
        while let scalar = current {
            position += 1
            if scalar != quote {
                content.append(scalar)
            } else if current == quote {
                content.append(quote)
                position += 1
            } else {
                return String(content)
            }
        }
        throw failure("expected a closing \(quote) for the \(quote == "'" ? "text" : "name") that starts here", at: start)
    }

    /// An optional sign, digits, a fraction, an exponent. A dot that no digit surrounds joins names.
    private mutating func number() throws(FilterError) -> FilterToken.Kind {
        let start = position
        if current == ".", following.map(Self.isDigit) != true { return sign(.dot) }
        if current == "+" || current == "-" { position += 1 }
        var digits = skipDigits()
        var isReal = false
        if current == "." {
            isReal = true
            position += 1
            digits += skipDigits()
        }
        guard digits > 0 else { throw failure("expected a number after '\(scalars[start])'", at: start) }
        if current == "e" || current == "E" {
            isReal = true
            position += 1
            if current == "+" || current == "-" { position += 1 }
            guard skipDigits() > 0 else { throw failure("expected digits in the exponent", at: position) }
        }
        if let next = current, Self.startsWord(next) {
            throw failure("expected the number to end here, or the name in double quotes", at: position)
        }
        let written = text(start..<position)
        if isReal {
            guard let value = Double(written), value.isFinite else {
                throw failure("the number \(written) is too large", at: start)
            }
            return .real(value)
        }
        guard let value = Int64(written) else {
            throw failure("the integer \(written) exceeds 64 bits; write it with a decimal point", at: start)
        }
        return .integer(value)
    }

    private mutating func skipDigits() -> Int {
        let start = position
        while let digit = current, Self.isDigit(digit) { position += 1 }
        return position - start
    }

    private func text(_ range: Range<Int>) -> String {
        var view = String.UnicodeScalarView()
        view.append(contentsOf: scalars[range])
        return String(view)
    }

    private func failure(_ reason: String, at position: Int) -> FilterError {
        FilterError(column: position + 1, reason: reason)
    }

    // MARK: Characters

    private static func isDigit(_ scalar: Unicode.Scalar) -> Bool { ("0"..."9").contains(scalar) }

    static func startsWord(_ scalar: Unicode.Scalar) -> Bool { scalar == "_" || scalar.properties.isAlphabetic }

    static func continuesWord(_ scalar: Unicode.Scalar) -> Bool { startsWord(scalar) || isDigit(scalar) }

    private static func shown(_ scalar: Unicode.Scalar) -> String {
        let isPlain = scalar.properties.generalCategory != .control
        return isPlain ? "'\(scalar)'" : "U+\(String(scalar.value, radix: 16, uppercase: true))"
    }
}
