/// The one file of this module that touches pointers: conversion kernels, reads into fresh memory, writes of number arrays.
/// Invariants: every length passed to C is computed here from the array it describes; hosts are little-endian (x86-64, ARM64).
import CKernels
import Platform

#if canImport(Darwin)
import Darwin
#elseif canImport(Glibc)
import Glibc
#endif

/// Converts rows (layout as `Element.floats`); `accepted` is the index of the first element refused, or their number.
func convertToFloats(
    _ bytes: [UInt8], _ element: Element, rows: Int, dimension: Int, prefix: Int
) -> (values: [Float], accepted: Int) {
    let count = rows * dimension
    precondition(bytes.count == rows * (prefix + dimension * element.kind.byteCount), "bytes and rows disagree")
    guard count > 0 else { return ([], 0) }
    var accepted = 0
    let values = unsafe [Float](unsafeUninitializedCapacity: count) { buffer, used in
        unsafe bytes.withUnsafeBytes { source in
            accepted = unsafe ck_to_f32(
                element.kind.rawValue, element.isBigEndian ? 1 : 0, source.baseAddress, prefix, rows, dimension,
                buffer.baseAddress)
        }
        // Elements after a refused one are unset; they are floats in any case, and the caller throws.
        if accepted < count { unsafe buffer[accepted...].initialize(repeating: 0) }
        used = count
    }
    return (values, accepted)
}

/// The transpose of a `columns`×`rows` array, as `rows`×`columns`.
func transposed(_ values: [Float], rows: Int, columns: Int) -> [Float] {
    precondition(values.count == rows * columns, "shape and values disagree")
    guard !values.isEmpty else { return [] }
    return unsafe [Float](unsafeUninitializedCapacity: values.count) { buffer, used in
        unsafe values.withUnsafeBufferPointer { source in
            unsafe ck_transpose_f32(source.baseAddress, rows, columns, buffer.baseAddress)
        }
        used = values.count
    }
}

/// `count` bytes from `offset`, fewer only at the end of the file; the memory is not cleared first.
func readBytes(_ file: any ReadableFile, count: Int, at offset: Int) throws(FileError) -> [UInt8] {
    var failure: FileError?
    let bytes = unsafe [UInt8](unsafeUninitializedCapacity: count) { buffer, used in
        do throws(FileError) {
            used = try unsafe file.read(into: UnsafeMutableRawBufferPointer(buffer), at: offset)
        } catch { failure = error }
    }
    if let failure { throw failure }
    return bytes
}

/// The index of the first `byte` at or after `start`, found by the C library (16–32 bytes a cycle).
func firstIndex(of byte: UInt8, in bytes: [UInt8], from start: Int) -> Int? {
    guard start < bytes.count else { return nil }
    return unsafe bytes.withUnsafeBytes { buffer in
        guard let base = buffer.baseAddress,
            let found = unsafe memchr(base + start, Int32(byte), buffer.count - start)
        else { return nil }
        return unsafe UnsafeRawPointer(found) - base
    }
}

/// The numbers' bytes, little-endian.
func littleEndianBytes(_ values: [Float]) -> [UInt8] { unsafe values.withUnsafeBytes { unsafe [UInt8]($0) } }
func littleEndianBytes(_ values: [Int64]) -> [UInt8] { unsafe values.withUnsafeBytes { unsafe [UInt8]($0) } }

/// Overwrites bytes appended before.
func overwrite(_ file: any WritableFile, _ bytes: [UInt8], at offset: Int) throws(FileError) {
    var failure: FileError?
    unsafe bytes.withUnsafeBytes { buffer in
        do throws(FileError) { try unsafe file.write(buffer, at: offset) } catch { failure = error }
    }
    if let failure { throw failure }
}
