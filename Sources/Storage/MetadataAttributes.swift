/// Takes a JSON object (RFC 8259) apart into typed attributes for filters. Not a general JSON parser: it keeps scalars by
/// their path, and refuses what is not JSON. Arrays give an element attribute per member under the array's own path.
import Platform

/// What an attribute's value is; the number is stored (FORMAT.md, § Attributes).
enum AttributeKind: Int64 {
    /// An object or an array: present, but no value. Stored value 0.
    case container = 0
    case bool = 1
    case number = 2
    case text = 3

    /// Added for values inside an array, which CONTAINS sees and comparisons do not.
    static let elementFlag: Int64 = 16
}

enum AttributeValue: Equatable {
    case integer(Int64), real(Double), text(String)
}

struct MetadataAttribute: Equatable {
    var path: String
    var kind: Int64
    var value: AttributeValue
}

/// A path's components joined by dots, with backslash before a dot or backslash that belongs to a name.
func attributePath(_ components: [String]) -> String {
    components.map(escapedComponent).joined(separator: ".")
}

private func escapedComponent(_ name: String) -> String {
    guard name.utf8.contains(where: { $0 == 0x2E || $0 == 0x5C }) else { return name }
    // By scalars: with a combining mark after it, a dot is another character and the same byte.
    var escaped = String.UnicodeScalarView()
    for scalar in name.unicodeScalars {
        if scalar == "." || scalar == "\\" { escaped.append("\\") }
        escaped.append(scalar)
    }
    return String(escaped)
}

/// Why a text is not a JSON object that can be stored.
struct MetadataError: Error { var what: String }

struct MetadataScanner {
    private let bytes: [UInt8]
    private let pathBytesMax: Int
    private var at = 0
    private var attributes: [MetadataAttribute] = []

    /// The attributes of a JSON object in order of appearance. O(length × longest path).
    static func attributes(of json: String, pathBytesMax: Int) throws(MetadataError) -> [MetadataAttribute] {
        var scanner = MetadataScanner(bytes: Array(json.utf8), pathBytesMax: pathBytesMax)
        scanner.skipSpace()
        guard scanner.peek == UInt8(ascii: "{") else { throw MetadataError(what: "it does not begin with {") }
        try scanner.object(path: "", flag: 0, depth: 1)
        scanner.skipSpace()
        guard scanner.at == scanner.bytes.count else { throw scanner.error("text after the object") }
        return scanner.attributes
    }

    private init(bytes: [UInt8], pathBytesMax: Int) { (self.bytes, self.pathBytesMax) = (bytes, pathBytesMax) }

    private var peek: UInt8? { at < bytes.count ? bytes[at] : nil }
    private func error(_ what: String) -> MetadataError { MetadataError(what: "\(what) at byte \(at)") }

    private mutating func skipSpace() {
        while let byte = peek, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { at += 1 }
    }

    private mutating func consume(_ character: Unicode.Scalar) -> Bool {
        skipSpace()
        guard peek == UInt8(ascii: character) else { return false }
        at += 1
        return true
    }

    private mutating func add(_ path: String, _ kind: AttributeKind, _ flag: Int64, _ value: AttributeValue) {
        attributes.append(MetadataAttribute(path: path, kind: kind.rawValue + flag, value: value))
    }

    private mutating func object(path: String, flag: Int64, depth: Int) throws(MetadataError) {
        guard depth <= StorageLimits.metadataDepthMax else { throw error("nesting is too deep") }
        _ = consume("{")
        if consume("}") { return }
        var seen: Set<ExactText> = []
        repeat {
            skipSpace()
            let name = try string()
            guard seen.insert(ExactText(name)).inserted else { throw error("key '\(name)' appears twice") }
            guard consume(":") else { throw error("':' expected") }
            let inner = escapedComponent(name)
            let path = path.isEmpty && depth == 1 ? inner : path + "." + inner
            guard path.utf8.count <= pathBytesMax else {
                throw MetadataError(what: """
                    the keys down to '\(path.prefix(40))…' have \(path.utf8.count) bytes together, and \(pathBytesMax) are \
                    the most: shorten them
                    """)
            }
            try value(path: path, flag: flag, depth: depth)
        } while consume(",")
        guard consume("}") else { throw error("',' or '}' expected") }
    }

    private mutating func array(path: String, depth: Int) throws(MetadataError) {
        guard depth <= StorageLimits.metadataDepthMax else { throw error("nesting is too deep") }
        _ = consume("[")
        if consume("]") { return }
        repeat {
            try value(path: path, flag: AttributeKind.elementFlag, depth: depth)
        } while consume(",")
        guard consume("]") else { throw error("',' or ']' expected") }
    }

