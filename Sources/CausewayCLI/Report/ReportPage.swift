/// One self-contained HTML page: style, headings, pictures and tables. No script, nothing fetched, light and dark.
import Causeway

struct ReportPage {
    private var body = ""
    private let title: String

    init(title: String, summary: String) {
        self.title = title
        body = "<h1>\(escaped(title))</h1>\n<p>\(escaped(summary))</p>\n"
    }

    mutating func add(section heading: String, note: String, _ figures: [String]) {
        body += "<section>\n<h2>\(escaped(heading))</h2>\n<p>\(escaped(note))</p>\n<div class=\"figures\">\n"
        body += figures.joined(separator: "\n") + "\n</div>\n</section>\n"
    }

    /// What to see first, in large figures.
    mutating func add(facts: [(name: String, value: String, note: String)]) {
        guard !facts.isEmpty else { return }
        let items = facts.map { fact in
            "<div><dt>\(escaped(fact.name))</dt><dd>\(escaped(fact.value))<small>\(escaped(fact.note))</small></dd></div>"
        }
        body += "<dl class=\"facts\">\n\(items.joined(separator: "\n"))\n</dl>\n"
    }

    /// Numbers to the right; the first column names the row.
    /// - hasWords: the last column is a text.
    mutating func add(table heading: String, note: String, columns: [String], hasWords: Bool = false, rows: [[String]]) {
        body += "<section>\n<h2>\(escaped(heading))</h2>\n<p>\(escaped(note))</p>\n"
        body += "<div class=\"wide\" tabindex=\"0\"><table\(hasWords ? " class=\"words\"" : "")>\n<thead><tr>"
        body += columns.map { "<th scope=\"col\">\(escaped($0))</th>" }.joined() + "</tr></thead>\n<tbody>\n"
        for row in rows {
            let cells = row.enumerated().map { index, cell in
                index == 0 ? "<th scope=\"row\">\(escaped(cell))</th>" : "<td>\(escaped(cell))</td>"
            }
            body += "<tr>\(cells.joined())</tr>\n"
        }
        body += "</tbody></table></div>\n</section>\n"
    }

    var html: String {
        """
        <!DOCTYPE html>
        <html lang="en">
        <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <meta name="color-scheme" content="light dark">
        <title>\(escaped(title))</title>
        <style>
        \(Self.style)
        </style>
        </head>
        <body>
        <main>
        \(body)<footer>Made by causeway.</footer>
        </main>
        </body>
        </html>

        """
    }

    /// One blue and one orange that keep apart for colour-blind eyes, on light and on dark.
    private static let style = """
        :root { --ground: #ffffff; --panel: #f5f7f8; --ink: #1b1f24; --faint: #5a646d; --line: #dfe4e7; --a: #0b62a8;
          --b: #b8500a; }
        @media (prefers-color-scheme: dark) {
          :root { --ground: #14171a; --panel: #1d2226; --ink: #e8eaec; --faint: #a2abb3; --line: #333a40; --a: #6cb5f0;
            --b: #f3a061; }
        }
        * { box-sizing: border-box; }
        body { margin: 0; background: var(--ground); color: var(--ink); font: 16px/1.5 system-ui, sans-serif; }
        main { max-width: 68rem; margin: 0 auto; padding: 1.5rem 1rem 3rem; }
        h1 { font-size: 1.7rem; line-height: 1.2; margin: 0 0 0.5rem; overflow-wrap: anywhere; }
        h2 { font-size: 1.2rem; margin: 2.5rem 0 0.2rem; }
        p, footer { color: var(--faint); margin: 0 0 1rem; max-width: 46rem; } footer { margin-top: 3rem; }
        .facts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 10rem), 1fr)); gap: 0.75rem;
          margin: 1.5rem 0; }
        .facts div { background: var(--panel); border-radius: 0.5rem; padding: 0.75rem 1rem; }
        dt { color: var(--faint); font-size: 0.9rem; } dd { margin: 0; font-size: 1.35rem; font-weight: 600; }
        dd small { display: block; color: var(--faint); font-size: 0.8rem; font-weight: 400; overflow-wrap: anywhere; }
        .figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 19rem), 1fr)); gap: 1.5rem; }
        figure { margin: 0; max-width: 34rem; }
        figcaption { color: var(--faint); font-size: 0.85rem; line-height: 1.4; margin-top: 0.25rem; }
        figcaption b { color: var(--ink); font-weight: 600; }
        svg { width: 100%; height: auto; display: block; font: 12px system-ui, sans-serif; }
        svg text { fill: var(--ink); } svg .faint { fill: var(--faint); font-size: 11px; }
        svg .number { font-variant-numeric: tabular-nums; } svg .track { fill: var(--panel); }
        svg .axis { stroke: var(--faint); } svg .grid { stroke: var(--line); }
        svg .whisker { stroke: var(--ink); stroke-width: 1.2; }
        svg .null { stroke: var(--ink); stroke-width: 1.6; stroke-dasharray: 3 2; }
        .wide { overflow-x: auto; } table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: 0.85rem; }
        th, td { text-align: right; padding: 0.35rem 0.7rem; border-bottom: 1px solid var(--line); vertical-align: top;
          white-space: nowrap; }
        th:first-child { text-align: left; padding-left: 0; } thead th { color: var(--faint); font-weight: 600; }
        .words th:last-child, .words td:last-child { text-align: left; white-space: normal; min-width: 18rem; }
        """
}

/// Text for an element or a quoted attribute.
func escaped(_ text: String) -> String {
    var result = ""
    for character in text {
        switch character {
        case "&": result += "&amp;"
        case "<": result += "&lt;"
        case ">": result += "&gt;"
        case "\"": result += "&quot;"
        default: result.append(character)
        }
    }
    return result
}
