/// .fvecs, .bvecs and .safetensors: golden bytes and refusals.
import Testing
import VectorFiles

@Suite struct OtherFormatsTests {
    let scratch: Scratch
    init() throws { scratch = try Scratch() }

    @Test func fvecsAndBvecs() throws {
        let fvecs = little(2, 4) + floatBytes([1, -0.0]) + little(2, 4) + floatBytes([3, 4])
        let matrix = try openMatrix(scratch.write("v.fvecs", fvecs))
        #expect(bits(try allRows(matrix)) == bits([1, -0.0, 3, 4]))
        #expect(try matrix.read(rows: 1..<2) == [3, 4])
        let bvecs = little(3, 4) + [0, 128, 255] + little(3, 4) + [1, 2, 3]
        #expect(try allRows(openMatrix(scratch.write("v.bvecs", bvecs))) == [0, 128, 255, 1, 2, 3])
        #expect(refusal { try openMatrix(scratch.write("v.fvecs", fvecs + [0])) } != nil)
        #expect(refusal { try openMatrix(scratch.write("v.fvecs", [])) } != nil)
        #expect(refusal { try openMatrix(scratch.write("v.fvecs", little(-1, 4) + fvecs)) }?.row == 0)
        var uneven = fvecs
        uneven[12] = 1
        let error = refusal { try allRows(openMatrix(scratch.write("v.fvecs", uneven))) }
        #expect(error?.row == 1 && error?.reason == "the row has dimension 1, the first 2")
        let broken = little(2, 4) + floatBytes([1, 2]) + little(2, 4) + floatBytes([3, .nan])
        #expect(refusal { try allRows(openMatrix(scratch.write("v.fvecs", broken))) }?.row == 1)
    }

    func open(_ header: String, _ data: [UInt8], array: String? = nil) throws -> any MatrixReader {
        try openMatrix(scratch.write("t.safetensors", safetensors(header, data)), array: array)
    }

    @Test func safetensorsTypes() throws {
        let cases: [(String, [UInt8])] = [
            ("F16", bytes([0x3C00, 0xC000] as [UInt16])), ("BF16", bytes([0x3F80, 0xC000] as [UInt16])),
            ("F32", floatBytes([1, -2])), ("F64", bytes([1.0, -2].map(\.bitPattern))), ("I8", [1, 254]),
            ("I16", bytes([1, -2] as [Int16])), ("I32", bytes([1, -2] as [Int32])), ("I64", bytes([1, -2] as [Int64])),
        ]
        for (type, data) in cases {
            let tensor = #"{"dtype":"\#(type)","shape":[1,2],"data_offsets":[0,\#(data.count)]}"#
            let header = #"{"__metadata__":{"format":"pt"},"e":\#(tensor)}  "#
            #expect(try allRows(open(header, data)) == [1, -2], "\(type)")
        }
        let small = #"{"e":{"dtype":"F8_E4M3","shape":[1,2],"data_offsets":[0,2]}}"#
        #expect(refusal { try open(small, [0, 0]) }?.reason.contains("F8_E4M3") == true)
        let infinite = #"{"e":{"dtype":"BF16","shape":[1,1],"data_offsets":[0,2]}}"#
        #expect(refusal { try allRows(open(infinite, [0x80, 0x7F])) }?.reason == "component 0 is infinite")
    }

    @Test func safetensorsChoice() throws {
        let two = #"{"b":{"dtype":"F32","shape":[1,1],"data_offsets":[4,8]},"#
            + #""a":{"dtype":"F32","shape":[1,1],"data_offsets":[0,4]}}"#
        #expect(refusal { try open(two, floatBytes([1, 2])) }?.remedy.contains("a (1, 1), b (1, 1)") == true)
        #expect(try allRows(open(two, floatBytes([1, 2]), array: "b")) == [2])
        #expect(refusal { try open(two, floatBytes([1, 2]), array: "c") } != nil)
    }

    @Test func safetensorsRules() throws {
        func tensor(_ name: String, _ shape: String, _ begin: Int, _ end: Int) -> String {
            #""\#(name)":{"dtype":"F32","shape":\#(shape),"data_offsets":[\#(begin),\#(end)]}"#
        }
        let data = floatBytes([1, 2])
        let wrong = [
            "{" + tensor("a", "[1,1]", 0, 4) + "}",  // a hole at the end
            "{" + tensor("a", "[1,2]", 0, 8) + "," + tensor("b", "[1,1]", 4, 8) + "}",  // overlap
            "{" + tensor("a", "[1,1]", 4, 8) + "}",  // a hole at the start
            "{" + tensor("a", "[1,3]", 0, 12) + "}",  // beyond the file
            "{" + tensor("a", "[2,2]", 0, 8) + "}",  // shape and bytes
            "{" + tensor("a", "[4611686018427387904,8]", 0, 8) + "}", "{" + tensor("a", "[-1,-2]", 0, 8) + "}",
            "{" + tensor("a", "[1,2]", 8, 0) + "}", "{" + tensor("a", "[1.0,2]", 0, 8) + "}",
            "{" + tensor("a", "[1,1]", 0, 4) + "," + tensor("a", "[1,1]", 4, 8) + "}",
            " {" + tensor("a", "[1,2]", 0, 8) + "}", "{}", "[]", "", "{" + tensor("a", "[1,2]", 0, 8) + "} x",
            "{" + tensor("a", "[2]", 0, 8) + "}",
        ]
        for header in wrong { #expect(refusal { try open(header, data) } != nil, "\(header)") }
        #expect(refusal { try openMatrix(scratch.write("t.safetensors", little(UInt64.max, 8) + data)) } != nil)
    }

    @Test func contentDecidesWhereTheNameDoesNot() throws {
        let file = npy("<f4", [1, 2], floatBytes([1, 2]))
        #expect(try allRows(openMatrix(scratch.write("a", file))) == [1, 2])
        #expect(try allRows(openMatrix(scratch.write("b", zip([ZipPart(stored: file, name: "x.npy")])))) == [1, 2])
        #expect(refusal { try openMatrix(scratch.write("c", Array("hello".utf8))) } != nil)
        #expect(refusal { try openMatrix(scratch.path("absent.npy")) }?.remedy == "check the path")
        #expect(refusal { try openMatrix(scratch.write("a.npy", file), array: "x") } != nil)
    }
}
