/// Writes a text file of lines: ids beside an exported matrix. The file appears when `finish` returns.
import Platform

package final class LineWriter {
    private let file: OutputFile

    package init(path: String, fileSystem: any FileSystem = PosixFileSystem()) throws(VectorFileError) {
        file = try OutputFile(path: path, fileSystem: fileSystem)
    }

    /// Refuses a line that holds a line break: it would be read back as two.
    package func append(_ line: String) throws(VectorFileError) {
        guard !line.utf8.contains(where: { $0 == 0x0A || $0 == 0x0D }) else {
            throw VectorFileError(
                file: file.path, reason: "\"\(line)\" holds a line break", remedy: "export to .jsonl, which can say it")
        }
        try file.append(Array(line.utf8) + [0x0A])
    }

    package func finish() throws(VectorFileError) { try file.finish() }
}
