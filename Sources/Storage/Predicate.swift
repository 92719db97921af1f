/// Filters over metadata, as a tree. Two-valued: a leaf is false where its attribute is missing, null, or of another type
/// than the value; `not` is the complement. Not a language: the parser is above.
import Platform

package indirect enum Predicate: Sendable, Equatable {
    /// Names are told apart by their bytes, as paths are.
    package enum Field: Sendable, Hashable {
        case id, item
        /// Names from the outside in: `["author", "name"]`.
        case attribute([String])

        package static func == (a: Field, b: Field) -> Bool {
            switch (a, b) {
            case (.id, .id), (.item, .item): true
            case (.attribute(let a), .attribute(let b)): a.elementsEqual(b) { $0.hasSameBytes(as: $1) }
            default: false
            }
        }

        package func hash(into hasher: inout Hasher) {
            switch self {
            case .id: hasher.combine(0)
            case .item: hasher.combine(1)
            case .attribute(let names): hasher.combine(names.map(ExactText.init))
            }
        }
    }

    package enum Comparison: String, Sendable, CaseIterable {
        case eq = "=", ne = "<>", lt = "<", le = "<=", gt = ">", ge = ">="
    }

    package enum Value: Sendable, Equatable {
        /// Ordered by UTF-8 bytes.
        case text(String)
        /// Integers and reals compare by numeric value, exactly.
        case integer(Int64)
        case real(Double)
        case bool(Bool)
    }

    /// True when empty.
    case and([Predicate])
    /// False when empty.
    case or([Predicate])
    case not(Predicate)
    case compare(Field, Comparison, Value)
    case among(Field, [Value])
    /// SQLite's LIKE on texts: % and _, without case for ASCII letters. At most `StorageLimits.patternBytesMax` bytes.
    case like(Field, String)
    /// The attribute is an array and has this member.
    case contains(Field, Value)
    /// Missing or null.
    case isNull(Field)
    /// The boolean true.
    case isTrue(Field)
}

extension Predicate {
    /// Junctions and complements inside one another: a bound on the stack of whoever walks the tree.
    package static let levelsMax = 256

    /// Whether patterns are no longer, and levels no more, than storage takes. Who makes predicates sees to that.
    func isWithinLimits(levels: Int = Predicate.levelsMax) -> Bool {
        switch self {
        case .and(let parts), .or(let parts): levels > 0 && parts.allSatisfy { $0.isWithinLimits(levels: levels - 1) }
        case .not(let inner): levels > 0 && inner.isWithinLimits(levels: levels - 1)
        case .like(_, let pattern): pattern.utf8.count <= StorageLimits.patternBytesMax
        default: true
        }
    }
}
