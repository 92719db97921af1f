/// A user's own metrics: what to write so that search, evaluation and re-ranking take them like the built-in ones.

/// A comparison of two vectors of one dimension. Searches compare every row by it, or as many of the nearest by cosine as
/// `tuneIndex(metric:)` measured for the recall.
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
/// let options = SearchOptions(metric: try Metric(Canberra()))
/// ```
public protocol VectorComparison: Sendable {
    /// What results, tables and measured budgets call it; no built-in name, nor one with parameters. It is no collection's
    /// default.
    var name: String { get }
    /// Whether large is best.
    var isSimilarity: Bool { get }
    /// Called from several threads. A value that is not a number refuses the search.
    func value(query: Span<Float>, candidate: Span<Float>) -> Double
}

/// A comparison of two token sets of one token dimension, each with at least one token, finite, and weights, if any, that are
/// not negative and not all zero. Searches compare the nearest by cosine: as many as `tuneIndex(metric:)` measured, or 1000.
public protocol TokenComparison: Sendable {
    /// What results, tables and measured budgets call it; no built-in name, nor one with parameters. It is no collection's
    /// default.
    var name: String { get }
    /// Whether large is best.
    var isSimilarity: Bool { get }
    /// Called from several threads. A value that is not a number refuses the search.
    func value(query: TokenSet, candidate: TokenSet) throws -> Double
}
