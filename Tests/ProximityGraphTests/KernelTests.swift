// Every instruction set gives the scalar twin's integers, and the same graph bytes come of it for any number of threads.
import CKernels
import Platform
import ProximityGraph
import Testing

struct KernelTests {
    private static var levels: [Int32] {
        (0...ck_level_best()).filter { level in
            ck_set_level(level)
            defer { ck_set_level(ck_level_best()) }
            return ck_level() == level
        }
    }

    /// The dot product of a code's bytes, before they are packed; with `hot`, of their upper halves in the middle of what
    /// they can stand for.
    private func expected(_ code: ArraySlice<UInt8>, _ query: [Int8], hot: Bool = false) -> Int32 {
        guard hot else { return zip(code, query).reduce(0) { $0 + (Int32($1.0) - 128) * Int32($1.1) } }
        let upper = zip(code, query).reduce(0) { $0 + Int($1.0 & 0xF0) * Int($1.1) }
        let sum = query.reduce(0) { $0 + Int($1) }
        return Int32(upper - 128 * sum * 241 / 256)
    }

    /// A code's bytes as they lie in the file, after the page.
    private func packed(_ bytes: [UInt8], length: Int) -> [UInt8] {
        var result = bytes
        for start in stride(from: 0, to: bytes.count, by: length) {
            for place in 0..<(length / 2) {
                let low = bytes[start + place], high = bytes[start + length / 2 + place]
                result[start + place] = (low >> 4) | (high & 0xF0)
                result[start + length / 2 + place] = (low & 15) | (high << 4)
            }
        }
        return result
    }

    @Test(arguments: [64, 128, 192, 320, 1024])
    func everyLevelEqualsTheScalarTwin(length: Int) {
        var random = Random(UInt64(length))
        let count = 13
        // A code that becomes a query may hold -128, though no encoder writes it.
        for pattern in 0..<8 {
            let codes = (0..<(count * length)).map { index -> UInt8 in
                [UInt8(random.below(256)), 255, 0, index % 2 == 0 ? 255 : 0, 128, 255, 0, UInt8(random.below(256))][pattern]
            }
            let query = (0..<length).map { index -> Int8 in
                [Int8(random.below(255) - 127), 127, -127, index % 2 == 0 ? 127 : -127, 1, -128, -128,
                 Int8(random.below(256) - 128)][pattern]
            }
            let offset = 128 * query.reduce(Int32(0)) { $0 + Int32($1) }
            let ids = (0..<count).map { UInt32(count - 1 - $0) }
            let truth = (0..<count).map { expected(codes[($0 * length)..<(($0 + 1) * length)], query) }
            let upper = (0..<count).map { expected(codes[($0 * length)..<(($0 + 1) * length)], query, hot: true) }
            let packed = packed(codes, length: length)
            for level in Self.levels {
                ck_set_level(level)
                defer { ck_set_level(ck_level_best()) }
                var block = [Int32](repeating: 0, count: count), gathered = block, hot = block
                unsafe ck_codes_block(packed, length, query, offset, count, &block)
                unsafe ck_codes_gather(packed, length, query, offset, ids, count, &gathered)
                unsafe ck_codes_gather_hot(packed, length, query, offset, ids, count, &hot)
                #expect(block == truth && gathered == truth.reversed(), "level \(level), pattern \(pattern)")
                #expect(hot == upper.reversed(), "hot planes, level \(level), pattern \(pattern)")
                var asQuery = [Int8](repeating: 0, count: length)
                let sum = unsafe ck_codes_as_query(packed, length, &asQuery)
                #expect(asQuery == codes[..<length].map { Int8(truncatingIfNeeded: Int($0) - 128) }, "level \(level)")
                #expect(sum == 128 * codes[..<length].reduce(0) { $0 + Int32($1) - 128 }, "level \(level)")
                var unpacked = [UInt8](repeating: 0, count: codes.count)
                unsafe ck_codes_unpack(packed, length, count, &unpacked)
                #expect(unpacked == codes, "level \(level)")
                for queries in [1, 3, 4, 6, 8] {
                    let planes = (0..<queries).flatMap { query[$0...] + query[..<$0] }
                    let offsets = [Int32](repeating: offset, count: queries)
                    var many = [Int32](repeating: 0, count: count * queries)
                    unsafe ck_codes_many(codes, length, count, planes, offsets, queries, &many)
                    let each = (0..<count * queries).map { place in
                        let (code, shift) = (place / queries * length, place % queries)
                        return expected(codes[code..<(code + length)], Array(query[shift...] + query[..<shift]))
                    }
                    #expect(many == each, "level \(level), \(queries) queries")
                }
            }
        }
    }