    private mutating func value(path: String, flag: Int64, depth: Int) throws(MetadataError) {
        skipSpace()
        switch peek {
        case UInt8(ascii: "{"):
            add(path, .container, flag, .integer(0))
            try object(path: path, flag: flag, depth: depth + 1)
        case UInt8(ascii: "["):
            add(path, .container, flag, .integer(0))
            try array(path: path, depth: depth + 1)
        case UInt8(ascii: "\""): add(path, .text, flag, .text(try string()))
        case UInt8(ascii: "t"):
            try literal("true")
            add(path, .bool, flag, .integer(1))
        case UInt8(ascii: "f"):
            try literal("false")
            add(path, .bool, flag, .integer(0))
        case UInt8(ascii: "n"): try literal("null")
        default: add(path, .number, flag, try number())
        }
    }

    private mutating func literal(_ text: StaticString) throws(MetadataError) {
        for byte in "\(text)".utf8 {
            guard peek == byte else { throw error("'\(text)' expected") }
            at += 1
        }
    }

    private mutating func digits() throws(MetadataError) {
        let start = at
        while let byte = peek, byte >= 0x30, byte <= 0x39 { at += 1 }
        guard at > start else { throw error("a value or digit is expected") }
    }

    private mutating func number() throws(MetadataError) -> AttributeValue {
        let start = at
        var isInteger = true
        if peek == UInt8(ascii: "-") { at += 1 }
        if peek == UInt8(ascii: "0") { at += 1 } else { try digits() }
        if peek == UInt8(ascii: ".") {
            isInteger = false
            at += 1
            try digits()
        }
        if peek == UInt8(ascii: "e") || peek == UInt8(ascii: "E") {
            isInteger = false
            at += 1
            if peek == UInt8(ascii: "+") || peek == UInt8(ascii: "-") { at += 1 }
            try digits()
        }
        let text = String(decoding: bytes[start..<at], as: UTF8.self)
        if isInteger, let value = Int64(text) { return .integer(value) }
        guard let value = Double(text), value.isFinite else { throw error("the number \(text) has no finite value") }
        return .real(value)
    }

    private mutating func string() throws(MetadataError) -> String {
        guard peek == UInt8(ascii: "\"") else { throw error("'\"' expected") }
        at += 1
        var start = at
        var text: [UInt8] = []
        while let byte = peek {
            switch byte {
            case UInt8(ascii: "\""):
                text.append(contentsOf: bytes[start..<at])
                at += 1
                return String(decoding: text, as: UTF8.self)
            case UInt8(ascii: "\\"):
                text.append(contentsOf: bytes[start..<at])
                at += 1
                text.append(contentsOf: String(try escape()).utf8)
                start = at
            case 0..<0x20: throw error("control character in a string")
            default: at += 1
            }
        }
        throw error("a string does not end")
    }

    private mutating func escape() throws(MetadataError) -> Character {
        guard let byte = peek else { throw error("a string does not end") }
        at += 1
        switch byte {
        case UInt8(ascii: "\""): return "\""
        case UInt8(ascii: "\\"): return "\\"
        case UInt8(ascii: "/"): return "/"
        case UInt8(ascii: "b"): return "\u{8}"
        case UInt8(ascii: "f"): return "\u{C}"
        case UInt8(ascii: "n"): return "\n"
        case UInt8(ascii: "r"): return "\r"
        case UInt8(ascii: "t"): return "\t"
        case UInt8(ascii: "u"):
            let first = try hexadecimal()
            if let scalar = Unicode.Scalar(first) { return Character(scalar) }
            // A high surrogate must be followed by a low one.
            guard first < 0xDC00, peek == UInt8(ascii: "\\") else { throw error("half of a surrogate pair") }
            at += 1
            guard peek == UInt8(ascii: "u") else { throw error("half of a surrogate pair") }
            at += 1
            let second = try hexadecimal()
            guard (0xDC00...0xDFFF).contains(second) else { throw error("half of a surrogate pair") }
            let joined = 0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00)
            guard let scalar = Unicode.Scalar(joined) else { throw error("half of a surrogate pair") }
            return Character(scalar)
        default: throw error("unknown escape in a string")
        }
    }

    private mutating func hexadecimal() throws(MetadataError) -> UInt32 {
        guard at + 4 <= bytes.count else { throw error("four hexadecimal digits expected") }
        var value: UInt32 = 0
        for _ in 0..<4 {
            guard let digit = Character(Unicode.Scalar(bytes[at])).hexDigitValue, bytes[at] < 0x80 else {
                throw error("four hexadecimal digits expected")
            }
            value = value << 4 | UInt32(digit)
            at += 1
        }
        return value
    }
}
