/// A JSON value that keeps the order of its keys, and its text. Writes only; reading JSON is not its business.
package enum JSONValue: Equatable, Sendable {
    case null
    case bool(Bool)
    case integer(Int64)
    /// Written in the fewest digits that read back as the same number; not-a-number and infinities become null.
    case real(Double)
    case float(Float)
    case text(String)
    case array([JSONValue])
    case object([JSONMember])
    /// JSON text that has been validated before (stored metadata), put in as it is.
    case raw(String)

    package static func object(_ members: KeyValuePairs<String, JSONValue>) -> JSONValue {
        .object(members.map { JSONMember($0.key, $0.value) })
    }

    package static func integer(_ value: Int) -> JSONValue { .integer(Int64(value)) }

    /// One line, no blanks after separators.
    package var compact: String {
        var text = ""
        write(into: &text, indent: nil)
        return text
    }

    /// Indented by two blanks a level; arrays of plain values stay on one line.
    package var indented: String {
        var text = ""
        write(into: &text, indent: 0)
        return text
    }

    /// The value of a key of an object.
    package subscript(key key: String) -> JSONValue? {
        guard case .object(let members) = self else { return nil }
        return members.first { $0.key == key }?.value
    }

    /// The members of an object, otherwise none.
    package var members: [JSONMember] {
        if case .object(let members) = self { members } else { [] }
    }
}

/// One key of an object with its value.
package struct JSONMember: Equatable, Sendable {
    package var key: String
    package var value: JSONValue

    package init(_ key: String, _ value: JSONValue) {
        self.key = key
        self.value = value
    }
}

extension JSONValue: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral {
    package init(stringLiteral value: String) { self = .text(value) }
    package init(integerLiteral value: Int64) { self = .integer(value) }
    package init(booleanLiteral value: Bool) { self = .bool(value) }
}

extension JSONValue: ExpressibleByFloatLiteral, ExpressibleByArrayLiteral, ExpressibleByNilLiteral {
    package init(floatLiteral value: Double) { self = .real(value) }
    package init(arrayLiteral elements: JSONValue...) { self = .array(elements) }
    package init(nilLiteral: ()) { self = .null }
}

extension JSONValue: ExpressibleByDictionaryLiteral {
    package init(dictionaryLiteral elements: (String, JSONValue)...) {
        self = .object(elements.map { JSONMember($0.0, $0.1) })
    }
}

// MARK: Writing

extension JSONValue {
    /// `indent` is the depth of an indented text, nil for a compact one.
    private func write(into text: inout String, indent: Int?) {
        switch self {
        case .null: text += "null"
        case .bool(let value): text += value ? "true" : "false"
        case .integer(let value): text += String(value)
        case .real(let value): text += value.isFinite ? value.description : "null"
        case .float(let value): text += value.isFinite ? value.description : "null"
        case .text(let value): Self.write(string: value, into: &text)
        case .raw(let value):
            // A line break in valid JSON is a blank between tokens; as a blank it keeps the line one line.
            text.unicodeScalars.append(contentsOf: value.unicodeScalars.map { $0 == "\n" || $0 == "\r" ? " " : $0 })
        case .array(let values):
            let lines = values.contains { $0.isContainer } ? indent : nil
            Self.write(values, between: ("[", "]"), into: &text, indent: lines) { value, depth, text in
                value.write(into: &text, indent: depth)
            }
        case .object(let members):
            Self.write(members, between: ("{", "}"), into: &text, indent: indent) { member, depth, text in
                Self.write(string: member.key, into: &text)
                text += depth == nil ? ":" : ": "
                member.value.write(into: &text, indent: depth)
            }
        }
    }

    private var isContainer: Bool {
        switch self {
        case .array, .object: true
        default: false
        }
    }

    private static func write<Element>(
        _ elements: [Element], between brackets: (String, String), into text: inout String, indent: Int?,
        _ writeElement: (Element, Int?, inout String) -> Void
    ) {
        text += brackets.0
        for (index, element) in elements.enumerated() {
            if index > 0 { text += "," }
            if let indent { text += "\n" + String(repeating: "  ", count: indent + 1) }
            writeElement(element, indent.map { $0 + 1 }, &text)
        }
        if let indent, !elements.isEmpty { text += "\n" + String(repeating: "  ", count: indent) }
        text += brackets.1
    }

    /// RFC 8259 §7: the quote, the backslash and the control characters below U+0020 are escaped, nothing else need be.
    private static func write(string: String, into text: inout String) {
        text += "\""
        for scalar in string.unicodeScalars {
            switch scalar {
            case "\"": text += "\\\""
            case "\\": text += "\\\\"
            case "\n": text += "\\n"
            case "\r": text += "\\r"
            case "\t": text += "\\t"
            case let control where control.value < 0x20:
                let digits = String(control.value, radix: 16)
                text += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: text.unicodeScalars.append(scalar)
            }
        }
        text += "\""
    }
}
