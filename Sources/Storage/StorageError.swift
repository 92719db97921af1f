/// What can go wrong between the program and its database, each with what, where and the remedy. Carries no SQLite type.
import Platform

package enum StorageError: Error, Equatable, Sendable {
    case notFound(path: String)
    /// Nor is there a directory to make one in.
    case missingDirectory(path: String)
    case alreadyExists(path: String)
    /// Of a database that is no longer there; it would be played into the new one.
    case leftoverLog(path: String)
    /// The file has no SQLite header, or is encrypted.
    case notADatabase(path: String)
    /// A SQLite database that another program made.
    case foreignDatabase(path: String, applicationID: Int)
    case newerFormat(path: String, found: Int, supported: Int)
    /// A migration is due, and this opening may not write.
    case olderFormat(path: String, found: Int, needed: Int)
    /// Another process, or another `Store`, is writing.
    case locked(path: String)
    /// SQLite's own locks did not come free in time.
    case busy(path: String, operation: String)
    case corrupt(path: String, what: String)
    case full(path: String, operation: String)
    case inputOutput(path: String, operation: String, code: Int, message: String)
    /// Since it was opened.
    case replaced(path: String)
    case readOnly(path: String, operation: String)
    /// The directory may not be written, and the file cannot be read without that.
    case unwritableDirectory(path: String, why: String)
    case interrupted(operation: String)
    /// Any other SQLite failure, with its extended result code.
    case sqlite(path: String, code: Int, message: String, operation: String)
    case file(FileError)
    case unusableSQLite(reason: String)

    case duplicateID(id: String, modality: String, index: Int)
    case dimensionMismatch(expected: Int, got: Int, modality: String)
    case tokenDimensionMismatch(expected: Int, got: Int, modality: String)
    case producerMismatch(expected: String, got: String, modality: String)
    case modalityMismatch(name: String, what: String)
    case noSuchRow(RowID)
    /// A row of a batch that cannot be stored; `index` counts within the batch.
    case invalidRow(index: Int, what: String)
    case invalidMetadata(index: Int, what: String)
    case invalidName(String)
}

extension StorageError {
    /// Whether a directory that may not be written can be the reason why reading failed.
    var mayBeDirectory: Bool {
        switch self {
        case .readOnly: true
        case .inputOutput(_, _, let code, _): code & 0xFF == 14  // SQLITE_CANTOPEN
        default: false
        }
    }
}

extension StorageError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .notFound(let path): "there is no database at \(path): check the path, or ingest into it to make one"
        case .missingDirectory(let path):
            "there is no directory \(splitPath(path).directory) for \(splitPath(path).name): make it, or correct the path"
        case .alreadyExists(let path): "\(path) exists already: choose another name or remove it"
        case .leftoverLog(let path):
            "\(path) is the log of a database that is no longer there, and would be played into the new one: put that database "
                + "back, remove its log, or choose another name"
        case .notADatabase(let path): "\(path) is not a SQLite database: check the path, or restore a backup"
        case .foreignDatabase(let path, let id):
            "\(path) is a SQLite database of another program (application id \(id)): choose another path"
        case .newerFormat(let path, let found, let supported):
            "\(path) has format \(found), this program knows up to \(supported): use a newer causeway"
        case .olderFormat(let path, let found, let needed):
            "\(path) has format \(found), this program needs \(needed): open it once for writing to bring it up to date"
        case .locked(let path): "\(path) is locked by another writer: try again when it has finished"
        case .busy(let path, let operation): "\(path) stayed busy during \(operation): try again"
        case .corrupt(let path, let what):
            "\(path) is damaged: \(what); run check --deep, and restore a backup where vectors are lost"
        case .full(let path, let operation): "the disk is full at \(path) (\(operation)): free space; nothing was changed"
        case .inputOutput(let path, let operation, let code, let message):
            "reading or writing \(path) failed (\(operation), \(message), code \(code)): check the disk"
        case .replaced(let path): "\(path) is another database than the one that was opened: open it again"
        case .readOnly(let path, let operation):
            "\(path) cannot be written (\(operation)): check the permissions of the file and of its directory"
        case .unwritableDirectory(let path, let why):
            "\(path) cannot be read in a directory that may not be written, as \(why): make the directory writable, run "
                + "`causeway compact` as its owner, or copy the database and its -wal to another directory"
        case .interrupted(let operation): "\(operation) was interrupted; nothing of it was kept"
        case .sqlite(let path, let code, let message, let operation):
            "SQLite refused \(operation) on \(path), \(message) (code \(code)): run `causeway check`"
        case .file(let error): error.description
        case .unusableSQLite(let reason): "the SQLite library cannot be used: \(reason)"
        default: rowDescription
        }
    }

    /// The errors that speak of data rather than of the file.
    private var rowDescription: String {
        switch self {
        case .duplicateID(let id, let modality, let index):
            "row \(index) of the batch: id '\(id)' exists in modality \(modality): choose replace or skip, or another id"
        case .dimensionMismatch(let expected, let got, let modality):
            "modality \(modality) has dimension \(expected), the vector has \(got): use the model it was made with"
        case .tokenDimensionMismatch(let expected, let got, let modality):
            "modality \(modality) has token dimension \(expected), the tokens have \(got): use the model it was made with"
        case .producerMismatch(let expected, let got, let modality):
            "modality \(modality) holds vectors of '\(expected)', not of '\(got)': make another modality for them"
        case .modalityMismatch(let name, let what): "modality \(name) exists with \(what): choose another name"
        case .noSuchRow(let row): "there is no row \(row.rawValue): it was deleted or replaced"
        case .invalidRow(let index, let what): "row \(index) of the batch: \(what)"
        case .invalidMetadata(let index, let what):
            "row \(index) of the batch: the metadata is no JSON object that can be stored: \(what)"
        case .invalidName(let name): 
            "'\(name)' is not a name: use 1 to \(StorageLimits.nameBytesMax) bytes without control characters"
        default: "storage error"
        }
    }
}
