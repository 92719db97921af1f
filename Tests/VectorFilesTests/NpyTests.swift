/// .npy: every number type, order and byte order from golden bytes; refusals with their row.
import Platform
import Testing
import VectorFiles

@Suite struct NpyTests {
    let scratch: Scratch
    init() throws { scratch = try Scratch() }

    func open(_ bytes: [UInt8]) throws -> any MatrixReader { try openMatrix(scratch.write("m.npy", bytes)) }

    /// 2×3 of small numbers in every type: descr, then the bytes of 1, 2, 3, 4, 5, 6.
    static let golden: [(String, [UInt8])] = [false, true].flatMap { (big: Bool) -> [(String, [UInt8])] in
        let mark = big ? ">" : "<", one: [UInt8] = [1, 2, 3, 4, 5, 6]
        let half: [UInt16] = [0x3C00, 0x4000, 0x4200, 0x4400, 0x4500, 0x4600]
        return [
            (mark + "f2", bytes(half, bigEndian: big)),
            (mark + "f4", bytes(one.map { Float($0).bitPattern }, bigEndian: big)),
            (mark + "f8", bytes(one.map { Double($0).bitPattern }, bigEndian: big)),
            (mark + "i2", bytes(one.map { Int16($0) }, bigEndian: big)),
            (mark + "u2", bytes(one.map { UInt16($0) }, bigEndian: big)),
            (mark + "i4", bytes(one.map { Int32($0) }, bigEndian: big)),
            (mark + "u4", bytes(one.map { UInt32($0) }, bigEndian: big)),
            (mark + "i8", bytes(one.map { Int64($0) }, bigEndian: big)),
            (mark + "u8", bytes(one.map { UInt64($0) }, bigEndian: big)),
            ("|i1", one), ("|u1", one),
        ]
    }

    @Test(arguments: golden) func everyTypeInBothOrders(descr: String, data: [UInt8]) throws {
        let rows = try open(npy(descr, [2, 3], data))
        #expect(try allRows(rows) == [1, 2, 3, 4, 5, 6])
        #expect(try rows.read(rows: 1..<2) == [4, 5, 6])
        #expect((rows.rowCount, rows.dimension, rows.sequentialOnly) == (2, 3, false))
        let columns = try open(npy(descr, [2, 3], fortran: true, data))
        #expect(try allRows(columns) == [1, 3, 5, 2, 4, 6])
        #expect(try columns.read(rows: 1..<2) == [2, 4, 6])
    }

    @Test func versionsTwoAndThreeAndOddHeaders() throws {
        for version: UInt8 in [2, 3] {
            let file = npy("{'descr':'<f4','fortran_order':False,'shape':(1,2)}\n", floatBytes([1, 2]), version: version)
            #expect(try allRows(open(file)) == [1, 2])
        }
        let header = "{ \"shape\" : (1L, 2L,), \"descr\" : \"<f4\" , \"fortran_order\" : False , }"
        let doubleQuoted = npy(header, floatBytes([1, 2]))
        #expect(try allRows(open(doubleQuoted)) == [1, 2])
        #expect(try allRows(open(npy("|b1", [1, 3], [0, 1, 1]))) == [0, 1, 1])
    }

