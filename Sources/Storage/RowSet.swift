/// Some rows, or all but some, as ascending lists that AND, OR and NOT join in one pass. Knows nothing of what the rows mean.

package enum RowSet: Sendable, Equatable {
    case only([Int64])
    /// What this leaves is known once somebody says what there is.
    case allBut([Int64])

    package static let none = RowSet.only([]), all = RowSet.allBut([])

    package var complement: RowSet {
        switch self {
        case .only(let rows): .allBut(rows)
        case .allBut(let rows): .only(rows)
        }
    }

    package func intersection(_ other: RowSet) -> RowSet {
        switch (self, other) {
        case (.only(let a), .only(let b)): .only(merged(a, b) { $0 && $1 })
        case (.only(let a), .allBut(let b)): .only(merged(a, b) { $0 && !$1 })
        case (.allBut(let a), .only(let b)): .only(merged(a, b) { !$0 && $1 })
        case (.allBut(let a), .allBut(let b)): .allBut(merged(a, b) { $0 || $1 })
        }
    }

    package func union(_ other: RowSet) -> RowSet { complement.intersection(other.complement).complement }

    /// The rows of the set among those there are, which are ascending.
    package func rows(among all: @autoclosure () throws(StorageError) -> [Int64]) throws(StorageError) -> [Int64] {
        switch self {
        case .only(let rows): rows
        case .allBut(let rows): merged(try all(), rows) { $0 && !$1 }
        }
    }
}

/// The numbers that `keep` wants, told which of two ascending lists they are in. O(|a| + |b|).
private func merged(_ a: [Int64], _ b: [Int64], _ keep: (_ inA: Bool, _ inB: Bool) -> Bool) -> [Int64] {
    var found: [Int64] = []
    found.reserveCapacity(max(a.count, b.count))
    var i = 0, j = 0
    while i < a.count || j < b.count {
        let inA = j == b.count || (i < a.count && a[i] <= b[j])
        let inB = i == a.count || (j < b.count && b[j] <= a[i])
        if keep(inA, inB) { found.append(inA ? a[i] : b[j]) }
        if inA { i += 1 }
        if inB { j += 1 }
    }
    return found
}

/// The numbers in ascending order, each once: O(n) where they are so already, O(n + range / 64) by bits where they lie close
/// together, as rows do, otherwise O(n log n).
package func ascending(_ numbers: [Int64]) -> [Int64] {
    guard let first = numbers.first else { return [] }
    var low = first, high = first, isAscending = true, last = first
    for number in numbers.dropFirst() {
        isAscending = isAscending && number > last
        (low, high, last) = (min(low, number), max(high, number), number)
    }
    if isAscending { return numbers }
    let (range, isHuge) = high.subtractingReportingOverflow(low)
    guard !isHuge, range / 64 <= numbers.count else {
        var sorted = numbers.sorted()
        sorted.removeRepeats()
        return sorted
    }
    var bits = [UInt64](repeating: 0, count: Int(range / 64) + 1)
    for number in numbers { bits[Int((number - low) >> 6)] |= 1 << UInt64((number - low) & 63) }
    var found: [Int64] = []
    found.reserveCapacity(numbers.count)
    for (place, word) in bits.enumerated() {
        var left = word
        while left != 0 {
            found.append(low + Int64(place << 6 + left.trailingZeroBitCount))
            left &= left - 1
        }
    }
    return found
}

extension [Int64] {
    /// Keeps the first of equal neighbours.
    fileprivate mutating func removeRepeats() {
        var kept = 0
        for number in self where kept == 0 || self[kept - 1] != number {
            self[kept] = number
            kept += 1
        }
        removeSubrange(kept...)
    }
}
