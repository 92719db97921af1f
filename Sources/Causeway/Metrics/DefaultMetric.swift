/// The metric of a collection: what its searches, evaluations and measurements go by where none is named.
import Storage

extension EmbeddingCollection {
    /// The metric stored for the collection; cosine where none is.
    /// - Throws: `.unknownCollection`; `.unknownMetric` where a newer version stored a name that this one does not know.
    public func defaultMetric() throws -> Metric {
        try database.read { try metric(nil, in: $0) }
    }

    /// The metric stored for the collection, nil where none is.
    public func storedDefaultMetric() throws -> Metric? {
        try database.read { try storedMetric(in: $0) }
    }

    /// Stores the metric that this collection is searched and measured by when none is named; nil goes back to cosine.
    /// - Throws: `.unknownCollection`; `.invalidArgument` for a metric of the user's own, which a file cannot hold.
    public func setDefaultMetric(_ metric: Metric?) throws {
        switch metric?.kind {
        case .customVectors, .customTokens:
            throw CausewayError.invalidArgument(
                reason: "\(metric?.name ?? "") is a metric of this program, which a database cannot hold",
                remedy: "pass it with every search")
        case .vectors, .tokens, nil: break
        }
        try database.write { writer in
            try writer.setDefaultMetric(metric?.name, of: record(in: writer).id)
        }
    }

    // MARK: For the other files of this module

    /// The one place where a metric that nobody named is found.
    func metric(_ named: Metric?, in reader: Reader) throws -> Metric {
        try named ?? storedMetric(in: reader) ?? .cosine
    }

    private func storedMetric(in reader: Reader) throws -> Metric? {
        try record(in: reader).defaultMetric.map { try Metric(named: $0) }
    }
}
