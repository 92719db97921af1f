/// Logs and journals that a database left which is no longer there. SQLite plays what is beside a name into whatever file gets
/// that name, also pages of another database: none is put there before they are gone.
import Platform

extension FileSystem {
    /// Whether nothing is in a file, or it is not there.
    func isEmpty(_ path: String) -> Bool {
        do throws(FileError) { return try openForReading(path).size == 0 } catch { return error.isMissing }
    }

    /// What SQLite would play into a new database of that path; nil where there is nothing.
    func leftoverLog(of path: String) -> String? { ["-wal", "-journal"].map { path + $0 }.first { !isEmpty($0) } }

    /// - Throws: `.leftoverLog`.
    func refuseLeftoverLog(of path: String) throws(StorageError) {
        if let log = leftoverLog(of: path) { throw .leftoverLog(path: log) }
    }
}
