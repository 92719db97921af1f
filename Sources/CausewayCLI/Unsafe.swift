/// The one file of this module that calls the operating system: terminals, writing to descriptors, signals, leaving.
/// Invariants: a buffer handed to `write` outlives the call; the signal handler touches nothing but an atomic flag
/// that exists before the handler is installed, and `signal`, both of which POSIX and the ABI allow in a handler.
import Causeway

#if canImport(Darwin)
import Darwin
#elseif canImport(Glibc)
import Glibc
#endif

/// Standard output or standard error, unbuffered.
final class StandardStream: OutputChannel {
    static let output = StandardStream(1)
    static let errors = StandardStream(2)
    private let descriptor: Int32

    private init(_ descriptor: Int32) { self.descriptor = descriptor }

    var isTerminal: Bool { isatty(descriptor) == 1 }

    var columns: Int? {
        var size = winsize()
        guard unsafe ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return nil }
        return Int(size.ws_col)
    }

    func write(_ bytes: [UInt8]) throws(OutputError) {
        var done = 0
        while done < bytes.count {
            let start = done
            let put = unsafe bytes.withUnsafeBytes { buffer in
                #if canImport(Darwin)
                unsafe Darwin.write(descriptor, buffer.baseAddress?.advanced(by: start), buffer.count - start)
                #else
                unsafe Glibc.write(descriptor, buffer.baseAddress?.advanced(by: start), buffer.count - start)
                #endif
            }
            if put > 0 { done += put; continue }
            let code = errno
            if put < 0, code == EINTR { continue }
            if code == EPIPE { throw .closed }
            throw .failed(reason: unsafe strerror(code).map { unsafe String(cString: $0) } ?? "error \(code)")
        }
    }
}

/// SIGINT and SIGTERM as a flag. One for the process, because the signal is.
package enum Interrupts {
    package static let cancellation = Cancellation()

    /// From here on the first SIGINT or SIGTERM asks for cancellation and the second kills. Without it either kills at once,
    /// which suits every command that has nothing to leave in order.
    package static func arm() {
        _ = cancellation.isCancelled  // the lazy global exists before a handler can run
        for number in [SIGINT, SIGTERM] {
            _ = signal(number) { _ in
                Interrupts.cancellation.cancel()
                _ = signal(SIGINT, SIG_DFL)
                _ = signal(SIGTERM, SIG_DFL)
            }
        }
    }
}

/// A reader that goes away is an error of `write`, not a signal.
func ignoreBrokenPipes() { _ = signal(SIGPIPE, SIG_IGN) }

func leave(_ status: ExitStatus) -> Never { exit(status.rawValue) }
