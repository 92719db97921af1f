/// The directory of a zip file (APPNOTE 6.3.10), as numpy.savez writes it: entries stored or deflated, with zip64.
/// Entry names are compared and shown, and never touch the file system.

/// One entry of the central directory.
struct ZipEntry: Sendable {
    enum Method: Int { case stored = 0, deflated = 8 }
    var name: String
    var flags: Int
    var method: Int
    var crc: UInt32
    var compressedSize: Int
    var size: Int
    var headerOffset: Int
}

struct ZipDirectory {
    let source: FileSource
    var entries: [ZipEntry] = []
    /// Where the central directory starts; entries lie before it.
    private var start = 0

    init(_ source: FileSource) throws(VectorFileError) {
        self.source = source
        let (offset, byteCount, count) = try Self.locate(source)
        guard count <= Limits.zipEntriesMax, byteCount <= Limits.zipDirectoryBytesMax else {
            throw .malformed(source.path, "its directory claims \(count) entries in \(byteCount) bytes")
        }
        start = offset
        let bytes = try source.require(byteCount, at: offset, "the zip directory")
        var cursor = ByteCursor(bytes, file: source.path, what: "the zip directory")
        for _ in 0..<count { entries.append(try Self.entry(&cursor)) }
    }

    /// The central directory's offset, length and number of entries, from the record at the end of the file.
    private static func locate(_ source: FileSource) throws(VectorFileError) -> (Int, Int, Int) {
        let size = source.size ?? 0, tailCount = min(size, 22 + 65_535), tailStart = size - tailCount
        let tail = try source.require(tailCount, at: tailStart, "the zip directory")
        guard let at = stride(from: tailCount - 22, through: 0, by: -1).first(where: { (at: Int) in
            tail[at] == 0x50 && tail[at + 1] == 0x4B && tail[at + 2] == 5 && tail[at + 3] == 6
                && Int(tail[at + 20]) + Int(tail[at + 21]) << 8 == tailCount - 22 - at
        }) else { throw .malformed(source.path, "it is no complete zip file: the directory at its end is missing") }
        var end = ByteCursor(tail, from: at + 4, file: source.path, what: "the zip directory")
        let disk = try end.u16(), directoryDisk = try end.u16(), countHere = try end.u16()
        var count = try end.u16(), byteCount = try end.u32(), offset = try end.u32()
        var isSplit = disk != directoryDisk || (disk != 0 && disk != 0xFFFF) || countHere != count
        let recordOffset = tailStart + at
        if count == 0xFFFF || byteCount == 0xFFFF_FFFF || offset == 0xFFFF_FFFF, recordOffset >= 20 {
            let locator = try source.require(20, at: recordOffset - 20, "the zip64 locator")
            if locator.starts(with: [0x50, 0x4B, 6, 7]) {
                (offset, byteCount, count, isSplit) = try locate64(source, locator)
            }
        }
        guard !isSplit else {
            throw VectorFileError(
                file: source.path, reason: "it is split over several disks", remedy: "write it as one file")
        }
        guard offset <= recordOffset, byteCount <= recordOffset - offset else {
            throw .malformed(source.path, "its zip directory lies outside the file")
        }
        return (offset, byteCount, count)
    }

    private static func locate64(
        _ source: FileSource, _ locatorBytes: [UInt8]
    ) throws(VectorFileError) -> (Int, Int, Int, Bool) {
        var locator = ByteCursor(locatorBytes, from: 4, file: source.path, what: "the zip64 locator")
        let disk = try locator.u32(), recordOffset = try locator.u64(), disks = try locator.u32()
        guard recordOffset <= (source.size ?? 0) else { throw .malformed(source.path, "its zip64 record lies outside") }
        let bytes = try source.require(56, at: recordOffset, "the zip64 directory record")
        guard bytes.starts(with: [0x50, 0x4B, 6, 6]) else { throw .malformed(source.path, "its zip64 record is missing") }
        var record = ByteCursor(bytes, from: 16, file: source.path, what: "the zip64 directory record")
        let thisDisk = try record.u32(), directoryDisk = try record.u32()
        let countHere = try record.u64(), count = try record.u64()
        let byteCount = try record.u64(), offset = try record.u64()
        let isSplit = disk != 0 || disks > 1 || thisDisk != directoryDisk || countHere != count
        return (offset, byteCount, count, isSplit)
    }

