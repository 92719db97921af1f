/// The grammar of filters, by recursive descent. Precedence NOT > AND > OR, as in SQL.
/// ```
/// or        = and { OR and }
/// and       = not { AND not }
/// not       = NOT not | "(" or ")" | predicate
/// predicate = field [ comparison value | IS [NOT] NULL
///                   | [NOT] (IN "(" value {"," value} ")" | LIKE text | CONTAINS value | BETWEEN value AND value) ]
///           | value comparison field
/// field     = segment { "." segment }        segment = word | "quoted name"
/// value     = 'text' | integer | real | TRUE | FALSE
/// ```
/// id and item are texts: a number compared with one is the text it is written as, and has no order among them.
struct FilterParser {
    enum Keyword: String, CaseIterable {
        case and = "AND", or = "OR", not = "NOT", `in` = "IN", like = "LIKE", contains = "CONTAINS", `is` = "IS"
        case null = "NULL", `true` = "TRUE", `false` = "FALSE", between = "BETWEEN"

        init?(word: String) {
            guard word.utf8.allSatisfy({ $0 < 0x80 }) else { return nil }
            self.init(rawValue: word.uppercased())
        }
    }

    private let tokens: [FilterToken]
    private var position = 0
    private var depth = 0

    static func parse(_ text: String) throws(FilterError) -> FilterExpression {
        guard text.utf8.count <= FilterExpression.textBytesMax else {
            let limit = FilterExpression.textBytesMax
            throw FilterError(column: 1, reason: "the filter is longer than \(limit) bytes; split it into several calls")
        }
        var parser = FilterParser(tokens: try FilterTokenizer.tokens(of: text))
        let expression = try parser.or()
        guard parser.current.kind == .end else { throw parser.expected("AND, OR or the end") }
        return expression
    }

    private init(tokens: [FilterToken]) { self.tokens = tokens }

    // MARK: Tokens

    private var current: FilterToken { tokens[position] }

    private var keyword: Keyword? {
        if case .word(let word) = current.kind { Keyword(word: word) } else { nil }
    }

    /// The last token, `.end`, is never passed.
    private mutating func advance() { position = min(position + 1, tokens.count - 1) }

    private mutating func take(_ wanted: Keyword) -> Bool {
        guard keyword == wanted else { return false }
        advance()
        return true
    }

    private mutating func take(_ kind: FilterToken.Kind) -> Bool {
        guard current.kind == kind, kind != .end else { return false }
        advance()
        return true
    }

    private func expected(_ what: String) -> FilterError {
        let before = position > 0 ? " after \(Self.shortened(tokens[position - 1].source))" : ""
        let found = current.kind == .end ? "the filter ends" : "found \(Self.shortened(current.source))"
        return FilterError(column: current.column, reason: "expected \(what)\(before), but \(found)")
    }

    private static func shortened(_ source: String) -> String {
        let flat = source.split(whereSeparator: \.isNewline).joined(separator: " ")
        let text = flat.count > 24 ? "\(flat.prefix(21))..." : flat
        return text.hasPrefix("'") ? text : "'\(text)'"
    }

    // MARK: Grammar

    private mutating func or() throws(FilterError) -> FilterExpression {
        var operands = [try and()]
        while take(.or) { operands.append(try and()) }
        return operands.count == 1 ? operands[0] : .or(operands)
    }

    private mutating func and() throws(FilterError) -> FilterExpression {
        var operands = [try not()]
        while take(.and) { operands.append(try not()) }
        return operands.count == 1 ? operands[0] : .and(operands)
    }

    private mutating func not() throws(FilterError) -> FilterExpression {
        let start = current
        depth += 1
        defer { depth -= 1 }
        guard depth <= FilterExpression.depthMax else {
            let limit = FilterExpression.depthMax
            throw FilterError(column: start.column, reason: "more than \(limit) parentheses and NOTs inside one another")
        }
        if take(.not) { return .not(try not()) }
        guard take(.open) else { return try predicate() }
        let inner = try or()
        guard take(.close) else { throw expected("')' for the '(' of column \(start.column)") }
        return inner
    }

    private mutating func predicate() throws(FilterError) -> FilterExpression {
        let start = current
        if let value = try valueIfPresent() { return try mirroredComparison(value, start) }
        let field = try field()
        if case .comparison(let comparison) = current.kind {
            advance()
            return .compare(field, comparison, try operand(of: comparison, field))
        }
        if take(.is) {
            let negated = take(.not)
            guard take(.null) else { throw expected(negated ? "NULL" : "NULL or NOT NULL") }
            return negated ? .not(.isNull(field)) : .isNull(field)
        }
        let negated = take(.not)
        if let test = try membership(field) { return negated ? .not(test) : test }
        if negated { throw expected("IN, LIKE, CONTAINS or BETWEEN") }
        guard case .attribute = field else {
            throw FilterError(column: start.column, reason: "'\(start.source)' is a text: expected a comparison after it")
        }
        return .isTrue(field)
    }

