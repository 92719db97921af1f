/// A strict reader of JSON text (RFC 8259) over bytes: no extensions, duplicate keys refused, UTF-8 checked, lone
/// surrogates refused, nesting capped. It builds no tree; callers ask for the value they expect.

package struct JSONScanner: Sendable {
    package let bytes: [UInt8]
    package internal(set) var position: Int

    package init(_ bytes: [UInt8], from position: Int = 0) {
        self.bytes = bytes
        self.position = position
    }

    func fault(_ reason: String) -> JSONFault { JSONFault(offset: position, reason: reason) }

    // MARK: Tokens

    package mutating func skipSpace() {
        while position < bytes.count, bytes[position].isJSONSpace { position += 1 }
    }

    /// The next byte that is no space, not consumed; nil at the end.
    mutating func peek() -> UInt8? {
        skipSpace()
        return position < bytes.count ? bytes[position] : nil
    }

    mutating func accept(_ character: Unicode.Scalar) -> Bool {
        guard peek() == UInt8(ascii: character) else { return false }
        position += 1
        return true
    }

    mutating func expect(_ character: Unicode.Scalar, _ place: String) throws(JSONFault) {
        guard accept(character) else { throw fault("'\(character)' is wanted \(place)") }
    }

    mutating func acceptWord(_ word: StaticString) -> Bool {
        skipSpace()
        guard bytes[position...].starts(with: "\(word)".utf8) else { return false }
        position += word.utf8CodeUnitCount
        return true
    }

    mutating func acceptNull() -> Bool { peek() == UInt8(ascii: "n") && acceptWord("null") }

    /// Nothing but space may follow.
    package mutating func expectEnd() throws(JSONFault) {
        if peek() != nil { throw fault("text follows the value") }
    }

    // MARK: Objects and arrays

    /// Calls `body` for every member, with the scanner at its value. The caller tells duplicate keys.
    mutating func members(
        _ body: (inout JSONScanner, _ key: [UInt8], _ keyOffset: Int) throws(JSONFault) -> Void
    ) throws(JSONFault) {
        try expect("{", "at the start of an object")
        if accept("}") { return }
        repeat {
            skipSpace()
            let offset = position
            guard peek() == UInt8(ascii: "\"") else { throw fault("a key in quotes is wanted") }
            let key = try stringBytes()
            try expect(":", "after a key")
            try body(&self, key, offset)
        } while accept(",")
        try expect("}", "or ',' after a member")
    }

    /// Calls `body` for every element, with the scanner at it.
    mutating func elements(_ body: (inout JSONScanner) throws(JSONFault) -> Void) throws(JSONFault) {
        try expect("[", "at the start of an array")
        if accept("]") { return }
        repeat { try body(&self) } while accept(",")
        try expect("]", "or ',' after an element")
    }

    /// Appends an array of numbers as float32; returns how many.
    package mutating func floats(into values: inout [Float]) throws(JSONFault) -> Int {
        try expect("[", "at the start of an array of numbers")
        if accept("]") { return 0 }
        let bytes = bytes, text = bytes.span
        let before = values.count
        var at = position
        while true {
            while at < text.count, text[at].isJSONSpace { at += 1 }
            values.append(try scanFloat(text, &at))
            while at < text.count, text[at].isJSONSpace { at += 1 }
            guard at < text.count else { throw JSONFault(offset: at, reason: "the text ends inside an array") }
            let byte = text[at]
            if byte == UInt8(ascii: ",") {
                at += 1
            } else if byte == UInt8(ascii: "]") {
                break
            } else {
                throw JSONFault(offset: at, reason: "',' or ']' is wanted after a number")
            }
        }
        position = at + 1
        return values.count - before
    }

    /// An array of 1 and 0, or of true and false.
    mutating func flags() throws(JSONFault) -> [Bool] {
        var flags: [Bool] = []
        try elements { (scanner) throws(JSONFault) in
            if scanner.acceptWord("true") { return flags.append(true) }
            if scanner.acceptWord("false") { return flags.append(false) }
            let offset = scanner.position, text = try scanner.number().text
            guard let value = Double(text), value == 0 || value == 1 else {
                throw JSONFault(offset: offset, reason: "\(text.prefix(60)) stands where a 1 or a 0 is wanted")
            }
            flags.append(value == 1)
        }
        return flags
    }

    /// A number, with the text it was written as.
    mutating func number() throws(JSONFault) -> (DecimalNumber, text: String) {
        skipSpace()
        let start = position
        let bytes = bytes, text = bytes.span
        var at = position
        let number = try scanNumber(text, &at)
        position = at
        return (number, String(decoding: bytes[start..<at], as: UTF8.self))
    }

    // MARK: Whole values

    /// Moves past a value of any kind, checking all of it. `depth` levels are already open.
    package mutating func skipValue(depth: Int = 0) throws(JSONFault) {
        guard let byte = peek() else { throw fault("the text ends where a value is wanted") }
        switch byte {
        case UInt8(ascii: "{"):
            try checkDepth(depth)
            var keys = Set<[UInt8]>()
            try members { (scanner, key, offset) throws(JSONFault) in
                guard keys.insert(key).inserted else { throw duplicateKey(key, offset) }
                try scanner.skipValue(depth: depth + 1)
            }
        case UInt8(ascii: "["):
            try checkDepth(depth)
            try elements { (scanner) throws(JSONFault) in try scanner.skipValue(depth: depth + 1) }
        case UInt8(ascii: "\""): _ = try stringBytes()
        case UInt8(ascii: "-"), 0x30...0x39: _ = try number()
        default:
            guard acceptWord("true") || acceptWord("false") || acceptWord("null") else {
                throw fault("a value is wanted")
            }
        }
    }

    private func checkDepth(_ depth: Int) throws(JSONFault) {
        guard depth < Limits.jsonDepthMax else { throw fault("values nest deeper than \(Limits.jsonDepthMax) levels") }
    }
}

func duplicateKey(_ key: [UInt8], _ offset: Int) -> JSONFault {
    JSONFault(offset: offset, reason: "the key \"\(String(decoding: key.prefix(60), as: UTF8.self))\" occurs twice")
}

/// Refuses text that is not one JSON object by the strict rules above.
/// Numbers of any size are allowed: only their grammar is checked.
package func validateJSONObject(_ text: some StringProtocol) throws(JSONFault) {
    try validateJSONObject(Array(text.utf8))
}

package func validateJSONObject(_ bytes: [UInt8]) throws(JSONFault) {
    var scanner = JSONScanner(bytes)
    guard scanner.peek() == UInt8(ascii: "{") else { throw scanner.fault("an object is wanted") }
    try scanner.skipValue()
    try scanner.expectEnd()
}
