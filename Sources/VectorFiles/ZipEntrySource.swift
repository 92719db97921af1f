/// The bytes of one zip entry, with its CRC-32 compared when the end is reached.
import Synchronization

private func checksumMismatch(_ path: String) -> VectorFileError {
    VectorFileError(
        file: path, reason: "the array's CRC-32 differs from the one in the zip directory: the file is damaged",
        remedy: "write or copy the file again")
}

/// A stored entry, read at any offset. Its checksum is compared when reads have covered it from start to end in order
/// (with overlaps, not gaps): a random read must not cost the whole file.
final class StoredEntrySource: ByteSource {
    private let data: SliceSource
    private let crc: UInt32
    private struct State { var covered = 0, crc = CRC32() }
    private let state = Mutex(State())

    init(_ data: SliceSource, crc: UInt32) {
        self.data = data
        self.crc = crc
    }

    var path: String { data.path }
    var size: Int? { data.size }
    var isSequential: Bool { false }

    func read(_ count: Int, at offset: Int) throws(VectorFileError) -> [UInt8] {
        let bytes = try data.read(count, at: offset)
        let end = offset + bytes.count
        try state.withLock { state throws(VectorFileError) in
            guard offset <= state.covered, end > state.covered else { return }
            state.crc.update(bytes, from: state.covered - offset)
            state.covered = end
            if end == data.size, state.crc.value != crc { throw checksumMismatch(path) }
        }
        return bytes
    }
}

/// A deflated entry, read forward only; offsets skipped are decompressed and checked all the same.
final class DeflatedEntrySource: ByteSource {
    private let data: SliceSource
    private let total: Int
    private let crc: UInt32
    private struct State { var inflater = Inflater(), crc = CRC32(), position = 0, pending: [UInt8] = [], used = 0 }
    private let state = Mutex(State())

    init(_ data: SliceSource, size: Int, crc: UInt32) {
        self.data = data
        total = size
        self.crc = crc
    }

    var path: String { data.path }
    var size: Int? { total }
    var isSequential: Bool { true }

    func read(_ count: Int, at offset: Int) throws(VectorFileError) -> [UInt8] {
        try state.withLock { state throws(VectorFileError) in
            guard offset >= state.position else { throw outOfOrder(path) }
            var result: [UInt8] = []
            let end = min(offset + count, total)
            while state.position < end {
                if state.used == state.pending.count { try refill(&state) }
                let available = state.pending.count - state.used
                if state.position < offset {
                    let skipped = min(offset - state.position, available)
                    state.used += skipped
                    state.position += skipped
                } else {
                    let taken = min(end - state.position, available)
                    result += state.pending[state.used..<state.used + taken]
                    state.used += taken
                    state.position += taken
                }
            }
            return result
        }
    }

    /// Decompresses the next part; at the end compares length and checksum.
    private func refill(_ state: inout State) throws(VectorFileError) {
        do throws(InflateFault) {
            state.pending = try state.inflater.next { (offset) throws(InflateFault) in
                do throws(VectorFileError) { return try data.read(256 << 10, at: offset) } catch { throw .source(error) }
            }
        } catch {
            switch error {
            case .source(let error): throw error
            case .data(let reason): throw .malformed(path, "the compressed array is damaged: \(reason)")
            }
        }
        state.used = 0
        state.crc.update(state.pending, from: 0)
        let produced = state.inflater.produced
        guard produced <= total, !state.pending.isEmpty else {
            throw .malformed(path, "the compressed array's length differs from the \(total) bytes the directory claims")
        }
        guard produced == total else { return }
        if state.crc.value != crc { throw checksumMismatch(path) }
    }
}

/// CRC-32 as zip uses it (reflected polynomial 0xEDB88320), eight bytes a step.
package struct CRC32: Sendable {
    private var register: UInt32 = 0xFFFF_FFFF

    package init() {}

    package var value: UInt32 { ~register }

    /// table[k * 256 + b] is the effect of byte b followed by k zero bytes.
    private static let table: [UInt32] = {
        var table = [UInt32](repeating: 0, count: 8 * 256)
        for byte in 0..<256 {
            var value = UInt32(byte)
            for _ in 0..<8 { value = value & 1 == 1 ? value >> 1 ^ 0xEDB8_8320 : value >> 1 }
            table[byte] = value
        }
        for index in 256..<8 * 256 {
            let before = table[index - 256]
            table[index] = before >> 8 ^ table[Int(before & 255)]
        }
        return table
    }()

    package mutating func update(_ bytes: [UInt8], from start: Int) {
        let table = Self.table.span, bytes = bytes.span
        var crc = register
        var index = start
        while index + 8 <= bytes.count {
            let low = UInt32(bytes[index]) | UInt32(bytes[index + 1]) << 8 | UInt32(bytes[index + 2]) << 16
                | UInt32(bytes[index + 3]) << 24
            let word = crc ^ low
            let first = table[1792 + Int(word & 255)] ^ table[1536 + Int(word >> 8 & 255)]
                ^ table[1280 + Int(word >> 16 & 255)] ^ table[1024 + Int(word >> 24)]
            let second = table[768 + Int(bytes[index + 4])] ^ table[512 + Int(bytes[index + 5])]
                ^ table[256 + Int(bytes[index + 6])] ^ table[Int(bytes[index + 7])]
            crc = first ^ second
            index += 8
        }
        while index < bytes.count {
            crc = crc >> 8 ^ table[Int((crc ^ UInt32(bytes[index])) & 255)]
            index += 1
        }
        register = crc
    }
}
