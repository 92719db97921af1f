/// .npz: a zip file whose entries are .npy files; the choice of one.

func openNpz(_ source: FileSource, array: String?, matrixOnly: Bool) throws(VectorFileError) -> StoredArray {
    let directory = try ZipDirectory(source)
    let entries = directory.entries.filter { $0.name.hasSuffix(".npy") }
    let entry: ZipEntry
    if let array {
        let matches = entries.filter { $0.name == array || $0.name == array + ".npy" }
        guard matches.count == 1 else {
            throw VectorFileError(
                file: source.path,
                reason: matches.isEmpty ? "it has no array \"\(array)\"" : "it has several arrays \"\(array)\"",
                remedy: choices(entries.map { ($0.name, nil) }))
        }
        entry = matches[0]
    } else {
        entry = try onlyCandidate(entries, in: directory, matrixOnly: matrixOnly)
    }
    let fingerprint = try Fingerprint.of(source, part: entry.name)
    do throws(VectorFileError) {
        return try openNpy(directory.open(entry), fingerprint: fingerprint)
    } catch {
        var error = error
        if !error.reason.contains(entry.name) { error.reason = "array \"\(arrayName(entry.name))\": " + error.reason }
        throw error
    }
}

/// The one entry that could be meant: a matrix, or with `matrixOnly` false any array.
private func onlyCandidate(
    _ entries: [ZipEntry], in directory: ZipDirectory, matrixOnly: Bool
) throws(VectorFileError) -> ZipEntry {
    if entries.count == 1 { return entries[0] }
    var candidates: [(entry: ZipEntry, shape: [Int])] = []
    for entry in entries {
        // An entry of a type that cannot be read at all is no candidate.
        guard let header = try? readNpyHeader(directory.open(entry)).0 else { continue }
        if !matrixOnly || header.shape.count == 2 { candidates.append((entry, header.shape)) }
    }
    guard candidates.count == 1 else {
        throw VectorFileError(
            file: directory.source.path,
            reason: candidates.isEmpty ? "it holds no matrix" : "it holds \(candidates.count) arrays that could be meant",
            remedy: candidates.isEmpty ? choices(entries.map { ($0.name, nil) })
                : choices(candidates.map { ($0.entry.name, $0.shape) }))
    }
    return candidates[0].entry
}

private func arrayName(_ entry: String) -> String { entry.hasSuffix(".npy") ? String(entry.dropLast(4)) : entry }

/// "name the array: images (5000, 512), texts (5000, 512)"
func choices(_ names: [(name: String, shape: [Int]?)]) -> String {
    guard !names.isEmpty else { return "save an array in it" }
    let shown = names.prefix(20).map { arrayName($0.name) + ($0.shape.map { " " + shapeText($0) } ?? "") }
    return "name one array of: " + shown.joined(separator: ", ") + (names.count > 20 ? ", …" : "")
}
