/// The one file of this module that touches C pointers: descriptors, mappings, anonymous memory and the bytes of a text.
/// Invariants: a descriptor is closed exactly once; a mapping's length is the size its descriptor had when mapped.
import CKernels
import Synchronization

#if canImport(Darwin)
import Darwin
#elseif canImport(Glibc)
import Glibc
#endif

let noSuchFileCode: Int32 = ENOENT
let fileExistsCode: Int32 = EEXIST
let diskFullCode: Int32 = ENOSPC
let closedPipeCode: Int32 = EPIPE

func systemMessage(_ code: Int32) -> String {
    guard code != 0, let text = unsafe strerror(code) else { return "unknown reason" }
    return unsafe String(cString: text)
}

/// For an executable, before anything else: blocks from a mebibyte on go back to the system when they are freed. glibc raises
/// this limit to 32 MiB by itself, and keeps what is below in a heap that training on two threads leaves in pieces: 1.6 GB
/// where 140 MB were in use.
package func returnLargeBlocks() { ck_return_blocks(1 << 20) }

// MARK: Descriptors

/// How a path is opened.
enum OpenMode {
    case read, map, createExclusively, lockFile, directory, stream, standardOutput

    var flags: Int32 {
        switch self {
        case .read: O_RDONLY | O_CLOEXEC
        // Opening a pipe would wait for a writer, and only then be refused.
        case .map: O_RDONLY | O_NONBLOCK | O_CLOEXEC
        case .stream, .standardOutput: O_WRONLY | O_CLOEXEC
        case .createExclusively: O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC
        case .lockFile: O_RDWR | O_CREAT | O_CLOEXEC
        case .directory: O_RDONLY | O_DIRECTORY | O_CLOEXEC
        }
    }
}

struct FileStatus {
    let size: Int
    let isRegular: Bool
    let isDirectory: Bool
    let permissions: mode_t
    let owner: uid_t
    let group: gid_t

    /// Those of a file that is kept beside this one. Its own owner must get on with it, also where this may only be read.
    fileprivate var companionPermissions: mode_t { permissions | 0o600 }

    fileprivate init(_ found: stat) {
        let type = mode_t(found.st_mode) & mode_t(S_IFMT)
        (permissions, owner, group) = (mode_t(found.st_mode) & 0o777, found.st_uid, found.st_gid)
        (size, isRegular, isDirectory) = (Int(found.st_size), type == mode_t(S_IFREG), type == mode_t(S_IFDIR))
    }
}

/// An owned file descriptor. Closing is idempotent and atomic, so that it can be shared between threads.
final class Descriptor: Sendable {
    private let number: Atomic<Int32>

    /// - Parameter model: what is made gets its permissions, and its owner where that may be given. Never more of them, not even
    ///   for a moment: whoever opened a file then could read what is written later.
    init(opening path: String, _ mode: OpenMode, like model: FileStatus? = nil) throws(FileError) {
        let flags = mode.flags
        let permissions = model?.companionPermissions ?? 0o644
        let opened = switch mode {
        case .read where path == "-": dup(0)
        case .standardOutput: dup(1)
        default: retryingOnInterrupt { unsafe open(path, flags, permissions) }
        }
        guard opened >= 0 else { throw FileError(operation: "open", path: path, code: errno) }
        number = Atomic(opened)
        if let model { follow(model) }
    }

    /// As far as the system lets it: past the process's own mask, and with the model's owner for the superuser.
    private func follow(_ model: FileStatus) {
        let file = number.load(ordering: .relaxed)
        var found = stat()
        guard unsafe fstat(file, &found) == 0 else { return }
        let own = FileStatus(found)
        if own.permissions != model.companionPermissions { _ = fchmod(file, model.companionPermissions) }
        if geteuid() == 0 && (own.owner, own.group) != (model.owner, model.group) { _ = fchown(file, model.owner, model.group) }
    }

    deinit {
        let open = number.load(ordering: .relaxed)
        if open >= 0 { _ = Self.closeNumber(open) }
    }

    private static func closeNumber(_ number: Int32) -> Int32 {
        #if canImport(Darwin)
        Darwin.close(number)
        #else
        Glibc.close(number)
        #endif
    }

    func close(path: String) throws(FileError) {
        let open = number.exchange(-1, ordering: .acquiringAndReleasing)
        if open >= 0, Self.closeNumber(open) != 0 { throw FileError(operation: "close", path: path, code: errno) }
    }

