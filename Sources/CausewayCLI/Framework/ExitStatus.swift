/// How a command ends: the exit statuses of the command line, and errors that know theirs.
package enum ExitStatus: Int32, Sendable {
    case done = 0
    case failed = 1
    case usage = 2
    /// `check` found damage.
    case damage = 3
    /// Bad input data; nothing of the failing batch was kept.
    case badInput = 4
    /// Another writer holds the database.
    case locked = 5
    case interrupted = 130
}

/// An error that knows its exit status and its line `causeway: <what>; <remedy>`.
package protocol ReportableError: Error {
    var exitStatus: ExitStatus { get }
    /// What failed, and where. No full stop.
    var what: String { get }
    /// What to do about it; nil where there is nothing better than to try again.
    var remedy: String? { get }
}

/// A failure that a command itself states.
package struct CommandFailure: ReportableError, Equatable, Sendable {
    package var exitStatus: ExitStatus
    package var what: String
    package var remedy: String?

    package init(_ exitStatus: ExitStatus = .failed, _ what: String, remedy: String? = nil) {
        self.exitStatus = exitStatus
        self.what = what
        self.remedy = remedy
    }
}

/// A command line that cannot be understood.
package struct UsageError: ReportableError, Equatable, Sendable {
    package var what: String
    /// The spelling that was probably meant.
    package var suggestion: String?
    /// The command or group the user was in.
    package var path: [String]

    package init(_ what: String, suggestion: String? = nil, path: [String]) {
        self.what = what
        self.suggestion = suggestion
        self.path = path
    }

    package var exitStatus: ExitStatus { .usage }
    package var remedy: String? {
        let question = suggestion.map { "did you mean '\($0)'? " } ?? ""
        return "\(question)see '\((["causeway"] + path + ["--help"]).joined(separator: " "))'"
    }
}

/// A command that has printed all it has to say and ends with a status of its own (`check` after its findings).
package struct QuietExit: Error, Sendable {
    package var status: ExitStatus
    package init(_ status: ExitStatus) { self.status = status }
}
