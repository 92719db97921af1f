/// What Foundation could not write, in one line of ours. Knows no command.
import Foundation

/// Makes a directory, and those above it, where there is none.
func makeDirectory(_ path: String) throws(CommandFailure) {
    do {
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    } catch {
        throw CommandFailure(
            .failed, "cannot make the directory \(path): \(reason(ofFailedWrite: error))",
            remedy: "check the path and its permissions, or name another directory")
    }
}

func reason(ofFailedWrite error: any Error) -> String {
    let cause = (error as NSError).userInfo[NSUnderlyingErrorKey] as? NSError
    return switch (error as? CocoaError)?.code {
    case .fileNoSuchFile?, .fileReadNoSuchFile?: "its directory does not exist"
    case .fileWriteNoPermission?, .fileReadNoPermission?: "its directory may not be written"
    case .fileWriteFileExists?: "there is a file of that name"
    case .fileWriteVolumeReadOnly?: "the disk is read-only"
    case .fileWriteOutOfSpace?: "no space is left"
    default: cause?.code == Int(POSIXErrorCode.ENOTDIR.rawValue) ? "a part of its path is a file" : "the system refuses"
    }
}
