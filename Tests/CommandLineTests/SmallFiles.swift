/// Small files of every format that ingest takes, put together byte by byte so that a test can also write them wrong.
/// Knows nothing of the program's own readers and writers.
import Foundation

/// Numbers that follow from a seed (SplitMix64), for tests that print it.
struct Dice: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    /// 0 ..< 1.
    mutating func fraction() -> Double { Double(next() >> 11) * 0x1p-53 }

    mutating func below(_ bound: Int) -> Int { Int(next() % UInt64(bound)) }

    /// Roughly normal, never 0 in all components.
    mutating func floats(_ count: Int) -> [Float] {
        (0..<count).map { _ in Float((0..<4).reduce(-2.0) { sum, _ in sum + fraction() }) + 0.001 }
    }
}

func littleEndian<Number: FixedWidthInteger>(_ number: Number) -> [UInt8] {
    (0..<Number.bitWidth / 8).map { UInt8(truncatingIfNeeded: number >> (8 * $0)) }
}

func float32Bytes(_ values: [Float]) -> [UInt8] { values.flatMap { littleEndian($0.bitPattern) } }
func float64Bytes(_ values: [Double]) -> [UInt8] { values.flatMap { littleEndian($0.bitPattern) } }
func int64Bytes(_ values: [Int64]) -> [UInt8] { values.flatMap { littleEndian($0) } }

enum NpyFile {
    static let magic: [UInt8] = [0x93] + Array("NUMPY".utf8)

    static func header(descr: String, fortran: Bool = false, shape: [Int]) -> String {
        let axes = shape.count == 1 ? "\(shape[0])," : shape.map(String.init).joined(separator: ", ")
        return "{'descr': \(descr.hasPrefix("[") ? descr : "'\(descr)'"), 'fortran_order': \(fortran ? "True" : "False"), "
            + "'shape': (\(axes)), }"
    }

    /// The header as given, padded to a multiple of 64 as the format asks.
    static func data(header: String, version: UInt8 = 1, _ payload: [UInt8]) -> Data {
        let prefix = version == 1 ? 10 : 12
        let length = (prefix + header.utf8.count + 1 + 63) / 64 * 64 - prefix
        let padded = Array(header.utf8) + [UInt8](repeating: 0x20, count: length - header.utf8.count - 1) + [0x0A]
        let size = version == 1 ? littleEndian(UInt16(length)) : littleEndian(UInt32(length))
        return Data(magic + [version, 0] + size + padded + payload)
    }

    static func data(descr: String, shape: [Int], _ payload: [UInt8]) -> Data {
        data(header: header(descr: descr, shape: shape), payload)
    }

    static func floats(_ values: [Float], dimension: Int) -> Data {
        data(descr: "<f4", shape: [values.count / dimension, dimension], float32Bytes(values))
    }

    static func integers(_ values: [Int64]) -> Data {
        data(descr: "<i8", shape: [values.count], int64Bytes(values))
    }

    /// The bytes behind the header of a version 1 file.
    static func payload(_ file: Data) -> Data {
        let bytes = Array(file.prefix(10))
        guard bytes.count == 10 else { return Data() }
        return file.dropFirst(10 + Int(bytes[8]) + Int(bytes[9]) << 8)
    }
}

enum VecsFile {
    static func rows(_ rows: [[Float]]) -> Data {
        Data(rows.flatMap { littleEndian(Int32($0.count)) + float32Bytes($0) })
    }
}

enum SafetensorsFile {
    static func data(header: String, _ payload: [UInt8]) -> Data {
        Data(littleEndian(UInt64(header.utf8.count)) + Array(header.utf8) + payload)
    }
}

/// A zip archive of entries that are stored, not compressed: what `numpy.savez` writes.
enum ZipFile {
    static func data(_ entries: [(name: String, content: Data)]) -> Data {
        var body: [UInt8] = [], directory: [UInt8] = []
        for (name, content) in entries {
            let size = littleEndian(UInt32(content.count))
            let facts = [20, 0, 0, 0, 0, 0, 0, 0, 0, 0] + littleEndian(checksum(content)) + size + size
                + littleEndian(UInt16(name.utf8.count)) + [0, 0]
            directory += [0x50, 0x4B, 1, 2, 20, 0] + facts + [UInt8](repeating: 0, count: 10)
                + littleEndian(UInt32(body.count)) + Array(name.utf8)
            body += [0x50, 0x4B, 3, 4] + facts + Array(name.utf8) + Array(content)
        }
        let count = littleEndian(UInt16(entries.count))
        return Data(
            body + directory + [0x50, 0x4B, 5, 6, 0, 0, 0, 0] + count + count + littleEndian(UInt32(directory.count))
                + littleEndian(UInt32(body.count)) + [0, 0])
    }

    /// CRC-32 of zip and PNG.
    private static func checksum(_ data: Data) -> UInt32 {
        ~data.reduce(~UInt32(0)) { sum, byte in
            (0..<8).reduce(sum ^ UInt32(byte)) { value, _ in value >> 1 ^ (value & 1 == 1 ? 0xEDB8_8320 : 0) }
        }
    }
}

/// SQLite databases that are not ours, by https://sqlite.org/fileformat.html: one page of schema, one empty table.
enum ForeignDatabase {
    private static let pageBytes = 512

    static func data(applicationID: UInt32) -> Data {
        let sql = "CREATE TABLE t(a)"
        let record: [UInt8] = [6, 23, 15, 15, 1, UInt8(13 + 2 * sql.utf8.count)]
            + Array("table".utf8) + Array("t".utf8) + Array("t".utf8) + [2] + Array(sql.utf8)
        let cell = [UInt8(record.count), 1] + record
        let start = pageBytes - cell.count
        var page: [UInt8] = Array("SQLite format 3".utf8) + [0]
        page += bigEndian(UInt16(pageBytes)) + [1, 1, 0, 64, 32, 32]
        for number in [1, 2, 0, 0, 1, 4, 0, 0, 1, 0, 0, applicationID] as [UInt32] { page += bigEndian(number) }
        page += [UInt8](repeating: 0, count: 20) + bigEndian(UInt32(1)) + bigEndian(UInt32(3_040_001))
        page += [0x0D, 0, 0, 0, 1] + bigEndian(UInt16(start)) + [0] + bigEndian(UInt16(start))
        page += [UInt8](repeating: 0, count: start - page.count) + cell
        let empty: [UInt8] = [0x0D, 0, 0, 0, 0] + bigEndian(UInt16(pageBytes)) + [0]
        return Data(page + empty + [UInt8](repeating: 0, count: pageBytes - empty.count))
    }

    private static func bigEndian<Number: FixedWidthInteger>(_ number: Number) -> [UInt8] { littleEndian(number).reversed() }
}
