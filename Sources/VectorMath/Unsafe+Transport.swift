/// Memory of the transport solver and its calls into the C kernels.
/// Invariants: every subscript is checked against the capacity; a buffer lives as long as the object that owns it and is
/// used by one thread at a time; sizes handed to C are checked here against the capacities of the buffers.
import CKernels

/// Plain numbers at a fixed address, aligned for vectors. A reference, so that solver state can be handed on without copies.
@safe final class WorkArray<Element: BitwiseCopyable> {
    let capacity: Int
    private let base: UnsafeMutablePointer<Element>
    private let memory: UnsafeMutableRawPointer

    /// Holds `capacity` copies of `value`.
    init(_ capacity: Int, filledWith value: Element) {
        self.capacity = capacity
        let bytes = max(capacity, 1) * MemoryLayout<Element>.stride
        unsafe memory = .allocate(byteCount: bytes, alignment: 64)
        unsafe base = memory.bindMemory(to: Element.self, capacity: capacity)
        unsafe base.initialize(repeating: value, count: capacity)
    }

    /// Holds numbers that are undefined until they are written.
    init(undefined capacity: Int) {
        self.capacity = capacity
        let bytes = max(capacity, 1) * MemoryLayout<Element>.stride
        unsafe memory = .allocate(byteCount: bytes, alignment: 64)
        unsafe base = memory.bindMemory(to: Element.self, capacity: capacity)
    }

    deinit { unsafe memory.deallocate() }

    subscript(index: Int) -> Element {
        @inline(__always) get {
            precondition(index >= 0 && index < capacity, "index outside the work array")
            return unsafe base[index]
        }
        @inline(__always) set {
            precondition(index >= 0 && index < capacity, "index outside the work array")
            unsafe base[index] = newValue
        }
    }

    func fill(_ count: Int, with value: Element) {
        precondition(count <= capacity, "filling past the end")
        unsafe base.update(repeating: value, count: count)
    }

    func copy(_ count: Int, from other: WorkArray) {
        precondition(count <= capacity && count <= other.capacity, "copying past the end")
        unsafe base.update(from: other.base, count: count)
    }

    @inline(__always) func pointer(_ count: Int, from start: Int = 0) -> UnsafeMutablePointer<Element> {
        precondition(start >= 0 && count >= 0 && start + count <= capacity, "range outside the work array")
        return unsafe base + start
    }
}

