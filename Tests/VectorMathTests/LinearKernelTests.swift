/// Every instruction set this processor has gives the same products and decompositions, up to rounding. The level is
/// process-wide, so each check runs in a process of its own.
import CKernels
import Testing
import VectorMath

@Suite struct LinearKernelTests {
    @Test func everyInstructionSetAgreesWithTheDefinition() async {
        await #expect(processExitsWith: .success) {
            var checked = 0
            for level in Int32(0)...4 {
                ck_set_level(level)
                guard ck_level() == level else { continue }
                checked += 1
                for (m, n, k) in [(1, 1, 1), (13, 35, 18), (30, 70, 300)] {
                    let a = randomMatrix(m, k, seed: 7), b = randomMatrix(k, n, seed: 8)
                    var plain = Matrix<Double>(rows: m, columns: n)
                    for i in 0..<m { for j in 0..<n { for p in 0..<k { plain[i, j] += a[i, p] * b[p, j] } } }
                    let single = a.converted(to: Float.self).times(b.converted(to: Float.self))
                    precondition(distance(a.times(b), plain) < 1e-11, "float64 product")
                    precondition(distance(a.transposed().transposeTimes(b), plain) < 1e-11, "transposed product")
                    precondition(distance(single.converted(to: Double.self), plain) < 1e-3, "float32 product")
                }
                let a = randomMatrix(37, 37, seed: 9), svd = try SingularValueDecomposition(a)
                var scaled = svd.left
                for i in 0..<37 { for j in 0..<37 { scaled[i, j] *= svd.values[j] } }
                precondition(distance(scaled.timesTranspose(svd.right), a) < 1e-11, "row operations")
            }
            precondition(checked >= 2 || ck_level_best() == 0, "only one instruction set was tried")
        }
    }
}
