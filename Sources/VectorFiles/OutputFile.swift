/// A file being written that appears under its name only when whole: temporary beside it, fsync, rename, fsync of the
/// directory. Devices, pipes and "-", which is standard output, are written straight through.
import Foundation
import Platform

/// Not for use by several threads at once.
final class OutputFile {
    let path: String
    /// What is written until it is whole, and the file that it then replaces; nil for what is written straight through.
    private let replacement: (temporary: String, target: String)?
    private let fileSystem: any FileSystem
    private let file: any WritableFile
    private var pending: [UInt8] = []
    private var isFinished = false
    private static let blockBytes = 1 << 20

    init(path: String, fileSystem: any FileSystem) throws(VectorFileError) {
        self.path = path
        self.fileSystem = fileSystem
        switch try Self.writing(path, { () throws(FileError) in try fileSystem.destination(path) }) {
        case .stream(let stream):
            replacement = nil
            file = stream
        case .file(let target):
            let name = target + ".temporary-" + String(UInt64.random(in: 0...UInt64.max), radix: 36)
            replacement = (name, target)
            file = try Self.writing(path) { () throws(FileError) in try fileSystem.createExclusively(name) }
        }
    }

    private static func writing<Result>(
        _ path: String, _ body: () throws(FileError) -> Result
    ) throws(VectorFileError) -> Result {
        do throws(FileError) { return try body() } catch { throw VectorFileError.writing(path, error) }
    }

    /// What was not finished leaves no file behind.
    deinit { abandon() }

    var canOverwrite: Bool { replacement != nil }

    func append(_ bytes: some Collection<UInt8>) throws(VectorFileError) {
        pending += bytes
        if pending.count >= Self.blockBytes { try flush() }
    }

    private func flush() throws(VectorFileError) {
        guard !pending.isEmpty else { return }
        try Self.writing(path) { () throws(FileError) in try file.append(pending) }
        pending.removeAll(keepingCapacity: true)
    }

    /// Replaces bytes at the start of the file, then publishes it under its name.
    func finish(header: [UInt8]? = nil) throws(VectorFileError) {
        precondition(!isFinished, "a finished file was finished again")
        try flush()
        try Self.writing(path) { () throws(FileError) in
            if let header { try overwrite(file, header, at: 0) }
            if let (temporary, target) = replacement {
                try file.synchronize()
                try file.close()
                try fileSystem.rename(temporary, to: target)
                isFinished = true
                try fileSystem.synchronizeDirectory(splitPath(target).directory)
            } else {
                try file.close()
                isFinished = true
            }
        }
    }

    func abandon() {
        guard !isFinished else { return }
        isFinished = true
        try? file.close()
        if let replacement { try? fileSystem.remove(replacement.temporary) }
    }

    func misuse(_ reason: String, _ remedy: String) -> VectorFileError {
        VectorFileError(file: path, reason: reason, remedy: remedy)
    }
}
