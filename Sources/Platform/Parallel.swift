/// Work spread over threads, and a way to stop it. Not a scheduler: one loop at a time, no nesting.
import Dispatch
import Foundation
import Synchronization

package enum Parallel {
    /// Processors this process may use.
    package static var processorCount: Int { ProcessInfo.processInfo.activeProcessorCount }

    /// Calls `body(index, worker)` once for every index, on at most `threads` threads; `worker` is in `0..<threads` and
    /// never runs two bodies at once, so that scratch memory can be kept per worker. Indices are handed out in order.
    package static func forEach(
        _ count: Int, threads: Int, _ body: @escaping @Sendable (_ index: Int, _ worker: Int) -> Void
    ) {
        let workers = min(max(threads, 1), count)
        guard workers > 1 else {
            for index in 0..<count { body(index, 0) }
            return
        }
        let next = Atomic<Int>(0)
        DispatchQueue.concurrentPerform(iterations: workers) { worker in
            while true {
                let index = next.wrappingAdd(1, ordering: .relaxed).oldValue
                if index >= count { break }
                body(index, worker)
            }
        }
    }
}

extension Parallel {
    /// The values of `body` for every index, in order, on at most `threads` threads.
    package static func map<Value: Sendable>(
        _ count: Int, threads: Int, _ body: @escaping @Sendable (_ index: Int) -> Value
    ) -> [Value] {
        let slots = Slots<Value>(count: count)
        forEach(count, threads: threads) { index, _ in slots.set(index, body(index)) }
        return slots.take()
    }

    private final class Slots<Value: Sendable>: Sendable {
        private let values: Mutex<[Value?]>
        init(count: Int) { values = Mutex(Array(repeating: nil, count: count)) }
        func set(_ index: Int, _ value: Value) { values.withLock { $0[index] = value } }
        func take() -> [Value] { values.withLock { $0.map { $0! } } }
    }
}

/// A flag that asks long work to stop. Work checks it between steps and leaves nothing half done.
package final class Cancellation: Sendable {
    private let flag = Atomic<Bool>(false)
    package init() {}
    package func cancel() { flag.store(true, ordering: .relaxed) }
    package func reset() { flag.store(false, ordering: .relaxed) }
    package var isCancelled: Bool { flag.load(ordering: .relaxed) }
}
