/// Binary search, once for all that is in order. Compares nothing itself.

extension RandomAccessCollection {
    /// The first place whose element is in the second part, which `isSecond` is true of, as of all after it; the end where there
    /// is none. O(log n).
    @inlinable package func partitioningIndex(where isSecond: (Element) -> Bool) -> Index {
        var low = startIndex, count = self.count
        while count > 0 {
            let middle = index(low, offsetBy: count / 2)
            if isSecond(self[middle]) {
                count /= 2
            } else {
                low = index(after: middle)
                count -= count / 2 + 1
            }
        }
        return low
    }
}

extension RandomAccessCollection where Element: Comparable {
    /// Where an element stands among ascending ones; nil where it is not. O(log n).
    @inlinable package func place(of element: Element) -> Index? {
        let place = partitioningIndex { $0 >= element }
        return place < endIndex && self[place] == element ? place : nil
    }
}
