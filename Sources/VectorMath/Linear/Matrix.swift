/// A dense row-major matrix of Float or Double, and its products. Not a tensor library: two dimensions, no views.
import Platform

package struct Matrix<Scalar: MatrixScalar>: Sendable, Equatable {
    package let rows: Int
    package let columns: Int
    /// rows × columns values, row after row.
    package var elements: [Scalar]

    package init(rows: Int, columns: Int, elements: [Scalar]) {
        precondition(rows >= 0 && columns >= 0 && elements.count == rows * columns, "element count differs from the shape")
        self.rows = rows
        self.columns = columns
        self.elements = elements
    }

    package init(rows: Int, columns: Int, repeating value: Scalar = 0) {
        self.init(rows: rows, columns: columns, elements: [Scalar](repeating: value, count: rows * columns))
    }

    /// Rows of equal length.
    package init(_ rows: [[Scalar]]) {
        let columns = rows.first?.count ?? 0
        precondition(rows.allSatisfy { $0.count == columns }, "rows differ in length")
        self.init(rows: rows.count, columns: columns, elements: rows.flatMap { $0 })
    }

    package static func identity(_ n: Int) -> Self {
        var result = Self(rows: n, columns: n)
        for i in 0..<n { result.elements[i * n + i] = 1 }
        return result
    }

    package subscript(row: Int, column: Int) -> Scalar {
        get {
            precondition(row >= 0 && column >= 0 && row < rows && column < columns, "outside the matrix")
            return elements[row * columns + column]
        }
        set {
            precondition(row >= 0 && column >= 0 && row < rows && column < columns, "outside the matrix")
            elements[row * columns + column] = newValue
        }
    }

    package func row(_ index: Int) -> ArraySlice<Scalar> { elements[index * columns..<(index + 1) * columns] }

    /// The rows named, in that order, with repetitions.
    package func gathering(_ indices: [Int]) -> Self {
        var gathered: [Scalar] = []
        gathered.reserveCapacity(indices.count * columns)
        for index in indices { gathered.append(contentsOf: row(index)) }
        return Self(rows: indices.count, columns: columns, elements: gathered)
    }

    /// The first `count` columns.
    package func leadingColumns(_ count: Int) -> Self {
        precondition(count <= columns, "more columns than there are")
        var kept: [Scalar] = []
        kept.reserveCapacity(rows * count)
        for i in 0..<rows { kept.append(contentsOf: elements[i * columns..<i * columns + count]) }
        return Self(rows: rows, columns: count, elements: kept)
    }

    package func transposed() -> Self {
        var result = Self(rows: columns, columns: rows)
        let side = 32
        for rowBlock in stride(from: 0, to: rows, by: side) {
            for columnBlock in stride(from: 0, to: columns, by: side) {
                for i in rowBlock..<min(rowBlock + side, rows) {
                    for j in columnBlock..<min(columnBlock + side, columns) {
                        result.elements[j * rows + i] = elements[i * columns + j]
                    }
                }
            }
        }
        return result
    }

    package func converted<Other: MatrixScalar>(to type: Other.Type) -> Matrix<Other> {
        Matrix<Other>(rows: rows, columns: columns, elements: elements.map { Other($0) })
    }

    package func map(_ transform: (Scalar) -> Scalar) -> Self {
        Self(rows: rows, columns: columns, elements: elements.map(transform))
    }
}

extension Matrix {
    private var block: Block { Block(rows: rows, columns: columns) }

    /// A·B. O(rows·columns·B.columns), blocked, on `threads` threads; the result does not depend on their number.
    package func times(_ other: Self, threads: Int = Parallel.processorCount) -> Self {
        var result = Self(rows: rows, columns: other.columns)
        accumulateProduct(
            elements, block, transposed: false, other.elements, other.block, transposed: false, into: &result.elements,
            result.block, threads: threads)
        return result
    }

    /// Aᵀ·B.
    package func transposeTimes(_ other: Self, threads: Int = Parallel.processorCount) -> Self {
        var result = Self(rows: columns, columns: other.columns)
        accumulateProduct(
            elements, block, transposed: true, other.elements, other.block, transposed: false, into: &result.elements,
            result.block, threads: threads)
        return result
    }

    /// A·Bᵀ: all dot products between rows of A and rows of B.
    package func timesTranspose(_ other: Self, threads: Int = Parallel.processorCount) -> Self {
        var result = Self(rows: rows, columns: other.rows)
        accumulateProduct(
            elements, block, transposed: false, other.elements, other.block, transposed: true, into: &result.elements,
            result.block, threads: threads)
        return result
    }

    package static func + (a: Self, b: Self) -> Self { combined(a, b) { $0 + $1 } }
    package static func - (a: Self, b: Self) -> Self { combined(a, b) { $0 - $1 } }
    package static func * (factor: Scalar, a: Self) -> Self { a.map { factor * $0 } }

    private static func combined(_ a: Self, _ b: Self, _ operation: (Scalar, Scalar) -> Scalar) -> Self {
        precondition(a.rows == b.rows && a.columns == b.columns, "shapes differ")
        var result = a
        for i in result.elements.indices { result.elements[i] = operation(a.elements[i], b.elements[i]) }
        return result
    }

    /// Σ of squares of all elements, accumulated in Double.
    package var squaredFrobeniusNorm: Double { elements.reduce(0) { $0 + Double($1) * Double($1) } }
}

extension Matrix {
    /// The mean of each column, accumulated in Double. Zeros for a matrix without rows.
    package func columnMeans() -> [Double] {
        var sums = [Double](repeating: 0, count: columns)
        for i in 0..<rows {
            for j in 0..<columns { sums[j] += Double(elements[i * columns + j]) }
        }
        return rows == 0 ? sums : sums.map { $0 / Double(rows) }
    }

    package func subtractingFromRows(_ vector: [Double]) -> Self {
        precondition(vector.count == columns, "shapes differ")
        var result = self
        for i in 0..<rows {
            for j in 0..<columns { result.elements[i * columns + j] -= Scalar(vector[j]) }
        }
        return result
    }

    /// Each row divided by its Euclidean length; rows of zeros stay zero.
    package func normalizingRows() -> Self {
        var result = self
        for i in 0..<rows {
            let range = i * columns..<(i + 1) * columns
            var sum = 0.0
            for j in range { sum += Double(elements[j]) * Double(elements[j]) }
            guard sum > 0 else { continue }
            let factor = 1 / sum.squareRoot()
            for j in range { result.elements[j] = Scalar(Double(elements[j]) * factor) }
        }
        return result
    }

    /// The squared length of each row, in Double.
    package func squaredRowNorms() -> [Double] {
        (0..<rows).map { i in
            var sum = 0.0
            for j in i * columns..<(i + 1) * columns { sum += Double(elements[j]) * Double(elements[j]) }
            return sum
        }
    }

    func scalingColumns(by factors: [Double]) -> Matrix {
        var result = self
        for i in 0..<rows { for j in 0..<columns { result.elements[i * columns + j] *= Scalar(factors[j]) } }
        return result
    }
}
