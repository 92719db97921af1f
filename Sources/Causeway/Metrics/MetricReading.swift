/// Stored rows in the form a metric compares, in storage order, one at a time. Counts what cannot be compared.
import Platform
import Storage
import VectorMath

/// What a pass over rows met.
struct MetricReading: Sendable {
    var compared = 0
    var damaged: [RowID] = []
    /// Rows without a token set, or whose tokens have no content under the metric.
    var withoutTokens = 0
    /// Decoded bytes.
    var bytes = 0
    /// Time of reading and decoding alone.
    var seconds = 0.0

    /// Cautions for the user.
    func notes(_ metric: Metric) -> [String] {
        var notes = damaged.isEmpty ? [] : [Explanation.damageNote(damaged.count)]
        if withoutTokens > 0 {
            notes.append(
                "\(withoutTokens) row\(withoutTokens == 1 ? " has" : "s have") no tokens to compare by \(metric) "
                    + "and \(withoutTokens == 1 ? "was" : "were") left out")
        }
        return notes
    }
}

extension Metric {
    /// Passes each row that can be compared to `body`, with its index in `rows`.
    /// - Parameter rows: should ascend, for speed.
    /// - Complexity: O(numbers read); memory is one row.
    func forEachOperand(
        _ rows: [RowID], of modality: ModalityRecord, in reader: Reader,
        _ body: (_ index: Int, MetricOperand) throws -> Void
    ) throws -> MetricReading {
        var reading = MetricReading()
        let operands = MetricOperands(self, dimension: modality.tokenDimension)
        let clock = ContinuousClock()
        let start = clock.now
        var comparing = 0.0
        switch operand {
        case .vectors:
            reading.damaged = try reader.forEachVector(rows, of: modality) { index, vector in
                let begin = clock.now
                try body(index, .vector(Array(vector)))
                comparing += clock.now.seconds(since: begin)
                reading.compared += 1
            }.map(\.row)
            reading.bytes = reading.compared * modality.dimension * 4
        case .tokenSets:
            reading.damaged = try reader.forEachTokenSet(rows, of: modality) { index, tokens in
                let begin = clock.now
                defer { comparing += clock.now.seconds(since: begin) }
                reading.bytes += tokens.values.count * 4
                guard let operand = try operands.operandIfAny(tokens) else { return }
                reading.compared += 1
                try body(index, operand)
            }.map(\.row)
            reading.withoutTokens = rows.count - reading.compared - reading.damaged.count
        }
        reading.seconds = clock.now.seconds(since: start) - comparing
        return reading
    }
}
