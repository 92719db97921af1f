/// Prints results, one object after another, in the format the user chose. Knows formats and columns, no command.
package final class ResultPrinter {
    private let output: BufferedOutput
    private let format: OutputFormat
    private let columns: [Column]
    private var table: Table
    private var isFirst = true

    /// A column of the table: the key whose value it shows and its title.
    package struct Column: Sendable, ExpressibleByStringLiteral {
        package var key: String
        package var title: String

        package init(_ key: String, title: String? = nil) {
            self.key = key
            self.title = title ?? key
        }

        package init(stringLiteral value: String) { self.init(value) }
    }

    package init(_ output: BufferedOutput, format: OutputFormat, columns: [Column]) {
        self.output = output
        self.format = format
        self.columns = columns
        table = Table(columns.map(\.title))
    }

    /// Prints (jsonl, json) or keeps (table) one object.
    package func add(_ object: JSONValue) throws(OutputError) {
        switch format {
        case .table: table.add(columns.map { object[key: $0.key] })
        case .jsonl: try output.writeLine(object.compact)
        case .json: try output.write((isFirst ? "[\n" : ",\n") + object.compact)
        }
        isFirst = false
    }

    /// Ends the array of `json` and prints the table. Call once, after the last object.
    package func finish() throws(OutputError) {
        switch format {
        case .jsonl: break
        case .json: try output.write(isFirst ? "[]\n" : "\n]\n")
        case .table:
            let channel = output.channel
            for line in table.lines(width: channel.isTerminal ? channel.columns ?? 80 : nil) {
                try output.writeLine(line)
            }
        }
        try output.flush()
    }
}

/// A single object: two columns for eyes, with the keys of nested objects joined by dots; otherwise JSON.
func lines(of object: JSONValue, format: OutputFormat) -> [String] {
    switch format {
    case .jsonl: return [object.compact]
    case .json: return [object.indented]
    case .table:
        let facts = flattened(object, under: "")
        let width = facts.map { displayWidth($0.key) }.max() ?? 0
        return facts.map { fact in
            fact.key + String(repeating: " ", count: width - displayWidth(fact.key) + 2) + Table.Cell(fact.value).text
        }
    }
}

private func flattened(_ value: JSONValue, under prefix: String) -> [JSONMember] {
    value.members.flatMap { member -> [JSONMember] in
        let key = prefix.isEmpty ? member.key : "\(prefix).\(member.key)"
        return member.value.members.isEmpty ? [JSONMember(key, member.value)] : flattened(member.value, under: key)
    }
}
