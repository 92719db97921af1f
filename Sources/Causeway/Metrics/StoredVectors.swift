/// Stored vectors as the rows of a matrix. Compares nothing.
import Platform
import Storage
import VectorMath

/// Of some rows, those whose vector can be read, in the order asked for.
struct StoredVectors {
    /// Where each stands in the list asked for; ascending.
    let places: [Int]
    /// A row for each place.
    let matrix: Matrix<Float>

    /// - Parameter rows: may repeat. Ascending ones are fast.
    init(of rows: [RowID], modality: ModalityRecord, in reader: Reader) throws {
        let wanted = ascending(rows.map(\.rawValue)).map(RowID.init(rawValue:))
        var values: [Float] = []
        values.reserveCapacity(wanted.count * modality.dimension)
        var sound: [Int] = []
        _ = try reader.forEachVector(wanted, of: modality) { index, vector in
            sound.append(index)
            values.append(contentsOf: vector)
        }
        let compact = Matrix(rows: sound.count, columns: modality.dimension, elements: values)
        guard wanted != rows else {
            (places, matrix) = (sound, compact)
            return
        }
        var slots: [RowID: Int] = [:]
        for (slot, index) in sound.enumerated() { slots[wanted[index]] = slot }
        places = rows.indices.filter { slots[rows[$0]] != nil }
        matrix = compact.gathering(places.compactMap { slots[rows[$0]] })
    }
}

/// All of these rows, in the order asked for: for what a missing row would make wrong without a word, as training and measures
/// of whole modalities, whose results bear no notes.
/// - Throws: `.damaged` naming the modality when a stored vector contradicts its checksum.
func matrix(of rows: [RowID], modality: ModalityRecord, in reader: Reader) throws -> Matrix<Float> {
    let found = try StoredVectors(of: rows, modality: modality, in: reader)
    guard found.places.count == rows.count else {
        throw CausewayError.damaged(
            path: modality.name, what: "\(rows.count - found.places.count) stored vectors do not match their checksums",
            remedy: "run `causeway check --deep`, and ingest those embeddings again or run `causeway repair`")
    }
    return found.matrix
}
