/// A user's own metrics: what to write so that search, evaluation and re-ranking take them like the built-in ones.

/// A comparison of two vectors of one dimension.
///
/// ```swift
/// struct Canberra: VectorComparison {
///     let name = "canberra"
///     let isSimilarity = false
///     func value(query: Span<Float>, candidate: Span<Float>) -> Double {
///         query.indices.reduce(0) { sum, i in
///             let size = Double(abs(query[i]) + abs(candidate[i]))
///             return size == 0 ? sum : sum + Double(abs(query[i] - candidate[i])) / size
///         }
///     }
/// }
/// let options = SearchOptions(metric: Metric(Canberra()))
/// ```
public protocol VectorComparison: Sendable {
    /// What results and tables call it; different from the built-in names. It is not stored with a database.
    var name: String { get }
    /// Whether large is best.
    var isSimilarity: Bool { get }
    /// Called from several threads. A value that is not a number refuses the search.
    func value(query: Span<Float>, candidate: Span<Float>) -> Double
}

/// A comparison of two token sets of one token dimension, each with at least one token.
public protocol TokenComparison: Sendable {
    /// What results and tables call it; different from the built-in names. It is not stored with a database.
    var name: String { get }
    /// Whether large is best.
    var isSimilarity: Bool { get }
    /// Called from several threads. A value that is not a number refuses the search.
    func value(query: TokenSet, candidate: TokenSet) throws -> Double
}
