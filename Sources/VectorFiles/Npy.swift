/// The header of a .npy file (versions 1.0, 2.0 and 3.0), parsed without evaluation, and the array behind it.

let npyMagic: [UInt8] = [0x93, 0x4E, 0x55, 0x4D, 0x50, 0x59]

/// What a .npy header says.
package struct NpyHeader: Equatable, Sendable {
    package var element: Element
    package var isFortranOrder: Bool
    package var shape: [Int]
    /// Bytes before the array.
    package var byteCount: Int
}

/// Opens the .npy at the start of `source`; the shape must account for every byte where the size is known.
func openNpy(_ source: any ByteSource, fingerprint: String? = nil) throws(VectorFileError) -> StoredArray {
    let (header, bytes) = try readNpyHeader(source)
    let total = StoredArray.elementCount(header.shape)?
        .multipliedReportingOverflow(by: header.element.kind.byteCount)
    guard let total, !total.overflow, total.partialValue <= Int.max >> 1 else {
        throw .malformed(source.path, "the shape \(shapeText(header.shape)) is larger than any file")
    }
    if let size = source.size, size - header.byteCount != total.partialValue {
        let present = size - header.byteCount
        throw .malformed(
            source.path,
            "\(present) bytes follow the header, and shape \(shapeText(header.shape)) of \(header.element.name) needs "
                + "\(total.partialValue): the file is " + (present < total.partialValue ? "truncated" : "too long"))
    }
    let ownFingerprint = try Fingerprint.of(source, header: bytes)
    return StoredArray(
        source: source, dataOffset: header.byteCount, element: header.element, shape: header.shape,
        isFortranOrder: header.isFortranOrder, fingerprint: fingerprint ?? ownFingerprint)
}

/// The parsed header and its bytes.
func readNpyHeader(_ source: any ByteSource) throws(VectorFileError) -> (NpyHeader, [UInt8]) {
    let start = try source.require(8, at: 0, "the .npy header")
    guard start.starts(with: npyMagic) else { throw .malformed(source.path, "it does not begin as a .npy file does") }
    guard (1...3).contains(start[6]), start[7] == 0 else {
        throw VectorFileError(
            file: source.path, reason: ".npy version \(start[6]).\(start[7]) is unknown", remedy: "save it as version 1.0")
    }
    let lengthBytes = start[6] == 1 ? 2 : 4
    let length = try source.require(lengthBytes, at: 8, "the .npy header").reversed().reduce(0) { $0 << 8 | Int($1) }
    guard length <= Limits.npyHeaderBytesMax else {
        throw .malformed(source.path, "its header claims \(length) bytes, more than \(Limits.npyHeaderBytesMax)")
    }
    let text = try source.require(length, at: 8 + lengthBytes, "the .npy header")
    var parser = NpyHeaderParser(text: text, file: source.path)
    return (try parser.header(byteCount: 8 + lengthBytes + length), start + text)
}

/// The Python dictionary literal of a header: three known keys, strings, True or False, a tuple of integers.
private struct NpyHeaderParser {
    let text: [UInt8]
    let file: String
    var position = 0

    mutating func header(byteCount: Int) throws(VectorFileError) -> NpyHeader {
        var element: Element?, isFortranOrder: Bool?, shape: [Int]?
        try expect("{")
        while !accept("}") {
            let key = try string()
            try expect(":")
            switch key {
            case "descr" where element == nil: element = try elementType()
            case "fortran_order" where isFortranOrder == nil: isFortranOrder = try boolean()
            case "shape" where shape == nil: shape = try tuple()
            default: throw .malformed(file, "its header has an unknown or repeated key '\(key.prefix(40))'")
            }
            if !accept(",") {
                try expect("}")
                break
            }
        }
        skipSpace()
        guard position == text.count else { throw fault("the end") }
        guard let element, let isFortranOrder, let shape else {
            throw .malformed(file, "its header lacks 'descr', 'fortran_order' or 'shape'")
        }
        return NpyHeader(element: element, isFortranOrder: isFortranOrder, shape: shape, byteCount: byteCount)
    }

    private func fault(_ wanted: String) -> VectorFileError {
        .malformed(file, "its header is malformed at byte \(position): \(wanted) is wanted")
    }

    private mutating func skipSpace() {
        while position < text.count, text[position].isJSONSpace || text[position] == 0x0C { position += 1 }
    }

    private mutating func accept(_ character: Unicode.Scalar) -> Bool {
        skipSpace()
        guard position < text.count, text[position] == UInt8(ascii: character) else { return false }
        position += 1
        return true
    }

    private mutating func expect(_ character: Unicode.Scalar) throws(VectorFileError) {
        guard accept(character) else { throw fault("'\(character)'") }
    }

    /// A string in either kind of quotes. Escapes occur only in names of structured types, which are refused anyway.
    private mutating func string() throws(VectorFileError) -> String {
        skipSpace()
        guard position < text.count, text[position] == UInt8(ascii: "'") || text[position] == UInt8(ascii: "\"") else {
            throw fault("a string")
        }
        let start = position + 1
        guard let end = firstIndex(of: text[position], in: text, from: start) else { throw fault("a closing quote") }
        position = end + 1
        return String(decoding: text[start..<end], as: UTF8.self)
    }

    private mutating func boolean() throws(VectorFileError) -> Bool {
        skipSpace()
        for (word, value) in [("True", true), ("False", false)] where text[position...].starts(with: word.utf8) {
            position += word.utf8.count
            return value
        }
        throw fault("True or False")
    }

    /// Non-negative integers; Python 2 wrote a trailing L.
    private mutating func tuple() throws(VectorFileError) -> [Int] {
        var values: [Int] = []
        try expect("(")
        while !accept(")") {
            skipSpace()
            let start = position
            var value = 0
            while position < text.count, let digit = text[position].decimalDigit {
                let (scaled, first) = value.multipliedReportingOverflow(by: 10)
                let (sum, second) = scaled.addingReportingOverflow(digit)
                guard !first, !second else { throw fault("a smaller number") }
                value = sum
                position += 1
            }
            guard position > start, values.count < 32 else { throw fault("at most 32 integers") }
            values.append(value)
            _ = accept("L")
            if !accept(",") {
                try expect(")")
                break
            }
        }
        return values
    }

    private mutating func elementType() throws(VectorFileError) -> Element {
        skipSpace()
        if position < text.count, text[position] == UInt8(ascii: "[") {
            throw VectorFileError(
                file: file, reason: "it holds records of several fields", remedy: "save one plain array of numbers")
        }
        let name = try string()
        let isBigEndian = name.hasPrefix(">")
        let kind: Element.Kind? = switch name.drop(while: { "<>=|".contains($0) }) {
        case "f2": .float16
        case "f4": .float32
        case "f8": .float64
        case "i1": .int8
        case "u1", "b1": .uint8
        case "i2": .int16
        case "u2": .uint16
        case "i4": .int32
        case "u4": .uint32
        case "i8": .int64
        case "u8": .uint64
        default: nil
        }
        if let kind { return Element(kind, isBigEndian: isBigEndian) }
        let isObject = name.hasSuffix("O")
        throw VectorFileError(
            file: file,
            reason: isObject ? "it holds pickled Python objects, which are never unpickled"
                : "numbers of type '\(name.prefix(40))' cannot become float32",
            remedy: isObject ? "save it with numpy.stack(...).astype(numpy.float32)"
                : "convert it with .astype(numpy.float32)")
    }
}
