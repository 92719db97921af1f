/// Which files an export writes and what it tells: the mirror of what `ingest` takes. Writes nothing itself.

public struct ExportFiles: Sendable {
    /// Its extension decides the form: .jsonl has whole records; .npy, .fvecs and .safetensors have the vectors, a row each.
    /// "-" is .jsonl on standard output.
    public var path: String
    /// The ids, one a line.
    public var ids: String?
    /// Beside a matrix, as .npy: all tokens, (T, t) float32, and n+1 int64 offsets: row i owns tokens
    /// `offsets[i] ..< offsets[i+1]`.
    public var tokens: String?
    public var tokenOffsets: String?
    /// A float32 a token; 1 for the tokens of sets without weights.
    public var tokenWeights: String?

    public init(_ path: String) { self.path = path }
}

public struct ExportReport: Sendable, Equatable {
    public var embeddings: Int
    /// What is stored and was left out.
    public var notes: [String]
}
