/// Codes of token sets that were stored before there were any, a few in each transaction. Sets that come in now bring theirs.
import Storage

struct TokenCoding {
    /// Token sets a transaction: each is short enough that writers wait little and an interruption loses little.
    private static let setsPerTransaction = 128

    let collection: EmbeddingCollection
    let progress: ProgressHandler?

    /// Makes the codes that a modality lacks; goes on where an interrupted call stopped.
    /// - Returns: how many were made.
    /// - Throws: `.cancelled`, `.diskFull`.
    func complete(_ name: String) throws -> Int {
        let (modality, total) = try collection.database.read { reader -> (ModalityRecord, Int?) in
            let modality = try collection.modality(name, in: reader)
            return (modality, try reader.mayLackTokenCodes(modality) ? reader.count(of: modality.id) : nil)
        }
        guard let total else { return 0 }
        var made = 0
        while true {
            let step = try collection.database.write(waitingWith: progress) {
                try $0.codeTokenSets(of: modality, limit: Self.setsPerTransaction)
            }
            made += step.made
            if progress?(Progress(stage: "code tokens", done: made, total: total)) == false {
                throw CausewayError.cancelled
            }
            if step.through == nil { return made }
        }
    }
}