    private static func entry(_ cursor: inout ByteCursor) throws(VectorFileError) -> ZipEntry {
        guard try cursor.take(4).elementsEqual([0x50, 0x4B, 1, 2]) else {
            throw .malformed(cursor.file, "its zip directory is damaged")
        }
        _ = try cursor.take(4)  // versions
        let flags = try cursor.u16(), method = try cursor.u16()
        _ = try cursor.take(4)  // time and date
        let crc = UInt32(try cursor.u32())
        var compressedSize = try cursor.u32(), size = try cursor.u32()
        let nameCount = try cursor.u16(), extraCount = try cursor.u16(), commentCount = try cursor.u16()
        let disk = try cursor.u16()
        _ = try cursor.take(6)  // attributes
        var headerOffset = try cursor.u32()
        let name = String(decoding: try cursor.take(nameCount), as: UTF8.self)
        let extraEnd = cursor.position + extraCount
        while extraEnd - cursor.position >= 4 {
            let identifier = try cursor.u16(), count = try cursor.u16(), next = cursor.position + count
            guard next <= extraEnd else { throw .malformed(cursor.file, "its zip directory is damaged") }
            if identifier == 1 {  // zip64: only the fields that did not fit, in this order
                if size == 0xFFFF_FFFF { size = try cursor.u64() }
                if compressedSize == 0xFFFF_FFFF { compressedSize = try cursor.u64() }
                if headerOffset == 0xFFFF_FFFF { headerOffset = try cursor.u64() }
            }
            cursor.position = next
        }
        cursor.position = extraEnd
        _ = try cursor.take(commentCount)
        guard disk == 0 || disk == 0xFFFF else { throw .malformed(cursor.file, "it is split over several disks") }
        return ZipEntry(
            name: name, flags: flags, method: method, crc: crc, compressedSize: compressedSize, size: size,
            headerOffset: headerOffset)
    }

    /// The bytes of an entry: at any offset when stored, forward only when deflated.
    func open(_ entry: ZipEntry) throws(VectorFileError) -> any ByteSource {
        let file = source.path
        guard entry.flags & 0x2041 == 0 else {
            throw VectorFileError(
                file: file, reason: "entry \"\(entry.name)\" is encrypted", remedy: "write it without a password")
        }
        guard let method = ZipEntry.Method(rawValue: entry.method) else {
            throw VectorFileError(
                file: file, reason: "entry \"\(entry.name)\" is compressed by method \(entry.method)",
                remedy: "write it with numpy.savez or numpy.savez_compressed")
        }
        guard entry.headerOffset <= start, start - entry.headerOffset >= 30 else {
            throw .malformed(file, "entry \"\(entry.name)\" lies outside the file")
        }
        let header = try source.require(30, at: entry.headerOffset, "entry \"\(entry.name)\"")
        guard header.starts(with: [0x50, 0x4B, 3, 4]) else {
            throw .malformed(file, "entry \"\(entry.name)\" has no header where the directory says")
        }
        var cursor = ByteCursor(header, from: 26, file: file, what: "entry \"\(entry.name)\"")
        let dataOffset = entry.headerOffset + 30 + (try cursor.u16()) + (try cursor.u16())
        guard dataOffset <= start, entry.compressedSize <= start - dataOffset else {
            throw .malformed(file, "entry \"\(entry.name)\" is longer than the file")
        }
        let data = SliceSource(source, start: dataOffset, count: entry.compressedSize)
        switch method {
        case .stored:
            guard entry.size == entry.compressedSize else { throw .malformed(file, "a stored entry has two sizes") }
            return StoredEntrySource(data, crc: entry.crc)
        case .deflated:
            guard entry.size / Limits.deflateRatioMax <= entry.compressedSize else {
                throw .malformed(file, "entry \"\(entry.name)\" claims to expand more than deflate can")
            }
            return DeflatedEntrySource(data, size: entry.size, crc: entry.crc)
        }
    }
}
