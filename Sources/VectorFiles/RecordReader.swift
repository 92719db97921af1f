/// Records of a JSONL file, one a line (Schemas/json/ingest-record.schema.json). Checks each record by itself; whether
/// dimensions and ids agree with a collection is for the caller.
import Platform
import Synchronization

/// One record. At least one of `vector` and `tokens` is there.
package struct IngestRecord: Equatable, Sendable {
    /// 1-based line of the file.
    package var line: Int
    /// Absent where the record leaves it to the command line.
    package var modality: String?
    package var id: String
    package var item: String?
    package var vector: [Float]?
    /// tokenCount × tokenDimension, row-major.
    package var tokens: [Float]?
    package var tokenCount: Int
    package var tokenDimension: Int
    /// One a token, none negative, not all zero.
    package var weights: [Float]?
    /// The object's text as it stood in the file.
    package var metadata: String?

    package init(
        line: Int, modality: String? = nil, id: String, item: String? = nil, vector: [Float]? = nil,
        tokens: [Float]? = nil, tokenCount: Int = 0, tokenDimension: Int = 0, weights: [Float]? = nil,
        metadata: String? = nil
    ) {
        self.line = line
        self.modality = modality
        self.id = id
        self.item = item
        self.vector = vector
        self.tokens = tokens
        self.tokenCount = tokenCount
        self.tokenDimension = tokenDimension
        self.weights = weights
        self.metadata = metadata
    }
}

package final class RecordReader: Sendable {
    package let path: String
    /// As `MatrixReader.fingerprint`.
    package let fingerprint: String?
    private let lines: LineReader
    /// Components of the last vector: what the next one's memory is reserved for.
    private let expected = Mutex(0)

    package convenience init(
        path: String, fileSystem: any FileSystem = PosixFileSystem()
    ) throws(VectorFileError) {
        let stream = try StreamSource(path: path, fileSystem: fileSystem)
        var fingerprint: String?
        if stream.isRegularFile { fingerprint = try Fingerprint.of(FileSource(path: path, fileSystem: fileSystem)) }
        self.init(source: stream, fingerprint: fingerprint)
    }

    package init(source: any ByteSource, fingerprint: String? = nil) {
        path = source.path
        self.fingerprint = fingerprint
        lines = LineReader(source: source)
    }

    /// The next record, or nil at the end; lines of nothing but space are skipped.
    package func next() throws(VectorFileError) -> IngestRecord? {
        while let (line, bytes) = try lines.nextBytes() {
            if bytes.allSatisfy(\.isJSONSpace) { continue }
            var parser = RecordParser(bytes: bytes, line: line, expected: expected.withLock { $0 })
            do throws(JSONFault) {
                let record = try parser.record()
                if let count = record.vector?.count { expected.withLock { $0 = count } }
                return record
            } catch {
                throw VectorFileError(
                    file: path, line: line, reason: "byte \(error.offset + 1): \(error.reason)",
                    remedy: "repair or remove the line")
            }
        }
        return nil
    }
}

/// One line being parsed.
private struct RecordParser {
    private enum Key: String, CaseIterable { case modality, id, item, vector, tokens, weights, mask, metadata }

    private var scanner: JSONScanner
    private let expected: Int
    private var result: IngestRecord
    private var mask: [Bool]?
    private var seen: Set<Key> = []

    init(bytes: [UInt8], line: Int, expected: Int) {
        scanner = JSONScanner(bytes)
        self.expected = expected
        result = IngestRecord(line: line, id: "")
    }

    mutating func record() throws(JSONFault) -> IngestRecord {
        var scanner = scanner
        guard scanner.peek() == UInt8(ascii: "{") else { throw scanner.fault("a record must be a JSON object") }
        try scanner.members { (scanner, name, offset) throws(JSONFault) in
            guard let key = Key(rawValue: String(decoding: name, as: UTF8.self)) else { throw unknownKey(name, offset) }
            guard seen.insert(key).inserted else { throw duplicateKey(name, offset) }
            if key != .id, scanner.acceptNull() { return }
            try member(key, &scanner)
        }
        try scanner.expectEnd()
        try checkWhole(scanner)
        if let mask { try drop(where: mask, scanner) }
        return result
    }

    private func unknownKey(_ name: [UInt8], _ offset: Int) -> JSONFault {
        let known = Key.allCases.map(\.rawValue).joined(separator: ", ")
        let shown = String(decoding: name.prefix(60), as: UTF8.self)
        return JSONFault(offset: offset, reason: "unknown key \"\(shown)\"; a record has \(known)")
    }