    private mutating func membership(_ field: FilterField) throws(FilterError) -> FilterExpression? {
        if take(.in) {
            guard take(.open) else { throw expected("'('") }
            var values = [try value(beside: field)]
            while take(.comma) { values.append(try value(beside: field)) }
            guard take(.close) else { throw expected("',' or ')'") }
            return .among(field, values)
        }
        if take(.like) {
            guard case .text(let pattern) = current.kind else { throw expected("a pattern in single quotes") }
            guard pattern.utf8.count <= FilterExpression.patternBytesMax else {
                let limit = FilterExpression.patternBytesMax
                throw FilterError(
                    column: current.column, reason: "the pattern is longer than \(limit) bytes; put % in place of a part of it")
            }
            advance()
            return .like(field, pattern)
        }
        if case .attribute = field, take(.contains) { return .contains(field, try value(beside: field)) }
        guard take(.between) else { return nil }
        let low = try operand(of: .ge, field)
        guard take(.and) else { throw expected("AND") }
        return .and([.compare(field, .ge, low), .compare(field, .le, try operand(of: .le, field))])
    }

    /// `2019 <= year`.
    private mutating func mirroredComparison(
        _ value: FilterValue, _ token: FilterToken
    ) throws(FilterError) -> FilterExpression {
        guard case .comparison(let comparison) = current.kind else { throw expected("a comparison") }
        if case .bool = value, comparison != .eq, comparison != .ne { throw expected("'=' or '<>' for a truth value") }
        advance()
        let field = try field()
        return .compare(field, comparison.mirrored, try fitted(value, token, to: field, comparison))
    }

    private mutating func field() throws(FilterError) -> FilterField {
        if case .word(let word) = current.kind {
            guard Keyword(word: word) == nil else { throw expected("an attribute (a keyword's name goes in double quotes)") }
            if tokens[position + 1].kind != .dot, word == "id" || word == "item" {
                advance()
                return word == "id" ? .id : .item
            }
        }
        var path = [try segment("an attribute")]
        while take(.dot) { path.append(try segment("a name")) }
        return .attribute(path)
    }

    private mutating func segment(_ what: String) throws(FilterError) -> String {
        switch current.kind {
        case .word(let name), .name(let name):
            advance()
            return name
        default: throw expected(what)
        }
    }

    /// The right side of a comparison, where order is asked of something that has one.
    private mutating func operand(
        of comparison: FilterComparison, _ field: FilterField
    ) throws(FilterError) -> FilterValue {
        if keyword == .null { throw expected("a value (NULL is tested by IS NULL)") }
        if keyword == .true || keyword == .false, comparison != .eq, comparison != .ne {
            throw expected("a text or a number")
        }
        return try value(beside: field, comparison)
    }

    private mutating func value(
        beside field: FilterField, _ comparison: FilterComparison = .eq
    ) throws(FilterError) -> FilterValue {
        let token = current
        guard let value = try valueIfPresent() else { throw expected("a value") }
        return try fitted(value, token, to: field, comparison)
    }

    /// The value, written as the token, as it is compared with the field.
    private func fitted(
        _ value: FilterValue, _ token: FilterToken, to field: FilterField, _ comparison: FilterComparison
    ) throws(FilterError) -> FilterValue {
        if case .attribute = field { return value }
        switch value {
        case .text: return value
        case .integer, .real:
            guard comparison == .eq || comparison == .ne else {
                let reason = "'\(field)' is a text, and texts are not in the order of numbers: "
                    + "expected a text in single quotes, but found '\(token.source)'"
                throw FilterError(column: token.column, reason: reason)
            }
            return .text(token.source)
        case .bool:
            let reason = "'\(field)' is a text: expected a text or a number, but found '\(token.source)'"
            throw FilterError(column: token.column, reason: reason)
        }
    }

    private mutating func valueIfPresent() throws(FilterError) -> FilterValue? {
        let value: FilterValue
        switch (current.kind, keyword) {
        case (.text(let text), _): value = .text(text)
        case (.integer(let number), _): value = .integer(number)
        case (.real(let number), _): value = .real(number)
        case (_, .true?): value = .bool(true)
        case (_, .false?): value = .bool(false)
        default: return nil
        }
        advance()
        return value
    }
}
