/// Decoded vectors of rows that several searches ranked, so that repeated searches read nothing from SQLite. A row is an
/// immutable version, so what is here is never stale; whether a row is alive is for the search's own snapshot to say.
import Platform
import Synchronization

/// Safe to share between threads. Bounded by bytes; what was not used since the clock's hand last passed goes first.
package final class VectorCache: Sendable {
    package static let standardBytes = 64 << 20
    private static let shardCount = 16

    private let shards: [Shard]

    package init(byteLimit: Int = standardBytes) {
        shards = (0..<Self.shardCount).map { _ in Shard(byteLimit: max(byteLimit, 0) / Self.shardCount) }
    }

    private func shard(of row: Int64) -> Shard {
        // Neighbouring rows go to different shards, and so do rows a power of two apart.
        shards[Int(truncatingIfNeeded: (UInt64(bitPattern: row) &* 0x9E37_79B9_7F4A_7C15) >> 60)]
    }

    /// The vector of a row, or nil where it is not held. O(1).
    package func vector(of row: Int64) -> [Float]? { shard(of: row).state.withLock { $0.use(row) } }

    /// Takes note of a vector that was read, and holds it from its second reading on, letting others go where there is no
    /// room: what a large batch reads once neither pays for a copy nor pushes out what is used again and again.
    package func keep(_ vector: Span<Float>, of row: Int64) {
        shard(of: row).state.withLock { $0.keep(row, vector) }
    }

    package func removeAll() {
        for shard in shards { shard.state.withLock { $0.removeAll() } }
    }

    /// Bytes held, with an allowance for each entry's own.
    package var bytes: Int { shards.reduce(0) { $0 + $1.state.withLock { $0.bytes } } }
    package var count: Int { shards.reduce(0) { $0 + $1.state.withLock { $0.count } } }

    private final class Shard: Sendable {
        let state: Mutex<ClockEntries>
        init(byteLimit: Int) { state = Mutex(ClockEntries(byteLimit: byteLimit)) }
    }
}

/// Second-chance replacement: entries on a ring, a mark on those used since the hand passed; and a note of rows read once.
private struct ClockEntries: Sendable {
    private struct Entry {
        var row: Int64
        var values: [Float]
        var isUsed: Bool
        /// The array's header, the entry and its place in the table.
        var bytes: Int { values.count * MemoryLayout<Float>.stride + 96 }
    }

    /// Rows read once, each at the place its number gives it, where the next one overwrites it.
    private static let notedMax = 4_096

    private let byteLimit: Int
    private var noted = [Int64](repeating: .min, count: notedMax)
    private var places: [Int64: Int] = [:]
    private var ring: [Entry] = []
    private var hand = 0
    private(set) var bytes = 0
    var count: Int { ring.count }

    init(byteLimit: Int) { self.byteLimit = byteLimit }

    mutating func removeAll() { self = ClockEntries(byteLimit: byteLimit) }

    mutating func use(_ row: Int64) -> [Float]? {
        guard let place = places[row] else { return nil }
        ring[place].isUsed = true
        return ring[place].values
    }

    mutating func keep(_ row: Int64, _ vector: Span<Float>) {
        let note = Int(truncatingIfNeeded: (UInt64(bitPattern: row) &* 0x9E37_79B9_7F4A_7C15) >> 44) % Self.notedMax
        guard noted[note] == row else {
            noted[note] = row
            return
        }
        guard places[row] == nil else { return }
        let entry = Entry(row: row, values: Array(vector), isUsed: false)
        guard entry.bytes <= byteLimit else { return }
        while bytes + entry.bytes > byteLimit { evict() }
        bytes += entry.bytes
        places[row] = ring.count
        ring.append(entry)
    }

    /// Lets the first entry go that was not used since the hand was there; the last of the ring takes its place.
    private mutating func evict() {
        while true {
            if hand >= ring.count { hand = 0 }
            guard ring[hand].isUsed else { break }
            ring[hand].isUsed = false
            hand += 1
        }
        bytes -= ring[hand].bytes
        places[ring[hand].row] = nil
        let last = ring.removeLast()
        if hand < ring.count {
            ring[hand] = last
            places[last.row] = hand
        }
        hand += 1
    }
}