    private mutating func member(_ key: Key, _ scanner: inout JSONScanner) throws(JSONFault) {
        let offset = scanner.position
        switch key {
        case .modality: result.modality = try name(&scanner, key, integers: false)
        case .id: result.id = try name(&scanner, key, integers: true)
        case .item: result.item = try name(&scanner, key, integers: true)
        case .vector:
            var values: [Float] = []
            values.reserveCapacity(expected)
            let count = try scanner.floats(into: &values)
            guard (1...Limits.dimensionMax).contains(count) else {
                throw JSONFault(
                    offset: offset, reason: "the vector has \(count) components; 1 to \(Limits.dimensionMax) are allowed")
            }
            result.vector = values
        case .tokens: try tokens(&scanner)
        case .weights:
            var values: [Float] = []
            _ = try scanner.floats(into: &values)
            // None at all are too few for the tokens, which is told once these are known.
            guard values.allSatisfy({ $0 >= 0 }), values.isEmpty || values.contains(where: { $0 > 0 }) else {
                throw JSONFault(offset: offset, reason: "weights must not be negative, nor all zero or too small for float32")
            }
            result.weights = values
        case .mask: mask = try scanner.flags()
        case .metadata:
            guard let start = scanner.peek(), start == UInt8(ascii: "{") else {
                throw scanner.fault("metadata must be an object")
            }
            let first = scanner.position
            try scanner.skipValue(depth: 1)
            result.metadata = String(decoding: scanner.bytes[first..<scanner.position], as: UTF8.self)
        }
    }

    /// A string, or where allowed an integer, which stands for its decimal text.
    private func name(_ scanner: inout JSONScanner, _ key: Key, integers: Bool) throws(JSONFault) -> String {
        let first = scanner.peek(), offset = scanner.position
        if first == UInt8(ascii: "\"") {
            let text = try scanner.string()
            guard !text.isEmpty, !text.utf8.contains(0) else {
                throw JSONFault(offset: offset, reason: "\(key.rawValue) is empty or holds U+0000")
            }
            return text
        }
        guard integers, first == UInt8(ascii: "-") || first?.decimalDigit != nil else {
            throw JSONFault(offset: offset, reason: "\(key.rawValue) must be a string" + (integers ? " or an integer" : ""))
        }
        let (number, text) = try scanner.number()
        guard number.isInteger else {
            throw JSONFault(offset: offset, reason: "\(key.rawValue) is a number, but no integer")
        }
        return text == "-0" ? "0" : text
    }

    private mutating func tokens(_ scanner: inout JSONScanner) throws(JSONFault) {
        var values: [Float] = [], count = 0, dimension = 0
        try scanner.elements { (scanner) throws(JSONFault) in
            _ = scanner.peek()
            let offset = scanner.position
            let found = try scanner.floats(into: &values)
            if count == 0 { dimension = found }
            guard found == dimension, (1...Limits.dimensionMax).contains(found) else {
                let compared = count == 0 ? "" : ", the first \(dimension)"
                throw JSONFault(offset: offset, reason: "token \(count) has \(found) components\(compared)")
            }
            count += 1
        }
        guard count > 0 else { throw scanner.fault("tokens is empty; leave it out") }
        (result.tokens, result.tokenCount, result.tokenDimension) = (values, count, dimension)
    }

    private func checkWhole(_ scanner: JSONScanner) throws(JSONFault) {
        if !seen.contains(.id) { throw scanner.fault("the record has no id") }
        if result.vector == nil, result.tokens == nil { throw scanner.fault("the record has neither vector nor tokens") }
        if let weights = result.weights, weights.isEmpty || weights.count != result.tokenCount {
            throw scanner.fault("there are \(weights.count) weights for \(result.tokenCount) tokens")
        }
    }

    /// Takes out the padding, as if it had not been in the file.
    private mutating func drop(where mask: [Bool], _ scanner: JSONScanner) throws(JSONFault) {
        guard mask.count == result.tokenCount else {
            throw scanner.fault("the mask has \(mask.count) values for \(result.tokenCount) tokens")
        }
        guard mask.contains(true) else { throw scanner.fault("no token is left by the mask; leave tokens out") }
        result.tokens = result.tokens.map { keeping($0, where: mask, dimension: result.tokenDimension) }
        result.weights = result.weights.map { keeping($0, where: mask, dimension: 1) }
        result.tokenCount = mask.count { $0 }
    }
}
