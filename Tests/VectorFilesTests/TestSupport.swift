/// Files made byte by byte for the tests of this module, and helpers to read them back.
import Foundation
import Platform
import Testing
import VectorFiles

/// A directory that goes away with the test.
final class Scratch {
    let directory: String
    init() throws {
        let place = FileManager.default.temporaryDirectory.appending(path: "vector-files-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: place, withIntermediateDirectories: true)
        directory = place.path
    }
    deinit { try? FileManager.default.removeItem(atPath: directory) }

    func path(_ name: String) -> String { directory + "/" + name }

    @discardableResult func write(_ name: String, _ bytes: [UInt8]) throws -> String {
        try Data(bytes).write(to: URL(fileURLWithPath: path(name)))
        return path(name)
    }

    func read(_ path: String) throws -> [UInt8] { [UInt8](try Data(contentsOf: URL(fileURLWithPath: path))) }
}

/// SplitMix64: the same numbers for the same seed on every machine.
struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64
    init(seed: UInt64) { state = seed }
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ z >> 30) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ z >> 27) &* 0x94D0_49BB_1331_11EB
        return z ^ z >> 31
    }
}

/// Sets one byte to another value, or by chance the same.
func damageByte(of bytes: inout [UInt8], using generator: inout SeededGenerator) {
    bytes[Int.random(in: 0..<bytes.count, using: &generator)] = UInt8.random(in: 0...255, using: &generator)
}

func little(_ value: some FixedWidthInteger, _ count: Int) -> [UInt8] {
    (0..<count).map { UInt8(truncatingIfNeeded: value >> ($0 * 8)) }
}

func bytes(_ words: [some FixedWidthInteger], bigEndian: Bool = false) -> [UInt8] {
    words.flatMap { word in
        let bytes = little(word, type(of: word).bitWidth / 8)
        return bigEndian ? bytes.reversed() : bytes
    }
}

func floatBytes(_ values: [Float]) -> [UInt8] { bytes(values.map(\.bitPattern)) }

func npy(_ header: String, _ data: [UInt8], version: UInt8 = 1) -> [UInt8] {
    let length = little(header.utf8.count, version == 1 ? 2 : 4)
    return [0x93] + Array("NUMPY".utf8) + [version, 0] + length + Array(header.utf8) + data
}

func npy(_ descr: String, _ shape: [Int], fortran: Bool = false, _ data: [UInt8]) -> [UInt8] {
    let axes = shape.map { "\($0)," }.joined(separator: " ")
    return npy("{'descr': '\(descr)', 'fortran_order': \(fortran ? "True" : "False"), 'shape': (\(axes)), }   \n", data)
}

func safetensors(_ header: String, _ data: [UInt8]) -> [UInt8] {
    little(header.utf8.count, 8) + Array(header.utf8) + data
}

func allRows(_ matrix: any MatrixReader) throws -> [Float] { try matrix.read(rows: 0..<matrix.rowCount) }

func bits(_ values: [Float]) -> [UInt32] { values.map(\.bitPattern) }

/// The module's error that `body` throws; nothing else may be thrown.
func refusal(_ body: () throws -> some Any) -> VectorFileError? {
    do {
        _ = try body()
        return nil
    } catch let error as VectorFileError {
        return error
    } catch {
        Issue.record("another error: \(error)")
        return nil
    }
}

/// One zip entry as given: `data` is what stands in the file, `content` what it stands for.
struct ZipPart {
    var name: String
    var method = 0
    var data: [UInt8]
    var content: [UInt8]
    var flags = 0
    var zip64 = false

    init(stored content: [UInt8], name: String) {
        (self.name, self.content, data) = (name, content, content)
    }

    /// Deflated by stored blocks alone, of at most `block` bytes.
    init(deflated content: [UInt8], name: String, block: Int = 1000) {
        (self.name, self.content, method) = (name, content, 8)
        data = []
        var start = 0
        repeat {
            let end = min(start + block, content.count)
            data += [end == content.count ? 1 : 0] + little(end - start, 2) + little(~(end - start), 2) + content[start..<end]
            start = end
        } while start < content.count
    }
}

func zip(_ parts: [ZipPart]) -> [UInt8] {
    var file: [UInt8] = [], directory: [UInt8] = []
    for part in parts {
        var crc = CRC32()
        crc.update(part.content, from: 0)
        let name = Array(part.name.utf8), offset = file.count
        let sizes = little(part.data.count, 4) + little(part.content.count, 4)
        let common = little(part.flags, 2) + little(part.method, 2) + little(0, 4) + little(crc.value, 4)
        file += little(0x0403_4B50, 4) + little(20, 2) + common + sizes + little(name.count, 2) + little(0, 2) + name
        file += part.data
        let extra = part.zip64
            ? little(1, 2) + little(24, 2) + little(part.content.count, 8) + little(part.data.count, 8) + little(offset, 8) : []
        directory += little(0x0201_4B50, 4) + little(20, 2) + little(20, 2) + common
            + (part.zip64 ? little(-1, 8) : sizes) + little(name.count, 2) + little(extra.count, 2) + little(0, 2)
            + little(0, 2) + little(0, 6) + (part.zip64 ? little(-1, 4) : little(offset, 4)) + name + extra
    }
    let start = file.count
    file += directory + little(0x0605_4B50, 4) + little(0, 4) + little(parts.count, 2) + little(parts.count, 2)
    return file + little(directory.count, 4) + little(start, 4) + little(0, 2)
}
