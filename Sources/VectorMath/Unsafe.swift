/// The calls of this module into the C kernels over vectors.
/// Invariants: a pointer never outlives the closure it was given to; counts passed to C are those of the buffers.
import CKernels

extension VectorMetric {
    var kernel: Int32 {
        switch self {
        case .dot: Int32(CK_METRIC_DOT.rawValue)
        case .cosine: Int32(CK_METRIC_COSINE.rawValue)
        case .euclidean: Int32(CK_METRIC_EUCLIDEAN.rawValue)
        case .manhattan: Int32(CK_METRIC_MANHATTAN.rawValue)
        case .chiSquare: Int32(CK_METRIC_CHI_SQUARE.rawValue)
        }
    }
}

extension VectorScorer {
    /// Hands out (index, score) in order, computing through a buffer on the stack.
    func scoreBlock(_ block: Span<Float>, count: Int, _ body: (Int, Double) -> Void) {
        precondition(block.count == count * dimension, "block and count disagree")
        let step = 256
        unsafe withUnsafeTemporaryAllocation(of: Double.self, capacity: min(step, max(count, 1))) { scores in
            unsafe block.withUnsafeBufferPointer { values in
                unsafe query.withUnsafeBufferPointer { query in
                    for start in stride(from: 0, to: count, by: step) {
                        let taken = min(step, count - start)
                        guard let base = values.baseAddress else { break }
                        unsafe ck_metric_block(
                            metric.kernel, query.baseAddress, normSquared, base + start * dimension, taken, dimension,
                            scores.baseAddress)
                        for index in 0..<taken { body(start + index, unsafe scores[index]) }
                    }
                }
            }
        }
    }
}

extension VectorScorers {
    @inline(__always) func scoreOne(_ query: Int, _ candidate: Span<Float>) -> Double {
        precondition(query >= 0 && query < count, "no such query")
        var score = 0.0
        unsafe candidate.withUnsafeBufferPointer { candidate in
            unsafe queries.withUnsafeBufferPointer { queries in
                guard let base = queries.baseAddress, let values = candidate.baseAddress else { return }
                unsafe ck_metric_block(
                    metric.kernel, base + query * dimension, normsSquared[query], values, 1, dimension, &score)
            }
        }
        return score
    }

    @inline(__always) func prefetchQuery(_ query: Int) {
        precondition(query >= 0 && query < count, "no such query")
        unsafe queries.withUnsafeBufferPointer { queries in
            guard let base = queries.baseAddress else { return }
            for offset in stride(from: 0, to: dimension, by: 16) { unsafe ck_prefetch(base + query * dimension + offset) }
        }
    }
}

/// Σ x·y in float64. Both have the same count.
package func dotProduct(_ x: [Float], _ y: [Float]) -> Double { dotProduct(x.span, y.span) }

package func dotProduct(_ x: Span<Float>, _ y: Span<Float>) -> Double {
    precondition(x.count == y.count, "vectors of \(x.count) and \(y.count) values")
    return unsafe x.withUnsafeBufferPointer { x in
        unsafe y.withUnsafeBufferPointer { y in unsafe ck_dot_f32(x.baseAddress, y.baseAddress, x.count) }
    }
}

/// Σ (x − y)² in float64, subtracting first. Both have the same count.
package func squaredDistance(_ x: Span<Float>, _ y: Span<Float>) -> Double {
    precondition(x.count == y.count, "vectors of \(x.count) and \(y.count) values")
    return unsafe x.withUnsafeBufferPointer { x in
        unsafe y.withUnsafeBufferPointer { y in unsafe ck_squared_distance_f32(x.baseAddress, y.baseAddress, x.count) }
    }
}

/// Runs `body` with the kernels of this thread lowered to each instruction set this processor has, best last; for tests.
package func forEachKernelLevel(_ body: (String) throws -> Void) rethrows {
    let best = ck_level_best()
    defer { ck_set_level(best) }
    for level in 0...best {
        ck_set_level(level)
        guard ck_level() == level else { continue }
        try body(unsafe String(cString: ck_level_name(level)))
    }
}
