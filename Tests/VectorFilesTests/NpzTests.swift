/// .npz: choice of an entry, both methods, checksums, zip64, and what numpy itself writes.
import Foundation
import Testing
import VectorFiles

@Suite struct NpzTests {
    let scratch: Scratch
    init() throws { scratch = try Scratch() }

    let first = npy("<f4", [2, 2], floatBytes([1, 2, 3, 4]))
    let second = npy("<f4", [2, 3], fortran: true, floatBytes([1, 2, 3, 4, 5, 6]))
    let line = npy("<i8", [3], bytes([0, 1, 2] as [Int64]))

    func open(_ parts: [ZipPart], array: String? = nil) throws -> any MatrixReader {
        try openMatrix(scratch.write("a.npz", zip(parts)), array: array)
    }

    @Test func theOnlyMatrixNeedsNoName() throws {
        let matrix = try open([ZipPart(stored: line, name: "o.npy"), ZipPart(stored: first, name: "m.npy")])
        #expect(try allRows(matrix) == [1, 2, 3, 4])
        #expect(try openIntegers(scratch.path("a.npz"), array: "o") == [0, 1, 2])
        #expect(refusal { try openIntegers(scratch.path("a.npz")) }?.remedy == "name one array of: o (3,), m (2, 2)")
    }

    @Test func severalMatricesNeedAName() throws {
        let parts = [ZipPart(stored: first, name: "images.npy"), ZipPart(deflated: second, name: "texts.npy")]
        let error = refusal { try open(parts) }
        #expect(error?.remedy == "name one array of: images (2, 2), texts (2, 3)")
        #expect(try allRows(open(parts, array: "images.npy")) == [1, 2, 3, 4])
        #expect(try allRows(open(parts, array: "texts")) == [1, 3, 5, 2, 4, 6])
        #expect(refusal { try open(parts, array: "sounds") }?.remedy.contains("images, texts") == true)
        #expect(try open(parts, array: "images").fingerprint != open(parts, array: "texts").fingerprint)
    }

    @Test func deflatedRowsAreReadForward() throws {
        let numbers = (0..<30_000).map { Float($0) }
        let file = npy("<f4", [3000, 10], floatBytes(numbers))
        let matrix = try open([ZipPart(deflated: file, name: "m.npy")])
        #expect(matrix.sequentialOnly)
        #expect(try matrix.read(rows: 10..<20) == Array(numbers[100..<200]))
        #expect(refusal { try matrix.read(rows: 0..<1) } != nil)
        #expect(try matrix.read(rows: 20..<3000) == Array(numbers[200...]))
    }

    @Test func damageIsFoundAtTheEnd() throws {
        for deflated in [false, true] {
            var part = deflated ? ZipPart(deflated: first, name: "m.npy") : ZipPart(stored: first, name: "m.npy")
            part.data[part.data.count - 1] ^= 1
            #expect(refusal { try allRows(open([part])) }?.reason.contains("CRC-32") == true)
        }
    }

    @Test func foreignZipsAreRefused() throws {
        var part = ZipPart(stored: first, name: "m.npy")
        part.flags = 1
        #expect(refusal { try open([part]) }?.reason.contains("encrypted") == true)
        part.flags = 0
        part.method = 12
        #expect(refusal { try open([part]) }?.reason.contains("method 12") == true)
        var bomb = ZipPart(deflated: first, name: "m.npy")
        bomb.content += [UInt8](repeating: 0, count: 1 << 20)
        #expect(refusal { try open([bomb]) }?.reason.contains("more than deflate can") == true)
        #expect(refusal { try open([]) } != nil)
        var split = zip([ZipPart(stored: first, name: "m.npy")])
        split[split.count - 18] = 1
        #expect(refusal { try openMatrix(scratch.write("a.npz", split)) }?.reason.contains("disks") == true)
    }

    @Test func zip64SizesAreUnderstood() throws {
        var part = ZipPart(stored: first, name: "../../etc/m.npy")
        part.zip64 = true
        #expect(try allRows(open([part])) == [1, 2, 3, 4])
    }

    @Test func whatNumpyWrites() throws {
        let script = """
            import numpy as n, sys
            r = n.random.default_rng(5)
            a = r.standard_normal((700, 33)).astype('f4'); b = n.asfortranarray(r.standard_normal((50, 4)))
            n.savez_compressed(sys.argv[1] + '/c.npz', a=a, b=b, z=n.zeros((2000, 500), 'f2'))
            n.savez(sys.argv[1] + '/s.npz', a=a, b=b)
            n.save(sys.argv[1] + '/a.npy', a); n.save(sys.argv[1] + '/b.npy', b.astype('f4'))
            """
        guard runPython(script, scratch.directory) else { return print("skipped: no python3 with numpy") }
        let a = try allRows(openMatrix(scratch.path("a.npy"))), b = try allRows(openMatrix(scratch.path("b.npy")))
        #expect(a.count == 700 * 33)
        for name in ["c.npz", "s.npz"] {
            #expect(try bits(allRows(openMatrix(scratch.path(name), array: "a"))) == bits(a))
            #expect(try bits(allRows(openMatrix(scratch.path(name), array: "b"))) == bits(b))
        }
        #expect(try allRows(openMatrix(scratch.path("c.npz"), array: "z")) == [Float](repeating: 0, count: 1_000_000))
    }

    /// Runs a script with one argument under the first interpreter that has numpy.
    func runPython(_ script: String, _ argument: String) -> Bool {
        for interpreter in ["/usr/bin/env", "/usr/bin/python3"] {
            let process = Process()
            process.executableURL = URL(fileURLWithPath: interpreter)
            process.arguments = (interpreter.hasSuffix("env") ? ["python3"] : []) + ["-c", script, argument]
            process.standardError = FileHandle.nullDevice
            guard (try? process.run()) != nil else { continue }
            process.waitUntilExit()
            if process.terminationStatus == 0 { return true }
        }
        return false
    }
}
