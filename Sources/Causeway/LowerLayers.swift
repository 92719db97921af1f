/// What the executable needs of the layers below by name: it imports Causeway only.
import Platform
import Storage
import VectorMath

/// Random numbers that follow from a seed.
package typealias SeededRandom = VectorMath.SeededRandom

/// Whether a collection or a modality can be called so.
package func isName(_ text: String) -> Bool { StorageLimits.nameFault(text) == nil }

/// See Platform: for executables.
package func returnLargeBlocks() { Platform.returnLargeBlocks() }
