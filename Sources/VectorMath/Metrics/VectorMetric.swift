/// The five metrics between two vectors: their names, direction and order. Computes nothing (see VectorScorer).

/// A metric between two float32 vectors of one dimension.
///
/// | name | value | range |
/// |---|---|---|
/// | cosine | x·y / (‖x‖‖y‖), 0 when either norm is 0 | similarity in [−1, 1] |
/// | dot | x·y | similarity |
/// | euclidean | ‖x − y‖ | distance ≥ 0 |
/// | manhattan | Σ |x − y| | distance ≥ 0 |
/// | chi-square | Σ (x − y)² / (|x| + |y|), 0/0 = 0 | distance ≥ 0 |
package enum VectorMetric: String, CaseIterable, Sendable {
    case cosine, dot, euclidean, manhattan
    case chiSquare = "chi-square"

    /// Whether a larger value means nearer.
    package var isSimilarity: Bool { self == .cosine || self == .dot }

    /// Whether value `a` is strictly nearer than `b`.
    package func isBetter(_ a: Double, than b: Double) -> Bool { isSimilarity ? a > b : a < b }

    /// The total order of results: nearest first, equal values by ascending id.
    package func precedes<ID: Comparable>(_ a: (value: Double, id: ID), _ b: (value: Double, id: ID)) -> Bool {
        a.value == b.value ? a.id < b.id : isBetter(a.value, than: b.value)
    }
}
