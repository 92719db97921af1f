/// Rows of float32 of every class that is finite, and the plain files that hold them. Written apart from the product's code.
import Foundation

/// A sequence of random words that its seed decides (SplitMix64).
struct SeededWords: RandomNumberGenerator {
    private var state: UInt64
    init(seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var word = state
        word = (word ^ (word >> 30)) &* 0xBF58_476D_1CE4_E5B9
        word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
        return word ^ (word >> 31)
    }
}

enum FiniteFloats {
    /// The ends of every class, with both signs.
    static let landmarks: [Float] = {
        let positive: [Float] = [
            0, .leastNonzeroMagnitude, Float(bitPattern: 0x007F_FFFF), .leastNormalMagnitude, .ulpOfOne, 0.1, 1 / 3,
            Float(1).nextDown, 1, Float(1).nextUp, .pi, 65_504, 16_777_216, .greatestFiniteMagnitude.nextDown,
            .greatestFiniteMagnitude,
        ]
        return positive.flatMap { [$0, -$0] }
    }()

    /// Rows of one kind each; several rows of the random kinds.
    static func rows(dimension: Int, seed: UInt64) -> [[Float]] {
        var words = SeededWords(seed: seed)
        func row(_ make: () -> Float) -> [Float] { (0..<dimension).map { _ in make() } }
        func bits(_ mask: UInt32) -> Float {
            while true {
                let value = Float(bitPattern: UInt32(truncatingIfNeeded: words.next()) & mask)
                if value.isFinite { return value }
            }
        }
        func half() -> Float {  // 11 significant bits and float16's exponents
            let magnitude = Float(Int.random(in: 1_024..<2_048, using: &words))
            return Float(
                sign: Bool.random(using: &words) ? .minus : .plus, exponent: .random(in: -24...5, using: &words),
                significand: magnitude)
        }
        var rows = (0..<landmarks.count).map { shift in (0..<dimension).map { landmarks[($0 + shift) % landmarks.count] } }
        for _ in 0..<8 {
            rows.append(row { bits(.max) })
            rows.append(row { bits(0x807F_FFFF) })  // zero and subnormals
            rows.append(row { bits(0xFFFF_0000) })  // bfloat16
            rows.append(row { half() })
            rows.append(row { .random(in: -1...1, using: &words) })
            rows.append(row { Float(Int.random(in: -128...127, using: &words)) })
            rows.append(row { Int.random(in: 0..<20, using: &words) == 0 ? bits(.max) : 0 })
            rows.append(row { Int.random(in: 0..<20, using: &words) == 0 ? 0 : -0.0 })
        }
        for value in landmarks + [bits(.max)] { rows.append(row { value }) }
        return rows.shuffled(using: &words)
    }
}

/// The bytes of plain files, as their formats have them.
enum PlainFile {
    static func littleEndian(_ values: [Float]) -> Data {
        Data(values.flatMap { value in (0..<4).map { UInt8(truncatingIfNeeded: value.bitPattern >> (8 * $0)) } })
    }

    /// .npy, version 1.0, C order.
    static func npy(_ rows: [[Float]]) -> Data {
        var header = "{'descr': '<f4', 'fortran_order': False, 'shape': (\(rows.count), \(rows[0].count)), }"
        header += String(repeating: " ", count: 63 - (10 + header.utf8.count) % 64) + "\n"
        let length = [UInt8(header.utf8.count % 256), UInt8(header.utf8.count / 256)]
        return Data([0x93] + Array("NUMPY".utf8) + [1, 0] + length + Array(header.utf8)) + littleEndian(rows.flatMap { $0 })
    }

    /// .fvecs: before every row its dimension as int32.
    static func fvecs(_ rows: [[Float]]) -> Data {
        rows.reduce(into: Data()) { data, row in
            data += (0..<4).map { UInt8(truncatingIfNeeded: row.count >> (8 * $0)) }
            data += littleEndian(row)
        }
    }

    /// .safetensors with one F32 tensor.
    static func safetensors(_ rows: [[Float]]) -> Data {
        let size = 4 * rows.count * rows[0].count
        var header = "{\"x\":{\"dtype\":\"F32\",\"shape\":[\(rows.count),\(rows[0].count)],\"data_offsets\":[0,\(size)]}}"
        header += String(repeating: " ", count: 7 - (header.utf8.count + 7) % 8)
        let length = (0..<8).map { UInt8(truncatingIfNeeded: header.utf8.count >> (8 * $0)) }
        return Data(length + Array(header.utf8)) + littleEndian(rows.flatMap { $0 })
    }

    /// What comes after the header of an .npy file, and the header.
    static func npyParts(_ data: Data) -> (header: String, values: Data) {
        let bytes = [UInt8](data)
        guard bytes.count > 10 else { return ("", Data()) }
        let start = min(10 + Int(bytes[8]) + 256 * Int(bytes[9]), bytes.count)
        return (String(decoding: bytes[10..<start], as: UTF8.self), Data(bytes[start...]))
    }

    /// What comes after the header of a .safetensors file, and the header.
    static func safetensorsParts(_ data: Data) -> (header: String, values: Data) {
        let bytes = [UInt8](data)
        guard bytes.count > 8 else { return ("", Data()) }
        let start = min(8 + Int(bytes[0]) + 256 * Int(bytes[1]), bytes.count)
        return (String(decoding: bytes[8..<start], as: UTF8.self), Data(bytes[start...]))
    }

    /// A JSON record a row, ids counting from 0.
    static func records(_ rows: [[Float]], modality: String) -> Data {
        Data(rows.enumerated().map { "{\"modality\":\"\(modality)\",\"id\":\"\($0)\",\"vector\":\($1)}\n" }.joined().utf8)
    }

    /// The numbers of every record's vector, read by Swift's own conversion.
    static func vectors(ofRecords data: Data) -> [[Float]] {
        String(decoding: data, as: UTF8.self).split(separator: "\n").map { line in
            guard let start = line.range(of: "\"vector\":[")?.upperBound, let end = line[start...].firstIndex(of: "]")
            else { return [] }
            return line[start..<end].split { $0 == "," || $0 == " " }.map { Float($0) ?? .nan }
        }
    }
}
