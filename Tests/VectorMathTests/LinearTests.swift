/// Products and decompositions against their definitions, written out plainly.
import Foundation
import Testing
import VectorMath

private func plainProduct(_ a: Matrix<Double>, _ b: Matrix<Double>) -> Matrix<Double> {
    var c = Matrix<Double>(rows: a.rows, columns: b.columns)
    for i in 0..<a.rows {
        for j in 0..<b.columns {
            var sum = 0.0
            for k in 0..<a.columns { sum += a[i, k] * b[k, j] }
            c[i, j] = sum
        }
    }
    return c
}

@Suite struct LinearTests {
    static let shapes = [(1, 1, 1), (3, 5, 7), (13, 33, 17), (64, 64, 64), (200, 3, 270), (7, 530, 9)]

    @Test(arguments: shapes) func productsEqualTheirDefinition(m: Int, n: Int, k: Int) {
        let a = randomMatrix(m, k, seed: 1), b = randomMatrix(k, n, seed: 2)
        let expected = plainProduct(a, b)
        #expect(distance(a.times(b), expected) < 1e-10)
        #expect(distance(a.transposed().transposeTimes(b), expected) < 1e-10)
        #expect(distance(a.timesTranspose(b.transposed()), expected) < 1e-10)
        let single = a.converted(to: Float.self).times(b.converted(to: Float.self))
        #expect(distance(single.converted(to: Double.self), expected) < 2e-4)
    }

    @Test func productsDoNotDependOnTheNumberOfThreads() {
        let a = randomMatrix(230, 300, seed: 3), b = randomMatrix(300, 70, seed: 4)
        #expect(a.times(b, threads: 1) == a.times(b, threads: 3))
        let c = a.converted(to: Float.self), d = b.converted(to: Float.self)
        #expect(c.times(d, threads: 1) == c.times(d, threads: 3))
    }

    @Test func choleskySolvesAndRefusesAnIndefiniteMatrix() throws {
        let a = randomMatrix(150, 150, seed: 5)
        var positive = a.timesTranspose(a)
        for i in 0..<150 { positive[i, i] += 1 }
        let factor = try Cholesky(positive)
        #expect(distance(factor.lower.timesTranspose(factor.lower), positive) < 1e-9)
        let x = randomMatrix(150, 4, seed: 6)
        #expect(distance(factor.solve(positive.times(x)), x) < 1e-8)
        #expect(throws: LinearAlgebraError.notPositiveDefinite(pivot: 1)) {
            try Cholesky(Matrix([[1, 2], [2, 1]]))
        }
    }

    @Test(arguments: [1, 2, 3, 10, 75]) func eigenvectorsDiagonalise(n: Int) throws {
        let a = randomMatrix(n, n, seed: UInt64(n))
        let symmetric = a + a.transposed()
        let eigen = try SymmetricEigen(symmetric)
        #expect(distance(eigen.vectors.timesTranspose(eigen.vectors), .identity(n)) < 1e-12 * Double(n + 10))
        var scaled = eigen.vectors
        for i in 0..<n { for j in 0..<n { scaled[i, j] *= eigen.values[i] } }
        #expect(distance(eigen.vectors.transposeTimes(scaled), symmetric) < 1e-11 * Double(n + 10))
        #expect(eigen.values == eigen.values.sorted(by: >))
    }

    @Test func eigenvaluesOfAPathGraphAreKnown() throws {
        // The second-difference matrix of order n has eigenvalues 2 − 2·cos(jπ/(n+1)).
        let n = 40
        var a = Matrix<Double>(rows: n, columns: n)
        for i in 0..<n {
            a[i, i] = 2
            if i + 1 < n { a[i, i + 1] = -1; a[i + 1, i] = -1 }
        }
        let values = try SymmetricEigen(a).values
        for j in 1...n { #expect(abs(values[n - j] - (2 - 2 * cos(Double(j) * .pi / Double(n + 1)))) < 1e-12) }
    }

    @Test func eigenRefusesNaN() {
        #expect(throws: LinearAlgebraError.self) { try SymmetricEigen(Matrix([[.nan, 1], [1, .nan]])) }
    }

    @Test(arguments: [(9, 4), (4, 9), (30, 30), (1, 1)]) func singularVectorsRebuildTheMatrix(m: Int, n: Int) throws {
        let a = randomMatrix(m, n, seed: UInt64(m * 100 + n))
        try expectDecomposition(of: a)
    }

    @Test func singularValuesOfADeficientMatrix() throws {
        let a = randomMatrix(12, 3, seed: 8).times(randomMatrix(3, 8, seed: 9))
        let values = try expectDecomposition(of: a)
        #expect(values[3] < 1e-12 * values[0])
        try expectDecomposition(of: Matrix<Double>(rows: 4, columns: 3))
    }

    @Test func smallSingularValuesKeepTheirAccuracy() throws {
        let u = QRDecomposition(randomMatrix(6, 3, seed: 10)).q, v = QRDecomposition(randomMatrix(3, 3, seed: 11)).q
        let wanted = [1, 1e-5, 1e-9]
        var scaled = u
        for i in 0..<6 { for j in 0..<3 { scaled[i, j] *= wanted[j] } }
        let values = try SingularValueDecomposition(scaled.timesTranspose(v)).values
        for j in 0..<3 { #expect(abs(values[j] / wanted[j] - 1) < 1e-5) }
    }

    @discardableResult private func expectDecomposition(of a: Matrix<Double>) throws -> [Double] {
        let svd = try SingularValueDecomposition(a)
        let r = min(a.rows, a.columns)
        var scaled = svd.left
        for i in 0..<a.rows { for j in 0..<r { scaled[i, j] *= svd.values[j] } }
        #expect(distance(scaled.timesTranspose(svd.right), a) < 1e-11)
        #expect(distance(svd.left.transposeTimes(svd.left), .identity(r)) < 1e-11)
        #expect(distance(svd.right.transposeTimes(svd.right), .identity(r)) < 1e-11)
        #expect(svd.values == svd.values.sorted(by: >))
        return svd.values
    }

    @Test func qrIsOrthonormalTimesTriangular() {
        let a = randomMatrix(20, 7, seed: 12), qr = QRDecomposition(a)
        #expect(distance(qr.q.transposeTimes(qr.q), .identity(7)) < 1e-12)
        #expect(distance(qr.q.times(qr.r), a) < 1e-12)
        for i in 0..<7 { for j in 0..<i { #expect(qr.r[i, j] == 0) } }
    }

    @Test(.enabled(if: isOptimised)) func largeMatricesTakeSeconds() throws {
        let a = randomMatrix(512, 600, seed: 13), clock = ContinuousClock()
        let gram = a.timesTranspose(a)
        var eigen: SymmetricEigen?
        let time = try clock.measure { eigen = try SymmetricEigen(gram) }
        let again = try SymmetricEigen(gram, threads: 1)
        #expect(eigen?.values == again.values && eigen?.vectors == again.vectors)
        let svdTime = try clock.measure { _ = try SingularValueDecomposition(randomMatrix(512, 512, seed: 14)) }
        let x = randomMatrix(1024, 1024, seed: 15).converted(to: Float.self)
        let product = clock.measure { _ = x.times(x, threads: 1) }
        let wide = randomMatrix(1024, 1024, seed: 15)
        let product64 = clock.measure { _ = wide.times(wide, threads: 1) }
        print("512: eigen \(time), SVD \(svdTime); 1024³ product f32 \(product), f64 \(product64)")
        #expect(time < .seconds(10))
    }
}
