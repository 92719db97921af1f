/// The one insert path: batches from a source, encoded while the one before is written, a transaction each.
import Storage

struct Ingestor {
    let collection: EmbeddingCollection
    let options: IngestOptions
    let progress: ProgressHandler?
    private let fit: BatchFit
    private let rounding: TokenRounding
    /// Of a dry run: one for all sources, as an id may occur in two of them.
    private let rehearsal: Rehearsal?
    /// The newest change before the first batch of the first source.
    private let began: ChangeSequence

    init(collection: EmbeddingCollection, options: IngestOptions, progress: ProgressHandler?) throws {
        self.collection = collection
        self.options = options
        self.progress = progress
        fit = BatchFit(options: options)
        rehearsal = options.dryRun ? Rehearsal(database: collection.database, collection: collection.name, fit: fit) : nil
        rounding = TokenRounding(collection: collection, wanted: options.tokenPrecision)
        began = try collection.database.read { try $0.sequence() }
    }

    func run(_ source: any BatchSource) throws -> IngestReport {
        try options.validate()
        let clock = ContinuousClock()
        let start = clock.now
        var report = IngestReport()
        let key = source.fingerprint.map { "\(collection.name)\n\($0)" }
        if options.resume { try resume(source, key: key, into: &report) }
        var done = report.resumedAfter
        // Reading, checking and compressing run ahead on another thread; writing stays on this one.
        let batches = Prefetcher(depth: 2) { [options, rounding] in
            try source.next(options.batchSize).map { given in
                let batch = try rounding.apply(to: given)
                return (batch, try batch.parts.map { try $0.encoded() })
            }
        }
        while let (batch, encoded) = try batches.next() {
            let counts = try rehearsal?.check(batch) ?? write(batch, encoded, key: key)
            if rehearsal == nil { collection.noteChanges(counts.inserted + 2 * counts.replaced) }
            report.inserted += counts.inserted
            report.replaced += counts.replaced
            report.skipped += counts.skipped
            for part in batch.parts { report.bytesOfVectors += part.input.vectors.count * 4 }
            done += batch.count
            let step = Progress(
                stage: "ingest", done: done, total: source.total, alreadyDone: report.resumedAfter)
            if progress?(step) == false {
                throw CausewayError.cancelled
            }
        }
        if !options.dryRun, let key, report.inserted + report.replaced + report.skipped > 0 {
            try collection.database.write { writer in
                try writer.recordIngest(source: key, position: IngestPosition(rowsDone: done, finished: true))
            }
        }
        report.seconds = clock.now.seconds(since: start)
        return report
    }

    private func resume(_ source: any BatchSource, key: String?, into report: inout IngestReport) throws {
        guard let key else {
            throw CausewayError.invalidArgument(
                reason: "an array, standard input or a pipe cannot be resumed: nothing tells that it is the same again",
                remedy: "ingest from a file, or skip what is stored (--on-conflict skip)")
        }
        guard let position = try collection.database.read({ try $0.ingestPosition(source: key) }) else { return }
        try source.skip(to: position.rowsDone)
        report.resumedAfter = position.rowsDone
    }

    /// One transaction: all parts of the batch and the position reached, or nothing.
    private func write(_ batch: SourceBatch, _ encoded: [EncodedBatch], key: String?) throws -> InsertCounts {
        try collection.database.write { writer in
            var total = InsertCounts()
            for (part, encoded) in zip(batch.parts, encoded) {
                let modality = try modality(for: part, in: writer)
                do {
                    let counts = try writer.insert(encoded, into: modality, onConflict: options.onConflict.stored)
                    total = total + counts
                } catch StorageError.duplicateID(let id, _, let index) {
                    let first = try writer.row(id: id, in: modality.id)
                    throw fit.duplicate(index, of: part, isOfThisIngest: first.map { $0.rawValue > began.rawValue } ?? false)
                }
            }
            if let key {
                try writer.recordIngest(
                    source: key, position: IngestPosition(rowsDone: batch.position, finished: false))
            }
            return total
        }
    }

    /// The modality a part goes into, made or completed as needed, and checked to fit.
    private func modality(for part: ModalityBatch, in writer: Writer) throws -> ModalityRecord {
        let collection = try writer.ensureCollection(named: collection.name)
        guard let known = try writer.modality(named: part.modality, in: collection.id) else {
            let shape = try fit.newShape(of: part)
            let made = try writer.createModality(
                named: part.modality, in: collection.id, dimension: shape.dimension, tokenDimension: shape.tokenDimension,
                producer: shape.producer)
            if part.tokenDimension != nil { try rounding.declare(made, isFirst: true, in: writer) }
            return made
        }
        try fit.check(part, against: ModalityShape(known))
        if let producer = options.producer, known.producer == nil { try writer.recordProducer(producer, for: known.id) }
        if let tokenDimension = part.tokenDimension {
            let isFirst = known.tokenDimension == nil
            if isFirst { try writer.recordTokenDimension(tokenDimension, for: known.id) }
            try rounding.declare(known, isFirst: isFirst, in: writer)
        }
        return try writer.modality(named: part.modality, in: collection.id)!
    }
}

extension ModalityBatch {
    /// - Throws: `.badInput` for what the store refuses beyond the checks of reading, such as a number too large in metadata.
    fileprivate func encoded() throws -> EncodedBatch {
        do {
            return try EncodedBatch.encode(input)
        } catch StorageError.invalidMetadata(let index, let what) {
            throw origin.bad(.metadata, at: places[index], "metadata: \(what)", remedy: "give a JSON object within the limits")
        } catch StorageError.invalidRow(let index, let what) {
            throw origin.bad(at: places[index], what, remedy: "repair the row")
        }
    }
}

extension IngestOptions.Conflict {
    var stored: ConflictPolicy {
        switch self {
        case .error: .error
        case .skip: .skip
        case .replace: .replace
        }
    }
}
