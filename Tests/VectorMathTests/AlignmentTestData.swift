/// Where the shared reference cases and real data are, and small readers for them. Not a test itself.
import Foundation
import Testing
import VectorMath

enum SharedData {
    /// The directory beside the package, or the one named in CAUSEWAY_SHARED; nil, with a printed reason, when absent.
    static var root: URL? {
        let package = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let named = ProcessInfo.processInfo.environment["CAUSEWAY_SHARED"].map { URL(fileURLWithPath: $0) }
        let candidate = named ?? package.deletingLastPathComponent().appendingPathComponent("shared")
        if FileManager.default.fileExists(atPath: candidate.path) { return candidate }
        print("skipped: no shared data at \(candidate.lastPathComponent) beside the package")
        return nil
    }

    private static var transportFile: URL? {
        let file = root?.appendingPathComponent("transport-cases.json")
        return file.flatMap { FileManager.default.fileExists(atPath: $0.path) ? $0 : nil }
    }

    /// For `.enabled(if:)`: a test of the reference cases is skipped where they are absent, and the runner says why.
    static var hasTransportCases: Bool { transportFile != nil }
    static let noTransportCases: Comment = "no transport-cases.json in ../shared of the package"

    /// All of transport-cases.json.
    static func transportCases() throws -> [[String: Any]] {
        let file = try #require(transportFile)
        let document = try #require(JSONSerialization.jsonObject(with: Data(contentsOf: file)) as? [String: Any])
        return try #require(document["cases"] as? [[String: Any]])
    }

    /// "input" and "expect" of one of them.
    static func transportCase(_ id: String) throws -> (input: [String: Any], expect: [String: Any], tolerance: Double) {
        let found = try #require(try transportCases().first { $0["id"] as? String == id })
        return (
            try #require(found["input"] as? [String: Any]), try #require(found["expect"] as? [String: Any]),
            try #require(number(found["tol"])))
    }

    static func number(_ value: Any?) -> Double? { (value as? NSNumber)?.doubleValue }

    static func matrix(_ value: Any?) -> Matrix<Double> {
        let rows = value as? [[NSNumber]] ?? []
        return Matrix(rows.map { $0.map { $0.doubleValue } })
    }

    /// A little-endian .npy file of float32, int32 or int64 in C order, below data/; nil when absent.
    static func array(_ path: String) -> (shape: [Int], values: [Float])? {
        guard let root, let data = try? Data(contentsOf: root.appendingPathComponent("data/" + path)) else {
            print("skipped: \(path) is absent")
            return nil
        }
        let bytes = [UInt8](data)
        let long = bytes[6] >= 2
        let headerCount = (0..<(long ? 4 : 2)).reduce(0) { $0 | Int(bytes[8 + $1]) << (8 * $1) }
        let start = (long ? 12 : 10) + headerCount
        let header = String(decoding: bytes[(long ? 12 : 10)..<start], as: UTF8.self)
        let inside = header.components(separatedBy: "'shape': (")[1].components(separatedBy: ")")[0]
        let shape = inside.split(separator: ",").compactMap { Int($0.trimmingCharacters(in: .whitespaces)) }
        let width = header.contains("f4") || header.contains("i4") ? 4 : 8
        let values = (0..<shape.reduce(1, *)).map { index -> Float in
            let at = start + index * width
            let word = (0..<width).reduce(UInt64(0)) { $0 | UInt64(bytes[at + $1]) << (8 * $1) }
            if header.contains("f4") { return Float(bitPattern: UInt32(truncatingIfNeeded: word)) }
            if header.contains("f8") { return Float(Double(bitPattern: word)) }
            return width == 4 ? Float(Int32(truncatingIfNeeded: word)) : Float(Int64(bitPattern: word))
        }
        return (shape, values)
    }

    static func floats(_ path: String) -> Matrix<Float>? {
        guard let array = array(path), array.shape.count == 2 else { return nil }
        return Matrix(rows: array.shape[0], columns: array.shape[1], elements: array.values)
    }
}

func randomMatrix(_ rows: Int, _ columns: Int, seed: UInt64) -> Matrix<Double> {
    var random = SeededRandom(seed: seed)
    return Matrix(rows: rows, columns: columns, elements: (0..<rows * columns).map { _ in random.normal() })
}

/// The largest absolute difference between two matrices of one shape.
func distance<Scalar>(_ a: Matrix<Scalar>, _ b: Matrix<Scalar>) -> Double {
    guard a.rows == b.rows, a.columns == b.columns else { return .infinity }
    return zip(a.elements, b.elements).reduce(0) { max($0, abs(Double($1.0) - Double($1.1))) }
}