/// A matrix of ground costs, reused from one problem to the next. Padding columns hold +infinity.
@safe package final class CostMatrix {
    package var rows: Int { shape.rows }
    package var columns: Int { shape.columns }
    /// Columns rounded up to whole vectors.
    var stride: Int { shape.stride }
    /// Not visible outside the module: whoever sees a property of a class may hold it, and each use of it would be checked.
    private var shape = (rows: 0, columns: 0, stride: 0)
    private(set) var cells = WorkArray<Double>(0, filledWith: 0)

    /// Cells one matrix may have: 2 GiB.
    static let cellsMax = 1 << 28

    package init() {}

    var byteCount: Int { cells.capacity * MemoryLayout<Double>.stride }

    /// Takes a new shape; the contents are undefined until filled.
    func reshape(rows: Int, columns: Int) throws(TransportError) {
        guard rows > 0 else { throw .emptyTokenSet(.query) }
        guard columns > 0 else { throw .emptyTokenSet(.candidate) }
        let stride = (columns + 7) / 8 * 8
        let (size, overflow) = rows.multipliedReportingOverflow(by: stride)
        guard !overflow, size <= Self.cellsMax else { throw .tooManyTokens(rows: rows, columns: columns) }
        if size > cells.capacity { cells = WorkArray(undefined: cells.capacity == 0 ? size : size + size / 4) }
        shape = (rows, columns, stride)
    }

    package subscript(row: Int, column: Int) -> Double {
        precondition(row >= 0 && row < rows && column >= 0 && column < columns, "cell outside the matrix")
        return cells[row * stride + column]
    }

    func set(_ value: Double, row: Int, paddedColumn: Int) { cells[row * stride + paddedColumn] = value }

    /// Keeps some rows, ascending, in their order.
    func keepRows(_ kept: [Int]) {
        for (place, row) in kept.enumerated() where place != row {
            precondition(row > place && row < rows, "rows kept must ascend")
            for column in 0..<stride { cells[place * stride + column] = cells[row * stride + column] }
        }
        shape.rows = kept.count
    }

    /// Products of float32 tokens in float32, converted to costs in float64. With `transposed` rows are the packed tokens.
    func fill(_ tokens: TokenCloud, _ packed: PackedTokens, transposed: Bool) {
        let (left, right) = transposed ? (packed.cloud, tokens) : (tokens, packed.cloud)
        precondition(rows == left.count && columns == right.count && left.dimension == right.dimension, "shape differs")
        let out = unsafe cells.pointer(rows * stride)
        let centred = packed.centre.map { CentredTokens(tokens, $0) }
        unsafe tokens.values.withUnsafeBufferPointer { x in
            unsafe packed.cloud.values.withUnsafeBufferPointer { y in
                unsafe tokens.facts.withUnsafeBufferPointer { xs in
                    unsafe packed.panels.withUnsafeBufferPointer { panels in
                        unsafe packed.factorNorms.withUnsafeBufferPointer { factorNorms in
                            var pairs = unsafe ck_token_pairs(
                                ground: left.ground.kernel, transposed: transposed ? 1 : 0,
                                centred: centred == nil ? 0 : 1, x: x.baseAddress, y: y.baseAddress,
                                x_factors: x.baseAddress, y_panels: panels.baseAddress.map { unsafe $0 + packed.start },
                                x_factor_norms: xs.baseAddress, y_factor_norms: factorNorms.baseAddress,
                                x_crosses: xs.baseAddress.map { unsafe $0 + tokens.count }, x_count: tokens.count,
                                y_count: packed.cloud.count, dimension: left.dimension)
                            if let centred {
                                unsafe pairs.x_factors = UnsafePointer(centred.values.pointer(x.count))
                                unsafe pairs.x_factor_norms = UnsafePointer(centred.facts.pointer(tokens.count))
                                unsafe pairs.x_crosses = UnsafePointer(
                                    centred.facts.pointer(tokens.count, from: tokens.count))
                            }
                            unsafe ck_ground_costs(&pairs, out, stride)
                        }
                    }
                }
            }
        }
        withExtendedLifetime(centred) {}
    }

    // MARK: Steps of the solver

    /// Column duals near the optimal ones, into memory: nearer with each round.
    func openingDuals(_ memory: TransportMemory, rounds: Int32) {
        let scratch = memory.narrowCosts(ck_opening_scratch(rows, columns))
        unsafe ck_opening_duals(
            address, rows, columns, stride, rounds, scratch.pointer(scratch.capacity), memory.columnDuals.pointer(stride))
    }

    /// Assigns each row a column, beginning with the column duals in memory; returns the sum of the duals.
    func assign(_ memory: TransportMemory, threshold: Double) -> Double {
        var problem = unsafe ck_assignment()
        unsafe problem.costs = address
        unsafe (problem.count, problem.stride) = (rows, stride)
        unsafe problem.row_duals = memory.rowDuals.pointer(rows)
        unsafe problem.column_duals = memory.columnDuals.pointer(stride)
        unsafe problem.homes = memory.homes.pointer(rows)
        unsafe problem.owners = memory.owners.pointer(stride)
        unsafe problem.distances = memory.distances.pointer(stride)
        unsafe problem.open_duals = memory.openDuals.pointer(stride)
        unsafe problem.predecessors = memory.predecessors.pointer(stride)
        unsafe problem.column_places = memory.columnPlaces.pointer(stride)
        unsafe problem.row_places = memory.rowPlaces.pointer(rows)
        unsafe problem.settled_distances = memory.settledDistances.pointer(stride)
        unsafe problem.settled = memory.settled.pointer(stride)
        unsafe ck_assign(&problem, threshold)
        let value = unsafe problem.value
        precondition(!value.isNaN, "costs that are no numbers")
        return value
    }

    func reduceRows(_ duals: WorkArray<Double>?, minima: WorkArray<Double>, places: WorkArray<Int64>) {
        unsafe ck_reduce_rows(
            cells.pointer(rows * stride), rows, columns, stride, duals.map { unsafe UnsafePointer($0.pointer(stride)) },
            minima.pointer(rows), places.pointer(rows))
    }

    func reduceColumns(_ duals: WorkArray<Double>?, minima: WorkArray<Double>, places: WorkArray<Int64>) {
        unsafe ck_reduce_columns(
            cells.pointer(rows * stride), rows, columns, stride, duals.map { unsafe UnsafePointer($0.pointer(rows)) },
            minima.pointer(stride), places.pointer(stride))
    }

    /// Σ over columns of exp(minimum − (cost − dual)) for each row, after `reduceRows` with the same duals.
    func exponentialSumsOfRows(_ duals: WorkArray<Double>, minima: WorkArray<Double>, sums: WorkArray<Double>) {
        unsafe ck_exp_sum_rows(address, rows, stride, duals.pointer(stride), minima.pointer(rows), sums.pointer(rows))
    }

    /// Σ over rows of exp(minimum − (cost − dual)) for each column, after `reduceColumns` with the same duals.
    func exponentialSumsOfColumns(_ duals: WorkArray<Double>, minima: WorkArray<Double>, sums: WorkArray<Double>) {
        unsafe ck_exp_sum_columns(address, rows, stride, duals.pointer(rows), minima.pointer(stride), sums.pointer(stride))
    }

    fileprivate var address: UnsafePointer<Double> { unsafe UnsafePointer(cells.pointer(rows * stride)) }
}

