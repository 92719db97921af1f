/// The number type of an array in a file, and its conversion to float32. Knows no file layout.

/// One number type with its byte order.
package struct Element: Equatable, Sendable {
    /// Raw values are `enum ck_element`.
    package enum Kind: Int32, CaseIterable, Sendable {
        case float16, bfloat16, float32, float64, int8, uint8, int16, uint16, int32, uint32, int64, uint64

        package var byteCount: Int {
            switch self {
            case .int8, .uint8: 1
            case .float16, .bfloat16, .int16, .uint16: 2
            case .float32, .int32, .uint32: 4
            case .float64, .int64, .uint64: 8
            }
        }

        package var isInteger: Bool { rawValue >= Kind.int8.rawValue }
    }

    package var kind: Kind
    package var isBigEndian: Bool

    package init(_ kind: Kind, isBigEndian: Bool = false) {
        self.kind = kind
        self.isBigEndian = isBigEndian && kind.byteCount > 1
    }

    /// "float32", "big-endian float64"
    package var name: String { isBigEndian ? "big-endian \(kind)" : "\(kind)" }

    /// The bits of the element at byte `offset`, in the low bits of the word.
    func bits(_ bytes: [UInt8], at offset: Int) -> UInt64 {
        var word: UInt64 = 0
        for index in 0..<kind.byteCount {
            let place = isBigEndian ? index : kind.byteCount - 1 - index
            word = word << 8 | UInt64(bytes[offset + place])
        }
        return word
    }

    /// The element at byte `offset` as an integer; nil when it is no integer type or exceeds Int64.
    func integer(_ bytes: [UInt8], at offset: Int) -> Int64? {
        let word = bits(bytes, at: offset)
        switch kind {
        case .int8: return Int64(Int8(truncatingIfNeeded: word))
        case .int16: return Int64(Int16(truncatingIfNeeded: word))
        case .int32: return Int64(Int32(truncatingIfNeeded: word))
        case .int64: return Int64(bitPattern: word)
        case .uint8, .uint16, .uint32, .uint64: return Int64(exactly: word)
        case .float16, .bfloat16, .float32, .float64: return nil
        }
    }

    /// Why the element at byte `offset` was refused: "is NaN", "is infinite", "is 1e+300, beyond float32".
    func refusal(_ bytes: [UInt8], at offset: Int) -> String {
        let word = bits(bytes, at: offset)
        if kind.isInteger {
            let text = integer(bytes, at: offset).map { "\($0)" } ?? "\(word)"
            return "is \(text), an integer that float32 cannot hold exactly"
        }
        let (mantissaBits, exponentMask): (UInt64, UInt64) = switch kind {
        case .float16: (10, 0x1F)
        case .float64: (52, 0x7FF)
        case .bfloat16: (7, 0xFF)
        default: (23, 0xFF)
        }
        guard (word >> mantissaBits) & exponentMask == exponentMask else {
            return "is \(Double(bitPattern: word)), beyond float32"
        }
        return word & ((1 << mantissaBits) - 1) == 0 ? "is infinite" : "is NaN"
    }
}

extension Element {
    /// Rows of `dimension` elements, each after `prefix` bytes, as float32 in C order.
    /// `firstRow` numbers the rows in errors. Precondition: `bytes` holds exactly these rows.
    func floats(
        _ bytes: [UInt8], rows: Int, dimension: Int, prefix: Int = 0, firstRow: Int, file: String
    ) throws(VectorFileError) -> [Float] {
        let stride = prefix + dimension * kind.byteCount
        let (values, accepted) = convertToFloats(bytes, self, rows: rows, dimension: dimension, prefix: prefix)
        guard accepted < rows * dimension else { return values }
        let (row, column) = accepted.quotientAndRemainder(dividingBy: dimension)
        throw refused(
            bytes, at: row * stride + prefix + column * kind.byteCount, row: firstRow + row, column: column, file: file)
    }

    func refused(_ bytes: [UInt8], at offset: Int, row: Int, column: Int, file: String) -> VectorFileError {
        VectorFileError(
            file: file, row: row, reason: "component \(column) \(refusal(bytes, at: offset))",
            remedy: kind == .float64 && !refusal(bytes, at: offset).hasPrefix("is N")
                ? "scale or repair the row" : "remove or repair the row")
    }
}
