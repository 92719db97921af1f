/// The calls of this module into the float32 kernels over many pairs at once.
/// Invariants: every count passed to C is checked here against its array; a pointer never outlives the closure it was given to.
import CKernels

/// Float32 scores of a tile of queries with a block of candidates, and how they compare with a threshold.
enum PairKernel {
    /// Room for a product's packed operands; one a thread.
    @safe final class Scratch {
        fileprivate let bytes = UnsafeMutableRawPointer.allocate(byteCount: ck_gemm_scratch_bytes(), alignment: 64)
        deinit { unsafe bytes.deallocate() }
    }

    /// out[i·n + j] = q_i·x_j, or the sum of a distance that float32 sums well; q is rows `range` of `queries`.
    static func scores(
        _ form: PairScoreForm, _ queries: [Float], rows range: Range<Int>, _ candidates: [Float], dimension: Int,
        into out: inout [Float], _ scratch: Scratch
    ) {
        precondition(dimension > 0 && candidates.count % dimension == 0 && queries.count % dimension == 0, "ragged rows")
        precondition(range.lowerBound >= 0 && range.upperBound <= queries.count / dimension, "rows outside the queries")
        let (m, n) = (range.count, candidates.count / dimension)
        precondition(out.count >= m * n, "no room for the scores")
        guard m > 0, n > 0 else { return }
        unsafe queries.withUnsafeBufferPointer { queries in
            unsafe candidates.withUnsafeBufferPointer { candidates in
                unsafe out.withUnsafeMutableBufferPointer { out in
                    let q = unsafe queries.baseAddress! + range.lowerBound * dimension
                    let (x, to) = (candidates.baseAddress!, out.baseAddress!)
                    switch form {
                    case .dot:
                        unsafe to.update(repeating: 0, count: m * n)
                        unsafe ck_gemm_f32(0, 1, m, n, dimension, q, dimension, x, dimension, to, n, scratch.bytes)
                    case .manhattan: unsafe ck_manhattan_f32(q, m, x, n, dimension, to)
                    case .chiSquare: unsafe ck_chi_square_f32(q, m, x, n, dimension, to)
                    }
                }
            }
        }
    }

    /// How many values scale·raw + shift of row `row` are above the threshold beyond doubt; those in doubt in `doubtful`.
    static func countBetter(
        _ raw: [Float], row: Int, _ terms: CandidateTerms, _ threshold: RankThreshold, doubtful: inout [UInt32]
    ) -> (better: Int, doubtful: Int) {
        var left = 0
        let better = unsafe withRow(raw, row, terms, room: &doubtful) { raw, scale, shift, slack, n, doubtful in
            unsafe ck_count_better(raw, scale, shift, slack, n, threshold.kernel, doubtful, &left)
        }
        return (better, left)
    }

    /// Lists in `contenders` the candidates whose value is not below the threshold beyond doubt, ascending; returns how many.
    static func listContenders(
        _ raw: [Float], row: Int, _ terms: CandidateTerms, _ threshold: RankThreshold, into contenders: inout [UInt32]
    ) -> Int {
        unsafe withRow(raw, row, terms, room: &contenders) { raw, scale, shift, slack, n, contenders in
            unsafe ck_list_contenders(raw, scale, shift, slack, n, threshold.kernel, contenders)
        }
    }

    private typealias Floats = UnsafePointer<Float>

    /// Gives `body` a row of raw scores, the terms of its candidates, their count, and room for as many positions.
    private static func withRow(
        _ raw: [Float], _ row: Int, _ terms: CandidateTerms, room: inout [UInt32],
        _ body: (Floats, Floats, Floats, Floats, Int, UnsafeMutablePointer<UInt32>) -> Int
    ) -> Int {
        let n = terms.scale.count
        precondition(terms.shift.count == n && terms.slack.count == n && room.count >= n, "terms of another block")
        precondition(row >= 0 && (row + 1) * n <= raw.count, "row outside the scores")
        guard n > 0 else { return 0 }
        return unsafe raw.withUnsafeBufferPointer { raw in
            unsafe terms.scale.withUnsafeBufferPointer { scale in
                unsafe terms.shift.withUnsafeBufferPointer { shift in
                    unsafe terms.slack.withUnsafeBufferPointer { slack in
                        unsafe room.withUnsafeMutableBufferPointer { room in
                            unsafe body(
                                raw.baseAddress! + row * n, scale.baseAddress!, shift.baseAddress!, slack.baseAddress!, n,
                                room.baseAddress!)
                        }
                    }
                }
            }
        }
    }
}

extension RankThreshold {
    fileprivate var kernel: ck_threshold { ck_threshold(value: value, base: base, factor: factor) }
}

/// Squared lengths of the rows of an n×d block, in float64.
package func squaredLengths(_ block: [Float], dimension: Int) -> [Double] {
    precondition(dimension > 0 && block.count % dimension == 0, "ragged rows")
    var squares = [Double](repeating: 0, count: block.count / dimension)
    unsafe block.withUnsafeBufferPointer { block in
        unsafe squares.withUnsafeMutableBufferPointer { squares in
            guard let x = block.baseAddress, let to = squares.baseAddress else { return }
            unsafe ck_squared_norms(x, squares.count, dimension, to)
        }
    }
    return squares
}
