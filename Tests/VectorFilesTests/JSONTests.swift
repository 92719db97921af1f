/// The JSON grammar: texts that must be taken and texts that must not; numbers against the C library's conversion.
import Testing
import VectorFiles

@Suite struct JSONTests {
    func accepts(_ value: [UInt8]) -> Bool {
        (try? validateJSONObject(Array(#"{"a":"#.utf8) + value + Array("}".utf8))) != nil
    }

    @Test func validValues() {
        let values = [
            "0", "-0", "12", "-1.5e+3", "1E400", "0.10", "1e-2", "true", "false", "null", "\"\"", "[]", "{}", "[[[]]]",
            " [ 1 , 2 ] ",
            #""\"\\\/\b\f\n\r\tA""#, #""\ud83d\ude00""#, "\"é😀\u{7F}\"", #"{"x":{"x":1},"y":[]}"#, "\"\u{2028}\"", #""\u0000""#,
            String(repeating: "[", count: 63) + String(repeating: "]", count: 63), "\t\n\r 1",
        ]
        for value in values { #expect(accepts(Array(value.utf8)), "\(value)") }
        #expect((try? validateJSONObject(" {} \n")) != nil)
    }

    @Test func invalidValues() {
        let values = [
            "", "01", "-", "+1", ".5", "1.", "1e", "1e+", "0x1", "NaN", "Infinity", "-Infinity", "nul", "True", "'a'",
            "\"", "\"a",
            "[1,]", "[,1]", "[1 2]", "[1", "{\"b\":1,}", "{\"b\"}", "{\"b\":}", "{b:1}", "{1:1}",
            "{\"b\":1 \"c\":2}", "1 2", "[1]]",
            #""\x""#, #""\u12""#, #""\ud800""#, #""\udc00""#, #""\ud800\u0041""#, #""\uD83D\"#, "\"\u{1}\"", "\"\n\"",
            "/*c*/1", "1//c",
            #"{"b":1,"b":2}"#, #"{"b":1,"\u0062":2}"#, #"[{"c":{"b":1,"b":1}}]"#, "\u{FEFF}1", "--1", "1.e1", "1,", "tru\u{65}x",
            String(repeating: "[", count: 64) + String(repeating: "]", count: 64), String(repeating: "[", count: 100_000),
        ]
        for value in values { #expect(!accepts(Array(value.utf8)), "\(value.prefix(60))") }
        let badUTF8: [[UInt8]] = [
            [0xFF], [0x80], [0xC0, 0x80], [0xC1, 0xBF], [0xE0, 0x80, 0x80], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80],
            [0xF8, 0x88, 0x80, 0x80, 0x80], [0xE2, 0x82], [0xF0, 0x9F, 0x98],
        ]
        for bytes in badUTF8 { #expect(!accepts([0x22] + bytes + [0x22]), "\(bytes)") }
        for text in ["", "[]", "1", "null", "{} {}", "{}x"] {
            #expect(throws: JSONFault.self, "\(text)") { try validateJSONObject(text) }
        }
        // Unicode equivalence is not equality: composed and decomposed é are two keys.
        #expect(accepts(Array("{\"\u{E9}\":1,\"e\u{301}\":2}".utf8)))
    }

    @Test func truncatedTextsNeverTrap() {
        let text = Array(#"{"a":[1.5e-3,{"b":"x\u00e9\ud83d\ude00é"},true,null],"c":-0.25}"#.utf8)
        for count in 0..<text.count {
            #expect(throws: JSONFault.self) { try validateJSONObject(Array(text.prefix(count))) }
        }
    }

    /// The float32 that the record reader makes of a text.
    func parsed(_ texts: [String]) throws -> [Float] {
        let line = "{\"id\":1,\"vector\":[\(texts.joined(separator: ","))]}"
        let reader = RecordReader(source: MemorySource(path: "test", bytes: Array(line.utf8)))
        return try #require(try reader.next()?.vector)
    }

    func compare(_ texts: [String], _ note: String) throws {
        for (text, value) in zip(texts, try parsed(texts)) where value.bitPattern != Float(text)?.bitPattern {
            Issue.record("\(text) became \(value), not \(String(describing: Float(text))) (\(note))")
        }
    }

    @Test(arguments: 0..<4) func numbersRoundAsTheCLibraryDoes(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        var texts: [String] = []
        for _ in 0..<5000 {
            let float = Float(bitPattern: UInt32.random(in: 0..<0xFF80_0000, using: &generator))
            if float.isFinite {
                texts += ["\(float)", "\(Double(float))"]
                // The middle between two floats and its neighbours: where rounding twice goes wrong.
                let middle = (Double(float) + Double(float.nextUp)) / 2
                if abs(middle) < 3.4e38 { texts += ["\(middle)", "\(middle.nextUp)", "\(middle.nextDown)"] }
            }
            let digits = (0..<Int.random(in: 1...25, using: &generator)).map { _ in
                "\(Int.random(in: 0...9, using: &generator))"
            }.joined()
            let exponent = Int.random(in: -70...12, using: &generator)
            texts += ["0." + digits, "\(Int.random(in: 1...9, using: &generator))\(digits)e\(exponent)"]
            texts.append("\(Double.random(in: -1...1, using: &generator))")
        }
        try compare(texts, "seed \(seed)")
    }

    @Test func numbersAtTheEdges() throws {
        try compare([
            "0", "-0", "-0.0", "0e5", "0.000e-999999999", "1e-45", "7e-46", "7.1e-46", "-1e-400",
            "1e-99999999999", "3.4028234663852886e38", "3.4028235677973362e38", "1.17549435e-38", "1.1754943e-38",
            "1.1754942106924411e-38", "16777217", "16777217.0000000000000001", "16777219", "33554434.999999999999999999999",
            "1.00000017881393432617187499", "1.00000017881393421514957253748434595763683319091796875001",
            "1.000000059604644775390625", "1.00000005960464477539062" + "4" + String(repeating: "9", count: 90),
            "0." + String(repeating: "0", count: 300) + "1e300", "1" + String(repeating: "0", count: 300) + "e-300",
            "0.1", "123456789012345678901234567890e-20", "9007199254740993", "9007199254740993e-16",
        ], "edges")
        let zeros = String(repeating: "0", count: 1_200_000)
        #expect(try parsed(["0." + zeros + "1e1200001", "-1" + zeros + "e-1200000"]) == [1, -1])
        // Exact ties with a digit far behind: only the digits beyond a double's decide.
        let tie = "1.000000059604644775390625" + String(repeating: "0", count: 500)
        #expect(try parsed([tie, tie + "1"]) == [1, Float(1).nextUp])
        let large = ["3.5e38", "-1e39", "1e400", "3.4028235677973367e38", "1" + String(repeating: "0", count: 40)]
        for text in large {
            #expect(refusal { try parsed([text]) }?.reason.contains("overflows float32") == true, "\(text)")
        }
    }
}
