/// CRC-32C against the check value of its specification, and the hardware path against the scalar twin.
import CKernels
import Platform
import Testing

@Test func crc32cMatchesTheCheckValueOfItsSpecification() {
    #expect(crc32c(Array("123456789".utf8)) == 0xE306_9283)
}

@Test func crc32cIsTheSameInHardwareAndScalar() {
    let bytes = (0..<40_000).map { UInt8(truncatingIfNeeded: $0 &* 31 ^ ($0 >> 3)) }
    let lengths = [0, 1, 7, 8, 9, 63, 64, 65, 511, 512, 513, 767, 768, 1037, 12_287, 12_288, 12_289, 24_576, 40_000]
    defer { ck_set_level(ck_level_best()) }
    for length in lengths {
        ck_set_level(0)
        let scalar = crc32c(Array(bytes[..<length]), seed: 7)
        for level in 1...ck_level_best() {
            ck_set_level(level)
            #expect(crc32c(Array(bytes[..<length]), seed: 7) == scalar, "length \(length) level \(level)")
        }
    }
}
