/// Records as JSONL, in the shape `RecordReader` takes: what is written here and read there is the same bit for bit.
import Platform

/// Not for use by several threads at once.
package final class RecordWriter {
    private let file: OutputFile

    package init(path: String, fileSystem: any FileSystem = PosixFileSystem()) throws(VectorFileError) {
        file = try OutputFile(path: path, fileSystem: fileSystem)
    }

    /// Numbers are the shortest text that reads back as the same float32; −0 keeps its sign. The record's line is ignored.
    /// Precondition: numbers are finite; metadata is one JSON object.
    package func append(_ record: IngestRecord) throws(VectorFileError) {
        var line: [UInt8] = []
        line.reserveCapacity(64 + 12 * (record.vector?.count ?? 0) + 12 * (record.tokens?.count ?? 0))
        line.append(UInt8(ascii: "{"))
        if let modality = record.modality { line += "\"modality\":\(jsonString(modality)),".utf8 }
        line += "\"id\":\(jsonString(record.id))".utf8
        if let item = record.item { line += ",\"item\":\(jsonString(item))".utf8 }
        if let vector = record.vector {
            line += ",\"vector\":".utf8
            Self.append(vector[...], to: &line)
        }
        if let tokens = record.tokens {
            precondition(tokens.count == record.tokenCount * record.tokenDimension, "tokens and their shape disagree")
            line += ",\"tokens\":[".utf8
            for token in 0..<record.tokenCount {
                if token > 0 { line.append(UInt8(ascii: ",")) }
                let start = token * record.tokenDimension
                Self.append(tokens[start..<start + record.tokenDimension], to: &line)
            }
            line.append(UInt8(ascii: "]"))
        }
        if let weights = record.weights {
            line += ",\"weights\":".utf8
            Self.append(weights[...], to: &line)
        }
        if let metadata = record.metadata {
            // A line break between tokens of the object would end the record.
            line += ",\"metadata\":".utf8
            line += metadata.utf8.lazy.map { $0 == 0x0A || $0 == 0x0D ? 0x20 : $0 }
        }
        line += "}\n".utf8
        try file.append(line)
    }

    package func finish() throws(VectorFileError) { try file.finish() }

    private static func append(_ values: ArraySlice<Float>, to line: inout [UInt8]) {
        line.append(UInt8(ascii: "["))
        var isFirst = true
        for value in values {
            precondition(value.isFinite, "JSON has no NaN and no infinity")
            if !isFirst { line.append(UInt8(ascii: ",")) }
            isFirst = false
            line += value.description.utf8
        }
        line.append(UInt8(ascii: "]"))
    }
}

/// A string in JSON quotes; only what must be escaped is.
package func jsonString(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
        switch scalar {
        case "\"": result += "\\\""
        case "\\": result += "\\\\"
        case "\n": result += "\\n"
        case "\r": result += "\\r"
        case "\t": result += "\\t"
        case "\u{0}"..<"\u{20}":
            let digits = String(scalar.value, radix: 16)
            result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
        default: result.unicodeScalars.append(scalar)
        }
    }
    return result + "\""
}
