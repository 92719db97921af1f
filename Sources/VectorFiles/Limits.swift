/// Sizes beyond which input is refused before memory is spent on it, each with its reason.
package enum Limits {
    /// As many components as the store keeps in one row (FORMAT.md).
    package static let dimensionMax = 65_536
    /// numpy writes 128 bytes for ordinary arrays; only structured types, refused anyway, need more.
    package static let npyHeaderBytesMax = 65_536
    /// The format allows 100 MB; 16 MiB hold some 100,000 tensors.
    package static let safetensorsHeaderBytesMax = 16 << 20
    /// One JSONL record: 65,536 components and a few thousand tokens of 1024 numbers fit.
    package static let lineBytesMax = 64 << 20
    /// Nesting of JSON values: the scanner recurses once per level.
    package static let jsonDepthMax = 64
    /// Arrays in one .npz, and the bytes that name them.
    package static let zipEntriesMax = 65_536
    package static let zipDirectoryBytesMax = 16 << 20
    /// Deflate cannot expand more than this (a 258-byte match from two bits), so a larger claim is a lie.
    package static let deflateRatioMax = 1032
    /// A compressed Fortran-order array up to this size is held in memory; a larger one goes to a temporary file.
    package static let spoolMemoryBytesMax = 64 << 20
}
