/// Charts as SVG text with a title and a description for those who do not see them. Colours are the page's variables.
import Causeway

/// A drawing area with linear axes, 360 × 240 units; marks at round numbers.
struct Chart {
    static let width = 360.0, height = 240.0
    private static let left = 46.0, right = 344.0, top = 34.0, bottom = 200.0

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

    mutating func drawAxes(xTitle: String, yTitle: String) {
        for tick in ticks(in: y, about: 4) {
            parts.append(svgLine(Self.left, up(tick.value), Self.right, up(tick.value), "grid"))
            parts.append(svgText(Self.left - 6, up(tick.value) + 4, tick.label, anchor: "end", style: "faint"))
        }
        parts.append(svgLine(Self.left, Self.bottom, Self.right, Self.bottom, "axis"))
        for tick in ticks(in: x, about: 5) {
            parts.append(svgLine(across(tick.value), Self.bottom, across(tick.value), Self.bottom + 4, "axis"))
            parts.append(svgText(across(tick.value), Self.bottom + 17, tick.label, anchor: "middle", style: "faint"))
        }
        parts.append(svgText((Self.left + Self.right) / 2, Self.height - 6, xTitle, anchor: "middle", style: "faint"))
        parts.append(svgText(2, 12, yTitle, anchor: "start", style: "faint"))
    }

    /// Names and their colours side by side, right of the axis title.
    mutating func drawLegend(_ entries: [(name: String, colour: String)]) {
        var at = Self.right
        for entry in entries.reversed() {
            at -= 7 * Double(entry.name.count)
            parts.append(svgText(at, 12, entry.name, anchor: "start"))
            parts.append(
                "<rect x=\"\(tenths(at - 14))\" y=\"3\" width=\"10\" height=\"10\" rx=\"2\" fill=\"\(entry.colour)\"/>")
            at -= 26
        }
    }

    mutating func drawBars(_ values: [Double], colour: String) {
        let step = (x.upperBound - x.lowerBound) / Double(max(values.count, 1))
        for (index, value) in values.enumerated() where value > y.lowerBound {
            let from = across(x.lowerBound + Double(index) * step), to = across(x.lowerBound + Double(index + 1) * step)
            parts.append(
                "<rect x=\"\(tenths(from))\" y=\"\(tenths(up(value)))\" width=\"\(tenths(to - from))\" "
                    + "height=\"\(tenths(Self.bottom - up(value)))\" fill=\"\(colour)\" fill-opacity=\"0.62\"/>")
        }
    }

    mutating func drawPoints(_ points: [(x: Double, y: Double)], colour: String, radius: Double = 1.8, opacity: Double = 0.55) {
        let marks = points.map {
            "<circle cx=\"\(tenths(across($0.x)))\" cy=\"\(tenths(up($0.y)))\" r=\"\(tenths(radius))\"/>"
        }
        parts.append("<g fill=\"\(colour)\" fill-opacity=\"\(opacity)\">\(marks.joined())</g>")
    }

    mutating func drawLine(_ points: [(x: Double, y: Double)], colour: String) {
        let path = points.map { "\(tenths(across($0.x))),\(tenths(up($0.y)))" }.joined(separator: " ")
        parts.append("<polyline points=\"\(path)\" fill=\"none\" stroke=\"\(colour)\" stroke-width=\"2\"/>")
        drawPoints(points, colour: colour, radius: 3.5, opacity: 1)
    }

    /// Words below a point.
    mutating func drawLabel(_ label: String, at point: (x: Double, y: Double)) {
        parts.append(svgText(across(point.x) + 2, up(point.y) + 16, label, anchor: "middle", style: "faint"))
    }

    var figure: String {
        svgFigure(title, description: description, width: Self.width, height: Self.height, parts: parts)
    }
}

/// Marks at multiples of 1, 2 or 5 times a power of ten, about so many; labels with the digits that tell them apart.
func ticks(in range: ClosedRange<Double>, about count: Int) -> [(value: Double, label: String)] {
    let rough = (range.upperBound - range.lowerBound) / Double(max(count, 1))
    guard rough > 0, rough.isFinite else { return [] }
    var step = 1.0, decimals = 0
    while step > rough { step /= 10; decimals += 1 }
    while step * 10 <= rough { step *= 10; decimals -= 1 }
    // Up to the next of 1, 2, 5 and 10, so that there are never more than asked for.
    switch rough / step {
    case ...1: break
    case ...2: step *= 2
    case ...5: step *= 5
    default: step *= 10; decimals -= 1
    }
    let first = (range.lowerBound / step).rounded(.up), last = (range.upperBound / step).rounded(.down)
    guard last >= first, last - first < 100 else { return [] }
    return (0...Int(last - first)).map { index in
        let value = (first + Double(index)) * step
        return (value, fixed(value == 0 ? 0 : value, decimals: max(decimals, 0)))
    }
}

/// A picture as a figure: title and description for a screen reader, and below it as the caption.
/// - isPlain: the picture says in words what the description does: the caption is the title alone, above it.
func svgFigure(
    _ title: String, description: String, width: Double, height: Double, isPlain: Bool = false, parts: [String]
) -> String {
    let caption = "<figcaption><b>\(escaped(title)).</b>\(isPlain ? "" : " " + escaped(description))</figcaption>"
    return """
    <figure>\(isPlain ? caption : "")<svg viewBox="0 0 \(Int(width)) \(Int(height))" role="img">
    <title>\(escaped(title))</title><desc>\(escaped(description))</desc>
    \(parts.joined(separator: "\n"))
    </svg>\(isPlain ? "" : caption)</figure>
    """
}

func svgLine(_ x1: Double, _ y1: Double, _ x2: Double, _ y2: Double, _ style: String) -> String {
    "<line class=\"\(style)\" x1=\"\(tenths(x1))\" y1=\"\(tenths(y1))\" x2=\"\(tenths(x2))\" y2=\"\(tenths(y2))\"/>"
}

func svgText(_ x: Double, _ y: Double, _ content: String, anchor: String, style: String? = nil) -> String {
    let kind = style.map { " class=\"\($0)\"" } ?? ""
    return "<text x=\"\(tenths(x))\" y=\"\(tenths(y))\" text-anchor=\"\(anchor)\"\(kind)>\(escaped(content))</text>"
}

/// One decimal: a tenth of a unit is below what a screen shows.
func tenths(_ value: Double) -> String { String((value * 10).rounded() / 10) }

/// So many decimals, whatever the size; never "-0.00".
func fixed(_ value: Double, decimals: Int) -> String {
    var scale = 1.0
    for _ in 0..<min(max(decimals, 0), 9) { scale *= 10 }
    let units = (abs(value) * scale).rounded()
    guard units.isFinite, units < 1e15 else { return String(value) }
    let digits = String(Int(units)), count = min(max(decimals, 0), 9)
    let padded = String(repeating: "0", count: max(0, count + 1 - digits.count)) + digits
    let sign = value < 0 && units > 0 ? "−" : ""
    return count == 0 ? sign + padded : sign + padded.dropLast(count) + "." + padded.suffix(count)
}

/// A number in about three figures for a chart.
func short(_ value: Double) -> String {
    let size = abs(value)
    return fixed(value, decimals: size >= 100 ? 0 : size >= 10 ? 1 : size >= 0.1 || size < 5e-5 ? 2 : 4)
}
