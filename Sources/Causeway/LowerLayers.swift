/// Types of the layers below that the executable needs by name: it imports Causeway only.
import Platform
import VectorMath

/// The flag that stops long work.
package typealias Cancellation = Platform.Cancellation

/// Random numbers that follow from a seed.
package typealias SeededRandom = VectorMath.SeededRandom
