/// Runs a producer ahead of its consumer on another thread, a bounded number of values at most. Ends when the producer does.
import Dispatch
import Synchronization

final class Prefetcher<Value: Sendable>: Sendable {
    private enum Event: Sendable { case value(Value), failure(any Error), end }

    private let queue = Mutex<[Event]>([])
    private let filled = DispatchSemaphore(value: 0)
    // Starts at 0 and is signalled up to its depth: a semaphore must not end below the value it was made with.
    private let free = DispatchSemaphore(value: 0)
    private let stopped = Atomic<Bool>(false)

    /// `produce` is called until it returns nil or throws, at most `depth` values ahead.
    init(depth: Int, _ produce: @escaping @Sendable () throws -> Value?) {
        for _ in 0..<depth { free.signal() }
        let state = State(self)
        DispatchQueue.global(qos: .userInitiated).async { state.run(produce) }
    }

    /// The producer's side: holds the prefetcher's parts alive, not the prefetcher, so that giving it up stops production.
    private struct State: Sendable {
        weak let owner: Prefetcher?
        let free: DispatchSemaphore
        init(_ owner: Prefetcher) {
            self.owner = owner
            free = owner.free
        }

        func run(_ produce: () throws -> Value?) {
            while true {
                free.wait()
                guard let owner, !owner.stopped.load(ordering: .relaxed) else { return }
                let event: Event
                do {
                    event = try produce().map(Event.value) ?? .end
                } catch {
                    event = .failure(error)
                }
                owner.queue.withLock { $0.append(event) }
                owner.filled.signal()
                guard case .value = event else { return }
            }
        }
    }

    /// The next value, nil at the end. Throws what the producer threw, in its place in the order.
    func next() throws -> Value? {
        filled.wait()
        let event = queue.withLock { $0.removeFirst() }
        free.signal()
        switch event {
        case .value(let value): return value
        case .failure(let error): throw error
        case .end: return nil
        }
    }

    deinit {
        stopped.store(true, ordering: .relaxed)
        free.signal()
    }
}
