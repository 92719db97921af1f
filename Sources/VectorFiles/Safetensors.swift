/// .safetensors: a JSON header that places named tensors in one buffer; the choice of one. Knows the format's own rules:
/// every byte of the buffer belongs to exactly one tensor.

private struct Tensor {
    var name: String
    /// Nil for a type that cannot become float32 (complex, 8-bit and smaller floats).
    var element: Element?
    var typeName: String
    var shape: [Int]
    var begin: Int
    var end: Int
}

func openSafetensors(_ source: FileSource, array: String?, matrixOnly: Bool) throws(VectorFileError) -> StoredArray {
    let size = source.size ?? 0
    var cursor = ByteCursor(try source.require(8, at: 0, "the header"), file: source.path, what: "the header's length")
    let headerCount = try cursor.u64()
    guard headerCount <= Limits.safetensorsHeaderBytesMax, headerCount <= size - 8 else {
        throw .malformed(source.path, "its header claims \(headerCount) bytes of the file's \(size)")
    }
    let header = try source.require(headerCount, at: 8, "the header")
    var tensors: [Tensor]
    do throws(JSONFault) { tensors = try parseHeader(header) } catch {
        throw .malformed(source.path, "its header is damaged at byte \(error.offset + 8): \(error.reason)")
    }
    try checkPlaces(&tensors, bufferCount: size - 8 - headerCount, source.path)
    let tensor = try choose(tensors, array: array, matrixOnly: matrixOnly, source.path)
    guard let element = tensor.element else {
        throw VectorFileError(
            file: source.path, reason: "tensor \"\(tensor.name)\" holds \(tensor.typeName), which cannot become float32",
            remedy: "convert it to F32, F16 or BF16")
    }
    return StoredArray(
        source: source, dataOffset: 8 + headerCount + tensor.begin, element: element, shape: tensor.shape,
        fingerprint: try Fingerprint.of(source, header: header, part: tensor.name))
}

private func parseHeader(_ header: [UInt8]) throws(JSONFault) -> [Tensor] {
    guard header.first == UInt8(ascii: "{") else { throw JSONFault(offset: 0, reason: "'{' is wanted") }
    var scanner = JSONScanner(header)
    var names = Set<[UInt8]>(), tensors: [Tensor] = []
    try scanner.members { (scanner, name, offset) throws(JSONFault) in
        guard names.insert(name).inserted else { throw duplicateKey(name, offset) }
        let text = String(decoding: name, as: UTF8.self)
        if text == "__metadata__" {
            try scanner.skipValue(depth: 1)
        } else {
            tensors.append(try parseTensor(&scanner, text))
        }
    }
    try scanner.expectEnd()
    return tensors
}

private func parseTensor(_ scanner: inout JSONScanner, _ name: String) throws(JSONFault) -> Tensor {
    var typeName: String?, shape: [Int]?, offsets: [Int]?
    try scanner.members { (scanner, key, offset) throws(JSONFault) in
        switch String(decoding: key, as: UTF8.self) {
        case "dtype" where typeName == nil: typeName = try scanner.string()
        case "shape" where shape == nil: shape = try integers(&scanner)
        case "data_offsets" where offsets == nil: offsets = try integers(&scanner)
        default: throw JSONFault(offset: offset, reason: "an unknown or repeated key of a tensor")
        }
    }
    guard let typeName, let shape, let offsets, offsets.count == 2 else {
        throw scanner.fault("a tensor lacks dtype, shape or two data_offsets")
    }
    return Tensor(
        name: name, element: elementTypes[typeName].map { Element($0) }, typeName: typeName, shape: shape,
        begin: offsets[0], end: offsets[1])
}

private let elementTypes: [String: Element.Kind] = [
    "F16": .float16, "BF16": .bfloat16, "F32": .float32, "F64": .float64, "I8": .int8, "U8": .uint8, "BOOL": .uint8,
    "I16": .int16, "U16": .uint16, "I32": .int32, "U32": .uint32, "I64": .int64, "U64": .uint64,
]

private func integers(_ scanner: inout JSONScanner) throws(JSONFault) -> [Int] {
    var values: [Int] = []
    try scanner.elements { (scanner) throws(JSONFault) in
        let (number, text) = try scanner.number()
        guard number.isInteger, !number.isNegative, let value = Int(text), values.count < 32 else {
            throw scanner.fault("a list of up to 32 sizes is wanted")
        }
        values.append(value)
    }
    return values
}

/// Offsets must tile the buffer without gap or overlap, and agree with type and shape.
private func checkPlaces(_ tensors: inout [Tensor], bufferCount: Int, _ file: String) throws(VectorFileError) {
    tensors.sort { ($0.begin, $0.end) < ($1.begin, $1.end) }
    var end = 0
    for tensor in tensors {
        guard tensor.begin == end, tensor.end >= tensor.begin, tensor.end <= bufferCount else {
            throw .malformed(
                file, "tensor \"\(tensor.name)\" at bytes \(tensor.begin) to \(tensor.end) overlaps another, leaves a gap, "
                    + "or lies outside the buffer of \(bufferCount)")
        }
        end = tensor.end
        guard let element = tensor.element else { continue }
        let wanted = StoredArray.elementCount(tensor.shape)?.multipliedReportingOverflow(by: element.kind.byteCount)
        guard let wanted, !wanted.overflow, wanted.partialValue == tensor.end - tensor.begin else {
            throw .malformed(
                file, "tensor \"\(tensor.name)\" has \(tensor.end - tensor.begin) bytes, which is not what "
                    + "\(tensor.typeName) of shape \(shapeText(tensor.shape)) takes")
        }
    }
    guard end == bufferCount else { throw .malformed(file, "\(bufferCount - end) bytes belong to no tensor") }
}

private func choose(
    _ tensors: [Tensor], array: String?, matrixOnly: Bool, _ file: String
) throws(VectorFileError) -> Tensor {
    if let array {
        if let found = tensors.first(where: { $0.name == array }) { return found }
        throw VectorFileError(
            file: file, reason: "it has no tensor \"\(array)\"", remedy: choices(tensors.map { ($0.name, $0.shape) }))
    }
    if tensors.count == 1 { return tensors[0] }
    let candidates = tensors.filter { $0.element != nil && (!matrixOnly || $0.shape.count == 2) }
    if candidates.count == 1 { return candidates[0] }
    throw VectorFileError(
        file: file,
        reason: candidates.isEmpty ? "it holds no matrix" : "it holds \(candidates.count) tensors that could be meant",
        remedy: choices((candidates.isEmpty ? tensors : candidates).map { ($0.name, $0.shape) }))
}
