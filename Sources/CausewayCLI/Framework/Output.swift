/// Where results and messages go: a channel that a test can replace, and a buffer in front of it. Formats nothing.
import Synchronization

/// Standard output, standard error, or a test's memory.
package protocol OutputChannel: AnyObject, Sendable {
    var isTerminal: Bool { get }
    /// The width of the terminal; nil where there is none or it is unknown.
    var columns: Int? { get }
    func write(_ bytes: [UInt8]) throws(OutputError)
}

package enum OutputError: ReportableError, Equatable {
    /// The reader went away (`causeway list DB | head`): no fault of ours or the user's.
    case closed
    case failed(reason: String)

    package var exitStatus: ExitStatus { self == .closed ? .done : .failed }
    package var what: String {
        switch self {
        case .closed: "standard output was closed"
        case .failed(let reason): "cannot write the results: \(reason)"
        }
    }
    package var remedy: String? { "see where standard output leads" }
}

/// Collects text and hands it on in large pieces. Nothing is certain to be written before `flush`.
package final class BufferedOutput: Sendable {
    private static let pieceBytes = 65_536
    package let channel: any OutputChannel
    private let pending = Mutex<[UInt8]>([])

    package init(_ channel: any OutputChannel) { self.channel = channel }

    package func write(_ text: String) throws(OutputError) {
        let full = pending.withLock { bytes -> [UInt8]? in
            bytes.append(contentsOf: text.utf8)
            return bytes.count >= Self.pieceBytes ? take(&bytes) : nil
        }
        if let full { try channel.write(full) }
    }

    package func writeLine(_ text: String) throws(OutputError) { try write(text + "\n") }

    /// Bytes as they are, after everything written before them.
    package func write(bytes: [UInt8]) throws(OutputError) {
        try flush()
        try channel.write(bytes)
    }

    package func flush() throws(OutputError) {
        let rest = pending.withLock { take(&$0) }
        if !rest.isEmpty { try channel.write(rest) }
    }

    private func take(_ bytes: inout [UInt8]) -> [UInt8] {
        let taken = bytes
        bytes.removeAll(keepingCapacity: true)
        return taken
    }
}

package enum OutputFormat: String, CaseIterable, Sendable {
    /// For eyes: aligned columns, numbers rounded.
    case table
    /// One JSON document: an array of the results, or the one object.
    case json
    /// A JSON object a line.
    case jsonl
}
