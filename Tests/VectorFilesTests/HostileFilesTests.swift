/// Files cut at every byte and with bits flipped: an error or other numbers, never a trap.
import Platform
import Testing
import VectorFiles

@Suite struct HostileFilesTests {
    static let files: [(String, [UInt8])] = {
        let matrix = npy("<f4", [2, 3], floatBytes([1, 2, 3, 4, 5, 6]))
        let columns = npy(">f8", [2, 2], fortran: true, bytes([1.0, 2, 3, 4].map(\.bitPattern), bigEndian: true))
        var large = ZipPart(stored: matrix, name: "l.npy")
        large.zip64 = true
        let tensors = #"{"__metadata__":{"a":"b"},"x":{"dtype":"F32","shape":[1,2],"data_offsets":[0,8]},"#
            + #""y":{"dtype":"U8","shape":[4],"data_offsets":[8,12]}}"#
        return [
            ("m.npy", matrix), ("c.npy", columns), ("s.npz", zip([ZipPart(stored: matrix, name: "m.npy")])),
            ("d.npz", zip([ZipPart(deflated: columns, name: "m.npy", block: 50), ZipPart(stored: [1, 2], name: "x")])),
            ("l.npz", zip([large])), ("t.safetensors", safetensors(tensors, floatBytes([1, 2, 3]))),
            ("v.fvecs", little(3, 4) + floatBytes([1, 2, 3])), ("v.bvecs", little(3, 4) + [1, 2, 3]),
        ]
    }()

    func readAll(_ name: String, _ bytes: [UInt8]) throws -> [Float] {
        let matrix = try openMatrix(name, fileSystem: MemoryFileSystem(file: bytes))
        guard matrix.rowCount < 1000 else { return [] }
        return try allRows(matrix)
    }

    @Test(arguments: files) func everyTruncationIsRefused(name: String, bytes: [UInt8]) throws {
        #expect(try !readAll(name, bytes).isEmpty)
        for count in 0..<bytes.count {
            #expect(refusal { try readAll(name, Array(bytes.prefix(count))) } != nil, "\(name) cut to \(count) bytes")
        }
    }

    @Test(arguments: files) func flippedBitsNeverTrap(name: String, bytes: [UInt8]) throws {
        for bit in 0..<bytes.count * 8 {
            var damaged = bytes
            damaged[bit / 8] ^= 1 << (bit % 8)
            _ = refusal { try readAll(name, damaged) }
        }
        for seed in 0..<300 {
            var generator = SeededGenerator(seed: UInt64(seed)), damaged = bytes
            for _ in 0..<4 { damageByte(of: &damaged, using: &generator) }
            _ = refusal { try readAll(name, damaged) }
        }
    }
}
