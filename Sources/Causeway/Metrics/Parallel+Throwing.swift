/// A parallel loop whose body may fail. The first error by index is thrown once all bodies are done.
import Platform

extension Parallel {
    static func tryForEach(
        _ count: Int, threads: Int, _ body: @escaping @Sendable (_ index: Int) throws -> Void
    ) throws {
        for result in map(count, threads: threads, { index in Result { try body(index) } }) { try result.get() }
    }
}
