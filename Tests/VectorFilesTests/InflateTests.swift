/// Inflate against streams that zlib made, one of each kind of block, and their damaged copies.
import Testing
import VectorFiles

/// All of a stream, its bytes given `step` at a time.
func inflated(_ bytes: [UInt8], step: Int = 1 << 20) throws(InflateFault) -> [UInt8] {
    var inflater = Inflater(), result: [UInt8] = []
    while true {
        let part = try inflater.next { (offset) throws(InflateFault) in Array(bytes[min(offset, bytes.count)...].prefix(step)) }
        if part.isEmpty { return result }
        result += part
    }
}

@Suite struct InflateTests {
    static let sentence = String(repeating: "narrow, then exact; ", count: 12) + "the graph is a cache"
    // zlib 1.3: level 0 of the first 40 bytes; Z_FIXED; level 9 of 400 letters.
    static let stored: [UInt8] = [
        1, 40, 0, 215, 255, 110, 97, 114, 114, 111, 119, 44, 32, 116, 104, 101, 110, 32, 101, 120, 97, 99, 116, 59, 32,
        110, 97, 114, 114, 111, 119, 44, 32, 116, 104, 101, 110, 32, 101, 120, 97, 99, 116, 59, 32]
    static let fixed: [UInt8] = [
        203, 75, 44, 42, 202, 47, 215, 81, 40, 201, 72, 205, 83, 72, 173, 72, 76, 46, 177, 86, 200, 27, 198, 98, 64, 182,
        66, 122, 81, 98, 65, 134, 66, 102, 177, 66, 162, 66, 114, 98, 114, 70, 42, 0]
    static let dynamic: [UInt8] = [
        61, 80, 219, 17, 192, 48, 8, 250, 119, 75, 64, 247, 95, 161, 160, 185, 166, 215, 54, 81, 228, 17, 128, 152, 30, 1,
        3, 9, 77, 184, 224, 37, 63, 133, 158, 156, 92, 84, 202, 44, 21, 200, 41, 29, 152, 68, 23, 80, 226, 184, 64, 99,
        106, 71, 139, 204, 72, 249, 104, 36, 13, 24, 202, 227, 157, 238, 209, 119, 232, 16, 6, 127, 66, 218, 156, 241, 86,
        102, 137, 80, 4, 247, 109, 139, 85, 135, 105, 59, 120, 83, 122, 44, 1, 50, 72, 27, 98, 197, 196, 97, 22, 28, 95,
        111, 145, 54, 197, 104, 70, 101, 211, 237, 47, 29, 254, 169, 117, 201, 177, 70, 37, 71, 125, 13, 251, 139, 126, 34,
        152, 129, 87, 13, 91, 175, 76, 182, 188, 96, 56, 67, 25, 73, 160, 226, 221, 137, 219, 197, 151, 158, 43, 11, 51,
        118, 239, 240, 156, 155, 160, 244, 1]

    @Test func everyKindOfBlock() throws {
        for step in [1, 7, 1 << 20] {
            #expect(try inflated(Self.stored, step: step) == Array(Self.sentence.utf8.prefix(40)))
            #expect(try inflated(Self.fixed, step: step) == Array(Self.sentence.utf8))
            let letters = try inflated(Self.dynamic, step: step)
            var crc = CRC32()
            crc.update(letters, from: 0)
            #expect(letters.count == 400 && crc.value == 2_662_361_143)
        }
    }

    @Test func theChecksumOfZip() {
        var crc = CRC32()
        crc.update(Array("123456789".utf8), from: 0)
        #expect(crc.value == 0xCBF4_3926)
    }

    @Test func truncatedStreamsAreRefused() {
        for stream in [Self.stored, Self.fixed, Self.dynamic] {
            for count in 0..<stream.count {
                #expect(throws: InflateFault.self, "\(count) bytes") { try inflated(Array(stream.prefix(count))) }
            }
        }
    }

    @Test func damagedStreamsNeverTrap() {
        for stream in [Self.stored, Self.fixed, Self.dynamic] {
            for bit in 0..<stream.count * 8 {
                var damaged = stream
                damaged[bit / 8] ^= 1 << (bit % 8)
                _ = try? inflated(damaged)
            }
        }
        for seed in 0..<300 {
            var generator = SeededGenerator(seed: UInt64(seed))
            _ = try? inflated((0..<200).map { _ in UInt8.random(in: 0...255, using: &generator) })
        }
    }

    @Test func matchesReachAcrossParts() throws {
        // A stored block of 300,000 bytes, then fixed blocks of one match each: length 258, distance 1.
        var stream: [UInt8] = [], content: [UInt8] = []
        for block in 0..<6 {
            let part = (0..<50_000).map { UInt8(truncatingIfNeeded: $0 &* 31 ^ block) }
            stream += [0] + little(50_000, 2) + little(~50_000, 2) + part
            content += part
        }
        // 1 01, 284+1 = code 11000101, no extra bits, distance 00000, end 0000000: 23 bits.
        var bits: [Int] = [1, 1, 0]
        for _ in 0..<2000 { bits += [1, 1, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0, 0] }
        bits += [0, 0, 0, 0, 0, 0, 0]
        for start in stride(from: 0, to: bits.count, by: 8) {
            stream.append(UInt8(bits[start..<min(start + 8, bits.count)].enumerated().reduce(0) { $0 | $1.element << $1.offset }))
        }
        content += [UInt8](repeating: content[content.count - 1], count: 258 * 2000)
        #expect(try inflated(stream) == content)
    }
}
