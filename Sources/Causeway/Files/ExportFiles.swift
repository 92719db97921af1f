/// Which files an export writes and what it tells: the mirror of what `ingest` takes. Writes nothing itself.
import VectorFiles

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

    /// The form of `path`; nil where its extension is none that can be written.
    var format: VectorFileFormat? {
        if path == "-" { return .jsonl }
        let format = VectorFileFormat(path: path, firstBytes: [])
        return [.jsonl, .npy, .fvecs, .safetensors].contains(format) ? format : nil
    }

    /// Why no file of that name can be written, and what to do about it; nil where one can.
    package var fault: (reason: String, remedy: String)? {
        format == nil ? ("\(path) has no extension that can be written", "choose .jsonl, .npy, .fvecs or .safetensors") : nil
    }
}

public struct ExportReport: Sendable, Equatable {
    public var embeddings: Int
    /// What is stored and was left out.
    public var notes: [String]
}
