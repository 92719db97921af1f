/// A filter over metadata, id and item as a tree. Evaluates nothing: storage does, with bound values, never as pasted SQL.
/// Two-valued logic: a leaf is false where the attribute is missing, null or of another type, and NOT is the complement.
import Storage

package indirect enum FilterExpression: Sendable, Equatable {
    /// At least two operands.
    case and([FilterExpression])
    /// At least two operands.
    case or([FilterExpression])
    case not(FilterExpression)
    case compare(FilterField, FilterComparison, FilterValue)
    /// Equal to one of at least one value.
    case among(FilterField, [FilterValue])
    /// SQL's LIKE: `%` any text, `_` any character.
    case like(FilterField, String)
    /// An array attribute that holds the value.
    case contains(FilterField, FilterValue)
    case isNull(FilterField)
    /// An attribute that is the boolean true.
    case isTrue(FilterField)
}

package enum FilterField: Sendable, Hashable {
    /// The embedding's identifier.
    case id
    /// The item that the embedding shows.
    case item
    /// A path of keys into the metadata object.
    case attribute([String])
}

package enum FilterComparison: String, Sendable, CaseIterable {
    case eq = "="
    case ne = "<>"
    case lt = "<"
    case le = "<="
    case gt = ">"
    case ge = ">="

    /// The comparison with its sides exchanged.
    package var mirrored: FilterComparison {
        switch self {
        case .eq, .ne: self
        case .lt: .gt
        case .le: .ge
        case .gt: .lt
        case .ge: .le
        }
    }
}

package enum FilterValue: Sendable, Equatable {
    case text(String)
    case integer(Int64)
    /// Finite.
    case real(Double)
    case bool(Bool)
}

/// A filter that cannot be read: where, and what was expected there.
package struct FilterError: Error, Equatable, Sendable, CustomStringConvertible {
    /// Counted from 1 in Unicode scalars.
    package var column: Int
    package var reason: String

    package var description: String { "column \(column): \(reason)" }
}

extension FilterExpression {
    /// Longer texts are refused, in bytes of UTF-8. Ten thousand ids fit, and as many values as fit are taken.
    package static let textBytesMax = 262_144
    /// Parentheses and NOTs inside one another, each at most two levels of the tree: a bound on the stack of whatever walks it.
    package static let depthMax = 100
    /// Longer patterns of LIKE are refused, in bytes of UTF-8.
    package static let patternBytesMax = StorageLimits.patternBytesMax

    /// Reads `license = 'cc-by' AND year >= 2019 AND NOT archived`.
    package init(parsing text: String) throws(FilterError) {
        self = try FilterParser.parse(text)
    }
}
