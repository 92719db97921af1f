/// A small seeded generator (SplitMix64: Steele, Lea, Flood 2014): the same numbers on every machine. Not for secrets.
import Foundation

package struct SeededRandom: RandomNumberGenerator, Sendable {
    private var state: UInt64
    private var spareNormal: Double?

    package init(seed: UInt64) { state = seed }

    /// An independent stream for part `index` of a computation, so that parts can run in any order.
    package init(seed: UInt64, stream index: Int) {
        var mixer = SeededRandom(seed: seed ^ (UInt64(bitPattern: Int64(index)) &* 0xD1B5_4A32_D192_ED03))
        state = mixer.next()
    }

    package mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    /// In [0, 1).
    package mutating func uniform() -> Double { Double(next() >> 11) * 0x1p-53 }

    /// In 0..<bound, without modulo bias to speak of (multiply-high of 64 bits).
    package mutating func index(below bound: Int) -> Int {
        precondition(bound > 0, "an empty range has no index")
        return Int(next().multipliedFullWidth(by: UInt64(bound)).high)
    }

    /// Standard normal (Box–Muller).
    package mutating func normal() -> Double {
        if let spare = spareNormal { spareNormal = nil; return spare }
        let radius = (-2 * log(1 - uniform())).squareRoot(), angle = 2 * Double.pi * uniform()
        spareNormal = radius * sin(angle)
        return radius * cos(angle)
    }

    /// Fisher–Yates, spelled out so that the order never depends on the standard library's version.
    package mutating func shuffle<Element>(_ values: inout [Element]) {
        guard values.count > 1 else { return }
        for i in stride(from: values.count - 1, to: 0, by: -1) { values.swapAt(i, index(below: i + 1)) }
    }

    /// 0..<count in random order.
    package mutating func permutation(_ count: Int) -> [Int] {
        var indices = Array(0..<count)
        shuffle(&indices)
        return indices
    }
}
