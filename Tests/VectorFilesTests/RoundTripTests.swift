/// Every finite float32 bit pattern survives each writer and its reader; files appear whole or not at all.
import Foundation
import Platform
import Testing
import VectorFiles

@Suite struct RoundTripTests {
    let scratch: Scratch
    init() throws { scratch = try Scratch() }

    /// −0, subnormals, both ends, and random patterns.
    static func patterns(seed: UInt64) -> [Float] {
        var generator = SeededGenerator(seed: seed)
        let edges: [Float] = [
            0, -0.0, .leastNonzeroMagnitude, -.leastNonzeroMagnitude, .leastNormalMagnitude, .leastNormalMagnitude.nextDown,
            .greatestFiniteMagnitude, -.greatestFiniteMagnitude, 1, .ulpOfOne, 16_777_216, 0.1]
        var values = edges
        while values.count < 4000 {
            let value = Float(bitPattern: UInt32.random(in: 0...UInt32.max, using: &generator))
            if value.isFinite { values.append(value) }
        }
        return values
    }

    @Test func everyWriterKeepsEveryBit() throws {
        let values = Self.patterns(seed: 11), dimension = 40, rows = 100
        let npyWriter = try NpyWriter(path: scratch.path("x.npy"), dimension: dimension)
        let fvecs = try FvecsWriter(path: scratch.path("x.fvecs"), dimension: dimension)
        let tensors = try SafetensorsWriter(
            path: scratch.path("x.safetensors"), name: "é\"", rowCount: rows, dimension: dimension)
        let lines = try RecordWriter(path: scratch.path("x.jsonl"))
        for row in stride(from: 0, to: rows, by: 10) {
            let block = Array(values[row * dimension..<(row + 10) * dimension])
            try npyWriter.append(block)
            try fvecs.append(block)
            try tensors.append(block)
            for index in 0..<10 {
                let vector = Array(block[index * dimension..<(index + 1) * dimension])
                try lines.append(IngestRecord(line: 0, id: "\(row + index)", vector: vector))
            }
        }
        #expect(!PosixFileSystem().exists(scratch.path("x.npy")))
        try npyWriter.finish()
        try fvecs.finish()
        try tensors.finish()
        try lines.finish()
        for name in ["x.npy", "x.fvecs", "x.safetensors"] {
            #expect(try bits(allRows(openMatrix(scratch.path(name)))) == bits(values), "\(name)")
        }
        let reader = try RecordReader(path: scratch.path("x.jsonl"))
        var read: [Float] = []
        while let record = try reader.next() { read += record.vector ?? [] }
        #expect(bits(read) == bits(values))
        #expect(reader.fingerprint != nil)
        #expect(try PosixFileSystem().list(scratch.directory) == ["x.fvecs", "x.jsonl", "x.npy", "x.safetensors"])
    }

    @Test func integersForAnswers() throws {
        let writer = try NpyWriter(path: scratch.path("k.npy"), type: .int64, dimension: 3, rowCount: 1)
        try writer.append([5, -1, Int64.max])
        try writer.finish()
        let file = try scratch.read(scratch.path("k.npy"))
        #expect(file.count == 128 + 24 && file[8] == 118 && file[127] == 10)
        #expect(try openIntegers(scratch.path("k.npy")) == [5, -1, Int64.max])
    }

    @Test func whatIsNotFinishedLeavesNothing() throws {
        do {
            let writer = try NpyWriter(path: scratch.path("x.npy"), dimension: 2, rowCount: 2)
            try writer.append([1, 2] as [Float])
            #expect(refusal { try writer.finish() }?.reason.contains("announced") == true)
        }
        #expect(try PosixFileSystem().list(scratch.directory) == [])
        #expect(refusal { try NpyWriter(path: "-", dimension: 2) } != nil)
        #expect(refusal { try NpyWriter(path: scratch.path("absent/x.npy"), dimension: 2) } != nil)
    }

    @Test func recordsAreWrittenAsTheyAreRead() throws {
        let record = IngestRecord(
            line: 1, modality: "te\"xt", id: "\u{1}é😀\\", item: "i", vector: [1, -0.0], tokens: [1, 2, 3, 4], tokenCount: 2,
            tokenDimension: 2, weights: [0.25, 1], metadata: "{\n\"a\": [1]\r\n}")
        let writer = try RecordWriter(path: scratch.path("x.jsonl"))
        try writer.append(record)
        try writer.finish()
        var expected = record
        expected.metadata = "{ \"a\": [1]  }"
        #expect(try RecordReader(path: scratch.path("x.jsonl")).next() == expected)
    }
}
