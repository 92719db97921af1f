/// Reading a metric's name with its parameters, `name[:word][:key=value]…`. Knows spellings, no geometry.
import VectorMath

extension Metric {
    /// A built-in metric by name, parameters after colons, e.g. `wasserstein:cosine` or `sinkhorn:epsilon=0.1`.
    /// - Throws: `.unknownMetric` with the names there are; `.badMetric` for a parameter that the metric does not take.
    public init(named text: String) throws(CausewayError) {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
        let name = parts.first ?? ""
        var parameters = MetricParameters(text, Array(parts.dropFirst()))
        if let metric = VectorMetric(rawValue: name) {
            try parameters.finish(takes: "no parameters")
            self.init(metric)
            return
        }
        switch name {
        case "learned" where parts.count > 1:
            throw .badMetric(
                name: text, reason: "a trained model is not allowed here; search, evaluate and align calibrate take it")
        case "wasserstein":
            let ground = try parameters.ground() ?? .euclidean
            try parameters.finish(takes: MetricParameters.grounds)
            self.init(TokenMetric.wasserstein(order: 1, ground: ground))
        case "wasserstein2":
            let ground = try parameters.ground() ?? .euclidean
            try parameters.finish(takes: MetricParameters.grounds)
            self.init(TokenMetric.wasserstein(order: 2, ground: ground == .cosine ? .cosine : .euclidean))
        case "sinkhorn":
            self.init(TokenMetric.sinkhorn(try parameters.sinkhorn()))
        case "chamfer":
            let ground = try parameters.ground() ?? .cosine
            try parameters.finish(takes: MetricParameters.grounds)
            self.init(TokenMetric.chamfer(ground))
        case "max-sim":
            try parameters.finish(takes: "no parameters")
            self.init(TokenMetric.maxSim)
        case "sliced-wasserstein":
            let order = try parameters.integer("order", in: 1...2) ?? 1
            let directions = try parameters.integer("directions", in: 1...TokenMetric.directionsMax)
            try parameters.finish(takes: "order=1|2 and directions=1…\(TokenMetric.directionsMax)")
            self.init(TokenMetric.sliced(order: order, directions: directions ?? TokenMetric.directionsDefault))
        case "gaussian-wasserstein":
            try parameters.finish(takes: "no parameters")
            self.init(TokenMetric.gaussian)
        default: throw .unknownMetric(text)
        }
    }
}

/// The parameters of one name, taken out one by one; what is left at the end was not understood.
private struct MetricParameters {
    static let grounds = GroundCost.allCases.map(\.rawValue).joined(separator: ", ")

    private let text: String
    private var rest: [String]

    init(_ text: String, _ parameters: [String]) { (self.text, rest) = (text, parameters) }

    mutating func ground() throws(CausewayError) -> GroundCost? { word(GroundCost.init(rawValue:)) }

    mutating func sinkhorn() throws(CausewayError) -> SinkhornForm {
        var form = SinkhornForm()
        if let ground = try ground() { form.ground = ground }
        if let value = word(SinkhornForm.Value.init(rawValue:)) { form.value = value }
        if let written = value("epsilon") {
            guard let epsilon = Double(written), epsilon.isFinite, epsilon > 0 else {
                throw .badMetric(name: text, reason: "epsilon is a positive number, not \(written)")
            }
            form.epsilon = epsilon
        }
        let values = SinkhornForm.Value.allCases.map(\.rawValue).joined(separator: ", ")
        try finish(takes: "\(Self.grounds); \(values); epsilon=E")
        return form
    }

    mutating func integer(_ key: String, in range: ClosedRange<Int>) throws(CausewayError) -> Int? {
        guard let written = value(key) else { return nil }
        guard let number = Int(written), range.contains(number) else {
            throw .badMetric(
                name: text, reason: "\(key) is from \(range.lowerBound) to \(range.upperBound), not \(written)")
        }
        return number
    }

    private mutating func word<Word>(_ make: (String) -> Word?) -> Word? {
        for index in rest.indices {
            if let word = make(rest[index]) {
                rest.remove(at: index)
                return word
            }
        }
        return nil
    }

    private mutating func value(_ key: String) -> String? {
        guard let index = rest.firstIndex(where: { $0.hasPrefix(key + "=") }) else { return nil }
        return String(rest.remove(at: index).dropFirst(key.count + 1))
    }

    func finish(takes what: String) throws(CausewayError) {
        if let unknown = rest.first {
            throw .badMetric(name: text, reason: "it takes \(what), not '\(unknown)'")
        }
    }
}
