/// Several readers of one state of the database, so that threads answer as one would.
/// Invariant: no reader is used by two threads at once. Each has a connection of its own, and SQLite allows a connection to be
/// used by any thread, one after the other (https://sqlite.org/threadsafe.html, multi-thread).

/// Valid only within the call that hands them out.
package struct Readers: @unchecked Sendable {
    private let readers: [Reader]

    init(_ readers: [Reader]) {
        precondition(!readers.isEmpty, "nobody reads")
        self.readers = readers
    }

    /// One reader alone.
    package init(_ reader: Reader) { self.init([reader]) }

    package var count: Int { readers.count }
    /// For the thread that runs the whole, and for the first of several.
    package var first: Reader { readers[0] }
    package subscript(thread: Int) -> Reader { readers[thread] }
}