    @Test func malformedHeadersAreRefused() throws {
        let headers = [
            "", "{", "{}", "{'descr': '<f4', 'fortran_order': False}",
            "{'descr': '<f4', 'fortran_order': False, 'shape': (1,2)} x",
            "{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (1,2)}",
            "{'descr': '<f4', 'fortran_order': 0, 'shape': (1,2)}", "{'descr': '<f4', 'fortran_order': False, 'shape': (1,-2)}",
            "{'descr': '<f4', 'fortran_order': False, 'shape': (1,2", "{'descr': '<f4, 'fortran_order': False, 'shape': (1,2)}",
            "{'descr': '<f4', 'fortran_order': False, 'shape': __import__('os').system('true')}",
            "{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,2)}",
            "{'descr': '<f4', 'fortran_order': False, 'shape': (4611686018427387904,4)}",
            "{'descr': '<f4', 'fortran_order': False, 'shape': (9223372036854775807,0)}",
            "{'descr': '<f4', 'fortran_order': False, 'shape': (2,)}", "{'descr': '<f4', 'fortran_order': False, 'shape': ()}",
            "{'descr': '<c8', 'fortran_order': False, 'shape': (1,1)}",
            "{'descr': '<U2', 'fortran_order': False, 'shape': (1,1)}",
            "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,2)}",
        ]
        for header in headers { #expect(refusal { try open(npy(header, floatBytes([1, 2]))) } != nil, "\(header)") }
        let pickled = refusal { try open(npy("|O", [1, 1], [0x80, 4, 0x4B])) }
        #expect(pickled?.reason.contains("pickled") == true && pickled?.remedy.contains("astype") == true)
    }

    @Test func sizesMustAgree() throws {
        #expect(refusal { try open(npy("<f4", [2, 2], floatBytes([1, 2, 3]))) }?.reason.contains("truncated") == true)
        #expect(refusal { try open(npy("<f4", [1, 2], floatBytes([1, 2, 3]))) }?.reason.contains("too long") == true)
        let empty = try open(npy("<f4", [0, 7], []))
        #expect((empty.rowCount, empty.dimension) == (0, 7))
        #expect(try allRows(empty) == [])
        #expect(refusal { try open(npy("<f4", [0, 0], [])) } != nil)
        #expect(refusal { try open(npy("<f4", [0, 65_537], [])) } != nil)
    }

    @Test func numbersThatFloat32CannotHoldNameTheirRow() throws {
        var numbers = [Float](repeating: 1, count: 3000)
        numbers[2 * 1000 + 3] = .nan
        let error = try #require(refusal { try allRows(open(npy("<f4", [3, 1000], floatBytes(numbers)))) })
        #expect(error.description.hasSuffix("m.npy, row 2: component 3 is NaN; remove or repair the row"))
        numbers[2003] = -.infinity
        #expect(refusal { try open(npy("<f4", [3, 1000], floatBytes(numbers))).read(rows: 2..<3) }?.row == 2)
        #expect(try open(npy("<f4", [3, 1000], floatBytes(numbers))).read(rows: 0..<2).count == 2000)
        let wide: [Double] = [1, 1e39, 2, 3]
        let overflow = refusal { try allRows(open(npy("<f8", [2, 2], bytes(wide.map(\.bitPattern))))) }
        #expect(overflow?.row == 0 && overflow?.reason == "component 1 is 1e+39, beyond float32")
        let column = refusal { try allRows(open(npy("<f8", [2, 2], fortran: true, bytes(wide.map(\.bitPattern))))) }
        #expect(column?.row == 1 && column?.reason.hasPrefix("component 0") == true)
        let half = refusal { try allRows(open(npy("<f2", [1, 2], bytes([0, 0x7E00] as [UInt16])))) }
        #expect(half?.reason == "component 1 is NaN")
        let integers: [(String, [UInt8])] = [
            ("<i4", bytes([16_777_217] as [Int32])), ("<u4", bytes([.max] as [UInt32])), ("<i8", bytes([Int64.max])),
            ("<i8", bytes([-16_777_217] as [Int64])), ("<u8", bytes([UInt64.max])),
        ]
        for (descr, data) in integers {
            #expect(refusal { try allRows(open(npy(descr, [1, 1], data))) }?.reason.contains("exactly") == true, "\(descr)")
        }
        #expect(try allRows(open(npy("<i8", [1, 2], bytes([Int64.min, 1 << 40])))) == [-0x1p63, 0x1p40])
        #expect(try allRows(open(npy("<u4", [1, 1], bytes([0xFFFF_FF00] as [UInt32])))) == [Float(0xFFFF_FF00 as UInt32)])
    }

    @Test func everyHalfIsExact() throws {
        #if !(os(macOS) && arch(x86_64))
        let finite = (0...UInt16.max).filter { $0 & 0x7C00 != 0x7C00 }
        let matrix = try open(npy("<f2", [1, finite.count], bytes(finite)))
        #expect(bits(try allRows(matrix)) == finite.map { Float(Float16(bitPattern: $0)).bitPattern })
        #endif
    }

    @Test func vectorsAndIntegers() throws {
        let weights = try scratch.write("w.npy", npy("<f8", [3], bytes([0.5, 0.25, 0.25].map(\.bitPattern))))
        #expect(try openVector(weights) == [0.5, 0.25, 0.25])
        #expect(try allRows(openMatrix(weights, singleVector: true)) == [0.5, 0.25, 0.25])
        #expect(refusal { try openMatrix(weights) }?.reason.contains("(3,)") == true)
        #expect(refusal { try openIntegers(weights) } != nil)
        let offsets: [(String, [UInt8])] = [
            ("<i8", bytes([0, 5] as [Int64])), ("<i4", bytes([0, 5] as [Int32])), ("<u8", bytes([0, 5] as [UInt64]))]
        for (descr, data) in offsets {
            #expect(try openIntegers(scratch.write("o.npy", npy(descr, [2], data))) == [0, 5])
        }
        let large = try scratch.write("o.npy", npy("<u8", [2], bytes([0, UInt64.max])))
        #expect(refusal { try openIntegers(large) }?.row == 1)
    }

    @Test func aStreamIsReadInOrderOnly() throws {
        let data = npy("<f4", [3, 2], floatBytes([1, 2, 3, 4, 5, 6]))
        func stream(_ bytes: [UInt8]) throws -> any MatrixReader {
            try openMatrix("-", fileSystem: MemoryFileSystem(pipe: bytes))
        }
        let matrix = try stream(data)
        #expect(matrix.sequentialOnly)
        #expect(try matrix.read(rows: 1..<2) == [3, 4])
        #expect(refusal { try matrix.read(rows: 0..<1) }?.reason.contains("passed") == true)
        #expect(try matrix.read(rows: 2..<3) == [5, 6])
        #expect(refusal { try allRows(stream(data + [0])) }?.reason.contains("follow") == true)
        #expect(refusal { try allRows(stream(Array(data.dropLast()))) }?.row == 2)
        let columns = npy("<f4", [2, 2], fortran: true, floatBytes([1, 2, 3, 4]))
        #expect(refusal { try stream(columns) }?.reason.contains("Fortran") == true)
        func vector(_ count: Int) throws -> [Float] {
            try openVector("-", fileSystem: MemoryFileSystem(pipe: npy("<f4", [count], floatBytes([1, 2]))))
        }
        #expect(try vector(2) == [1, 2])
        #expect(refusal { try vector(1) }?.reason.contains("follow") == true)
        #expect(refusal { try stream(zip([])) }?.reason.contains("no .npy") == true)
        let line = MemoryFileSystem(pipe: Array(#" {"id":1,"vector":[2]}"#.utf8))
        guard case .records(let records) = try openInput("-", fileSystem: line)
        else { return #expect(Bool(false), "JSONL was not recognised") }
        #expect(try records.next()?.vector == [2])
    }

    @Test func fingerprintsFollowTheContent() throws {
        var numbers = [Float](repeating: 1, count: 100_000)
        let first = try open(npy("<f4", [1000, 100], floatBytes(numbers))).fingerprint
        #expect(try open(npy("<f4", [1000, 100], floatBytes(numbers))).fingerprint == first)
        numbers[99_999] = 2
        #expect(try open(npy("<f4", [1000, 100], floatBytes(numbers))).fingerprint != first)
    }

    @Test func fortranBlocksAgreeWithC() throws {
        // More rows than one gathered block of 4096 at this dimension.
        let rows = 9000, dimension = 1024
        var data = [UInt8](repeating: 0, count: rows * dimension)
        for column in 0..<dimension {
            for row in 0..<rows { data[column * rows + row] = UInt8(truncatingIfNeeded: row &* 7 ^ column) }
        }
        let matrix = try open(npy("|u1", [rows, dimension], fortran: true, data))
        for range in [0..<3, 4090..<4100, 8999..<9000] {
            let expected = range.flatMap { row in (0..<dimension).map { Float(UInt8(truncatingIfNeeded: row &* 7 ^ $0)) } }
            #expect(try matrix.read(rows: range) == expected)
        }
    }
}
