/// Padding taken out of token sets: the rows that a mask keeps. Reads no file.

/// The rows of a row-major matrix whose place in `mask` is true. Precondition: a place a row.
package func keeping(_ values: [Float], where mask: some Collection<Bool>, dimension: Int) -> [Float] {
    precondition(values.count == mask.count * dimension, "a mask has a place a row")
    return zip(stride(from: 0, to: values.count, by: dimension), mask).flatMap { start, isKept in
        isKept ? values[start..<start + dimension] : []
    }
}
