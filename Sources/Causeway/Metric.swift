/// How two embeddings are compared: a name, and whether large or small is best. Computes nothing itself.
import VectorMath

/// A metric, by the name the command line uses.
public struct Metric: Sendable, Hashable, CustomStringConvertible {
    public let name: String
    let vectorMetric: VectorMetric

    private init(_ metric: VectorMetric) {
        name = metric.rawValue
        vectorMetric = metric
    }

    /// x·y / (‖x‖‖y‖); 0 where a vector is zero.
    public static let cosine = Metric(.cosine)
    /// x·y
    public static let dot = Metric(.dot)
    /// ‖x − y‖
    public static let euclidean = Metric(.euclidean)
    /// Σ|x − y|
    public static let manhattan = Metric(.manhattan)
    /// Σ (x − y)² / (|x| + |y|), a term with 0/0 counting 0
    public static let chiSquare = Metric(.chiSquare)

    /// All names, as `--metric` takes them.
    public static let names = VectorMetric.allCases.map(\.rawValue)
    public static let all = VectorMetric.allCases.map(Metric.init)

    /// - Throws: `.unknownMetric` with the names there are.
    public init(named name: String) throws(CausewayError) {
        guard let metric = VectorMetric(rawValue: name) else { throw .unknownMetric(name) }
        self.init(metric)
    }

    /// True when large is best; otherwise the value is a distance.
    public var isSimilarity: Bool { vectorMetric.isSimilarity }
    public var description: String { name }

    public static func == (a: Metric, b: Metric) -> Bool { a.name == b.name }
    public func hash(into hasher: inout Hasher) { hasher.combine(name) }
}