/// The tree of shortest paths from one row, as the C kernel grows it. Its arrays are those of the solver's memory, which must
/// outlive it; the plan's may move between calls, so they are handed in anew.
@safe struct TransportTree {
    private var tree: ck_tree

    init(_ costs: CostMatrix, _ memory: TransportMemory) {
        let (rows, stride) = (costs.rows, costs.stride)
        unsafe tree = ck_tree()
        unsafe tree.costs = costs.address
        unsafe tree.stride = stride
        unsafe tree.demand = UnsafePointer(memory.demand.pointer(stride))
        unsafe tree.row_duals = UnsafePointer(memory.rowDuals.pointer(rows))
        unsafe tree.duals = memory.openDuals.pointer(stride)
        unsafe tree.distances = memory.distances.pointer(stride)
        unsafe tree.predecessors = memory.predecessors.pointer(stride)
        unsafe tree.heights = memory.heights.pointer(rows)
        unsafe tree.seen = memory.seenInSearch.pointer(rows)
        unsafe tree.entered_by = memory.enteredBy.pointer(rows)
        unsafe tree.entered_through = memory.enteredThrough.pointer(rows)
        unsafe tree.scanned = memory.scanned.pointer(rows)
        unsafe tree.offsets = memory.offsets.pointer(rows)
        unsafe tree.settled = memory.settled.pointer(stride)
        unsafe tree.settled_distances = memory.settledDistances.pointer(stride)
    }

    /// Rows in the tree; each enters once, so they never outnumber those of the problem.
    var scannedCount: Int {
        get { unsafe Int(tree.scanned_count) }
        set { unsafe tree.scanned_count = newValue }
    }

    var settledCount: Int {
        get { unsafe Int(tree.settled_count) }
        set { unsafe tree.settled_count = newValue }
    }

    /// Marks the rows that are in the tree; a new number empties it.
    var number: Int32 {
        get { unsafe tree.number }
        set { unsafe tree.number = newValue }
    }

    mutating func clear() {
        unsafe (tree.scanned_count, tree.relaxed_count, tree.settled_count) = (0, 0, 0)
    }

    /// Settles columns until one has demand, which it returns; nil if none can be reached.
    /// - Parameter last: the column settled last and its distance: its rows enter first.
    mutating func grow(
        _ flows: FlowTable, after last: (column: Int, distance: Double)?
    ) -> (column: Int, distance: Double)? {
        take(flows)
        var distance = last?.distance ?? 0
        let column = unsafe ck_grow(&tree, Int64(last?.column ?? -1), &distance)
        return column < 0 ? nil : (Int(column), distance)
    }

    mutating func enterRows(through column: Int, height: Double, _ flows: FlowTable) {
        take(flows)
        unsafe ck_enter_rows(&tree, Int64(column), height)
    }

    private mutating func take(_ flows: FlowTable) {
        unsafe tree.heads = UnsafePointer(flows.heads.pointer(flows.columns))
        unsafe tree.cell_rows = UnsafePointer(flows.rows.pointer(flows.rows.capacity))
        unsafe tree.nexts = UnsafePointer(flows.nexts.pointer(flows.nexts.capacity))
    }
}

