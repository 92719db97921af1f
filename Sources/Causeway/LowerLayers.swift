/// What the executable needs of the layers below by name: it imports Causeway only.
import Platform
import VectorMath

/// The flag that stops long work.
package typealias Cancellation = Platform.Cancellation

/// Random numbers that follow from a seed.
package typealias SeededRandom = VectorMath.SeededRandom

/// See Platform: for executables.
package func returnLargeBlocks() { Platform.returnLargeBlocks() }
