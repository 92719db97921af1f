/// What is wrong with a file of vectors: where, why, and what to do about it. The one error this module throws.
import Platform

package struct VectorFileError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The path as the caller gave it; "-" is standard input or output.
    package var file: String
    /// 0-based row of a matrix.
    package var row: Int?
    /// 1-based line of a text file.
    package var line: Int?
    package var reason: String
    package var remedy: String
    /// Whether the data is at fault, or writing the result failed.
    package var cause = Cause.input

    package enum Cause: Sendable { case input, output, closedOutput }

    package init(file: String, row: Int? = nil, line: Int? = nil, reason: String, remedy: String) {
        self.file = file
        self.row = row
        self.line = line
        self.reason = reason
        self.remedy = remedy
    }

    /// "photos.npy, row 17: component 3 is NaN; remove or repair the row"
    package var description: String {
        var place = file == "-" ? "standard input" : file
        if let row { place += ", row \(row)" }
        if let line { place += ", line \(line)" }
        return "\(place): \(reason); \(remedy)"
    }
}

extension VectorFileError {
    /// A call of the file system that failed.
    init(_ error: FileError) {
        self.init(
            file: error.path, reason: "cannot \(error.operation): \(error.reason)",
            remedy: error.isMissing ? "check the path" : "check the file, its permissions and the space left")
    }

    /// Writing a result failed; `path` is the name the caller gave it.
    static func writing(_ path: String, _ error: FileError) -> VectorFileError {
        let isStream = path == "-"
        var failure = VectorFileError(
            file: path, reason: "cannot write \(isStream ? "standard output" : path): \(error.reason)",
            remedy: isStream ? "see where standard output leads"
                : error.isDiskFull ? "free some space" : error.isClosedPipe ? "see what became of its reader"
                : "check the directory and its permissions, or name another file")
        failure.cause = isStream && error.isClosedPipe ? .closedOutput : .output
        return failure
    }

    static func truncated(_ file: String, row: Int? = nil, _ what: String) -> VectorFileError {
        VectorFileError(
            file: file, row: row, reason: "the file ends inside \(what)", remedy: "write or copy the file again")
    }

    static func malformed(_ file: String, _ reason: String) -> VectorFileError {
        VectorFileError(file: file, reason: reason, remedy: "write the file again with its usual library")
    }
}

/// Runs file system calls, turning their errors into this module's.
func reportingFiles<Result>(_ body: () throws(FileError) -> Result) throws(VectorFileError) -> Result {
    do throws(FileError) { return try body() } catch { throw VectorFileError(error) }
}
