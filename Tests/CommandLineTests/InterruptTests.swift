/// SIGINT in a process of its own: the first is a wish, the second kills. It is admitted before there is a file to take away.
import Causeway
import CausewayCLI
import Foundation
import Platform
import Synchronization
import Testing

#if canImport(Darwin)
import Darwin
#else
import Glibc
#endif

/// Threads that run tests block signals; the main thread, which runs commands, does not.
func admitInterrupts() {
    var signals = sigset_t()
    _ = unsafe sigemptyset(&signals)
    _ = unsafe sigaddset(&signals, SIGINT)
    _ = unsafe pthread_sigmask(SIG_UNBLOCK, &signals, nil)
}

@Suite struct InterruptTests {
    @Test func theFirstInterruptSetsTheFlag() async {
        await #expect(processExitsWith: .exitCode(130)) {
            admitInterrupts()
            Interrupts.arm()
            precondition(!Interrupts.cancellation.isCancelled)
            raise(SIGINT)
            precondition(Interrupts.cancellation.isCancelled)
            exit(ExitStatus.interrupted.rawValue)
        }
    }

    @Test func theSecondInterruptKills() async {
        await #expect(processExitsWith: .signal(SIGINT)) {
            admitInterrupts()
            Interrupts.arm()
            raise(SIGINT)
            raise(SIGINT)
        }
    }

    /// An interrupt that came between the making of a file and `arm` would kill, and leave the file.
    @Test(arguments: ["one", "one,other"])
    func interruptsAreAdmittedBeforeAnOutputFileExists(targets: String) throws {
        let pairs = try StoredPairs()
        let queries = pairs.directory + "/q.npy", output = pairs.directory + "/x.npy"
        #expect(pairs.run("export", "--modality", "text", "--to", queries).status == .done)
        for modality in ["one", "other"] { #expect(pairs.run("ingest", "--modality", modality, queries).status == .done) }
        let found = Mutex<[[String]]>([])
        let surroundings = Surroundings(output: MemoryChannel(), errors: MemoryChannel()) { [directory = pairs.directory] in
            let files = try? FileManager.default.contentsOfDirectory(atPath: directory)
            found.withLock { $0.append((files ?? []).filter { $0.hasPrefix("x.npy") }) }
        }
        let words = ["search", pairs.database, "-c", "c", "--to", targets, "--queries", queries, "--output", output]
        #expect(Program.causeway.run(words, in: surroundings) == .done)
        #expect(found.withLock { $0 } == [[]])
        #expect(FileManager.default.fileExists(atPath: output))
    }

    /// Without an index one pass over the rows serves a batch, which an interrupt waits for: the first batch is small.
    @Test func aScanForWantOfAnIndexBeginsWithFewQueries() throws {
        let pairs = try StoredPairs()
        let queries = pairs.directory + "/many.npy"
        var dice = Dice(seed: 7)
        try NpyFile.floats(dice.floats(600 * 5), dimension: 5).write(to: URL(fileURLWithPath: queries))
        let output = MemoryChannel(), errors = InterruptingChannel()
        let surroundings = Surroundings(output: output, errors: errors)
        errors.interrupt.withLock { $0 = { surroundings.cancellation.cancel() } }
        let words = ["search", pairs.database, "-c", "c", "--to", "image", "-k", "1", "--queries", queries]
        // The note that everything is scanned comes after the first batch.
        #expect(Program.causeway.run(words, in: surroundings) == .interrupted)
        #expect(output.text.split(separator: "\n").count == 256)
    }
}

extension InterruptTests {
    /// Those that show no progress are armed too, and leave all as it was.
    @Test(arguments: [
        ["backup", "copy.db"], ["check", "--deep"], ["repair"], ["compact"],
        ["delete", "--collection", "c", "--modality", "text", "--id", "text-1"],
    ])
    func careAndDeletionAreInterruptedInOrder(words: [String]) throws {
        let pairs = try StoredPairs()
        let errors = MemoryChannel(), surroundings = InterruptTests.interrupted(errors: errors)
        func files() throws -> Set<String> {
            Set(try FileManager.default.contentsOfDirectory(atPath: pairs.directory)).filter { !$0.hasPrefix("x.db-") }
        }
        let before = try files()
        let rest = words.dropFirst().map { $0 == "copy.db" ? pairs.directory + "/" + $0 : $0 }
        #expect(Program.causeway.run([words[0], pairs.database] + rest, in: surroundings) == .interrupted)
        #expect(errors.text == "causeway: interrupted; what was committed is kept\n")
        #expect(try files() == before)
        #expect(pairs.run("get", "--modality", "text", "--id", "text-1").status == .done)
    }

    /// An interrupt that comes as soon as interrupts are admitted.
    private static func interrupted(errors: MemoryChannel) -> Surroundings {
        let cancellation = Causeway.Cancellation()
        return Surroundings(
            output: MemoryChannel(), errors: errors, cancellation: cancellation, armInterrupts: { cancellation.cancel() })
    }

    @Test(arguments: [false, true]) func anInterruptedDemoLeavesNothing(isThere: Bool) throws {
        let folder = TemporaryFolder()
        let path = folder.file("demo")
        if isThere {
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
            try folder.write(Data("mine".utf8), to: "demo/notes.txt")
        }
        let output = InterruptingChannel(), errors = MemoryChannel()
        let surroundings = Surroundings(output: output, errors: errors)
        output.interrupt.withLock { $0 = { surroundings.cancellation.cancel() } }
        #expect(Program.causeway.run(["demo", path, "--pairs", "100"], in: surroundings) == .interrupted)
        #expect(errors.text == "causeway: interrupted; nothing is left of the demo in \(path)\n")
        let left = try? FileManager.default.contentsOfDirectory(atPath: path)
        #expect(left == (isThere ? ["notes.txt"] : nil))
    }

    @Test func aDemoThatCannotBeMadeSaysSo() throws {
        let folder = TemporaryFolder()
        try folder.write(Data(), to: "a.db")
        try folder.write(Data(), to: "demo.db-wal")
        for (path, words) in [
            (folder.file("a.db/x"), "cannot make the directory"), (folder.file("a.db"), "there is a file of that name"),
            (folder.path, "demo.db-wal exists already"),
        ] {
            let errors = MemoryChannel()
            let surroundings = Surroundings(output: MemoryChannel(), errors: errors)
            #expect(Program.causeway.run(["demo", path], in: surroundings) == .failed)
            #expect(errors.text.contains(words) && errors.text.contains("another directory"), "\(errors.text)")
            #expect(errors.text.split(separator: "\n").count == 1, "\(errors.text)")
        }
    }
}

/// Interrupts at the first line that is written to it.
private final class InterruptingChannel: OutputChannel {
    let isTerminal = false
    let columns: Int? = nil
    let interrupt = Mutex<(@Sendable () -> Void)?>(nil)
    func write(_ bytes: [UInt8]) throws(OutputError) { interrupt.withLock { $0?() } }
}
