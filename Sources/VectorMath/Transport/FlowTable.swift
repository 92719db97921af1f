/// The cells of a transport plan that carry mass, listed by column. Knows no costs.

/// Singly linked lists over a pool: columns carry few rows each in a basic solution.
struct FlowTable {
    /// Index of a node of the pool; `none` ends a list.
    typealias Node = Int32
    static let none: Node = -1

    // The kernel reads these three: see TransportTree.
    private(set) var heads: WorkArray<Node>
    private(set) var rows: WorkArray<Int32>
    private(set) var nexts: WorkArray<Node>
    private(set) var columns = 0
    private var masses: WorkArray<Int64>
    private var used = 0
    private var free = Self.none

    init(columns: Int, capacity: Int) {
        heads = WorkArray(columns, filledWith: Self.none)
        rows = WorkArray(capacity, filledWith: 0)
        nexts = WorkArray(capacity, filledWith: Self.none)
        masses = WorkArray(capacity, filledWith: 0)
    }

    /// Empties the lists of the first `columns` columns.
    mutating func reset(columns: Int) {
        if columns > heads.capacity { heads = WorkArray(columns, filledWith: Self.none) }
        heads.fill(columns, with: Self.none)
        self.columns = columns
        used = 0
        free = Self.none
    }

    @inline(__always) func first(_ column: Int) -> Node { heads[column] }
    @inline(__always) func next(_ node: Node) -> Node { nexts[Int(node)] }
    @inline(__always) func row(_ node: Node) -> Int { Int(rows[Int(node)]) }
    @inline(__always) func mass(_ node: Node) -> Int64 { masses[Int(node)] }

    /// Adds mass to a cell, whether or not it carries some already.
    mutating func add(_ mass: Int64, row: Int, column: Int) {
        var node = heads[column]
        while node != Self.none {
            if self.row(node) == row {
                masses[Int(node)] += mass
                return
            }
            node = next(node)
        }
        insert(mass, row: row, column: column)
    }

    /// Adds a cell known to carry none.
    mutating func insert(_ mass: Int64, row: Int, column: Int) {
        var node = free
        if node != Self.none {
            free = next(node)
        } else {
            if used == rows.capacity { grow() }
            node = Node(used)
            used += 1
        }
        rows[Int(node)] = Int32(row)
        masses[Int(node)] = mass
        nexts[Int(node)] = heads[column]
        heads[column] = node
    }

    /// Takes mass from a node of a column; returns whether none is left, in which case the node is gone.
    mutating func take(_ mass: Int64, from node: Node, column: Int) -> Bool {
        masses[Int(node)] -= mass
        precondition(masses[Int(node)] >= 0, "a cell gave more mass than it had")
        guard masses[Int(node)] == 0 else { return false }
        let after = next(node)
        if heads[column] == node {
            heads[column] = after
        } else {
            var before = heads[column]
            while next(before) != node { before = next(before) }
            nexts[Int(before)] = after
        }
        nexts[Int(node)] = free
        free = node
        return true
    }

    private mutating func grow() {
        let capacity = max(16, rows.capacity * 2)
        rows = Self.enlarged(rows, capacity, 0)
        nexts = Self.enlarged(nexts, capacity, Self.none)
        masses = Self.enlarged(masses, capacity, 0)
    }

    private static func enlarged<T>(_ old: WorkArray<T>, _ capacity: Int, _ value: T) -> WorkArray<T> {
        let new = WorkArray(capacity, filledWith: value)
        new.copy(old.capacity, from: old)
        return new
    }
}
