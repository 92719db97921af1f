/// Charts as SVG text with a title and a description for those who do not see them. Colours are the page's variables.
import Causeway

/// A drawing area with linear axes, 360 × 240 units.
struct Chart {
    static let width = 360.0, height = 240.0
    private static let left = 44.0, right = 352.0, top = 26.0, bottom = 204.0

    private var parts: [String] = []
    private let title: String
    private let description: String
    private let x: ClosedRange<Double>
    private let y: ClosedRange<Double>

    init(_ title: String, description: String, x: ClosedRange<Double>, y: ClosedRange<Double>) {
        (self.title, self.description) = (title, description)
        (self.x, self.y) = (Self.widened(x), Self.widened(y))
    }

    private static func widened(_ range: ClosedRange<Double>) -> ClosedRange<Double> {
        range.upperBound > range.lowerBound ? range : (range.lowerBound - 0.5)...(range.lowerBound + 0.5)
    }

    private func across(_ value: Double) -> Double {
        Self.left + (value - x.lowerBound) / (x.upperBound - x.lowerBound) * (Self.right - Self.left)
    }

    private func up(_ value: Double) -> Double {
        Self.bottom - (value - y.lowerBound) / (y.upperBound - y.lowerBound) * (Self.bottom - Self.top)
    }

    /// Values at the ends and the middle of both axes.
    mutating func drawAxes(xTitle: String, yTitle: String, xLabels: [(Double, String)]? = nil) {
        parts.append(line(Self.left, Self.bottom, Self.right, Self.bottom) + line(Self.left, Self.top, Self.left, Self.bottom))
        func ticks(_ range: ClosedRange<Double>) -> [(Double, String)] {
            [range.lowerBound, (range.lowerBound + range.upperBound) / 2, range.upperBound].map { ($0, short($0)) }
        }
        for (value, label) in xLabels ?? ticks(x) {
            parts.append(text(across(value), Self.bottom + 15, label, anchor: "middle"))
        }
        for (value, label) in ticks(y) { parts.append(text(Self.left - 5, up(value) + 4, label, anchor: "end")) }
        parts.append(text((Self.left + Self.right) / 2, Self.height - 4, xTitle, anchor: "middle", faint: true))
        parts.append(text(4, 12, yTitle, anchor: "start", faint: true))
    }

    /// Names and their colours, in the upper right corner.
    mutating func drawLegend(_ entries: [(name: String, colour: String)]) {
        for (index, entry) in entries.enumerated() {
            let at = 12 + Double(index) * 14
            parts.append("<rect x=\"228\" y=\"\(one(at - 8))\" width=\"9\" height=\"9\" fill=\"\(entry.colour)\"/>")
            parts.append(text(241, at, entry.name, anchor: "start"))
        }
    }

    mutating func drawBars(_ values: [Double], colour: String) {
        let step = (x.upperBound - x.lowerBound) / Double(max(values.count, 1))
        for (index, value) in values.enumerated() where value > y.lowerBound {
            drawBar(from: x.lowerBound + Double(index) * step, to: x.lowerBound + Double(index + 1) * step, value, colour)
        }
    }

    mutating func drawBar(from: Double, to: Double, _ value: Double, _ colour: String) {
        let (a, b, c) = (across(from), across(to), up(max(value, y.lowerBound)))
        parts.append(
            "<rect x=\"\(one(a))\" y=\"\(one(c))\" width=\"\(one(b - a))\" height=\"\(one(max(Self.bottom - c, 0)))\" "
                + "fill=\"\(colour)\" fill-opacity=\"0.6\"/>")
    }

    /// A vertical line from `low` to `high`.
    mutating func drawInterval(at place: Double, low: Double, high: Double) {
        let at = across(place)
        parts.append(
            "<line x1=\"\(one(at))\" x2=\"\(one(at))\" y1=\"\(one(up(low)))\" y2=\"\(one(up(high)))\" stroke=\"var(--ink)\" "
                + "stroke-width=\"1.5\"/>")
    }

    mutating func drawPoints(_ points: [(x: Double, y: Double)], colour: String) {
        let marks = points.map { "<circle cx=\"\(one(across($0.x)))\" cy=\"\(one(up($0.y)))\" r=\"2\"/>" }
        parts.append("<g fill=\"\(colour)\" fill-opacity=\"0.6\">\(marks.joined())</g>")
    }

    mutating func drawLine(_ points: [(x: Double, y: Double)], colour: String) {
        let path = points.map { "\(one(across($0.x))),\(one(up($0.y)))" }.joined(separator: " ")
        parts.append("<polyline points=\"\(path)\" fill=\"none\" stroke=\"\(colour)\" stroke-width=\"2\"/>")
        drawPoints(points, colour: colour)
    }

    /// The chart as a figure, with its title as the caption.
    var figure: String {
        """
        <figure><svg viewBox="0 0 \(Int(Self.width)) \(Int(Self.height))" role="img">
        <title>\(escaped(title))</title><desc>\(escaped(description))</desc>
        \(parts.joined(separator: "\n"))
        </svg><figcaption>\(escaped(title)). \(escaped(description))</figcaption></figure>
        """
    }

    private func line(_ x1: Double, _ y1: Double, _ x2: Double, _ y2: Double) -> String {
        "<line class=\"axis\" x1=\"\(one(x1))\" y1=\"\(one(y1))\" x2=\"\(one(x2))\" y2=\"\(one(y2))\"/>"
    }

    private func text(_ x: Double, _ y: Double, _ content: String, anchor: String, faint: Bool = false) -> String {
        let style = faint ? " class=\"faint\"" : ""
        return "<text x=\"\(one(x))\" y=\"\(one(y))\" text-anchor=\"\(anchor)\"\(style)>\(escaped(content))</text>"
    }

    /// One decimal: a tenth of a unit is below what a screen shows.
    private func one(_ value: Double) -> String { String((value * 10).rounded() / 10) }
}

/// A number in three figures for a chart.
func short(_ value: Double) -> String {
    abs(value) >= 100 ? String(Int(value.rounded())) : rounded(value, decimals: abs(value) >= 10 ? 1 : 2)
}
