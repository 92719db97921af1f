/// Whether a batch fits the modality it goes into, and the errors that say where it does not. Shared by writing and by dry runs.
import Storage

/// What a modality demands of a batch.
struct ModalityShape {
    var dimension: Int
    var tokenDimension: Int?
    var producer: String?

    init(_ record: ModalityRecord) {
        (dimension, tokenDimension, producer) = (record.dimension, record.tokenDimension, record.producer)
    }

    /// Of the modality that a batch would make.
    init(madeBy part: ModalityBatch, producer: String?) {
        (dimension, tokenDimension, self.producer) = (part.input.dimension, part.tokenDimension, producer)
    }
}

struct BatchFit {
    let options: IngestOptions

    /// - Throws: `.badInput` (or its kin where there is no file), `.producerMismatch`.
    func check(_ part: ModalityBatch, against known: ModalityShape, of source: any BatchSource) throws {
        guard known.dimension == part.input.dimension else {
            throw mismatch("vectors", known.dimension, part.input.dimension, part: part, source: source)
        }
        if let producer = options.producer, let recorded = known.producer, recorded != producer {
            throw CausewayError.producerMismatch(expected: recorded, got: producer, modality: part.modality)
        }
        if let got = part.tokenDimension, let recorded = known.tokenDimension, recorded != got {
            throw mismatch("tokens", recorded, got, part: part, source: source)
        }
    }

    func duplicate(_ id: String, at place: Int, in source: any BatchSource, modality: String) -> CausewayError {
        guard let file = source.file else { return .duplicateID(id: id, modality: modality, row: place) }
        return .badInput(
            file: file, row: source.placesAreLines ? nil : place, line: source.placesAreLines ? place : nil,
            reason: "id \(id) is already in modality \(modality)",
            remedy: "choose --on-conflict replace or skip, or continue an interrupted ingest with --resume")
    }

    private func mismatch(
        _ what: String, _ expected: Int, _ got: Int, part: ModalityBatch, source: any BatchSource
    ) -> CausewayError {
        guard let file = source.file, let place = part.places.first else {
            return .dimensionMismatch(expected: expected, got: got, modality: part.modality)
        }
        return .badInput(
            file: file, row: source.placesAreLines ? nil : place, line: source.placesAreLines ? place : nil,
            reason: "modality \(part.modality) holds \(what) of \(expected) dimensions, not \(got)",
            remedy: "use the model the modality was made with, or another modality")
    }
}
