/// The codecs: lossless on every shape, alike in every instruction set, and closed to malformed bytes.
import CKernels
import Storage
import Testing

/// Instruction sets that this processor has, the scalar oracle first.
private var levels: [Int32] { [0, 1, 2, 3, 4].filter { $0 <= ck_level_best() && ($0 != 1 || ck_level_best() == 1) } }

@Test(.serialized, arguments: VectorShape.allCases)
func everyCodecIsLosslessAndTheSameInEveryInstructionSet(shape: VectorShape) {
    defer { ck_set_level(ck_level_best()) }
    for seed in UInt64(0)..<4 {
        for count in [1, 3, 8, 9, 63, 64, 65, 127, 128, 384, 1000] {
            var numbers = SeededNumbers(seed: seed)
            let values = shape.vector(count, &numbers)
            for codec in VectorCodec.allCases {
                ck_set_level(0)
                guard let oracle = codec.encoded(values) else { continue }
                for level in levels {
                    ck_set_level(level)
                    #expect(codec.encoded(values) == oracle, "\(shape) \(codec) count \(count) seed \(seed) level \(level)")
                    #expect(
                        codec.decoded(oracle, count: count).map(bits) == bits(values),
                        "\(shape) \(codec) count \(count) seed \(seed) level \(level)")
                }
            }
        }
    }
}

@Test func theSmallestCodecIsChosen() {
    var numbers = SeededNumbers(seed: 3)
    let expected: [(VectorShape, Set<VectorCodec>)] = [
        (.dense, [.exponentSplit]), (.zero, [.lz4]), (.sparse, [.lz4]), (.half, [.float16]), (.brain, [.bfloat16]),
        (.histogram, [.bfloat16, .float16, .lz4]), (.anyFinite, [.raw, .exponentSplit]),
    ]
    for (shape, codecs) in expected {
        let values = shape.vector(768, &numbers)
        let (codec, encoded) = VectorCodec.encoded(values)
        #expect(codecs.contains(codec), "\(shape) took \(codec)")
        for other in VectorCodec.allCases {
            if let size = other.encoded(values)?.count { #expect(encoded.count <= size, "\(shape): \(other) is smaller") }
        }
    }
    #expect(VectorCodec.encoded(VectorShape.dense.vector(768, &numbers)).bytes.count < 768 * 4 * 92 / 100)
}

@Test func everyHalfPrecisionValueIsRecognisedAndNothingElse() {
    for level in levels {
        ck_set_level(level)
        defer { ck_set_level(ck_level_best()) }
        let halves = (0...UInt16.max).map { Float(Float16(bitPattern: $0)) }.filter { !$0.isNaN }
        for start in stride(from: 0, to: halves.count, by: 1000) {
            let part = Array(halves[start..<min(start + 1000, halves.count)])
            let encoded = VectorCodec.float16.encoded(part)
            #expect(encoded.flatMap { VectorCodec.float16.decoded($0, count: part.count) }.map(bits) == bits(part))
        }
        let near: [Float] = [Float(1).nextUp, 65_520, 0x1p-25, 0x1.8p-24, .greatestFiniteMagnitude, .nan, 1e-10]
        for value in near {
            for place in [0, 7, 8] {
                var values = [Float](repeating: 1, count: 9)
                values[place] = value
                #expect(VectorCodec.float16.encoded(values) == nil, "\(value) at \(place), level \(level)")
            }
        }
    }
}

@Test func malformedBytesNeverDecode() {
    var numbers = SeededNumbers(seed: 5)
    let values = VectorShape.dense.vector(100, &numbers)
    for codec in VectorCodec.allCases {
        #expect(codec.decoded([], count: 100) == nil, "\(codec) of nothing")
        #expect(codec.decoded([1, 2, 3], count: 65_536) == nil)
        guard let encoded = codec.encoded(values) else { continue }
        #expect(codec.decoded(encoded, count: 101) == nil, "\(codec)")
        #expect(codec.decoded(encoded, count: 92) == nil, "\(codec)")
        #expect(codec.decoded(Array(encoded.dropLast()), count: 100) == nil, "\(codec)")
    }
    for seed in UInt64(0)..<200 {
        var numbers = SeededNumbers(seed: seed)
        let noise = (0..<Int(numbers.next() % 400)).map { _ in UInt8(truncatingIfNeeded: numbers.next()) }
        for codec in VectorCodec.allCases { _ = codec.decoded(noise, count: Int(numbers.next() % 200)) }
    }
}

/// What declared half precision saves, and what it does not: the column of numbers is half of float32, the codes stay.
@Test func tokensBornInHalfPrecisionTakeTwoBytesANumber() throws {
    let (rows, dimension, count) = (60, 128, 20)
    func bytes(of column: String, rounding: (Float) -> Float) throws -> Int {
        var numbers = SeededNumbers(seed: 11)
        let fixture = try Fixture(dimension: 4, tokenDimension: dimension)
        var batch = plainBatch(rows, dimension: 4)
        batch.tokenSets = (0..<rows).map { (_: Int) -> TokenSet? in
            let values: [Float] = (0..<count * dimension).map { _ in rounding(numbers.gaussian()) }
            return TokenSet(dimension: dimension, values: values)
        }
        try fixture.insert(batch)
        return try blobs("SELECT bytes FROM \(column)", on: fixture.path).reduce(0) { $0 + $1.count }
    }
    let float32 = Double(4 * rows * count * dimension)
    let whole = try Double(bytes(of: "token_set") { $0 }), halves = try Double(bytes(of: "token_set") { Float(Float16($0)) })
    #expect(abs(halves / float32 - 0.5) < 0.01, "\(halves) bytes where float32 is \(float32)")
    #expect(whole / float32 > 0.85 && whole / float32 < 0.9, "lossless gains what FORMAT.md says: \(whole / float32)")
    let codes = try Double(bytes(of: "token_code") { Float(Float16($0)) })
    #expect(try codes == Double(bytes(of: "token_code") { $0 }), "codes are of one size")
    #expect(abs((halves + codes) / (whole + codes) - 0.67) < 0.04, "\((halves + codes) / (whole + codes))")
}
