/// JSONL records and lines of text: what is taken, what is refused and with which line.
import Testing
import VectorFiles

@Suite struct RecordTests {
    func records(_ text: String) throws -> [IngestRecord] { try records(Array(text.utf8)) }

    func records(_ bytes: [UInt8]) throws -> [IngestRecord] {
        let reader = RecordReader(source: MemorySource(path: "r.jsonl", bytes: bytes))
        var result: [IngestRecord] = []
        while let record = try reader.next() { result.append(record) }
        return result
    }

    @Test func everyMember() throws {
        let text = #" {"modality":"text","id":"cap-7","item":3,"vector":[1, -2.5e0],"tokens":[[1,2,3],[4,5,6]],"#
            + #""weights":[0,1.5],"metadata": { "a" : [1, "é\n"] } } "#
        #expect(try records(text) == [IngestRecord(
            line: 1, modality: "text", id: "cap-7", item: "3", vector: [1, -2.5], tokens: [1, 2, 3, 4, 5, 6], tokenCount: 2,
            tokenDimension: 3, weights: [0, 1.5], metadata: #"{ "a" : [1, "é\n"] }"#)])
        #expect(try records(#"{"id":-12,"item":null,"tokens":[[0]],"metadata":null,"vector":null}"#)
            == [IngestRecord(line: 1, id: "-12", tokens: [0], tokenCount: 1, tokenDimension: 1)])
        #expect(try records(#"{"id":"\u00e9\ud83d\ude00\/","vector":[0]}"#)[0].id == "é😀/")
    }

    @Test func aMaskDropsTokensAndTheirWeights() throws {
        let kept = IngestRecord(line: 1, id: "a", tokens: [1, 2, 5, 6], tokenCount: 2, tokenDimension: 2, weights: [7, 9])
        for mask in ["[1,0,1]", "[true,false,true]", "[1.0, 0e0, 1]"] {
            let text = #"{"id":"a","mask":\#(mask),"tokens":[[1,2],[3,4],[5,6]],"weights":[7,8,9]}"#
            #expect(try records(text) == [kept], "\(mask)")
        }
        #expect(try records(#"{"id":"a","tokens":[[1]],"mask":null}"#)[0].tokens == [1])
        let wrong = [
            ("[1,0]", "the mask has 2 values for 1 tokens"), ("[0]", "no token is left"), ("[]", "the mask has 0 values"),
            ("[2]", "2 stands where a 1 or a 0 is wanted"), (#"["1"]"#, "number"), ("1", "array"),
        ]
        for (mask, reason) in wrong {
            let found = refusal { try records(#"{"id":"a","tokens":[[1]],"mask":\#(mask)}"#) }?.reason
            #expect(found?.contains(reason) == true, "\(mask): \(found ?? "taken")")
        }
        #expect(refusal { try records(#"{"id":"a","vector":[1],"mask":[1]}"#) }?.reason.contains("0 tokens") == true)
    }

    @Test func linesAreCountedAndEmptyOnesSkipped() throws {
        let text = "\u{FEFF}{\"id\":\"a\",\"vector\":[1]}\r\n\n  \t\r\n{\"id\":\"b\",\"vector\":[2]}"
        #expect(try records(text).map(\.line) == [1, 4])
        #expect(refusal { try records(text + "\n{\"id\":\"c\"}") }?.line == 5)
        #expect(try records("") == [])
    }

    @Test func wrongRecordsAreRefused() throws {
        let wrong = [
            #"[]"#, #"{}"#, #"{"id":"a"}"#, #"{"vector":[1]}"#, #"{"id":"","vector":[1]}"#, #"{"id":null,"vector":[1]}"#,
            #"{"id":1.0,"vector":[1]}"#, #"{"id":1e3,"vector":[1]}"#, #"{"id":true,"vector":[1]}"#, #"{"id":"a","vector":[]}"#,
            #"{"id":"a\u0000","vector":[1]}"#, #"{"id":"a","modality":3,"vector":[1]}"#, #"{"id":"a","vector":[1],"id":"b"}"#,
            #"{"id":"a","vector":[1],"v\u0065ctor":[1]}"#, #"{"id":"a","vector":[1,null]}"#, #"{"id":"a","vector":["1"]}"#,
            #"{"id":"a","vector":[1,]}"#, #"{"id":"a","vector":[[1]]}"#, #"{"id":"a","vector":1}"#, #"{"id":"a","vector":[NaN]}"#,
            #"{"id":"a","vector":[1]"#, #"{"id":"a","vector":[1]} {}"#, #"{"id":"a","vector":[1"#, #"{"id":"a","tokens":[]}"#,
            #"{"id":"a","tokens":[[1],[1,2]]}"#, #"{"id":"a","tokens":[[]]}"#, #"{"id":"a","tokens":[1]}"#,
            #"{"id":"a","vector":[1],"weights":[1]}"#, #"{"id":"a","tokens":[[1]],"weights":[1,2]}"#,
            #"{"id":"a","tokens":[[1]],"weights":[-1]}"#, #"{"id":"a","tokens":[[1]],"weights":[0]}"#,
            #"{"id":"a","vector":[1],"metadata":[]}"#, #"{"id":"a","vector":[1],"metadata":"x"}"#,
            #"{"id":"a","vector":[1],"metadata":{"b":1,"b":1}}"#, #"{"id":"a","vector":[1e39]}"#, #"{"id":"a","vector":[1],}"#,
        ]
        for text in wrong { #expect(refusal { try records(text) }?.line == 1, "\(text)") }
        for text in [#""tokens":[[1],[2]],"weights":[]"#, #""weights":[],"tokens":[[1],[2]]"#] {
            let refused = refusal { try records("{\"id\":\"a\",\(text)}") }
            #expect(refused?.reason.contains("0 weights for 2 tokens") == true, "\(text)")
        }
        #expect(refusal { try records(#"{"id":"a","vector":[1],"weights":[]}"#) } != nil)
        let unknown = refusal { try records(#"{"id":"a","vektor":[1]}"#) }
        #expect(unknown?.reason.contains("unknown key \"vektor\"; a record has modality, id, item") == true)
        let latin = Array("{\"id\":\"".utf8) + [0xFF] + Array("\",\"vector\":[1]}".utf8)
        #expect(refusal { try records(latin) }?.reason.contains("UTF-8") == true)
    }

    @Test func truncatedAndDamagedRecordsNeverTrap() {
        let text = Array(#"{"modality":"text","id":"cap","vector":[1.25,-2e-3],"tokens":[[1],[2]],"weights":[1,2],"#.utf8)
            + Array(#""metadata":{"a":"é"}}"#.utf8)
        for count in 1..<text.count { #expect(refusal { try records(Array(text.prefix(count))) } != nil) }
        for seed in 0..<2000 {
            var generator = SeededGenerator(seed: UInt64(seed)), damaged = text
            for _ in 0..<2 { damageByte(of: &damaged, using: &generator) }
            _ = try? records(damaged)
        }
    }

    @Test func linesOfMetadata() throws {
        let text = " {\"a\": 1} \r\n\nnull\n{}\n[]"
        let reader = LineReader(source: MemorySource(path: "m.jsonl", bytes: Array(text.utf8)))
        let lines = [try reader.nextObject(), try reader.nextObject(), try reader.nextObject(), try reader.nextObject()]
        #expect(lines == ["{\"a\": 1}", "", "", "{}"])
        #expect(refusal { try reader.nextObject() }?.line == 5)
        #expect(try reader.nextObject() == nil)
    }

    @Test func linesOfText() throws {
        func lines(_ bytes: [UInt8], cap: Int = 100) throws -> [String] {
            let reader = LineReader(source: MemorySource(path: "ids", bytes: bytes), lineBytesMax: cap)
            var result: [String] = []
            while let line = try reader.next() { result.append(line) }
            return result
        }
        #expect(try lines(Array("a\r\nb\n\nlast é".utf8)) == ["a", "b", "", "last é"])
        #expect(try lines(Array("a\n".utf8)) == ["a"])
        #expect(try lines([]) == [])
        let error = refusal { try lines(Array("a\n".utf8) + [0xC3]) }
        #expect(error?.line == 2 && error?.reason == "invalid UTF-8")
        // Longer than a block, so that a line is put together from several.
        let long = [UInt8](repeating: 0x61, count: 3 << 20)
        #expect(try lines(long + [10, 98], cap: 4 << 20).map(\.utf8.count) == [3 << 20, 1])
        #expect(refusal { try lines(long, cap: 1 << 20) }?.line == 1)
    }
}
