/// A model as bytes: a fixed header, then each parameter by name, all little-endian. The caller adds checksum and provenance.
/// "CWAM" · version u16 · method u8 · activation u8 · source u32 · target u32 · arrays u32, then per array (by name):
/// name length u16 · name · rows u32 · columns u32 · float32 values.
import Platform

extension AlignmentModel {
    package static let formatVersion: UInt16 = 1
    private static let magic: [UInt8] = Array("CWAM".utf8)
    private static let dimensionMax = 65_536

    package func encoded() -> [UInt8] {
        var bytes = Self.magic
        func append<Value: FixedWidthInteger>(_ value: Value) {
            for shift in stride(from: 0, to: Value.bitWidth, by: 8) { bytes.append(UInt8(truncatingIfNeeded: value >> shift)) }
        }
        append(Self.formatVersion)
        append(UInt8(AlignmentMethod.allCases.firstIndex(of: method) ?? 0))
        append(UInt8(Activation.allCases.firstIndex(of: activation) ?? 0))
        append(UInt32(sourceDimension))
        append(UInt32(targetDimension))
        append(UInt32(parameters.count))
        for (name, matrix) in parameters.sorted(by: { $0.key < $1.key }) {
            append(UInt16(name.utf8.count))
            bytes.append(contentsOf: name.utf8)
            append(UInt32(matrix.rows))
            append(UInt32(matrix.columns))
            bytes.reserveCapacity(bytes.count + 4 * matrix.elements.count)
            for value in matrix.elements { append(value.bitPattern) }
        }
        return bytes
    }

    /// Refuses anything `encoded()` would not have written; never traps on what the bytes hold.
    package init(decoding bytes: [UInt8]) throws(AlignmentError) {
        var reader = ByteReader(bytes)
        for byte in Self.magic where try reader.integer(UInt8.self) != byte {
            throw .malformedModel("it does not start with CWAM")
        }
        let version = try reader.integer(UInt16.self)
        guard version == Self.formatVersion else { throw .malformedModel("format version \(version) is unknown") }
        let method = try reader.choice(AlignmentMethod.allCases), activation = try reader.choice(Activation.allCases)
        let source = try reader.dimension(Self.dimensionMax), target = try reader.dimension(Self.dimensionMax)
        var parameters: [String: Matrix<Float>] = [:]
        for _ in 0..<(try reader.integer(UInt32.self)) {
            let name = String(decoding: try reader.bytes(Int(try reader.integer(UInt16.self))), as: UTF8.self)
            let rows = try reader.dimension(4 * Self.dimensionMax), columns = try reader.dimension(4 * Self.dimensionMax)
            guard parameters.updateValue(try reader.matrix(rows, columns), forKey: name) == nil else {
                throw .malformedModel("\(name) appears twice")
            }
        }
        guard reader.isAtEnd else { throw .malformedModel("bytes follow its last array") }
        try self.init(
            method: method, sourceDimension: source, targetDimension: target, activation: activation, parameters: parameters)
    }
}

/// Reads little-endian values from bytes, refusing to pass their end.
private struct ByteReader {
    private let all: [UInt8]
    private var position = 0
    init(_ bytes: [UInt8]) { all = bytes }
    var isAtEnd: Bool { position == all.count }

    mutating func bytes(_ count: Int) throws(AlignmentError) -> ArraySlice<UInt8> {
        guard count >= 0, count <= all.count - position else { throw .malformedModel("it ends early") }
        defer { position += count }
        return all[position..<position + count]
    }

    mutating func integer<Value: FixedWidthInteger>(_: Value.Type) throws(AlignmentError) -> Value {
        var value: Value = 0
        for (i, byte) in try bytes(Value.bitWidth / 8).enumerated() { value |= Value(truncatingIfNeeded: byte) << (8 * i) }
        return value
    }

    mutating func choice<Value>(_ values: [Value]) throws(AlignmentError) -> Value {
        let index = Int(try integer(UInt8.self))
        guard index < values.count else { throw .malformedModel("it names an unknown method") }
        return values[index]
    }

    mutating func dimension(_ limit: Int) throws(AlignmentError) -> Int {
        let value = Int(try integer(UInt32.self))
        guard value > 0 && value <= limit else { throw .malformedModel("a dimension of \(value) is out of range") }
        return value
    }

    mutating func matrix(_ rows: Int, _ columns: Int) throws(AlignmentError) -> Matrix<Float> {
        // Both factors are at most 2^18, so that the product cannot overflow.
        let payload = try bytes(4 * rows * columns), first = payload.startIndex
        let values = (0..<rows * columns).map { index -> Float in
            let at = first + 4 * index
            let low = UInt32(payload[at]) | UInt32(payload[at + 1]) << 8
            return Float(bitPattern: low | UInt32(payload[at + 2]) << 16 | UInt32(payload[at + 3]) << 24)
        }
        return Matrix(rows: rows, columns: columns, elements: values)
    }
}