    func status(path: String) throws(FileError) -> FileStatus {
        var found = stat()
        guard unsafe fstat(number.load(ordering: .relaxed), &found) == 0 else {
            throw FileError(operation: "examine", path: path, code: errno)
        }
        return FileStatus(found)
    }

    /// Fills the buffer from `offset`, or from the current position of a stream when nil.
    func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int?, path: String) throws(FileError) -> Int {
        let file = number.load(ordering: .relaxed)
        var done = 0
        while done < buffer.count {
            let rest = unsafe UnsafeMutableRawBufferPointer(rebasing: buffer[done...])
            let got = retryingOnInterrupt {
                if let offset { return unsafe pread(file, rest.baseAddress, rest.count, off_t(offset + done)) }
                #if canImport(Darwin)
                return unsafe Darwin.read(file, rest.baseAddress, rest.count)
                #else
                return unsafe Glibc.read(file, rest.baseAddress, rest.count)
                #endif
            }
            guard got >= 0 else { throw FileError(operation: "read", path: path, code: errno) }
            if got == 0 { break }
            done += got
        }
        return done
    }

    /// Writes all bytes at `offset`, or at the current position when nil.
    func write(_ bytes: UnsafeRawBufferPointer, at offset: Int?, path: String) throws(FileError) {
        let file = number.load(ordering: .relaxed)
        var done = 0
        while done < bytes.count {
            let rest = unsafe UnsafeRawBufferPointer(rebasing: bytes[done...])
            let put = retryingOnInterrupt {
                if let offset { return unsafe pwrite(file, rest.baseAddress, rest.count, off_t(offset + done)) }
                #if canImport(Darwin)
                return unsafe Darwin.write(file, rest.baseAddress, rest.count)
                #else
                return unsafe Glibc.write(file, rest.baseAddress, rest.count)
                #endif
            }
            guard put > 0 else { throw FileError(operation: "write", path: path, code: errno) }
            done += put
        }
    }

    func synchronize(path: String) throws(FileError) {
        let file = number.load(ordering: .relaxed)
        #if canImport(Darwin)
        let result = fcntl(file, F_FULLFSYNC)
        #else
        let result = fsync(file)
        #endif
        guard result != -1 else { throw FileError(operation: "sync", path: path, code: errno) }
    }

    /// False when another holder has the lock.
    func lock(_ kind: FileLock.Kind, path: String) throws(FileError) -> Bool {
        let file = number.load(ordering: .relaxed)
        let operation = (kind == .shared ? LOCK_SH : LOCK_EX) | LOCK_NB
        if retryingOnInterrupt({ flock(file, operation) }) == 0 { return true }
        if errno == EWOULDBLOCK { return false }
        throw FileError(operation: "lock", path: path, code: errno)
    }
}

private func retryingOnInterrupt<Result: SignedInteger>(_ call: () -> Result) -> Result {
    while true {
        let result = call()
        if result != -1 || errno != EINTR { return result }
    }
}

// MARK: Paths

func fileExists(_ path: String) -> Bool { unsafe access(path, F_OK) == 0 }

/// Of what a path leads to; nil where that is nothing, or may not be seen.
func fileStatus(_ path: String) -> FileStatus? {
    var found = stat()
    return unsafe stat(path, &found) == 0 ? FileStatus(found) : nil
}

/// What a symbolic link says; nil where the path is none.
func linkTarget(_ path: String) -> String? {
    var bytes = [CChar](repeating: 0, count: Int(PATH_MAX))
    let count = unsafe readlink(path, &bytes, bytes.count)
    return count < 0 ? nil : String(decoding: bytes[..<count].map(UInt8.init(bitPattern:)), as: UTF8.self)
}

func renameFile(_ source: String, _ destination: String) throws(FileError) {
    guard unsafe rename(source, destination) == 0 else {
        throw FileError(operation: "rename to \(destination)", path: source, code: errno)
    }
}

func removeFile(_ path: String) throws(FileError) {
    guard unsafe unlink(path) == 0 else { throw FileError(operation: "remove", path: path, code: errno) }
}

func listDirectory(_ path: String) throws(FileError) -> [String] {
    guard let directory = unsafe opendir(path) else { throw FileError(operation: "list", path: path, code: errno) }
    defer { unsafe closedir(directory) }
    var names: [String] = []
    while let entry = unsafe readdir(directory) {
        let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) { field in
            unsafe String(cString: UnsafeRawPointer(field).assumingMemoryBound(to: CChar.self))
        }
        if name != "." && name != ".." { names.append(name) }
    }
    return names
}

// MARK: Reading and writing arrays

