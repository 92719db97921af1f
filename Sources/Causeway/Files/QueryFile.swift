/// Files that the tools beside a database read and write: queries, vectors as text, lines, and matrices of ids.
import Platform
import VectorFiles

/// A file of query vectors, read by row.
package struct QueryFile: Sendable {
    private let matrix: any MatrixReader

    /// - Throws: `.badInput` when it is no matrix. A 1-D array counts as one row.
    package init(path: String) throws {
        matrix = try translatingErrors { try openMatrix(path, singleVector: true) }
    }

    package var count: Int { matrix.rowCount }
    package var dimension: Int { matrix.dimension }

    /// - Throws: `.badInput` for a row that is not there, or one with a component that is not finite.
    package func vectors(rows start: Int, count: Int) throws -> [[Float]] {
        guard start < matrix.rowCount else {
            throw CausewayError.badInput(
                file: matrix.path, row: start, line: nil, reason: "the file has \(matrix.rowCount) rows",
                remedy: "rows count from 0")
        }
        let values = try translatingErrors { try matrix.read(rows: start..<start + count) }
        return stride(from: 0, to: values.count, by: dimension).map { Array(values[$0..<$0 + dimension]) }
    }
}

/// A vector written as a JSON array of numbers.
/// - Throws: `.badInput` with the place of the fault.
package func parseVector(_ text: String) throws(CausewayError) -> [Float] {
    var scanner = JSONScanner(Array(text.utf8))
    var values: [Float] = []
    do throws(JSONFault) {
        _ = try scanner.floats(into: &values)
        try scanner.expectEnd()
    } catch {
        throw .badInput("the query, character \(error.offset + 1): \(error.reason)", remedy: "write '[0.1, 0.2]'")
    }
    guard !values.isEmpty else { throw .badInput("the query has no components", remedy: "write '[0.1, 0.2]'") }
    return values
}

/// The lines of a text file or of standard input ("-"), blank ones left out.
package func readLines(ofFile path: String) throws -> [String] {
    try translatingErrors {
        let reader = try LineReader(path: path)
        var lines: [String] = []
        while let line = try reader.next() {
            if !line.isEmpty { lines.append(line) }
        }
        return lines
    }
}

package func writeLines(_ lines: [String], to path: String) throws {
    try translatingErrors {
        let writer = try LineWriter(path: path)
        for line in lines { try writer.append(line) }
        try writer.finish()
    }
}

/// Writes rows of one dimension as .npy.
package func writeMatrix(_ rows: [[Float]], to path: String) throws {
    try translatingErrors {
        let writer = try NpyWriter(path: path, dimension: rows.first?.count ?? 1)
        for row in rows { try writer.append(row) }
        try writer.finish()
    }
}

/// A matrix of ids as int64 .npy: what benchmarks compare. Ids must be row numbers, written as `ingest` writes them: another
/// spelling is another id, and -1 means that there is none.
package final class IDMatrixWriter {
    private let writer: NpyWriter
    private let columns: Int
    private let path: String

    package init(path: String, rows: Int, columns: Int) throws {
        self.path = path
        self.columns = columns
        writer = try translatingErrors { try NpyWriter(path: path, type: .int64, dimension: columns, rowCount: rows) }
    }

    /// One query's ids, best first; -1 fills the row.
    package func append(_ ids: [String]) throws {
        var row = try ids.map { id in
            guard let number = Int64(id), number >= 0, id.hasSameBytes(as: String(number)) else {
                throw CausewayError.badInput(
                    file: path == "-" ? "standard output" : path, row: writer.rowCount, line: nil,
                    reason: "id \(id) is no row number",
                    remedy: "leave --output out: the JSON lines can say it")
            }
            return number
        }
        row += Array(repeating: -1, count: columns - row.count)
        try translatingErrors { try writer.append(row) }
    }

    package func finish() throws { try translatingErrors { try writer.finish() } }
}
