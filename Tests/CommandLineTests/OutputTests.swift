/// Where results cannot go, or are no longer wanted, and reading where nothing may be written: exit statuses and messages.
import Foundation
import Testing

#if canImport(Darwin)
import Darwin
#else
import Glibc
#endif

@Suite(.serialized) struct OutputTests {
    private func filled(rows: Int, dimension: Int = 8) throws -> TestDatabase {
        var dice = Dice(seed: 81)
        let values = dice.floats(rows * dimension)
        let database = try TestDatabase()
        try database.fill(values, dimension: dimension)
        try database.folder.write(NpyFile.floats(values, dimension: dimension), to: "q.npy")
        return database
    }

    private func search(_ database: TestDatabase, output: String) -> [String] {
        ["--collection", "c", "--to", "m", "--queries", database.folder.file("q.npy"), "--exact", "--output", output]
    }

    @Test func aPlaceThatCannotBeWrittenIsNamedAsItWasGiven() throws {
        let database = try filled(rows: 20)
        for run in [
            try database.run("search", with: search(database, output: "/nonexistent/x.npy")),
            try database.run("export", with: TestDatabase.of("m") + ["--to", "/nonexistent/x.npy"]),
        ] {
            #expect(run.status == 1 && run.isOneClearLine, "\(run.summary)")
            #expect(run.errorText.contains("/nonexistent/x.npy:") && !run.errorText.contains("temporary"), "\(run.summary)")
        }
    }

    @Test(arguments: [SIGINT, SIGTERM]) func anInterruptedSearchLeavesNoFile(signal: Int32) throws {
        let database = try filled(rows: 8_000, dimension: 32)
        admit(signal)
        let running = try database.start("search", with: search(database, output: database.folder.file("x.npy")))
        func files() throws -> [String] { try FileManager.default.contentsOfDirectory(atPath: database.folder.path) }
        while running.isRunning, try !files().contains(where: { $0.hasPrefix("x.npy") }) {}
        running.kill(signal)
        let done = running.wait(timeLimit: 60)
        #expect(done.ending == .exited(130) && done.errorText.contains("interrupted"), "\(done.summary)")
        let left = try files()
        #expect(!left.contains { $0.hasPrefix("x.npy") }, "\(left)")
    }

    private func admit(_ number: Int32) {
        admitInterrupts()
        var signals = sigset_t()
        _ = unsafe sigemptyset(&signals)
        _ = unsafe sigaddset(&signals, number)
        _ = unsafe pthread_sigmask(SIG_UNBLOCK, &signals, nil)
    }

    /// Root may write anywhere: then another user reads.
    @Test func aDirectoryThatMayNotBeWrittenIsReadFrom() throws {
        let database = try filled(rows: 50)
        let folder = database.folder.path
        let isRoot = getuid() == 0
        let shell = "/usr/bin/setpriv"
        guard !isRoot || FileManager.default.isExecutableFile(atPath: shell) else {
            return print("skipped: root, and no setpriv to become another user with")
        }
        try FileManager.default.setAttributes([.posixPermissions: 0o555], ofItemAtPath: folder)
        defer { try? FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: folder) }
        let causeway = try Executable.causeway()
        let user = isRoot
            ? Executable(
                path: shell, leading: ["--reuid=65534", "--regid=65534", "--clear-groups", causeway.path])
            : causeway
        guard try user.run(["--version"]).succeeded else { return print("skipped: the other user cannot run the program") }
        let check = try user.run(["check", database.path, "--deep"])
        #expect(check.succeeded, "\(check.summary)")
        let found = try user.run(["search", database.path, "--collection", "c", "--to", "m", "--id", "7"])
        #expect(found.succeeded && found.ids.first == "7", "\(found.summary)")

        // Commits that are only in the log: one clear line, no statement.
        let log = database.path + "-wal"
        try Data(count: 64).write(to: URL(fileURLWithPath: log))
        defer { try? FileManager.default.removeItem(atPath: log) }
        guard isRoot else { return }
        let refused = try user.run(["info", database.path])
        #expect(refused.status == 1 && refused.isOneClearLine, "\(refused.summary)")
        #expect(refused.errorText.contains("write-ahead log") && !refused.errorText.contains("PRAGMA"), "\(refused.summary)")
    }
}
