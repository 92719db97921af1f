/// The flag that stops long work, for callers above this module: they import Causeway only.
import Platform

package typealias Cancellation = Platform.Cancellation
