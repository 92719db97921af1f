/// .fvecs and .bvecs: every row is its dimension as int32, then float32 or uint8 components, little-endian.

/// The size must be a multiple of the first row's; the dimension before each row is checked when the row is read.
func openVecs(_ source: FileSource, _ kind: Element.Kind) throws(VectorFileError) -> StoredArray {
    let size = source.size ?? 0
    guard size > 0 else {
        throw VectorFileError(
            file: source.path, reason: "it is empty, so its dimension is unknown", remedy: "write at least one row")
    }
    let start = try source.require(4, at: 0, "its first row's dimension")
    let dimension = Int(Element(.int32).integer(start, at: 0) ?? 0)
    guard (1...Limits.dimensionMax).contains(dimension) else {
        throw VectorFileError(
            file: source.path, row: 0, reason: "the row claims dimension \(dimension)",
            remedy: "a row must have 1 to \(Limits.dimensionMax) components, after its dimension as int32")
    }
    let rowBytes = 4 + dimension * kind.byteCount
    guard size.isMultiple(of: rowBytes) else {
        throw .malformed(
            source.path, "its \(size) bytes are no multiple of the \(rowBytes) that a row of dimension \(dimension) takes")
    }
    return StoredArray(
        source: source, dataOffset: 0, element: Element(kind), shape: [size / rowBytes, dimension], rowPrefix: 4,
        fingerprint: try Fingerprint.of(source, header: start))
}
