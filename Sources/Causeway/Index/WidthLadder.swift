/// The widths that a measurement tries: each a quarter wider than the one before, without those that the widths measured so far
/// rule out by far. Searches nothing itself.
///
/// What a search misses falls about as a power of its width. The power is read off the first and the last width measured and
/// taken a quarter steeper, and a width is passed over where even so twice as much would be missed as may be: little is left out
/// that would have sufficed, and what is kept was measured in any case.
import Foundation

struct WidthLadder {
    private static let widthMax = 8_192
    /// Until two widths are measured.
    private static let usualPower = -1.0

    private var width: Int
    private var first: (width: Double, loss: Double)?
    private var last: (width: Double, loss: Double)?

    init(from least: Int) { width = least }

    /// The next width to measure for a recall; nil where there is none left.
    mutating func next(for recall: Double) -> Int? {
        guard width <= Self.widthMax else { return nil }
        while wider <= Self.widthMax, likelyLoss > 2 * (1 - recall) { width = wider }
        defer { width = wider }
        return width
    }

    private var wider: Int { max(width + 2, width * 5 / 4) }

    /// - loss: the share of the best that searches of the width missed.
    mutating func note(_ width: Int, loss: Double) {
        last = (Double(width), max(loss, 1e-6))
        if first == nil { first = last }
    }

    /// At the width, at the least.
    private var likelyLoss: Double {
        guard let first, let last else { return 0 }
        var power = Self.usualPower
        if last.width > 1.5 * first.width, last.loss < first.loss {
            power = min(log(last.loss / first.loss) / log(last.width / first.width), power / 2)
        }
        return last.loss * pow(Double(width) / last.width, power * 5 / 4)
    }
}
