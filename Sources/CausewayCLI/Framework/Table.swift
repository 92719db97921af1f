/// Rows of cells as aligned columns: numbers to the right, text to the left, cut to the terminal where there is one.
package struct Table: Sendable {
    /// Columns narrower than this are not cut.
    private static let widthMin = 8
    private static let gap = 2

    package var titles: [String]
    package private(set) var rows: [[Cell]] = []

    package struct Cell: Sendable {
        var text: String
        var isNumber: Bool
    }

    package init(_ titles: [String]) { self.titles = titles }

    /// A row in the order of the titles; too few values leave cells empty.
    package mutating func add(_ values: [JSONValue?]) {
        var cells = values.map { $0.map(Cell.init) ?? Cell(text: "", isNumber: false) }
        while cells.count < titles.count { cells.append(Cell(text: "", isNumber: false)) }
        rows.append(Array(cells.prefix(titles.count)))
    }

    /// Lines without line breaks. `width` is that of the terminal, nil for no limit. The last column is not padded.
    package func lines(width: Int?) -> [String] {
        guard !titles.isEmpty else { return [] }
        let rightAligned = titles.indices.map { column in
            rows.contains { $0[column].isNumber } && rows.allSatisfy { $0[column].isNumber || $0[column].text.isEmpty }
        }
        let widths = columnWidths(limit: width, mayShrink: rightAligned.map { !$0 })
        let heading = titles.map { Cell(text: $0, isNumber: false) }
        return ([heading] + rows).map { row in
            var line = ""
            for column in titles.indices {
                let text = truncated(row[column].text, to: widths[column])
                let padding = String(repeating: " ", count: max(0, widths[column] - displayWidth(text)))
                line += column == 0 ? "" : String(repeating: " ", count: Self.gap)
                line += rightAligned[column] ? padding + text : text + padding
            }
            while line.last == " " { line.removeLast() }
            return line
        }
    }

    /// The widest cells, then the widest shrinkable column a step narrower until all fit.
    private func columnWidths(limit: Int?, mayShrink: [Bool]) -> [Int] {
        var widths = titles.indices.map { column in
            max(displayWidth(titles[column]), rows.lazy.map { displayWidth($0[column].text) }.max() ?? 0)
        }
        guard let limit else { return widths }
        var excess = widths.reduce(0, +) + Self.gap * (widths.count - 1) - limit
        while excess > 0 {
            let shrinkable = widths.indices.filter { mayShrink[$0] && widths[$0] > Self.widthMin }
            guard let widest = shrinkable.max(by: { widths[$0] < widths[$1] }) else { break }
            widths[widest] -= 1
            excess -= 1
        }
        return widths
    }
}

extension Table.Cell {
    init(_ value: JSONValue) {
        switch value {
        case .null: self.init(text: "", isNumber: false)
        case .text(let text): self.init(text: oneLine(text), isNumber: false)
        case .integer(let number): self.init(text: String(number), isNumber: true)
        case .real(let number): self.init(text: rounded(number), isNumber: true)
        case .float(let number): self.init(text: rounded(Double(number)), isNumber: true)
        default: self.init(text: oneLine(value.compact), isNumber: false)
        }
    }
}

/// A number for eyes: four decimals in the middle range, so that a column of scores lines up; as many digits where it is
/// smaller; the shortest text where it is larger.
package func rounded(_ number: Double, decimals: Int = 4) -> String {
    guard number.isFinite else { return "" }
    let magnitude = abs(number)
    guard magnitude < 1e9, magnitude == 0 || magnitude >= 1e-300 else { return number.description }
    if magnitude > 0, magnitude < 1e-3 { return significant(number, digits: decimals) }
    var scale: Int64 = 1
    for _ in 0..<min(max(decimals, 0), 6) { scale *= 10 }
    let units = Int64((magnitude * Double(scale)).rounded())
    let sign = number < 0 && units > 0 ? "-" : ""
    guard scale > 1 else { return "\(sign)\(units)" }
    let fraction = String(units % scale)
    let zeros = String(repeating: "0", count: String(scale).count - 1 - fraction.count)
    return "\(sign)\(units / scale).\(zeros)\(fraction)"
}

/// The shortest text of a small number rounded to so many digits.
private func significant(_ number: Double, digits: Int) -> String {
    var (scaled, power, least) = (number, 0, 1.0)
    for _ in 1..<max(digits, 2) { least *= 10 }
    while abs(scaled) < least {
        scaled *= 10
        power += 1
    }
    return Double("\(Int64(scaled.rounded()))e-\(power)")?.description ?? number.description
}
