/// Every way an operation of Causeway can fail: what happened, where, and what to do about it.
/// Not a place for geometry or SQL: the layers below have errors of their own, which are translated here.
import ProximityGraph
import Platform
import Storage
import VectorFiles

/// An error of the database. `description` is one line: what, where, and after a semicolon the remedy.
public enum CausewayError: Error, Equatable, Sendable {
    /// Input that cannot be taken. `row` counts from 0, `line` from 1. Nothing of the batch concerned was kept.
    case badInput(file: String?, row: Int?, line: Int?, reason: String, remedy: String)
    /// A vector of another length than its modality's.
    case dimensionMismatch(expected: Int, got: Int, modality: String)
    /// Embeddings of another model than the one a modality was made with: two spaces must not mix.
    case producerMismatch(expected: String, got: String, modality: String)
    /// An id of an array's that exists already, under the conflict policy that refuses it; of a file's it is `.badInput`.
    case duplicateID(id: String, modality: String, row: Int?)
    case unknownCollection(String)
    case unknownModality(String, collection: String)
    case unknownID(String, modality: String)
    case unknownMetric(String)
    /// A metric's name with a parameter it does not take.
    case badMetric(name: String, reason: String)
    /// A filter expression that does not parse; `column` counts characters from 1.
    case badFilter(expression: String, column: Int, reason: String)
    /// An argument that can mean nothing, or two that do not go together, such as a model and modalities it does not compare.
    case invalidArgument(reason: String, remedy: String)
    /// Other writers, or a lock of another program, did not come to an end within `lockWait`.
    case locked(path: String)
    /// A database is used after its `close`.
    case closed(path: String)
    case notADatabase(path: String, reason: String)
    case newerFormat(path: String, found: Int, known: Int)
    /// A database of an earlier version, opened so that it may not be brought up to date.
    case olderFormat(path: String, found: Int, needed: Int)
    /// Stored bytes that contradict their checksum or the format.
    case damaged(path: String, what: String, remedy: String)
    case diskFull(path: String)
    /// By a `Cancellation`, or by a progress handler.
    case cancelled
    /// Whoever read standard output has had enough: no fault.
    case outputClosed
    /// A failure of the operating system or of SQLite that no other case names.
    case failed(what: String, remedy: String)
}

extension CausewayError: CustomStringConvertible {
    public var description: String {
        let (what, remedy) = parts
        return "\(what); \(remedy)"
    }

    /// What happened and where, and the remedy, as two sentences without full stops.
    public var parts: (what: String, remedy: String) {
        switch self {
        case .badInput(let file, let row, let line, let reason, let remedy):
            (Self.place(file, row, line) + reason, remedy)
        case .dimensionMismatch(let expected, let got, let modality):
            ("modality \(modality) holds vectors of \(expected) dimensions, not \(got)",
             "use the model the modality was made with, or another modality")
        case .producerMismatch(let expected, let got, let modality):
            ("modality \(modality) was made by \(expected), not by \(got)",
             "ingest embeddings of another model into a modality of their own")
        case .duplicateID(let id, let modality, let row):
            (Self.place(nil, row, nil) + "id \(id) is already in modality \(modality)",
             "give it an id of its own, or replace or skip what is stored (--on-conflict)")
        case .unknownCollection(let name):
            ("there is no collection \(name)", "list the collections with `causeway info`")
        case .unknownModality(let name, let collection):
            ("collection \(collection) has no modality \(name)", "list its modalities with `causeway info`")
        case .unknownID(let id, let modality):
            ("modality \(modality) has no embedding \(id)", "list its ids with `causeway list`")
        case .unknownMetric(let name):
            ("there is no metric \(name)", "choose one of \(Metric.names.joined(separator: ", "))")
        case .badMetric(let name, let reason): ("metric \(name): \(reason)", "see `causeway search --help` for the metrics")
        case .badFilter(let expression, let column, let reason):
            ("filter \(Self.shortened(expression)), column \(column): \(reason)", "see `causeway search --help` for the grammar")
        case .invalidArgument(let reason, let remedy): (reason, remedy)
        case .locked(let path):
            ("\(path) is locked by another writer", "wait for it to finish and try again")
        case .closed(let path): ("\(path) was closed", "open it again")
        case .notADatabase(let path, let reason):
            ("\(path) is not a Causeway database: \(reason)", "name another file")
        case .newerFormat(let path, let found, let known):
            ("\(path) has format \(found), newer than this program's \(known)", "use a newer causeway")
        case .olderFormat(let path, let found, let needed):
            ("\(path) has format \(found), and reading it needs format \(needed)", "open it once for writing, which converts it")
        case .damaged(let path, let what, let remedy): ("\(path) is damaged: \(what)", remedy)
        case .diskFull(let path): ("no space is left to write \(path)", "free some space and try again; nothing was lost")
        case .outputClosed: ("standard output was closed", "see where it leads")
        case .cancelled: ("interrupted", "start it again")
        case .failed(let what, let remedy): (what, remedy)
        }
    }

    /// A filter can have 256 KiB.
    private static func shortened(_ text: String) -> String { text.count > 200 ? "\(text.prefix(197))..." : text }

    private static func place(_ file: String?, _ row: Int?, _ line: Int?) -> String {
        let parts = [file == "-" ? "standard input" : file, row.map { "row \($0)" }, line.map { "line \($0)" }].compactMap { $0 }
        return parts.isEmpty ? "" : parts.joined(separator: ", ") + ": "
    }

    static func badInput(_ reason: String, remedy: String) -> CausewayError {
        .badInput(file: nil, row: nil, line: nil, reason: reason, remedy: remedy)
    }
}
