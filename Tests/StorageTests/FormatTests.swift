/// FORMAT.md against the program: its tables name our constants, and its Python program reads what we wrote, bit for bit.
import Foundation
import Storage
import Testing

private let formatPage: String = {
    let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()
    return (try? String(contentsOf: root.appendingPathComponent("Schemas/FORMAT.md"), encoding: .utf8)) ?? ""
}()

@Test func theFormatPageNamesTheCodecsAndLimitsOfTheProgram() throws {
    let cells = formatPage.split(separator: "\n").filter { $0.hasPrefix("|") }.map { line in
        line.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
    }
    for codec in VectorCodec.allCases {
        #expect(cells.contains { $0.count == 3 && $0[0] == "\(codec.rawValue)" && $0[1] == "\(codec)" }, "\(codec)")
    }
    func limit(_ what: String) -> String? { cells.first { $0.first == what }?[1] }
    #expect(limit("dimension, token dimension") == "\(StorageLimits.dimensionMax)")
    #expect(limit("numbers in a token set") == "\(StorageLimits.tokenNumbersMax)")
    #expect(limit("id, item") == "\(StorageLimits.idBytesMax) bytes")
    #expect(limit("metadata") == "\(StorageLimits.metadataBytesMax) bytes, \(StorageLimits.metadataDepthMax) levels")
    #expect(limit("path of an attribute") == "\(StorageLimits.pathBytesMax) bytes")
    #expect(limit("name of a collection or modality")?.hasPrefix("\(StorageLimits.nameBytesMax) bytes") == true)
    let fixture = try Fixture()
    #expect(limit("`user_version`") == "\(try fixture.store.info().formatVersion)")
}

@Test func theFormatPagesPythonProgramReadsEveryVectorAndToken() throws {
    let program = formatPage.components(separatedBy: "```python\n").last?.components(separatedBy: "```").first ?? ""
    #expect((10...42).contains(program.split(separator: "\n").count))
    guard let python = ["python3", "/usr/bin/python3"].first(where: { run($0, ["-c", "import lz4.block"]).status == 0 })
    else {
        print("skipped: no python3 with the package lz4 on this machine")
        return
    }
    let fixture = try Fixture(dimension: 21, tokenDimension: 5)
    var input = plainBatch(0, dimension: 21)
    var numbers = SeededNumbers(seed: 11)
    for shape in VectorShape.allCases {
        input.ids.append("\(shape)")
        input.items.append(nil)
        input.metadata.append(nil)
        input.vectors += shape.vector(21, &numbers)
        let count = input.ids.count - 1
        input.tokenSets.append(count == 3 ? nil : TokenSet(
            dimension: 5, values: shape.vector(5 * count, &numbers),
            weights: count % 2 == 0 ? VectorShape.half.vector(count, &numbers) : nil))
    }
    try fixture.insert(input)
    fixture.store.close()
    let codecs = try blobs("SELECT DISTINCT CAST(codec AS TEXT) FROM vector UNION SELECT codec FROM token_set", on: fixture.path)
    #expect(codecs.count >= 4, "the corpus must exercise the codecs")
    let script = fixture.directory.file("reader.py")
    try program.write(toFile: script, atomically: true, encoding: .utf8)
    let result = run(python, [script, fixture.path])
    #expect(result.status == 0, "\(result.output)")
    var expected = ""
    for (index, id) in input.ids.enumerated() {
        let set = input.tokenSets[index]
        let fields = [Array(input.vectors[index * 21..<index * 21 + 21]), set?.values ?? [], set?.weights ?? []]
        expected += "m \(id) " + fields.map(hexadecimal).joined(separator: " ") + "\n"
    }
    #expect(result.output == expected)
}

private func hexadecimal(_ values: [Float]) -> String {
    values.isEmpty ? "-" : values.map { String(format: "%08x", $0.bitPattern.byteSwapped) }.joined()
}

private func run(_ program: String, _ arguments: [String]) -> (status: Int32, output: String) {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = [program] + arguments
    let pipe = Pipe()
    process.standardOutput = pipe
    process.standardError = pipe
    guard (try? process.run()) != nil else { return (-1, "") }
    let data = pipe.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return (process.terminationStatus, String(decoding: data, as: UTF8.self))
}
