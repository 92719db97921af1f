/// SIGINT in a process of its own: the first is a wish, the second kills.
import CausewayCLI
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
}
