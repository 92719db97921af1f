/// Where the graph files of a database lie and how they are opened and tidied up.
/// A file's name is never used twice, so that a reader that still has an old one mapped is never surprised.
import Foundation
import Platform
import ProximityGraph
import Storage
import Synchronization

final class GenerationFiles: Sendable {
    let databasePath: String
    let databaseID: [UInt8]
    let fileSystem: any FileSystem
    /// The thread that writes graph files.
    private let writingThread = Mutex<ObjectIdentifier?>(nil)

    init(databasePath: String, databaseID: [UInt8], fileSystem: any FileSystem) {
        self.databasePath = databasePath
        self.databaseID = databaseID
        self.fileSystem = fileSystem
    }

    var directory: String { splitPath(databasePath).directory }
    private var databaseName: String { splitPath(databasePath).name }

    /// The file name (without directory) of a generation: `<database>-graph-<modality>-<generation>`.
    func name(of modality: ModalityID, generation: Int64) -> String {
        databaseName + Self.ending(of: modality, generation)
    }

    private static func ending(of modality: ModalityID, _ generation: Int64) -> String {
        "-graph-\(modality.rawValue)-\(generation)"
    }

    func path(_ name: String) -> String { directory + "/" + name }

    func identity(of modality: ModalityID, generation: Int64, through sequence: ChangeSequence) -> GraphIdentity {
        GraphIdentity(
            database: databaseID, modality: modality.rawValue, generation: generation, throughSequence: sequence.rawValue)
    }

    /// Opens a published generation, or says why it cannot be used.
    func open(_ generation: GenerationRecord, of modality: ModalityRecord) -> Result<Graph, GraphError> {
        let identity = identity(
            of: modality.id, generation: generation.generation, through: generation.throughSequence)
        do throws(GraphError) {
            return .success(
                try Graph(
                    path: path(generation.fileName), identity: identity, checksum: generation.checksum,
                    fileSystem: fileSystem))
        } catch {
            return .failure(error)
        }
    }

    /// Held while graph files are written and published, until `endWriting`. Waits for others that do, for as long as `progress`
    /// lets it.
    /// - Throws: `.invalidArgument` on the thread that writes already, which would wait for itself.
    func lockForWriting(_ progress: ProgressHandler?) throws -> FileLock {
        let thread = ObjectIdentifier(Thread.current)
        guard writingThread.withLock({ $0 }) != thread else {
            throw CausewayError.invalidArgument(
                reason: "an index is built in the progress handler of a build that is being written",
                remedy: "build it when that one has returned")
        }
        while true {
            if let lock = try lockIfFree() {
                writingThread.withLock { $0 = thread }
                return lock
            }
            if progress?(Progress(waitingFor: "another process that writes indexes")) == false { throw CausewayError.cancelled }
            Thread.sleep(forTimeInterval: Self.pauseSeconds)
        }
    }

    private static let pauseSeconds = 0.05

    func endWriting(_ lock: FileLock) {
        writingThread.withLock { $0 = nil }
        withExtendedLifetime(lock) {}
    }

    /// Nil while another process holds it: then that one tidies up when it publishes.
    func lockIfFree() throws(FileError) -> FileLock? {
        try fileSystem.lock(databasePath + "-graphs-lock", .exclusive)
    }

    /// Removes graph files of this database that no generation names; call it under the lock. Readers that have one mapped keep
    /// their mapping.
    func removeOrphans(keeping names: Set<ExactText>) {
        guard let entries = try? fileSystem.list(directory) else { return }
        for entry in entries where isGraph(entry) && !names.contains(ExactText(entry)) { try? fileSystem.remove(path(entry)) }
    }

    /// Removes a graph that is no longer in force and has the name of another database, which this one had before it was moved.
    /// Where there is a database of that name, the graph may be its own: this one is then a copy of it.
    func removeMoved(_ generation: GenerationRecord, of modality: ModalityID) {
        let ending = Self.ending(of: modality, generation.generation)
        let owner = String(decoding: generation.fileName.utf8.dropLast(ending.utf8.count), as: UTF8.self)
        guard !owner.hasSameBytes(as: databaseName), !fileSystem.exists(path(owner)) else { return }
        try? fileSystem.remove(path(generation.fileName))
    }

    /// Whether a graph was written under that name, to its end or not. What else begins like one belongs to someone else: also
    /// what only looks like it, as names are bytes, and "é" has two spellings.
    private func isGraph(_ entry: String) -> Bool {
        guard entry.utf8.starts(with: databaseName.utf8) else { return false }
        let ending = String(decoding: entry.utf8.dropFirst(databaseName.utf8.count), as: UTF8.self)
        let numbers = ending.prefix { $0 != "." }.split(separator: "-").compactMap { Int64($0) }
        guard numbers.count == 2 else { return false }
        let name = self.name(of: ModalityID(rawValue: numbers[0]), generation: numbers[1])
        return entry.hasSameBytes(as: name) || entry.hasSameBytes(as: name + GraphBuilder.temporarySuffix)
    }
}

extension GraphError {
    /// A graph file that is not there is no damage: it is made again from the vectors.
    var isMissingFile: Bool {
        if case .file(let error) = self { error.isMissing } else { false }
    }
}
