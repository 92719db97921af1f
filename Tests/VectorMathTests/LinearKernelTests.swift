/// Every instruction set this processor has gives the same products and decompositions, up to rounding. A level belongs to a
/// thread, so all is computed on one.
import CKernels
import Testing
import VectorMath

@Suite struct LinearKernelTests {
    @Test func everyInstructionSetAgreesWithTheDefinition() throws {
        var checked = 0
        try forEachKernelLevel { level in
            checked += 1
            for (m, n, k) in [(1, 1, 1), (13, 35, 18), (30, 70, 300)] {
                let a = randomMatrix(m, k, seed: 7), b = randomMatrix(k, n, seed: 8)
                var plain = Matrix<Double>(rows: m, columns: n)
                for i in 0..<m { for j in 0..<n { for p in 0..<k { plain[i, j] += a[i, p] * b[p, j] } } }
                let single = a.converted(to: Float.self).times(b.converted(to: Float.self), threads: 1)
                #expect(distance(a.times(b, threads: 1), plain) < 1e-11, "float64 product, \(level)")
                #expect(distance(a.transposed().transposeTimes(b, threads: 1), plain) < 1e-11, "transposed product, \(level)")
                #expect(distance(single.converted(to: Double.self), plain) < 1e-3, "float32 product, \(level)")
            }
            let a = randomMatrix(37, 37, seed: 9), svd = try SingularValueDecomposition(a, threads: 1)
            var scaled = svd.left
            for i in 0..<37 { for j in 0..<37 { scaled[i, j] *= svd.values[j] } }
            #expect(distance(scaled.timesTranspose(svd.right, threads: 1), a) < 1e-11, "row operations, \(level)")
        }
        #expect(checked >= 2 || ck_level_best() == 0, "only one instruction set was tried")
    }
}
