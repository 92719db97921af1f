/// A parsed filter in the terms of storage. One case for one; the two trees differ in their module only.
import Storage

/// - Throws: `.badFilter` with the column.
func predicate(parsing filter: String) throws(CausewayError) -> Predicate {
    do throws(FilterError) {
        return try FilterExpression(parsing: filter).predicate
    } catch {
        throw .badFilter(expression: filter, column: error.column, reason: error.reason)
    }
}

extension FilterExpression {
    var predicate: Predicate {
        switch self {
        case .and(let parts): .and(parts.map(\.predicate))
        case .or(let parts): .or(parts.map(\.predicate))
        case .not(let part): .not(part.predicate)
        case .compare(let field, let comparison, let value): .compare(field.stored, comparison.stored, value.stored)
        case .among(let field, let values): .among(field.stored, values.map(\.stored))
        case .like(let field, let pattern): .like(field.stored, pattern)
        case .contains(let field, let value): .contains(field.stored, value.stored)
        case .isNull(let field): .isNull(field.stored)
        case .isTrue(let field): .isTrue(field.stored)
        }
    }
}

extension FilterField {
    fileprivate var stored: Predicate.Field {
        switch self {
        case .id: .id
        case .item: .item
        case .attribute(let path): .attribute(path)
        }
    }
}

extension FilterComparison {
    fileprivate var stored: Predicate.Comparison {
        switch self {
        case .eq: .eq
        case .ne: .ne
        case .lt: .lt
        case .le: .le
        case .gt: .gt
        case .ge: .ge
        }
    }
}

extension FilterValue {
    fileprivate var stored: Predicate.Value {
        switch self {
        case .text(let text): .text(text)
        case .integer(let integer): .integer(integer)
        case .real(let real): .real(real)
        case .bool(let bool): .bool(bool)
        }
    }
}
