/// Strings of JSON: escapes decoded, UTF-8 checked (no overlong forms, no surrogates, nothing above U+10FFFF).

extension JSONScanner {
    /// The decoded content of the string that begins here, as UTF-8.
    package mutating func stringBytes() throws(JSONFault) -> [UInt8] {
        try expect("\"", "at the start of a string")
        var at = position
        var start = at
        var decoded: [UInt8] = []
        while true {
            guard at < bytes.count else { throw JSONFault(offset: at, reason: "the text ends inside a string") }
            let byte = bytes[at]
            switch byte {
            case UInt8(ascii: "\""):
                position = at + 1
                if decoded.isEmpty { return Array(bytes[start..<at]) }
                return decoded + bytes[start..<at]
            case UInt8(ascii: "\\"):
                decoded += bytes[start..<at]
                at += 1
                try decodeEscape(&at, &decoded)
                start = at
            case 0..<0x20:
                throw JSONFault(offset: at, reason: "a control character must be escaped")
            case 0x20..<0x80:
                at += 1
            default:
                at += try sequenceLength(at)
            }
        }
    }

    package mutating func string() throws(JSONFault) -> String {
        String(decoding: try stringBytes(), as: UTF8.self)
    }

    private func decodeEscape(_ at: inout Int, _ decoded: inout [UInt8]) throws(JSONFault) {
        guard at < bytes.count else { throw JSONFault(offset: at, reason: "the text ends inside a string") }
        let byte = bytes[at]
        at += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): decoded.append(byte)
        case UInt8(ascii: "b"): decoded.append(0x08)
        case UInt8(ascii: "f"): decoded.append(0x0C)
        case UInt8(ascii: "n"): decoded.append(0x0A)
        case UInt8(ascii: "r"): decoded.append(0x0D)
        case UInt8(ascii: "t"): decoded.append(0x09)
        case UInt8(ascii: "u"):
            let offset = at - 2
            var code = try hexadecimal(&at)
            if code & 0xFC00 == 0xD800, at + 1 < bytes.count, bytes[at] == UInt8(ascii: "\\"),
                bytes[at + 1] == UInt8(ascii: "u")
            {
                at += 2
                let low = try hexadecimal(&at)
                guard low & 0xFC00 == 0xDC00 else { throw JSONFault(offset: offset, reason: "a surrogate stands alone") }
                code = 0x10000 + (code & 0x3FF) << 10 + low & 0x3FF
            }
            guard let scalar = Unicode.Scalar(code) else {
                throw JSONFault(offset: offset, reason: "a surrogate stands alone")
            }
            decoded += String(scalar).utf8
        default: throw JSONFault(offset: at - 1, reason: "an unknown escape")
        }
    }

    private func hexadecimal(_ at: inout Int) throws(JSONFault) -> UInt32 {
        var value: UInt32 = 0
        for _ in 0..<4 {
            guard at < bytes.count else { throw JSONFault(offset: at, reason: "the text ends inside an escape") }
            switch bytes[at] {
            case 0x30...0x39: value = value << 4 | UInt32(bytes[at] - 0x30)
            case 0x41...0x46: value = value << 4 | UInt32(bytes[at] - 0x41 + 10)
            case 0x61...0x66: value = value << 4 | UInt32(bytes[at] - 0x61 + 10)
            default: throw JSONFault(offset: at, reason: "four hexadecimal digits are wanted after \\u")
            }
            at += 1
        }
        return value
    }

    /// Bytes of the UTF-8 sequence at `at` (Unicode 15, table 3-7); refuses ill-formed ones.
    private func sequenceLength(_ at: Int) throws(JSONFault) -> Int {
        guard let length = utf8SequenceLength(bytes, at) else { throw JSONFault(offset: at, reason: "invalid UTF-8") }
        return length
    }
}

/// Length of the well-formed sequence of two to four bytes at `at`; nil when it is ill-formed.
func utf8SequenceLength(_ bytes: [UInt8], _ at: Int) -> Int? {
    let first = bytes[at]
    let (length, second): (Int, ClosedRange<UInt8>)
    switch first {
    case 0xC2...0xDF: (length, second) = (2, 0x80...0xBF)
    case 0xE0: (length, second) = (3, 0xA0...0xBF)
    case 0xED: (length, second) = (3, 0x80...0x9F)
    case 0xE1...0xEF: (length, second) = (3, 0x80...0xBF)
    case 0xF0: (length, second) = (4, 0x90...0xBF)
    case 0xF1...0xF3: (length, second) = (4, 0x80...0xBF)
    case 0xF4: (length, second) = (4, 0x80...0x8F)
    default: return nil
    }
    guard at + length <= bytes.count, second.contains(bytes[at + 1]) else { return nil }
    for index in at + 2..<max(at + 2, at + length) where bytes[index] & 0xC0 != 0x80 { return nil }
    return length
}
