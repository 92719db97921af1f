/// Lines of a text file or of standard input, one at a time: ids, items, metadata, JSON records. Memory is one line and
/// one block.
import Platform
import Synchronization

package final class LineReader: Sendable {
    private struct State {
        var buffer: [UInt8] = []
        var start = 0
        var offset = 0
        var isEnded = false
        var line = 0
    }

    package let path: String
    private let source: any ByteSource
    private let lineBytesMax: Int
    private let state = Mutex(State())

    package convenience init(
        path: String, fileSystem: any FileSystem = PosixFileSystem(), lineBytesMax: Int = Limits.lineBytesMax
    ) throws(VectorFileError) {
        // A stream serves files and pipes alike: lines are read in order.
        self.init(source: try StreamSource(path: path, fileSystem: fileSystem), lineBytesMax: lineBytesMax)
    }

    package init(source: any ByteSource, lineBytesMax: Int = Limits.lineBytesMax) {
        path = source.path
        self.source = source
        self.lineBytesMax = lineBytesMax
    }

    /// The next line without its end (LF or CRLF), as UTF-8; nil at the end. A byte order mark at the start of the file
    /// is skipped. Refuses invalid UTF-8 and lines beyond the cap.
    package func next() throws(VectorFileError) -> String? {
        guard let (line, bytes) = try nextBytes() else { return nil }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw VectorFileError(file: path, line: line, reason: "invalid UTF-8", remedy: "convert the file to UTF-8")
        }
        return text
    }

    /// The next line of a file of metadata: one JSON object, as it stands; "" for an empty line or null, which is a row
    /// without metadata; nil at the end. Refuses what `validateJSONObject` refuses, naming the line.
    package func nextObject() throws(VectorFileError) -> String? {
        guard let (line, bytes) = try nextBytes() else { return nil }
        let first = bytes.firstIndex { !$0.isJSONSpace } ?? bytes.count
        let last = bytes.lastIndex { !$0.isJSONSpace } ?? -1
        if first > last || bytes[first...last].elementsEqual("null".utf8) { return "" }
        do throws(JSONFault) { try validateJSONObject(bytes) } catch {
            throw VectorFileError(
                file: path, line: line, reason: "metadata, byte \(error.offset + 1): \(error.reason)",
                remedy: "write one JSON object a line")
        }
        return String(decoding: bytes[first...last], as: UTF8.self)
    }

    /// The next line's number (1 for the first) and bytes, unchecked.
    package func nextBytes() throws(VectorFileError) -> (line: Int, bytes: [UInt8])? {
        try state.withLock { state throws(VectorFileError) in
            var searched = state.start
            while true {
                if let end = firstIndex(of: 0x0A, in: state.buffer, from: searched) {
                    let bytes = take(&state, upTo: end)
                    state.start = end + 1
                    return (state.line, bytes)
                }
                if state.isEnded {
                    guard state.start < state.buffer.count else { return nil }
                    let bytes = take(&state, upTo: state.buffer.count)
                    state.start = state.buffer.count
                    return (state.line, bytes)
                }
                guard state.buffer.count - state.start <= lineBytesMax else {
                    throw VectorFileError(
                        file: path, line: state.line + 1, reason: "the line is longer than \(lineBytesMax) bytes",
                        remedy: "split it")
                }
                searched = state.buffer.count - state.start
                try fill(&state)
            }
        }
    }

    private func take(_ state: inout State, upTo end: Int) -> [UInt8] {
        var range = state.start..<end
        if !range.isEmpty, state.buffer[range.upperBound - 1] == 0x0D { range = range.lowerBound..<range.upperBound - 1 }
        if state.line == 0, state.buffer[range].starts(with: [0xEF, 0xBB, 0xBF]) {
            range = range.lowerBound + 3..<range.upperBound
        }
        state.line += 1
        return Array(state.buffer[range])
    }

    /// Keeps what is left of the buffer, at its start, and reads on; a long line doubles the block.
    private func fill(_ state: inout State) throws(VectorFileError) {
        state.buffer.removeFirst(state.start)
        state.start = 0
        let more = try source.read(max(1 << 20, state.buffer.count), at: state.offset)
        state.offset += more.count
        state.isEnded = more.isEmpty
        if state.buffer.isEmpty { state.buffer = more } else { state.buffer += more }
    }
}
