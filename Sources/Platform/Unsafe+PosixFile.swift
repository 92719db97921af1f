/// One open POSIX file. Apart from Unsafe.swift for its length; the pointers it passes on live only during the call.

/// An open descriptor, read by offset or appended to.
final class PosixFile: ReadableFile, WritableFile {
    let path: String
    let size: Int
    let isSeekable: Bool
    private let descriptor: Descriptor

    init(path: String, descriptor: consuming Descriptor) throws(FileError) {
        let status = try descriptor.status(path: path)
        if status.isDirectory {
            throw FileError(operation: "open", path: path, code: 0, reason: "it is a directory")
        }
        self.path = path
        self.size = status.size
        self.isSeekable = status.isRegular
        self.descriptor = descriptor
    }

    func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int) throws(FileError) -> Int {
        try unsafe descriptor.read(into: buffer, at: isSeekable ? offset : nil, path: path)
    }

    func append(_ bytes: UnsafeRawBufferPointer) throws(FileError) {
        try unsafe descriptor.write(bytes, at: nil, path: path)
    }

    func write(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws(FileError) {
        try unsafe descriptor.write(bytes, at: offset, path: path)
    }

    func synchronize() throws(FileError) { try descriptor.synchronize(path: path) }
    func close() throws(FileError) { try descriptor.close(path: path) }
}
