/// How the numbers of a modality's tokens are kept, where that was declared. A promise about values, kept in `setting`: the
/// bytes of a row follow from its codec as for any row.

package enum TokenStorage: String, Sendable, CaseIterable {
    /// As given, to the bit.
    case float32
    /// Rounded to half precision before they are stored: two bytes a number, with a loss that was declared.
    case float16
}

extension Reader {
    /// What was declared for a modality; `.float32` where nothing was, or what cannot be.
    package func tokenStorage(of modality: ModalityID) throws(StorageError) -> TokenStorage {
        let name = tokenStorageSetting(modality)
        let text = try first("SELECT value FROM setting WHERE name = ?", [], name) { $0.text(0) ?? "" }
        return text.flatMap(TokenStorage.init(rawValue:)) ?? .float32
    }
}

extension Writer {
    /// Declares the storage of a modality that has no tokens yet; the caller makes sure of that.
    package func declareTokenStorage(_ storage: TokenStorage, of modality: ModalityID) throws(StorageError) {
        try changing { () throws(StorageError) in
            try run("INSERT OR REPLACE INTO setting (name, value) VALUES (?, ?)") {
                $0.bind(1, tokenStorageSetting(modality))
                $0.bind(2, storage.rawValue)
            }
        }
    }
}

private func tokenStorageSetting(_ modality: ModalityID) -> String { "token-storage/\(modality.rawValue)" }
