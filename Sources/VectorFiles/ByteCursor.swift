/// Little-endian integers read in order from bytes that may end too soon.
struct ByteCursor {
    let bytes: [UInt8]
    var position: Int
    let file: String
    /// What is being read, for the error.
    let what: String

    init(_ bytes: [UInt8], from position: Int = 0, file: String, what: String) {
        self.bytes = bytes
        self.position = position
        self.file = file
        self.what = what
    }

    mutating func take(_ count: Int) throws(VectorFileError) -> ArraySlice<UInt8> {
        guard count >= 0, position >= 0, count <= bytes.count - position else { throw .truncated(file, what) }
        defer { position += count }
        return bytes[position..<position + count]
    }

    private mutating func word(_ count: Int) throws(VectorFileError) -> UInt64 {
        try take(count).reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }

    mutating func u16() throws(VectorFileError) -> Int { Int(try word(2)) }
    mutating func u32() throws(VectorFileError) -> Int { Int(try word(4)) }

    /// A 64-bit size or offset; one beyond Int is no file's.
    mutating func u64() throws(VectorFileError) -> Int {
        guard let value = Int(exactly: try word(8)) else { throw .malformed(file, "\(what) holds an impossible size") }
        return value
    }
}
