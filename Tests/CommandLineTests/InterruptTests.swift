/// SIGINT in a process of its own: the first is a wish, the second kills. It is admitted before there is a file to take away.
import CausewayCLI
import Foundation
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

/// Interrupts at the first line that is written to it.
private final class InterruptingChannel: OutputChannel {
    let isTerminal = false
    let columns: Int? = nil
    let interrupt = Mutex<(@Sendable () -> Void)?>(nil)
    func write(_ bytes: [UInt8]) throws(OutputError) { interrupt.withLock { $0?() } }
}
