/// Where `causeway demo` leaves what it makes: a directory without any of it before, and again when the demo is not finished.
import Foundation

struct DemoDirectory {
    static let databaseName = "demo.db"
    private static let names: Set<String> = [
        "image.npy", "text.npy", "image-ids.txt", "text-ids.txt", "items.txt", "metadata.jsonl", "gap.html", "evaluation.html",
    ]

    let path: String
    private let isNew: Bool

    /// - Throws: `CommandFailure` where it cannot be made, or holds what a demo makes.
    init(_ path: String) throws {
        self.path = path
        isNew = !FileManager.default.fileExists(atPath: path)
        try makeDirectory(path)
        if let name = try entries().sorted().first(where: Self.isMade) {
            throw CommandFailure(
                .failed, "\(path)/\(name) exists already", remedy: "name another directory, or remove that one")
        }
    }

    /// Takes everything away that a demo makes; the directory too, if it was made for it.
    func clear() {
        let left = (try? entries()) ?? []
        for name in left where Self.isMade(name) { try? FileManager.default.removeItem(atPath: path + "/" + name) }
        if isNew, left.allSatisfy(Self.isMade) { try? FileManager.default.removeItem(atPath: path) }
    }

    /// Files of the corpus, pages, the database and what belongs to it.
    private static func isMade(_ name: String) -> Bool {
        names.contains(name) || name == databaseName || name.hasPrefix(databaseName + "-")
    }

    private func entries() throws -> [String] {
        do {
            return try FileManager.default.contentsOfDirectory(atPath: path)
        } catch {
            throw CommandFailure(
                .failed, "the directory \(path) cannot be read", remedy: "check its permissions, or name another directory")
        }
    }
}
