/// Helps with words a user mistyped: the nearest known spelling, and a safe way to show what was typed.
/// Levenshtein's distance with the transposition of neighbours (optimal string alignment).

/// The candidate nearest to `word`, if it is near enough to be a slip: about a third of the letters wrong, at most three.
func nearest(to word: String, among candidates: [String]) -> String? {
    guard word.count <= 64 else { return nil }
    let typed = Array(word.lowercased())
    var best: (distance: Int, candidate: String)?
    for candidate in candidates {
        let target = Array(candidate.lowercased())
        let allowed = min(3, max(1, (max(typed.count, target.count) + 1) / 3))
        var distance = editDistance(typed, target)
        // A word typed in part (`--metadat`, `--coll`) is a slip too.
        if typed.count >= 3, target.starts(with: typed) { distance = min(distance, allowed) }
        if distance <= allowed, distance < best?.distance ?? .max { best = (distance, candidate) }
    }
    return best?.candidate
}

func editDistance(_ one: [Character], _ other: [Character]) -> Int {
    var previous: [Int] = []
    var current = Array(0...other.count)
    for row in one.indices {
        let beforePrevious = previous
        previous = current
        current[0] = row + 1
        for column in other.indices {
            let substitution = previous[column] + (one[row] == other[column] ? 0 : 1)
            current[column + 1] = min(substitution, previous[column + 1] + 1, current[column] + 1)
            if row > 0, column > 0, one[row] == other[column - 1], one[row - 1] == other[column] {
                current[column + 1] = min(current[column + 1], beforePrevious[column - 1] + 1)
            }
        }
    }
    return current[other.count]
}

/// The text in single quotes, on one line whatever it holds, and not longer than a message bears.
package func quoted(_ text: String) -> String {
    let shown = oneLine(text)
    return shown.count > 80 ? "'\(shown.prefix(77))...'" : "'\(shown)'"
}

/// The text with control characters spelt out, so that a message stays one line and a terminal obeys nothing in it.
package func oneLine(_ text: String) -> String {
    var shown = ""
    for scalar in text.unicodeScalars {
        switch scalar {
        case "\n": shown += "\\n"
        case "\r": shown += "\\r"
        case "\t": shown += "\\t"
        default:
            let isControl = scalar.properties.generalCategory == .control
            if isControl { shown += "\\u{\(String(scalar.value, radix: 16))}" } else { shown.unicodeScalars.append(scalar) }
        }
    }
    return shown
}
