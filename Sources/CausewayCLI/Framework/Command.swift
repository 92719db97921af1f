/// The protocol every command conforms to, and what a command is handed to speak with the world.
import Causeway

/// One command, one type, one file in Commands/.
package protocol Command: SendableMetatype {
    static var description: CommandDescription { get }
    /// Throws a `ReportableError`, or any error that the program's `explain` knows.
    static func run(_ arguments: ParsedArguments, _ context: Context) throws
}

/// The world outside a command: channels and interruption. A test makes its own.
package struct Surroundings: Sendable {
    package var output: any OutputChannel
    package var errors: any OutputChannel
    package var cancellation: Cancellation
    /// Makes the first SIGINT set `cancellation` instead of killing.
    package var armInterrupts: @Sendable () -> Void

    package init(
        output: any OutputChannel, errors: any OutputChannel, cancellation: Cancellation = Cancellation(),
        armInterrupts: @escaping @Sendable () -> Void = {}
    ) {
        self.output = output
        self.errors = errors
        self.cancellation = cancellation
        self.armInterrupts = armInterrupts
    }

    /// Those of the process.
    static var process: Surroundings {
        Surroundings(
            output: StandardStream.output, errors: StandardStream.errors, cancellation: Interrupts.cancellation,
            armInterrupts: Interrupts.arm)
    }
}

/// What one run of a command may use.
package struct Context: Sendable {
    package let program: Program
    package let output: BufferedOutput
    package let format: OutputFormat
    package let isQuiet: Bool
    let surroundings: Surroundings

    /// The flag for long work that leaves nothing half done. Asking for it is what makes SIGINT wait for that work:
    /// a command that never asks is killed at once, which is right where there is nothing to put in order.
    package var cancellation: Cancellation {
        surroundings.armInterrupts()
        return surroundings.cancellation
    }

    /// A printer of many results. Call its `finish` at the end.
    package func results(_ columns: [ResultPrinter.Column]) -> ResultPrinter {
        ResultPrinter(output, format: format, columns: columns)
    }

    /// Prints a single object; `table` replaces the default two columns of `--format table`.
    package func print(_ object: JSONValue, table: (() -> [String])? = nil) throws(OutputError) {
        let text = format == .table ? table?() : nil
        for line in text ?? lines(of: object, format: format) { try output.writeLine(line) }
    }

    /// A line for people on standard error, unless `--quiet`.
    package func note(_ line: String) {
        if !isQuiet { warn(line) }
    }

    /// A line on standard error that `--quiet` does not silence.
    package func warn(_ line: String) {
        try? surroundings.errors.write(Array((oneLine(line) + "\n").utf8))
    }

    package func progress(_ what: String, unit: String, total: Int?, alreadyDone: Int = 0) -> Progress {
        let origin = ContinuousClock.now
        return Progress(
            what, unit: unit, total: total, alreadyDone: alreadyDone, channel: isQuiet ? nil : surroundings.errors,
            now: {
                let elapsed = (ContinuousClock.now - origin).components
                return Double(elapsed.seconds) + Double(elapsed.attoseconds) * 1e-18
            })
    }
}
