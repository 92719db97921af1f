/// Decimal text to float32, correctly rounded. Knows the number grammar of RFC 8259 and no other part of JSON.

/// A place where JSON text is wrong.
package struct JSONFault: Error, Equatable, Sendable {
    /// 0-based byte in the text.
    package var offset: Int
    package var reason: String
}

extension UInt8 {
    /// Space, tab, line feed or carriage return.
    var isJSONSpace: Bool { self == 0x20 || self == 0x0A || self == 0x0D || self == 0x09 }
    /// The value of an ASCII digit.
    var decimalDigit: Int? { self &- 0x30 < 10 ? Int(self &- 0x30) : nil }
}

/// A decimal number as digits and a power of ten: ±mantissa × 10^exponent, dropping digits after the nineteenth.
struct DecimalNumber {
    var isNegative = false
    var mantissa: UInt64 = 0
    var exponent = 0
    /// No fraction and no exponent was written.
    var isInteger = true
}

/// Scans one number at `position` and moves past it.
func scanNumber(_ text: Span<UInt8>, _ position: inout Int) throws(JSONFault) -> DecimalNumber {
    var number = DecimalNumber()
    var at = position
    let end = text.count
    if at < end, text[at] == UInt8(ascii: "-") {
        number.isNegative = true
        at += 1
    }
    var mantissa: UInt64 = 0, digits = 0, exponent = 0
    let integerStart = at
    while at < end {
        let digit = text[at] &- 0x30
        guard digit < 10 else { break }
        if digits < 19 {
            mantissa = mantissa &* 10 &+ UInt64(digit)
            if mantissa != 0 { digits += 1 }
        } else {
            exponent += 1
        }
        at += 1
    }
    guard at > integerStart else { throw JSONFault(offset: at, reason: "a number is wanted") }
    if text[integerStart] == 0x30, at - integerStart > 1 {
        throw JSONFault(offset: integerStart, reason: "a number has a leading zero")
    }
    if at < end, text[at] == UInt8(ascii: ".") {
        at += 1
        let start = at
        while at < end {
            let digit = text[at] &- 0x30
            guard digit < 10 else { break }
            if digits < 19 {
                mantissa = mantissa &* 10 &+ UInt64(digit)
                if mantissa != 0 { digits += 1 }
                exponent -= 1
            }
            at += 1
        }
        guard at > start else { throw JSONFault(offset: at, reason: "a digit is wanted after the decimal point") }
        number.isInteger = false
    }
    if at < end, text[at] | 0x20 == UInt8(ascii: "e") {
        at += 1
        exponent += try scanExponent(text, &at)
        number.isInteger = false
    }
    number.mantissa = mantissa
    number.exponent = exponent
    position = at
    return number
}

/// The digits after "e"; held at ±10^9, beyond what the digits of any line could make up for.
private func scanExponent(_ text: Span<UInt8>, _ at: inout Int) throws(JSONFault) -> Int {
    var isNegative = false
    if at < text.count, text[at] == UInt8(ascii: "-") || text[at] == UInt8(ascii: "+") {
        isNegative = text[at] == UInt8(ascii: "-")
        at += 1
    }
    let start = at
    var value = 0
    while at < text.count, let digit = text[at].decimalDigit {
        value = min(value * 10 + digit, 1_000_000_000)
        at += 1
    }
    guard at > start else { throw JSONFault(offset: at, reason: "a digit is wanted in the exponent") }
    return isNegative ? -value : value
}

/// 10^0 … 10^60, each the nearest double.
private let powersOfTen: [Double] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19,
    1e20, 1e21, 1e22, 1e23, 1e24, 1e25, 1e26, 1e27, 1e28, 1e29, 1e30, 1e31, 1e32, 1e33, 1e34, 1e35, 1e36, 1e37, 1e38,
    1e39, 1e40, 1e41, 1e42, 1e43, 1e44, 1e45, 1e46, 1e47, 1e48, 1e49, 1e50, 1e51, 1e52, 1e53, 1e54, 1e55, 1e56, 1e57,
    1e58, 1e59, 1e60]

/// Scans one number as the nearest float32 (ties to even). Refuses one that overflows; −0 keeps its sign.
///
/// The mantissa as a double, times or divided by a power of ten, is wrong by less than two units in the last place of a
/// double (half a unit for each of the three roundings, and less for the digits dropped). Rounding it to float32 is
/// therefore right unless it lies within a few such units of the middle between two floats; those texts, and results in
/// float32's subnormal range, go to the C library's exact conversion. Of random texts, one in 3 × 10^7 does.
func scanFloat(_ text: Span<UInt8>, _ position: inout Int) throws(JSONFault) -> Float {
    let start = position
    let number = try scanNumber(text, &position)
    if number.mantissa == 0 { return number.isNegative ? -0.0 : 0 }
    if abs(number.exponent) <= 60 {
        let mantissa = Double(number.mantissa)
        let value = number.exponent < 0
            ? mantissa / powersOfTen[-number.exponent] : mantissa * powersOfTen[number.exponent]
        let below = Int(value.bitPattern & 0x1FFF_FFFF)  // the 29 bits that float32 lacks
        if value >= 0x1.000002p-126, value < 0x1.fffffdp127, abs(below - 0x1000_0000) > 8 {
            return Float(number.isNegative ? -value : value)
        }
    }
    return try exactFloat(text, start..<position)
}

/// Correct rounding by the C library. 120 digits decide every float32; more only tell that something follows.
private func exactFloat(_ text: Span<UInt8>, _ range: Range<Int>) throws(JSONFault) -> Float {
    var digits: [UInt8] = [], exponent = 0, isAfterPoint = false, hasRest = false, at = range.lowerBound
    if text[at] == UInt8(ascii: "-") { at += 1 }
    while at < range.upperBound, text[at] | 0x20 != UInt8(ascii: "e") {
        if let digit = text[at].decimalDigit {
            if digits.count < 120 {
                if digit != 0 || !digits.isEmpty { digits.append(text[at]) }
                if isAfterPoint { exponent -= 1 }
            } else {
                hasRest = hasRest || digit != 0
                if !isAfterPoint { exponent += 1 }
            }
        } else {
            isAfterPoint = true
        }
        at += 1
    }
    if at < range.upperBound {
        at += 1
        exponent += try scanExponent(text, &at)
    }
    if hasRest {
        digits.append(UInt8(ascii: "1"))
        exponent -= 1
    }
    // Far outside float32's range, whatever the digits.
    if exponent + digits.count < -60 { exponent = -60 - digits.count }
    let magnitude = exponent + digits.count > 60
        ? Float.infinity : Float(String(decoding: digits, as: UTF8.self) + "e\(exponent)") ?? .infinity
    guard magnitude.isFinite else { throw JSONFault(offset: range.lowerBound, reason: "the number overflows float32") }
    return text[range.lowerBound] == UInt8(ascii: "-") ? -magnitude : magnitude
}
