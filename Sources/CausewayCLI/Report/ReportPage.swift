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

    /// Numbers to the right; the first column names the row.
    mutating func add(table heading: String, note: String, columns: [String], rows: [[String]]) {
        body += "<section>\n<h2>\(escaped(heading))</h2>\n<p>\(escaped(note))</p>\n<div class=\"wide\"><table>\n<thead><tr>"
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
        :root { --ground: #ffffff; --ink: #1b1f24; --faint: #667079; --line: #d5dade; --a: #0b62a8; --b: #b8500a; --c: #7a828a; }
        @media (prefers-color-scheme: dark) {
          :root { --ground: #14171a; --ink: #e8eaec; --faint: #a2abb3; --line: #363d43;
            --a: #6cb5f0; --b: #f3a061; --c: #8d969e; }
        }
        * { box-sizing: border-box; }
        body { margin: 0; background: var(--ground); color: var(--ink); font: 16px/1.5 system-ui, sans-serif; }
        main { max-width: 62rem; margin: 0 auto; padding: 1rem; }
        h1 { font-size: 1.6rem; line-height: 1.2; } h2 { font-size: 1.15rem; margin: 2rem 0 0.3rem; }
        p, footer { color: var(--faint); margin: 0.3rem 0 0.8rem; }
        .figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 22rem), 1fr)); gap: 1rem; }
        figure { margin: 0; } figcaption { color: var(--faint); font-size: 0.9rem; }
        svg { width: 100%; height: auto; display: block; font: 12px system-ui, sans-serif; }
        svg text { fill: var(--ink); } svg .faint { fill: var(--faint); } svg .axis { stroke: var(--line); }
        .wide { overflow-x: auto; } table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
        th, td { text-align: right; padding: 0.25rem 0.6rem; border-bottom: 1px solid var(--line); vertical-align: top; }
        th:first-child, td:last-child { text-align: left; } thead th { color: var(--faint); font-weight: 600; }
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