extension ReadableFile {
    func readAll(into bytes: inout [UInt8], at offset: Int) throws(FileError) -> Int {
        var failure: FileError?
        let got = unsafe bytes.withUnsafeMutableBytes { buffer -> Int in
            do throws(FileError) { return try unsafe read(into: buffer, at: offset) } catch { failure = error; return 0 }
        }
        if let failure { throw failure }
        return got
    }
}

extension WritableFile {
    func appendAll(_ bytes: [UInt8]) throws(FileError) {
        var failure: FileError?
        unsafe bytes.withUnsafeBytes { buffer in
            do throws(FileError) { try unsafe append(buffer) } catch { failure = error }
        }
        if let failure { throw failure }
    }
}

// MARK: Memory

/// A whole file mapped read-only; unmapped when released. The file behind it must be immutable (FORMAT.md: generations).
@safe package final class MappedFile: @unchecked Sendable {
    package let path: String
    package let bytes: UnsafeRawBufferPointer

    init(path: String, descriptor: Descriptor) throws(FileError) {
        let status = try descriptor.status(path: path)
        guard status.isRegular else {
            throw FileError(operation: "map", path: path, code: 0, reason: "it is not a regular file")
        }
        self.path = path
        unsafe self.bytes = try descriptor.map(count: status.size, path: path)
    }

    deinit {
        if let base = unsafe bytes.baseAddress {
            unsafe munmap(UnsafeMutableRawPointer(mutating: base), bytes.count)
        }
    }
}

extension Descriptor {
    fileprivate func map(count: Int, path: String) throws(FileError) -> UnsafeRawBufferPointer {
        guard count > 0 else { return unsafe UnsafeRawBufferPointer(start: nil, count: 0) }
        let address = unsafe mmap(nil, count, PROT_READ, MAP_SHARED, number.load(ordering: .relaxed), 0)
        guard let address = unsafe address, unsafe address != MAP_FAILED else {
            throw FileError(operation: "map", path: path, code: errno)
        }
        return unsafe UnsafeRawBufferPointer(start: address, count: count)
    }
}

/// Zeroed anonymous memory in huge pages where the system has them (25–35 % faster random reads), page-aligned.
@safe package final class PageBuffer: @unchecked Sendable {
    package let bytes: UnsafeMutableRawBufferPointer

    package init(byteCount: Int) throws(FileError) {
        let count = max(byteCount, 1)
        #if canImport(Darwin)
        let flags = MAP_PRIVATE | MAP_ANON
        #else
        let flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE
        #endif
        let address = unsafe mmap(nil, count, PROT_READ | PROT_WRITE, flags, -1, 0)
        guard let address = unsafe address, unsafe address != MAP_FAILED else {
            throw FileError(operation: "allocate \(count) bytes for", path: "memory", code: errno)
        }
        #if !canImport(Darwin)
        _ = unsafe madvise(address, count, MADV_HUGEPAGE)
        #endif
        unsafe bytes = UnsafeMutableRawBufferPointer(start: address, count: count)
    }

    deinit { unsafe munmap(bytes.baseAddress!, bytes.count) }
}

extension Array where Element: BitwiseCopyable {
    /// The elements of a span, copied at once.
    package init(_ span: Span<Element>) { self = unsafe span.withUnsafeBufferPointer { unsafe Array($0) } }

    package mutating func append(contentsOf span: Span<Element>) {
        unsafe span.withUnsafeBufferPointer { unsafe append(contentsOf: $0) }
    }
}

// MARK: Checksums

/// CRC-32C of bytes, continuing from `seed` (0 at the start).
package func crc32c(_ bytes: UnsafeRawBufferPointer, seed: UInt32 = 0) -> UInt32 {
    unsafe ck_crc32c(seed, bytes.baseAddress, bytes.count)
}

package func crc32c(_ bytes: [UInt8], seed: UInt32 = 0) -> UInt32 {
    unsafe bytes.withUnsafeBytes { unsafe crc32c($0, seed: seed) }
}

// MARK: The processor

/// The instruction set the kernels run on, e.g. "avx512-vnni".
package func instructionSetName() -> String { unsafe String(cString: ck_level_name(ck_level())) }

// MARK: Text

extension String {
    /// Feeds the UTF-8 bytes, which must be contiguous, and an end mark that no UTF-8 has.
    func hashBytes(into hasher: inout Hasher) {
        let isDone: Void? = unsafe utf8.withContiguousStorageIfAvailable {
            unsafe hasher.combine(bytes: UnsafeRawBufferPointer($0))
        }
        precondition(isDone != nil, "the text is not contiguous")
        hasher.combine(UInt8.max)
    }
}
