/// Text as the database knows it: by its UTF-8 bytes. Compares and hashes; normalises nothing.

/// The key of an id, an item, a name or a path. SQLite compares texts byte by byte, while `String` takes canonically equivalent
/// ones for equal: "é" as one scalar and as two (as macOS spells file names) are two ids to SQLite, and one to `String`. What
/// is grouped, looked up or compared in memory goes by this, so that no answer depends on who compared.
package struct ExactText: Hashable, Sendable {
    package let text: String

    package init(_ text: String) {
        var text = text
        text.makeContiguousUTF8()
        self.text = text
    }

    package static func == (a: ExactText, b: ExactText) -> Bool { a.text.hasSameBytes(as: b.text) }

    package func hash(into hasher: inout Hasher) { text.hashBytes(into: &hasher) }
}

extension String {
    /// Whether both are the same UTF-8 bytes. O(length).
    package func hasSameBytes(as other: String) -> Bool {
        utf8.count == other.utf8.count && utf8.elementsEqual(other.utf8)
    }
}