extension GroundCost {
    var kernel: Int32 {
        switch self {
        case .cosine: Int32(CK_GROUND_COSINE.rawValue)
        case .euclidean: Int32(CK_GROUND_EUCLIDEAN.rawValue)
        case .squaredEuclidean: Int32(CK_GROUND_SQUARED_EUCLIDEAN.rawValue)
        }
    }
}

/// Of each token ‖x‖, off by at most 2⁻²¹ of itself, and behind these of each its cross (ck_transport.h); and the place of the
/// first that is not finite.
func tokenFacts(_ values: [Float], dimension: Int) -> (facts: [Double], nonFinite: Int?) {
    let count = values.count / dimension
    var finite = 0
    let facts = unsafe [Double](unsafeUninitializedCapacity: 2 * count) { facts, initialized in
        unsafe values.withUnsafeBufferPointer { x in
            guard let norms = facts.baseAddress else { return }
            finite = unsafe ck_token_norms(x.baseAddress, count, dimension, norms, norms + count)
        }
        initialized = 2 * count
    }
    return (facts, finite == count ? nil : finite)
}

/// Tokens less a centre; under cosine their directions less a centre. With norms and crosses, as clouds have them.
@safe private struct CentredTokens {
    /// count × dimension.
    let values: WorkArray<Float>
    let facts: WorkArray<Double>

    init(_ cloud: TokenCloud, _ centre: [Float]) {
        precondition(centre.count == cloud.dimension, "a centre of another dimension")
        (values, facts) = (WorkArray(undefined: cloud.values.count), WorkArray(undefined: 2 * cloud.count))
        unsafe cloud.values.withUnsafeBufferPointer { tokens in
            unsafe cloud.facts.withUnsafeBufferPointer { lengths in
                unsafe centre.withUnsafeBufferPointer { centre in
                    unsafe ck_centre_tokens(
                        tokens.baseAddress, cloud.ground == .cosine ? lengths.baseAddress : nil, cloud.count,
                        cloud.dimension, centre.baseAddress, values.pointer(tokens.count), facts.pointer(cloud.count),
                        facts.pointer(cloud.count, from: cloud.count))
                }
            }
        }
    }
}

/// Tokens arranged for the blocked product: 16 tokens to a panel, coordinate by coordinate. Made once for a query.
package struct PackedTokens: Sendable {
    package let cloud: TokenCloud
    /// What is taken from the tokens of both sides before they are multiplied; nil where these have little in common.
    let centre: [Float]?
    let panels: [Float]
    /// Where they begin: at an address for whole vectors, as long as the array is not copied. The numbers are right anyway.
    let start: Int
    /// Norms of what the panels hold, perhaps with more behind them.
    let factorNorms: [Double]

    package init(_ cloud: TokenCloud) {
        (self.cloud, centre) = (cloud, cloud.centre)
        guard let centre else {
            (panels, start) = unsafe cloud.values.withUnsafeBufferPointer { unsafe Self.packed($0.baseAddress, cloud) }
            factorNorms = cloud.facts
            return
        }
        let centred = CentredTokens(cloud, centre)
        (panels, start) = unsafe Self.packed(UnsafePointer(centred.values.pointer(cloud.values.count)), cloud)
        factorNorms = (0..<cloud.count).map { centred.facts[$0] }
    }

    @unsafe private static func packed(_ factors: UnsafePointer<Float>?, _ cloud: TokenCloud) -> ([Float], start: Int) {
        let panelTokens = Int(CK_PANEL), alignment = 64 / MemoryLayout<Float>.stride
        let size = (cloud.count + panelTokens - 1) / panelTokens * panelTokens * (cloud.dimension + 1)
        var start = 0
        let panels = unsafe [Float](unsafeUninitializedCapacity: size + alignment) { panels, initialized in
            guard let base = panels.baseAddress else { return }
            let past = Int(bitPattern: base) / MemoryLayout<Float>.stride % alignment
            start = past == 0 ? 0 : alignment - past
            unsafe panels.initialize(repeating: 0)
            unsafe ck_pack_panels(factors, cloud.count, cloud.dimension, base + start)
            initialized = size + alignment
        }
        return (panels, start)
    }
}
