/// The pointers behind Linear: products and row operations as calls into CKernels.
/// Invariants: every block handed to C is checked here to lie inside its array; arrays outlive the call; parallel tasks
/// write disjoint rows or columns, so that no element is written twice and results do not depend on the number of threads.
import CKernels
import Platform

/// The two element types that have a product kernel.
package protocol MatrixScalar: BinaryFloatingPoint, BitwiseCopyable, Sendable {
    /// c += op(a)·op(b) over one tile, all strides in elements.
    @unsafe static func product(_ tile: ProductTile<Self>)
}

/// One call of a product kernel.
@unsafe package struct ProductTile<Scalar> {
    var transposeA: Bool, transposeB: Bool
    var rows: Int, columns: Int, depth: Int
    var a: UnsafePointer<Scalar>, strideA: Int
    var b: UnsafePointer<Scalar>, strideB: Int
    var c: UnsafeMutablePointer<Scalar>, strideC: Int
    var scratch: UnsafeMutableRawPointer
}

extension Float: MatrixScalar {
    @unsafe package static func product(_ t: ProductTile<Float>) {
        unsafe ck_gemm_f32(
            t.transposeA ? 1 : 0, t.transposeB ? 1 : 0, t.rows, t.columns, t.depth, t.a, t.strideA, t.b, t.strideB,
            t.c, t.strideC, t.scratch)
    }
}

extension Double: MatrixScalar {
    @unsafe package static func product(_ t: ProductTile<Double>) {
        unsafe ck_gemm_f64(
            t.transposeA ? 1 : 0, t.transposeB ? 1 : 0, t.rows, t.columns, t.depth, t.a, t.strideA, t.b, t.strideB,
            t.c, t.strideC, t.scratch)
    }
}

/// A rectangle of an array in row-major order: where it starts and how far apart its rows are.
struct Block: Sendable {
    var offset = 0
    var rows: Int
    var columns: Int
    var stride: Int

    init(rows: Int, columns: Int, stride: Int? = nil, offset: Int = 0) {
        self.rows = rows
        self.columns = columns
        self.stride = stride ?? columns
        self.offset = offset
    }

    func check(_ count: Int) {
        precondition(rows >= 0 && columns >= 0 && offset >= 0 && stride >= columns, "malformed block")
        precondition(rows == 0 || columns == 0 || offset + (rows - 1) * stride + columns <= count, "block outside its array")
    }
}

/// A base address that parallel tasks share; each touches its own part.
@safe private struct Shared<Pointee>: @unchecked Sendable {
    let base: UnsafeMutablePointer<Pointee>
    init(_ base: UnsafeMutablePointer<Pointee>) { unsafe self.base = base }
}

@safe private struct SharedInput<Pointee>: @unchecked Sendable {
    let base: UnsafePointer<Pointee>
    init(_ base: UnsafePointer<Pointee>) { unsafe self.base = base }
}

/// Tiles of a product: small enough to share out, large enough that packing is a small part.
private enum Tile { static let rows = 192, columns = 512, serialWork = 1 << 18 }

/// c[blockC] += op(a[blockA])·op(b[blockB]). Blocks describe the stored rectangles, before transposition.
func accumulateProduct<Scalar: MatrixScalar>(
    _ a: [Scalar], _ blockA: Block, transposed transposeA: Bool, _ b: [Scalar], _ blockB: Block,
    transposed transposeB: Bool, into c: inout [Scalar], _ blockC: Block, threads: Int
) {
    blockA.check(a.count); blockB.check(b.count); blockC.check(c.count)
    let m = transposeA ? blockA.columns : blockA.rows, k = transposeA ? blockA.rows : blockA.columns
    let n = transposeB ? blockB.rows : blockB.columns
    precondition(k == (transposeB ? blockB.columns : blockB.rows) && m == blockC.rows && n == blockC.columns, "shapes differ")
    guard m > 0, n > 0, k > 0 else { return }
    let down = (m + Tile.rows - 1) / Tile.rows, across = (n + Tile.columns - 1) / Tile.columns
    let workers = m * n * k < Tile.serialWork ? 1 : max(1, min(threads, down * across))
    let scratchBytes = (ck_gemm_scratch_bytes() + 63) / 64 * 64
    unsafe a.withUnsafeBufferPointer { a in
        unsafe b.withUnsafeBufferPointer { b in
            unsafe c.withUnsafeMutableBufferPointer { c in
                let scratch = UnsafeMutableRawPointer.allocate(byteCount: workers * scratchBytes, alignment: 64)
                defer { unsafe scratch.deallocate() }
                let left = unsafe SharedInput(a.baseAddress! + blockA.offset)
                let right = unsafe SharedInput(b.baseAddress! + blockB.offset)
                let out = unsafe Shared(c.baseAddress! + blockC.offset)
                let bytes = unsafe Shared(scratch.assumingMemoryBound(to: UInt8.self))
                Parallel.forEach(down * across, threads: workers) { index, worker in
                    let i = index % down * Tile.rows, j = index / down * Tile.columns
                    unsafe Scalar.product(
                        ProductTile(
                            transposeA: transposeA, transposeB: transposeB, rows: min(Tile.rows, m - i),
                            columns: min(Tile.columns, n - j), depth: k,
                            a: left.base + (transposeA ? i : i * blockA.stride), strideA: blockA.stride,
                            b: right.base + (transposeB ? j * blockB.stride : j), strideB: blockB.stride,
                            c: out.base + i * blockC.stride + j, strideC: blockC.stride,
                            scratch: UnsafeMutableRawPointer(bytes.base + worker * scratchBytes)))
                }
            }
        }
    }
}

