/// How queries of one modality are compared with vectors of another in blocks: plain cosine or a trained model, with or
/// without a query bank. All scores are similarities. Reads no target rows itself.
import Storage
import VectorMath

struct PairScoring {
    /// Bank queries, at most, and at most half of those stored, so that the others can judge it.
    static let bankMax = 1_000

    let source: ModalityRecord
    let target: ModalityRecord
    let learned: LoadedModel?
    let threads: Int
    private let side: AlignmentSide
    private let bank: Bank?

    private struct Bank {
        var rows: [RowID]
        /// Embedded as queries.
        var queries: Matrix<Float>
        var temperature: Double
    }

    /// - usesBank: marks down what is near to every query.
    init(
        from source: ModalityRecord, to target: ModalityRecord, learned: LoadedModel?, usesBank: Bool, seed: UInt64,
        threads: Int, in reader: Reader
    ) throws {
        (self.source, self.target, self.learned, self.threads) = (source, target, learned, threads)
        if let learned {
            side = try learned.side(from: source, to: target)
        } else {
            side = .source
            guard source.dimension == target.dimension else {
                throw CausewayError.invalidArgument(
                    reason: "\(source.name) has \(source.dimension) dimensions and \(target.name) has \(target.dimension)",
                    remedy: "train a map with `causeway align train` and use --metric learned:NAME")
            }
        }
        var bank: Bank?
        if usesBank {
            let rows = try Self.bankRows(of: source, seed: seed, in: reader)
            let vectors = try matrix(of: rows, modality: source, in: reader)
            let queries = learned?.model.embed(vectors, of: side, threads: threads) ?? vectors.normalizingRows()
            bank = Bank(
                rows: rows, queries: queries,
                temperature: QueryBank.standardTemperature * (learned?.scoreScale ?? 1))
        }
        self.bank = bank
    }

    /// The seeded sample of stored queries that is the bank, ascending.
    static func bankRows(of source: ModalityRecord, seed: UInt64, in reader: Reader) throws -> [RowID] {
        var rows = try reader.rows(of: source.id)
        guard rows.count >= 2 else {
            throw CausewayError.invalidArgument(
                reason: "\(source.name) has \(rows.count) stored queries, too few for a bank",
                remedy: "ingest queries, or search without --normalize bank")
        }
        var random = SeededRandom(seed: seed, stream: 11)
        random.shuffle(&rows)
        return rows.prefix(min(bankMax, rows.count / 2)).sorted()
    }

    var bankRows: [RowID] { bank?.rows ?? [] }

    func embedQueries(_ vectors: Matrix<Float>) -> Matrix<Float> {
        learned?.model.embed(vectors, of: side, threads: threads) ?? vectors.normalizingRows()
    }

    func embedCandidates(_ vectors: Matrix<Float>) -> Matrix<Float> {
        learned?.model.embed(vectors, of: side.other, threads: threads) ?? vectors.normalizingRows()
    }

    /// Queries in the target's own space, to be searched by cosine among its stored vectors.
    func moved(_ vectors: Matrix<Float>) -> Matrix<Float> {
        learned?.model.transform(vectors, of: side, threads: threads) ?? vectors
    }

    /// Of embedded queries and candidates; queries × candidates.
    func similarities(_ queries: Matrix<Float>, _ candidates: Matrix<Float>) -> Matrix<Float> {
        learned?.model.scores(queries, candidates, threads: threads)
            ?? queries.timesTranspose(candidates, threads: threads)
    }

    /// What the bank takes from each candidate's similarity; zeros without one.
    /// - excluding: a query that is itself in the bank has no say about its own answers.
    func offsets(_ candidates: Matrix<Float>, excluding own: RowID? = nil) -> [Double] {
        guard let bank, candidates.rows > 0 else { return [Double](repeating: 0, count: candidates.rows) }
        var queries = bank.queries
        if let own, let place = bank.rows.firstIndex(of: own) {
            queries = queries.gathering((0..<queries.rows).filter { $0 != place })
        }
        return QueryBank(
            similarities: similarities(queries, candidates), form: .softmax, temperature: bank.temperature
        ).offsets
    }
}
