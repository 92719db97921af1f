/// Errors of the layers below, said in the words of this one. Every public call passes through here.
import Foundation
import Platform
import ProximityGraph
import Storage
import VectorFiles
import VectorMath

func translatingErrors<Result>(_ body: () throws -> Result) throws -> Result {
    do {
        return try body()
    } catch let error as CausewayError {
        throw error
    } catch let error as StorageError {
        throw CausewayError(error)
    } catch let error as VectorFileError where error.cause == .closedOutput {
        throw CausewayError.outputClosed
    } catch let error as VectorFileError where error.cause == .output {
        throw CausewayError.failed(what: error.reason, remedy: error.remedy)
    } catch let error as VectorFileError {
        throw CausewayError.badInput(
            file: error.file, row: error.row, line: error.line, reason: error.reason, remedy: error.remedy)
    } catch let error as GraphError {
        throw CausewayError(error)
    } catch let error as FileError {
        throw CausewayError(error)
    } catch let error as TransportError {
        throw CausewayError(error)
    }
}

extension CausewayError {
    init(_ error: StorageError) {
        switch error {
        case .locked(let path), .busy(let path, _): self = .locked(path: path)
        case .notADatabase(let path): self = .notADatabase(path: path, reason: "it has no SQLite header")
        case .foreignDatabase(let path, let id):
            self = .notADatabase(path: path, reason: "another program made it (application id \(id))")
        case .newerFormat(let path, let found, let supported):
            self = .newerFormat(path: path, found: found, known: supported)
        case .olderFormat(let path, let found, let needed):
            self = .olderFormat(path: path, found: found, needed: needed)
        case .corrupt(let path, let what):
            self = .damaged(path: path, what: what, remedy: "run `causeway check --deep`, and restore a backup if need be")
        case .full(let path, _): self = .diskFull(path: path)
        case .duplicateID(let id, let modality, let index):
            self = .duplicateID(id: id, modality: modality, row: index)
        case .dimensionMismatch(let expected, let got, let modality):
            self = .dimensionMismatch(expected: expected, got: got, modality: modality)
        case .producerMismatch(let expected, let got, let modality):
            self = .producerMismatch(expected: expected, got: got, modality: modality)
        case .invalidRow(let index, let what):
            self = .badInput(file: nil, row: index, line: nil, reason: what, remedy: "repair the row")
        case .invalidMetadata(let index, let what):
            let remedy = "give a JSON object within the limits"
            self = .badInput(file: nil, row: index, line: nil, reason: "metadata: \(what)", remedy: remedy)
        case .interrupted: self = .cancelled
        case .file(let error): self = CausewayError(error)
        default:
            // The layer's own sentence is "what: remedy".
            let sentence = error.description
            let colon = sentence.range(of: ": ", options: .backwards)
            self = .failed(
                what: colon.map { String(sentence[..<$0.lowerBound]) } ?? sentence,
                remedy: colon.map { String(sentence[$0.upperBound...]) } ?? "see the message")
        }
    }

    init(_ error: TransportError) {
        // The layer's own sentence is "what; remedy", or what alone.
        let parts = error.description.split(separator: ";", maxSplits: 1)
        let remedy = parts.count > 1 ? String(parts[1].drop { $0 == " " }) : "correct the tokens"
        switch error {
        case .notConverged: self = .failed(what: String(parts[0]), remedy: remedy)
        default: self = .badInput(String(parts[0]), remedy: remedy)
        }
    }

    init(_ error: GraphError) {
        switch error {
        case .cancelled: self = .cancelled
        case .file(let error): self = CausewayError(error)
        case .damaged(let path, let what):
            self = .damaged(path: path, what: what, remedy: "run `causeway index rebuild`; the vectors are safe")
        default: self = .failed(what: error.description, remedy: "run `causeway index rebuild`; the vectors are safe")
        }
    }

    init(_ error: FileError) {
        if error.isDiskFull {
            self = .diskFull(path: error.path)
        } else {
            self = .failed(what: error.description, remedy: "check the path, its permissions and the disk")
        }
    }
}