/// Row operations in float64 over arrays, the inner loops of the decompositions.
enum RowKernel {
    /// Below this many elements a second thread costs more than it brings.
    private static let parallelElements = 400_000
    private static let rowsPerTask = 64

    static func dot(_ x: [Double], at i: Int = 0, _ y: [Double], at j: Int = 0, count: Int) -> Double {
        precondition(i >= 0 && j >= 0 && i + count <= x.count && j + count <= y.count, "range outside its array")
        return unsafe x.withUnsafeBufferPointer { x in
            unsafe y.withUnsafeBufferPointer { y in
                count == 0 ? 0 : unsafe ck_dot_f64(count, x.baseAddress! + i, y.baseAddress! + j)
            }
        }
    }

    /// Dot product of two rows of one array.
    static func dot(_ x: [Double], at i: Int, and j: Int, count: Int) -> Double { dot(x, at: i, x, at: j, count: count) }

    static func axpy(_ factor: Double, _ x: [Double], at i: Int = 0, into y: inout [Double], at j: Int = 0, count: Int) {
        precondition(i >= 0 && j >= 0 && i + count <= x.count && j + count <= y.count, "range outside its array")
        guard count > 0 else { return }
        unsafe x.withUnsafeBufferPointer { x in
            unsafe y.withUnsafeMutableBufferPointer { y in
                unsafe ck_axpy_f64(count, factor, x.baseAddress! + i, y.baseAddress! + j)
            }
        }
    }

    /// out[r] = a[r,:]·x for the rows of `block`.
    static func multiply(_ a: [Double], _ block: Block, _ x: [Double], into out: inout [Double], threads: Int) {
        block.check(a.count)
        precondition(x.count >= block.columns && out.count >= block.rows, "shapes differ")
        guard block.rows > 0, block.columns > 0 else { return }
        unsafe a.withUnsafeBufferPointer { a in
            unsafe x.withUnsafeBufferPointer { x in
                unsafe out.withUnsafeMutableBufferPointer { out in
                    let rows = unsafe SharedInput(a.baseAddress! + block.offset), vector = unsafe SharedInput(x.baseAddress!)
                    let result = unsafe Shared(out.baseAddress!)
                    overRows(block, threads) { first, count in
                        unsafe ck_matvec_f64(
                            count, block.columns, rows.base + first * block.stride, block.stride, vector.base,
                            result.base + first)
                    }
                }
            }
        }
    }

    /// Subtracts v·wᵀ + w·vᵀ from a square block.
    static func subtractSymmetric(_ a: inout [Double], _ block: Block, _ v: [Double], _ w: [Double]) {
        block.check(a.count)
        precondition(block.rows == block.columns && v.count >= block.rows && w.count >= block.rows, "shapes differ")
        guard block.rows > 0 else { return }
        unsafe a.withUnsafeMutableBufferPointer { a in
            unsafe v.withUnsafeBufferPointer { v in
                unsafe w.withUnsafeBufferPointer { w in
                    unsafe ck_rank2_f64(
                        block.rows, a.baseAddress! + block.offset, block.stride, v.baseAddress!, w.baseAddress!)
                }
            }
        }
    }

    /// Reflects each row of the block: r − tau·(r·v)·v.
    static func reflect(_ a: inout [Double], _ block: Block, _ v: [Double], tau: Double, threads: Int) {
        block.check(a.count)
        precondition(v.count >= block.columns, "shapes differ")
        guard block.rows > 0, block.columns > 0 else { return }
        unsafe a.withUnsafeMutableBufferPointer { a in
            unsafe v.withUnsafeBufferPointer { v in
                let rows = unsafe Shared(a.baseAddress! + block.offset), vector = unsafe SharedInput(v.baseAddress!)
                overRows(block, threads) { first, count in
                    unsafe ck_reflect_f64(
                        count, block.columns, rows.base + first * block.stride, block.stride, vector.base, tau)
                }
            }
        }
    }

