/// How queries of one modality are compared with vectors of another in blocks: plain cosine or a trained model, with or
/// without a query bank. All scores are similarities. Reads no target rows itself.
import Storage
import VectorMath

struct PairScoring {
    /// Bank queries, at most, and at most half of those stored, so that the others can judge it.
    static let bankMax = 1_000
    /// Candidates by which a bank's temperature, and the weights of a Sinkhorn bank, are settled: the right answers of the
    /// bank's queries, and others up to this many.
    private static let bankSampleMax = 2_048

    let source: ModalityRecord
    let target: ModalityRecord
    let learned: LoadedModel?
    let threads: Int
    private let side: AlignmentSide
    private var bank: Bank?

    private struct Bank {
        var form: QueryBank.Form
        var rows: [RowID]
        /// Embedded as queries.
        var queries: Matrix<Float>
        var potentials: [Double] = []
        var temperature: Double
    }

    /// - Parameters:
    ///   - normalization: a bank marks down what is near to every query.
    ///   - temperature: of the bank, where it is known; otherwise it is chosen on the bank's own pairs.
    init(
        from source: ModalityRecord, to target: ModalityRecord, learned: LoadedModel?, normalization: ScoreNormalization,
        temperature: Double? = nil, seed: UInt64, threads: Int, in reader: Reader
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
        guard let form = normalization.form else { return }
        let drawn = try Self.bankRows(of: source, seed: seed, in: reader)
        let stored = try StoredVectors(of: drawn, modality: source, in: reader)
        let rows = stored.places.map { drawn[$0] }
        let scale = learned?.scoreScale ?? 1
        var bank = Bank(
            form: form, rows: rows, queries: embedQueries(stored.matrix),
            temperature: temperature ?? QueryBank.standardTemperature * scale)
        if temperature == nil || form == .sinkhorn {
            let sample = try bankSample(rows, seed: seed, in: reader)
            let known = similarities(bank.queries, embedCandidates(sample.vectors))
            bank.temperature = temperature
                ?? QueryBank.chosenTemperature(known, relevant: sample.relevant, form: form, scale: scale) ?? bank.temperature
            bank.potentials = QueryBank.queryPotentials(known, form: form, temperature: bank.temperature)
        } else {
            bank.potentials = [Double](repeating: 0, count: rows.count)
        }
        self.bank = bank
    }

    /// Vectors of the target, and for each bank query the places of its right answers among them.
    private func bankSample(
        _ bank: [RowID], seed: UInt64, in reader: Reader
    ) throws -> (vectors: Matrix<Float>, relevant: [[Int]]) {
        var chosen: [RowID] = [], known = Set<RowID>()
        var relevant = [[RowID]](repeating: [], count: bank.count)
        for (index, record) in try reader.embeddings(bank).enumerated() where chosen.count < Self.bankSampleMax {
            guard let record else { continue }
            relevant[index] = try reader.rows(ofItem: record.item, in: target.id).filter { $0 != bank[index] }
            chosen += relevant[index].filter { known.insert($0).inserted }
        }
        var others = try reader.rows(of: target.id)
        var random = SeededRandom(seed: seed, stream: 19)
        random.shuffle(&others)
        for row in others where chosen.count < Self.bankSampleMax && known.insert(row).inserted { chosen.append(row) }
        let stored = try StoredVectors(of: chosen, modality: target, in: reader)
        var slots: [RowID: Int] = [:]
        for (slot, place) in stored.places.enumerated() { slots[chosen[place]] = slot }
        return (stored.matrix, relevant.map { $0.compactMap { slots[$0] } })
    }

    /// The seeded sample of stored queries that is the bank, as far as their vectors can be read; ascending.
    static func bankRows(of source: ModalityRecord, seed: UInt64, in reader: Reader) throws -> [RowID] {
        var rows = try reader.rows(of: source.id)
        guard rows.count >= 2 else {
            throw CausewayError.invalidArgument(
                reason: "\(source.name) has \(rows.count) stored queries, too few for a bank",
                remedy: "ingest queries, or go without a bank")
        }
        var random = SeededRandom(seed: seed, stream: 11)
        random.shuffle(&rows)
        return rows.prefix(min(bankMax, rows.count / 2)).sorted()
    }

    var bankRows: [RowID] { bank?.rows ?? [] }
    /// In units of the scores.
    var bankTemperature: Double? { bank?.temperature }

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
        var (queries, potentials) = (bank.queries, bank.potentials)
        if let own, let place = bank.rows.firstIndex(of: own) {
            queries = queries.gathering((0..<queries.rows).filter { $0 != place })
            potentials.remove(at: place)
        }
        return QueryBank(
            similarities: similarities(queries, candidates), potentials: potentials, temperature: bank.temperature
        ).offsets
    }
}
