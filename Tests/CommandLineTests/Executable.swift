/// Finds the built `causeway` executable beside the tests and runs it as its users do. Tests nothing itself.
import Dispatch
import Foundation

#if canImport(Darwin)
import Darwin
#else
import Glibc
#endif

/// A program to run in a process of its own.
struct Executable: Sendable {
    let path: String
    /// Set over the environment of the tests; nil removes.
    var environment: [String: String?] = [:]
    /// Put before the arguments of every call.
    var leading: [String] = []

    /// The executable product, which SwiftPM builds into the same directory as the tests.
    static func causeway() throws -> Executable {
        let places = buildDirectories.map { $0.appendingPathComponent("causeway").path }
        guard let path = places.first(where: FileManager.default.isExecutableFile) else {
            throw Missing(description: "the executable 'causeway' is at none of \(places); `swift build` makes it")
        }
        return Executable(path: path)
    }

    struct Missing: Error, CustomStringConvertible { let description: String }

    /// Directories that may hold products: those of the test bundle, as the arguments or the running image name it.
    private static var buildDirectories: [URL] {
        let named = CommandLine.arguments.filter { $0.contains(".xctest") }.map { URL(fileURLWithPath: $0) }
        let images = [Bundle.main.executableURL, Bundle.main.bundleURL].compactMap { $0 }
        var seen: Set<String> = []
        return (named + images).map { image in
            var place = image.standardizedFileURL
            while place.path.contains(".xctest") { place.deleteLastPathComponent() }
            return place == image.standardizedFileURL && !place.hasDirectoryPath ? place.deletingLastPathComponent() : place
        }.filter { seen.insert($0.path).inserted }
    }

    /// Runs to the end, or to the end of the time limit in seconds.
    /// - Parameter input: standard input; nothing when left out.
    func run(
        _ arguments: [String], input: Data? = nil, in directory: String? = nil, timeLimit: Double = 60
    ) throws -> Finished {
        try start(arguments, input: input, in: directory).wait(timeLimit: timeLimit)
    }

    func start(_ arguments: [String], input: Data? = nil, in directory: String? = nil) throws -> Running {
        try Running(self, leading + arguments, input: input, directory: directory)
    }
}

/// What a process that has ended left behind.
struct Finished: Sendable {
    enum Ending: Equatable, Sendable {
        case exited(Int32)
        case signalled(Int32)
        /// The time limit passed; the process was killed.
        case timedOut
    }

    let ending: Ending
    let outputBytes: Data
    let errorText: String

    var output: String { String(decoding: outputBytes, as: UTF8.self) }
    var lines: [Substring] { output.split(separator: "\n") }
    /// The exit status; -1 where a signal or the time limit ended the process.
    var status: Int32 { if case .exited(let status) = ending { status } else { -1 } }
    var succeeded: Bool { ending == .exited(0) }
    /// For the message of an expectation.
    var summary: String { "\(ending), output: \(output.prefix(2_000)), errors: \(errorText.prefix(2_000))" }
}

/// A process under way. Streams go to files, so that no pipe fills up and nobody has to read along.
/// It inherits the signal mask of the tests, which block most: of the signals that end a process, count on SIGKILL only.
final class Running: Sendable {
    private let process: Process
    private let ended = DispatchSemaphore(value: 0)
    private let folder = TemporaryFolder()

    fileprivate init(_ executable: Executable, _ arguments: [String], input: Data?, directory: String?) throws {
        process = Process()
        process.executableURL = URL(fileURLWithPath: executable.path)
        process.arguments = arguments
        process.environment = executable.environment.reduce(into: ProcessInfo.processInfo.environment) { $0[$1.key] = $1.value }
        if let directory { process.currentDirectoryURL = URL(fileURLWithPath: directory) }
        process.standardInput = FileHandle.nullDevice
        if let input { process.standardInput = try FileHandle(forReadingFrom: folder.write(input, to: "input")) }
        process.standardOutput = try FileHandle(forWritingTo: folder.write(Data(), to: "output"))
        process.standardError = try FileHandle(forWritingTo: folder.write(Data(), to: "errors"))
        let ended = ended
        process.terminationHandler = { _ in ended.signal() }
        try process.run()
    }

    var isRunning: Bool { process.isRunning }

    /// What the process has written so far.
    var outputSoFar: String { String(decoding: folder.data("output"), as: UTF8.self) }
    var errorsSoFar: String { String(decoding: folder.data("errors"), as: UTF8.self) }

    /// Sends SIGKILL or another signal. Does nothing when the process has ended.
    func kill(_ signal: Int32 = SIGKILL) {
        if process.isRunning { Signals.send(signal, to: process.processIdentifier) }
    }

    /// Waits for the end; past the limit, in seconds, kills the process. Call once.
    func wait(timeLimit: Double = 60) -> Finished {
        let isOver = ended.wait(timeout: .now() + timeLimit) == .success
        if !isOver {
            kill()
            ended.wait()
        }
        let status = process.terminationStatus
        let ending: Finished.Ending =
            !isOver ? .timedOut : process.terminationReason == .exit ? .exited(status) : .signalled(status)
        return Finished(ending: ending, outputBytes: folder.data("output"), errorText: errorsSoFar)
    }
}

private enum Signals {
    static func send(_ signal: Int32, to process: Int32) { _ = kill(process, signal) }
}

/// A new folder that goes when the last reference does.
final class TemporaryFolder: Sendable {
    let path: String

    init() {
        let url = FileManager.default.temporaryDirectory.appendingPathComponent("causeway-test-\(UUID().uuidString)")
        path = url.path
        do {
            try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        } catch {
            preconditionFailure("no temporary folder at \(path): \(error)")
        }
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    /// The path of a file inside.
    func file(_ name: String) -> String { "\(path)/\(name)" }

    /// Empty where there is no such file.
    func data(_ name: String) -> Data { FileManager.default.contents(atPath: file(name)) ?? Data() }

    @discardableResult
    func write(_ data: Data, to name: String) throws -> URL {
        let url = URL(fileURLWithPath: file(name))
        try data.write(to: url)
        return url
    }
}

extension Executable {
    /// The first Python that has the modules (comma-separated): a test installs nothing.
    static func python(importing modules: String) -> Executable? {
        let candidates = [
            Executable(path: "/usr/bin/env", leading: ["python3"]), Executable(path: "/usr/bin/python3"),
        ]
        return candidates.first { candidate in
            (try? candidate.run(["-c", "import \(modules)"], timeLimit: 30).succeeded) ?? false
        }
    }
}
