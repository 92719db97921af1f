/// Measuring how far two modalities of a collection lie apart. Definitions are VectorMath's; this file samples and translates.
import Platform
import Storage
import VectorMath

extension EmbeddingCollection {
    /// All gap measures between two modalities, raw and centred, each with its null and its caution.
    /// Pairs are made by item, one row of each modality an item; where there are none, measures that need pairs are left out,
    /// as are those that need one space where the dimensions differ.
    /// - Throws: `.invalidArgument` for fewer than 8 rows a modality; `.cancelled` when `progress` returns false.
    /// - Complexity: bounded by the sample: O(sample² × dimension + transport sample³).
    public func gap(
        between first: String, and second: String, options: ModalityGapOptions = ModalityGapOptions(),
        progress: ProgressHandler? = nil
    ) throws -> ModalityGapReport {
        let (options, progress) = (options.validated(), database.stoppable(progress))
        let sample = try database.read { reader in
            try ModalitySample(
                from: modality(first, in: reader), to: modality(second, in: reader),
                rowsMax: 2 * options.sampleMax, seed: options.seed, in: reader)
        }
        var wanted = GapOptions()
        (wanted.seed, wanted.sampleMax, wanted.threads) = (options.seed, options.sampleMax, options.threads)
        wanted.transportSampleMax = options.transportSampleMax
        let cancellation = Platform.Cancellation()
        let transport = MemoisedTransport()
        do {
            let report = try measureGap(
                source: sample.source, target: sample.target, paired: sample.isPaired, options: wanted,
                exactTransport: transport.distance, cancellation: cancellation,
                progress: { done, total in
                    if progress?(Progress(stage: "gap", done: done, total: total)) == false { cancellation.cancel() }
                })
            return ModalityGapReport(
                report, between: [first, second], isPaired: sample.isPaired,
                sampled: min(sample.source.rows, sample.target.rows))
        } catch GapError.cancelled {
            throw CausewayError.cancelled
        } catch let error as GapError {
            throw CausewayError.invalidArgument(reason: error.description, remedy: "ingest more embeddings")
        } catch let error as TransportError {
            throw CausewayError.failed(what: "exact transport failed: \(error)", remedy: "report this with the data")
        } catch let error as LinearAlgebraError {
            throw CausewayError.failed(what: "the gap cannot be measured: \(error)", remedy: "try another --seed")
        }
    }
}

/// Exact W1 under Euclidean ground cost. Remembers its answers: the plain and the debiased measure ask for the same ones.
private final class MemoisedTransport {
    private var known: [(x: Matrix<Float>, y: Matrix<Float>, value: Double)] = []

    func distance(_ x: Matrix<Float>, _ y: Matrix<Float>) throws -> Double {
        if let entry = known.first(where: { $0.x == x && $0.y == y }) { return entry.value }
        let query = try TokenCloud(values: x.elements, dimension: x.columns, ground: .euclidean, side: .query)
        let candidate = try TokenCloud(values: y.elements, dimension: y.columns, ground: .euclidean, side: .candidate)
        // In float64: the debiased figure is a small difference of these.
        let outcome = try TokenTransport(PackedTokens(query), precision: .double).solve(candidate)
        guard case .optimal(let value) = outcome else { return .nan }
        known.append((x, y, value))
        return value
    }
}