    /// (x, y) becomes (c·x − s·y, s·x + c·y) for two disjoint stretches of an array.
    static func rotate(_ a: inout [Double], _ x: Int, _ y: Int, count: Int, c: Double, s: Double) {
        precondition(min(x, y) >= 0 && max(x, y) + count <= a.count && abs(x - y) >= count, "ranges overlap or leave the array")
        guard count > 0 else { return }
        unsafe a.withUnsafeMutableBufferPointer { a in
            unsafe ck_rotate_f64(count, a.baseAddress! + x, a.baseAddress! + y, c, s)
        }
    }

    /// Rotations of neighbouring rows of a matrix, from row `top` upwards: (top−1, top), (top−2, top−1), …
    static func rotateUpwards(
        _ a: inout [Double], _ block: Block, from top: Int, _ c: [Double], _ s: [Double], threads: Int
    ) {
        block.check(a.count)
        let count = c.count
        precondition(s.count == count && top < block.rows && top >= count, "rotations outside the matrix")
        guard count > 0, block.columns > 0 else { return }
        let slice = 128, slices = (block.columns + slice - 1) / slice
        let workers = count * block.columns < parallelElements ? 1 : threads
        unsafe a.withUnsafeMutableBufferPointer { a in
            unsafe c.withUnsafeBufferPointer { c in
                unsafe s.withUnsafeBufferPointer { s in
                    let rows = unsafe Shared(a.baseAddress! + block.offset)
                    let cosines = unsafe SharedInput(c.baseAddress!), sines = unsafe SharedInput(s.baseAddress!)
                    Parallel.forEach(slices, threads: workers) { index, _ in
                        let first = index * slice
                        unsafe ck_rotations_f64(
                            count, top, min(slice, block.columns - first), rows.base + first, block.stride,
                            cosines.base, sines.base)
                    }
                }
            }
        }
    }

    private static func overRows(
        _ block: Block, _ threads: Int, _ body: @escaping @Sendable (_ first: Int, _ count: Int) -> Void
    ) {
        guard block.rows * block.columns >= parallelElements, threads > 1 else { return body(0, block.rows) }
        Parallel.forEach((block.rows + rowsPerTask - 1) / rowsPerTask, threads: threads) { index, _ in
            body(index * rowsPerTask, min(rowsPerTask, block.rows - index * rowsPerTask))
        }
    }
}

/// The numbers of one step of Adam; see ck_linear.h.
struct AdamStep {
    var rate: Float, beta1: Float, beta2: Float
    var correction1: Float, correction2: Float
    var epsilon: Float, decay: Float
}

/// One step of Adam over a parameter array.
func adamStep(
    _ parameter: inout [Float], gradient: [Float], anchor: [Float], first: inout [Float], second: inout [Float],
    step: AdamStep
) {
    let count = parameter.count
    let step = ck_adam(
        rate: step.rate, beta1: step.beta1, beta2: step.beta2, correction1: step.correction1,
        correction2: step.correction2, epsilon: step.epsilon, decay: step.decay)
    precondition(
        gradient.count == count && anchor.count == count && first.count == count && second.count == count, "shapes differ")
    guard count > 0 else { return }
    unsafe parameter.withUnsafeMutableBufferPointer { p in
        unsafe first.withUnsafeMutableBufferPointer { m in
            unsafe second.withUnsafeMutableBufferPointer { v in
                unsafe gradient.withUnsafeBufferPointer { g in
                    unsafe anchor.withUnsafeBufferPointer { anchor in
                        unsafe ck_adam_f32(
                            count, step, g.baseAddress!, anchor.baseAddress!, m.baseAddress!, v.baseAddress!, p.baseAddress!)
                    }
                }
            }
        }
    }
}

/// Fills an array in parallel: `body` gets each index once and writes the value at that index alone.
func parallelMap<Value: Sendable>(
    _ count: Int, threads: Int, default initial: Value, _ body: @escaping @Sendable (Int) -> Value
) -> [Value] {
    var values = [Value](repeating: initial, count: count)
    guard count > 0 else { return values }
    unsafe values.withUnsafeMutableBufferPointer { buffer in
        let out = unsafe Shared(buffer.baseAddress!)
        Parallel.forEach(count, threads: threads) { index, _ in
            let value = body(index)
            unsafe out.base[index] = value
        }
    }
    return values
}
