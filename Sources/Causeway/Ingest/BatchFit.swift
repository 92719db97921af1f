/// Whether a batch fits the modality it goes into, and the errors that say where it does not. Shared by writing and by dry runs.
import Platform
import Storage

/// What a modality demands of a batch.
struct ModalityShape {
    var dimension: Int
    var tokenDimension: Int?
    var producer: String?

    init(_ record: ModalityRecord) {
        (dimension, tokenDimension, producer) = (record.dimension, record.tokenDimension, record.producer)
    }

    fileprivate init(madeBy part: ModalityBatch, producer: String?) {
        (dimension, tokenDimension, self.producer) = (part.input.dimension, part.tokenDimension, producer)
    }
}

struct BatchFit {
    let options: IngestOptions

    /// Of the modality that a batch makes, whose first it is.
    /// - Throws: `.badInput` for a name that none can have.
    func newShape(of part: ModalityBatch) throws -> ModalityShape {
        if let fault = StorageLimits.modalityFault(part.modality) {
            throw part.origin.bad(
                at: part.places.first ?? 0, "the modality's name \(fault)",
                remedy: "use 1 to \(StorageLimits.nameBytesMax) bytes without commas, control characters, and blanks at its ends")
        }
        return ModalityShape(madeBy: part, producer: options.producer)
    }

    /// - Throws: `.badInput` (or its kin where there is no file), `.producerMismatch`.
    func check(_ part: ModalityBatch, against known: ModalityShape) throws {
        guard known.dimension == part.input.dimension else {
            throw mismatch("vectors", known.dimension, part.input.dimension, part)
        }
        if let producer = options.producer, let recorded = known.producer, recorded != producer {
            throw CausewayError.producerMismatch(expected: recorded, got: producer, modality: part.modality)
        }
        if let got = part.tokenDimension, let recorded = known.tokenDimension, recorded != got {
            throw mismatch("tokens", recorded, got, part)
        }
    }

    /// The id at `index` is taken: by an embedding before it in the batch or in an earlier one of the same ingest, or by one that
    /// was stored before.
    func duplicate(_ index: Int, of part: ModalityBatch, isOfThisIngest: Bool) -> CausewayError {
        let id = part.input.ids[index], place = part.places[index], origin = part.origin
        guard origin.file != nil else { return .duplicateID(id: id, modality: part.modality, row: place) }
        let first = part.input.ids[..<index].firstIndex { $0.hasSameBytes(as: id) }
        if first != nil || isOfThisIngest {
            let other = first.map { origin.words(.id, part.places[$0]) } ?? "an embedding before it"
            return origin.bad(
                .id, at: place, "id \(id) is also that of \(other)",
                remedy: "give every embedding an id of its own, or choose --on-conflict replace or skip")
        }
        return origin.bad(
            .id, at: place, "id \(id) is already in modality \(part.modality)",
            remedy: options.resume
                ? "choose --on-conflict skip or replace: --resume goes on with the very files that were interrupted, unchanged"
                : "choose --on-conflict replace or skip, or continue an interrupted ingest with --resume")
    }

    private func mismatch(_ what: String, _ expected: Int, _ got: Int, _ part: ModalityBatch) -> CausewayError {
        guard part.origin.file != nil, let place = part.places.first else {
            return .dimensionMismatch(expected: expected, got: got, modality: part.modality)
        }
        return part.origin.bad(
            at: place, "modality \(part.modality) holds \(what) of \(expected) dimensions, not \(got)",
            remedy: "use the model the modality was made with, or another modality")
    }
}
