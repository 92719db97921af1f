// Seeded random numbers for this module's tests. Not a source of good randomness.
import VectorMath

extension SeededRandom {
    init(_ seed: UInt64) { self.init(seed: seed) }

    /// Uniform in [−1, 1).
    mutating func floats(_ count: Int) -> [Float] { (0..<count).map { _ in Float.random(in: -1..<1, using: &self) } }

    mutating func doubles(_ count: Int) -> [Double] { (0..<count).map { _ in Double.random(in: 0..<1, using: &self) } }
}
