/// The handle by which a program ends what a database is doing. Ends nothing itself: work looks at it between two steps.
import Platform

/// Ends the calls of a database that are under way: each throws `CausewayError.cancelled` within moments, whatever thread it is
/// on, and leaves nothing half done. It is given to the database when that is opened; several may share one.
///
/// Calls are synchronous, and a task that is cancelled ends them through the handle:
///
/// ```swift
/// let cancellation = Cancellation()
/// let photos = try Database(path: "photos.db", cancellation: cancellation).collection("photos")
///
/// func nearest(to query: Query) async throws -> SearchAnswer {
///     try await withTaskCancellationHandler {
///         try photos.search(query, in: "image")
///     } onCancel: {
///         cancellation.cancel()
///     }
/// }
/// ```
public final class Cancellation: Sendable {
    let flag = Platform.Cancellation()

    public init() {}

    /// Ends what is under way; from here on nothing begins, until `reset()`. Callable from any thread.
    public func cancel() { flag.cancel() }

    /// Lets calls run again, on the same database. For after the calls that were to end have thrown: one that has not yet looked
    /// goes on.
    public func reset() { flag.reset() }

    public var isCancelled: Bool { flag.isCancelled }
}

extension Database {
    /// Between the parts of long work that SQLite has no part in, and does not stop.
    func throwIfCancelled() throws(CausewayError) {
        if cancellation?.isCancelled == true { throw .cancelled }
    }

    /// The handler of a call, which the database's cancellation also says no through.
    func stoppable(_ progress: ProgressHandler?) -> ProgressHandler? {
        guard let cancellation else { return progress }
        return { step in progress?(step) ?? true && !cancellation.isCancelled }
    }
}
