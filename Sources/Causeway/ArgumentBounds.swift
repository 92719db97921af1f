/// The numbers that a program passes, for all calls in one place: what can only mean "all there is" is taken so, what can mean
/// nothing is refused, and what has passed here overflows nothing further in.

enum ArgumentBounds {
    /// More embeddings no modality has, as places among them have 32 bits: whoever asks for more asks for all.
    private static let rowsMax = Int(Int32.max)
    /// Connections and stacks of more would be all that a search has.
    private static let threadsMax = 256
    /// About thirty years: whoever would wait longer waits for ever.
    private static let secondsMax = 1e9

    static func rows(_ wanted: Int) -> Int { min(wanted, rowsMax) }
    static func threads(_ wanted: Int) -> Int { min(max(wanted, 1), threadsMax) }

    static func seconds(_ wanted: Double) throws(CausewayError) -> Double {
        try refuse(unless: wanted >= 0, "a wait of \(wanted) seconds", "wait for 0 seconds or more")
        return min(wanted, secondsMax)
    }

    fileprivate static func ranks(_ ks: [Int]) throws(CausewayError) {
        guard let k = ks.first(where: { $0 < 1 }) else { return }
        throw .invalidArgument(reason: "k is \(k)", remedy: "name the k of recall@k, each at least 1")
    }

    fileprivate static func queries(_ count: Int?) throws(CausewayError) {
        try refuse(unless: count ?? 1 >= 1, "\(count ?? 0) queries are to be asked", "ask at least one")
    }

    fileprivate static func refuse(
        unless isMeant: Bool, _ reason: @autoclosure () -> String, _ remedy: @autoclosure () -> String
    ) throws(CausewayError) {
        guard isMeant else { throw .invalidArgument(reason: reason(), remedy: remedy()) }
    }

    fileprivate static func refuse<Number: Comparable>(
        _ what: String, _ number: Number?, outside range: ClosedRange<Number>
    ) throws(CausewayError) {
        guard let number else { return }
        try refuse(
            unless: range.contains(number), "\(what) of \(number)", "choose \(range.lowerBound) to \(range.upperBound)")
    }
}

extension SearchOptions {
    func validated() throws(CausewayError) -> SearchOptions {
        try ArgumentBounds.refuse(unless: k >= 1, "k is \(k)", "ask for at least one hit")
        if let candidates {
            try ArgumentBounds.refuse(
                unless: candidates >= k, "\(candidates) candidates cannot hold \(k) hits", "ask for at least k")
        }
        var options = self
        options.k = ArgumentBounds.rows(k)
        options.candidates = candidates.map(ArgumentBounds.rows)
        switch effort {
        case .recall(let recall):
            try ArgumentBounds.refuse(
                unless: recall > 0 && recall < 1, "recall \(recall) is not between 0 and 1", "search exactly for all of it")
        case .width(let width):
            try ArgumentBounds.refuse(unless: width >= 1, "width \(width) is not positive", "ask for at least 1")
            options.effort = .width(ArgumentBounds.rows(width))
        case .exact: break
        }
        return options
    }
}

extension CrossSearchOptions {
    func validated() throws(CausewayError) -> CrossSearchOptions {
        try ArgumentBounds.refuse("a least probability", minProbability, outside: 0...1)
        var options = self
        options.search = try search.validated()
        return options
    }
}

extension IngestOptions {
    func validate() throws(CausewayError) {
        try ArgumentBounds.refuse("a batch", batchSize, outside: 1...100_000)
    }
}

extension IndexOptions {
    func validated() -> IndexOptions {
        var options = self
        options.threads = ArgumentBounds.threads(threads)
        return options
    }
}

extension EvaluationOptions {
    func validated() throws(CausewayError) -> EvaluationOptions {
        try ArgumentBounds.ranks(at)
        try ArgumentBounds.queries(queries)
        var options = self
        options.threads = ArgumentBounds.threads(threads)
        return options
    }
}

extension IndexAuditOptions {
    func validated() throws(CausewayError) -> IndexAuditOptions {
        try ArgumentBounds.refuse(unless: !at.isEmpty, "no k is named", "name the k of recall@k")
        try ArgumentBounds.ranks(at)
        try ArgumentBounds.queries(queries)
        var options = self
        (options.threads, options.worstMax) = (ArgumentBounds.threads(threads), max(worstMax, 0))
        return options
    }
}

extension ModalityGapOptions {
    func validated() -> ModalityGapOptions {
        var options = self
        options.sampleMax = max(ArgumentBounds.rows(sampleMax), ModalityGapOptions.sampleMin)
        options.transportSampleMax = max(ArgumentBounds.rows(transportSampleMax), 1)
        options.threads = ArgumentBounds.threads(threads)
        return options
    }
}

extension TrainingOptions {
    func validated() throws(CausewayError) -> TrainingOptions {
        try ArgumentBounds.refuse("a held-out share", holdOut, outside: 0.05...0.5)
        try ArgumentBounds.refuse("a number of epochs", epochs, outside: 1...10_000)
        try ArgumentBounds.refuse("a batch", batchSize, outside: 2...65_536)
        try ArgumentBounds.refuse("a learning rate", learningRate, outside: 1e-8...10)
        try ArgumentBounds.refuse("a hidden layer", hiddenWidth, outside: 0...65_536)
        try ArgumentBounds.refuse("a lambda", lambda, outside: 0...1e9)
        var options = self
        options.threads = ArgumentBounds.threads(threads)
        return options
    }
}
