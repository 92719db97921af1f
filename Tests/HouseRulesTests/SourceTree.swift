/// The files of the package as text, for the rules of the house. Found from this file's own place.
import Foundation

struct SourceTree {
    let root = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent().path

    /// Files below the folders, sorted by path; hidden ones and Python's caches are passed over.
    func files(under folders: String..., endings: Set<String>) -> [SourceFile] {
        folders.flatMap { folder -> [SourceFile] in
            let paths = FileManager.default.enumerator(atPath: "\(root)/\(folder)")?.compactMap { $0 as? String } ?? []
            return paths.sorted().compactMap { path in
                let parts = path.split(separator: "/")
                guard !parts.contains(where: { $0.hasPrefix(".") || $0 == "__pycache__" }),
                    let ending = parts.last?.split(separator: ".").last, endings.contains(String(ending))
                else { return nil }
                return file("\(folder)/\(path)")
            }
        }
    }

    /// A file by its path from the root; without lines where there is none.
    func file(_ path: String) -> SourceFile {
        let data = FileManager.default.contents(atPath: "\(root)/\(path)") ?? Data()
        return SourceFile(path: path, text: String(decoding: data, as: UTF8.self))
    }
}

struct SourceFile {
    let path: String
    let lines: [String]

    init(path: String, text: String) {
        self.path = path
        var lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        if lines.last == "" { lines.removeLast() }
        self.lines = lines
    }

    var ending: String { path.split(separator: ".").last.map(String.init) ?? "" }

    /// `Storage` for `Sources/Storage/Rows/Row.swift`.
    var module: String {
        let parts = path.split(separator: "/")
        return parts.count > 1 ? String(parts[1]) : ""
    }

    var isUnsafeFile: Bool {
        let name = path.split(separator: "/").last ?? ""
        return name == "Unsafe.swift" || name.hasPrefix("Unsafe+") && name.hasSuffix(".swift")
    }

    /// Modules imported, whatever stands before and after the word.
    var imports: [String] {
        codeLines.compactMap { _, line in
            let kinds: Set<Substring> = ["struct", "class", "enum", "protocol", "func", "var", "let", "typealias"]
            let words = line.split(separator: " ")
            guard let place = words.firstIndex(of: "import"), place <= 2, place + 1 < words.count else { return nil }
            let before = words[..<place].allSatisfy { $0.hasPrefix("@") || ["package", "public", "internal"].contains($0) }
            let name = words[(place + 1)...].first { !kinds.contains($0) }
            return before ? name?.split(separator: ".").first.map(String.init) : nil
        }
    }

    /// Lines with their numbers from 1, without comments and the contents of one-line strings.
    var codeLines: [(Int, String)] {
        lines.enumerated().map { index, line in
            var code = "", inString = false, previous: Character = " "
            for character in line {
                if character == "\"", previous != "\\" { inString.toggle() }
                if character == "/", previous == "/", !inString {
                    code.removeLast()
                    break
                }
                if !inString || character == "\"" { code.append(character) }
                previous = character
            }
            return (index + 1, code)
        }
    }
}

extension String {
    /// True where the word stands between characters that are no letters, digits or underscores.
    func containsWord(_ word: String) -> Bool {
        func joins(_ character: Character?) -> Bool {
            character.map { $0.isLetter || $0.isNumber || $0 == "_" } ?? false
        }
        var rest = self[...]
        while let found = rest.range(of: word) {
            let before = found.lowerBound > startIndex ? self[index(before: found.lowerBound)] : nil
            let after = found.upperBound < endIndex ? self[found.upperBound] : nil
            if !joins(before), !joins(after) { return true }
            rest = self[found.upperBound...]
        }
        return false
    }
}
