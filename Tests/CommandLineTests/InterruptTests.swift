/// SIGINT in a process of its own: the first is a wish, the second kills.
import CausewayCLI
import Testing

#if canImport(Darwin)
import Darwin
#else
import Glibc
#endif

@Suite struct InterruptTests {
    @Test func theFirstInterruptSetsTheFlag() async {
        await #expect(processExitsWith: .exitCode(130)) {
            Interrupts.arm()
            precondition(!Interrupts.cancellation.isCancelled)
            raise(SIGINT)
            precondition(Interrupts.cancellation.isCancelled)
            exit(ExitStatus.interrupted.rawValue)
        }
    }

    @Test func theSecondInterruptKills() async {
        await #expect(processExitsWith: .signal(SIGINT)) {
            Interrupts.arm()
            raise(SIGINT)
            raise(SIGINT)
        }
    }
}
