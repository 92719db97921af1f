/// Values as horizontal bars, a labelled row each: names of any length fit on a phone. Knows no second axis.

struct RowChart {
    struct Row {
        var name: String
        var value: Double
        /// The value in words, at the right.
        var words: String
        var interval: ClosedRange<Double>?
        /// What there would be with nothing to find.
        var null: Double?
        var colour: String
    }

    private static let width = 360.0, left = 2.0, right = 350.0, rowHeight = 34.0, barHeight = 9.0

    var title: String
    var description: String
    var rows: [Row]
    /// Where bars begin and what the scale must hold.
    var range: ClosedRange<Double>
    /// Whether the scale is written below.
    var hasAxis = true

    private func across(_ value: Double) -> Double {
        let span = range.upperBound - range.lowerBound
        let share = span > 0 ? (value - range.lowerBound) / span : 0
        return Self.left + min(max(share, 0), 1) * (Self.right - Self.left)
    }

    var figure: String {
        let bottom = 4 + Double(rows.count) * Self.rowHeight
        var parts: [String] = []
        if hasAxis {
            for tick in ticks(in: range, about: 5) {
                parts.append(svgLine(across(tick.value), 4, across(tick.value), bottom, "grid"))
                // The first and last labels stay inside the picture.
                let at = min(max(across(tick.value), 10), Self.width - 14)
                parts.append(svgText(at, bottom + 15, tick.label, anchor: "middle", style: "faint"))
            }
        }
        let zero = across(min(max(0, range.lowerBound), range.upperBound))
        for (index, row) in rows.enumerated() {
            let top = 4 + Double(index) * Self.rowHeight, bar = top + 18
            parts.append(svgText(Self.left, top + 12, row.name, anchor: "start"))
            parts.append(svgText(Self.right, top + 12, row.words, anchor: "end", style: "number"))
            let end = across(row.value)
            parts.append(
                "<rect class=\"track\" x=\"\(tenths(Self.left))\" y=\"\(tenths(bar))\" "
                    + "width=\"\(tenths(Self.right - Self.left))\" height=\"\(tenths(Self.barHeight))\" rx=\"2\"/>"
                    + "<rect x=\"\(tenths(min(zero, end)))\" y=\"\(tenths(bar))\" width=\"\(tenths(max(abs(end - zero), 1)))\" "
                    + "height=\"\(tenths(Self.barHeight))\" rx=\"2\" fill=\"\(row.colour)\"/>")
            let middle = bar + Self.barHeight / 2
            if let interval = row.interval {
                let (low, high) = (across(interval.lowerBound), across(interval.upperBound))
                parts.append(svgLine(low, middle, high, middle, "whisker"))
                for at in [low, high] { parts.append(svgLine(at, middle - 3, at, middle + 3, "whisker")) }
            }
            if let null = row.null {
                parts.append(svgLine(across(null), bar - 3, across(null), bar + Self.barHeight + 3, "null"))
            }
        }
        return svgFigure(
            title, description: description, width: Self.width, height: bottom + (hasAxis ? 22 : 4), isPlain: true,
            parts: parts)
    }
}