    @Test func theLongestCodeStaysWithinInt32() {
        let length = 65_536
        for byte: UInt8 in [0, 1, 15, 128, 240, 255] {
            for component: Int8 in [-128, -127, 127] {
                let code = [UInt8](repeating: byte, count: length), query = [Int8](repeating: component, count: length)
                let offset = 128 * Int32(component) * Int32(length)
                let truth = (Int(byte) - 128) * Int(component) * length
                let upper = Int(byte & 0xF0) * Int(component) * length - Int(offset) * 241 / 256
                let packed = packed(code, length: length)
                for level in Self.levels {
                    ck_set_level(level)
                    defer { ck_set_level(ck_level_best()) }
                    let place: Comment = "level \(level), \(byte) by \(component)"
                    // Five: four at once and one alone.
                    let codes = (0..<5).flatMap { _ in packed }, bytes = (0..<5).flatMap { _ in code }
                    var block = [Int32](repeating: 0, count: 5), gathered = block, hot = block, many = block
                    unsafe ck_codes_block(codes, length, query, offset, 5, &block)
                    unsafe ck_codes_gather(codes, length, query, offset, [4, 0, 1, 2, 3], 5, &gathered)
                    unsafe ck_codes_gather_hot(codes, length, query, offset, [4, 0, 1, 2, 3], 5, &hot)
                    unsafe ck_codes_many(bytes, length, 5, query, [offset], 1, &many)
                    #expect((block + gathered + many).allSatisfy { Int($0) == truth }, place)
                    #expect(hot.allSatisfy { Int($0) == upper }, place)
                    var asQuery = [Int8](repeating: 0, count: length)
                    #expect(unsafe Int(ck_codes_as_query(packed, length, &asQuery)) == 128 * (Int(byte) - 128) * length, place)
                    #expect(asQuery.allSatisfy { Int($0) == Int(byte) - 128 }, place)
                }
            }
        }
    }

    /// Ten million codes of 768 bytes: reserved, and only the last touched.
    @Test func codesBeyondFourGigabytesAreReached() throws {
        let length = 768, last = 9_999_999
        guard let memory = try? PageBuffer(byteCount: (last + 1) * length) else {
            print("skipped: the system does not reserve \((last + 1) * length) bytes")
            return
        }
        let query = [Int8](repeating: 3, count: length)
        let offset = 128 * 3 * Int32(length)
        for place in (last * length)..<((last + 1) * length) { unsafe memory.bytes[place] = 0xFF }
        for level in Self.levels {
            ck_set_level(level)
            defer { ck_set_level(ck_level_best()) }
            var out = [Int32](repeating: 0, count: 5)
            let ids = [UInt32](repeating: UInt32(last), count: 5)
            let codes = unsafe memory.bytes.baseAddress!.assumingMemoryBound(to: UInt8.self)
            unsafe ck_codes_gather(codes, length, query, offset, ids, 5, &out)
            #expect(out.allSatisfy { $0 == 127 * 3 * Int32(length) }, "level \(level)")
            unsafe ck_codes_gather_hot(codes, length, query, offset, ids, 5, &out)
            #expect(out.allSatisfy { Int($0) == 240 * 3 * length - Int(offset) * 241 / 256 }, "level \(level)")
        }
    }

    @Test(arguments: [5, 64, 130, 512])
    func everyLevelEncodesAQueryToTheSameBits(dimension: Int) {
        var random = Random(UInt64(dimension))
        let n = (dimension + 63) / 64 * 64
        let query = random.vector(dimension), mean = random.vector(dimension).map { $0 / 50 }
        let signs = (0..<(2 * n)).map { _ in Float(random.below(2) == 0 ? 1 : -1) }
        var first: [UInt64]?
        for level in Self.levels {
            ck_set_level(level)
            defer { ck_set_level(ck_level_best()) }
            var work = [Float](repeating: 0, count: n), coarse = [Int8](repeating: 0, count: n), fine = coarse
            var scale = ck_query_scale()
            #expect(unsafe ck_codes_encode_query(query, dimension, n, mean, signs, &work, &coarse, &fine, &scale) == 1)
            let numbers = [scale.coarse_scale, scale.fine_scale, scale.coarse_error, scale.fine_error]
            var bits: [UInt64] = (coarse + fine).map { UInt64(UInt8(bitPattern: $0)) }
            bits += numbers.map { UInt64($0.bitPattern) }
            bits.append(scale.center.bitPattern)
            #expect(bits == first ?? bits, "level \(level)")
            first = bits
            let length = query.reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot()
            let center = zip(query, mean).reduce(0.0) { $0 + Double($1.0) / length * Double($1.1) }
            #expect(abs(scale.center - center) < 1e-12)
        }
    }

    @Test func sameBytesForAnyThreadsAndInstructionSet() throws {
        let values = clustered(900, 70, clusters: 9, seed: 4)
        let settings = GraphSettings(dimension: 70, connectivity: 8, constructionBreadth: 40)
        let first = try makeGraph(values, settings: settings, threads: 1).bytes
        #expect(first.count > 900 * 128)
        for threads in 2...3 {
            #expect(try makeGraph(values, settings: settings, threads: threads).bytes == first, "\(threads) threads")
        }
        for level in Self.levels {
            ck_set_level(level)
            defer { ck_set_level(ck_level_best()) }
            // A level belongs to a thread.
            #expect(try makeGraph(values, settings: settings, threads: 1).bytes == first, "level \(level)")
        }
        var other = settings
        other.seed = 2
        #expect(try makeGraph(values, settings: other).bytes != first)
    }

    @Test func rotationKeepsLengthsAndAngles() {
        for length in [64, 192, 320, 448, 512] {
            var random = Random(UInt64(length))
            let signs = (0..<(2 * length)).map { _ in Float(random.below(2) == 0 ? 1 : -1) }
            var a = random.vector(length), b = random.vector(length)
            let before = cosine(a, b), norm = a.reduce(0.0) { $0 + Double($1) * Double($1) }
            unsafe ck_codes_rotate(&a, length, signs)
            unsafe ck_codes_rotate(&b, length, signs)
            #expect(abs(cosine(a, b) - before) < 1e-6)
            #expect(abs(a.reduce(0.0) { $0 + Double($1) * Double($1) } / norm - 1) < 1e-6)
            var single = [Float](repeating: 0, count: length)
            single[3] = 1
            unsafe ck_codes_rotate(&single, length, signs)
            #expect(single.map { abs($0) }.max()! < 0.36, "one component is spread over many")
        }
    }
}
