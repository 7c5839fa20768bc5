import Foundation
import Foundations

/// Bytes at offsets of a file, or of memory in tests; every access is checked against the size before memory is taken.
final class ByteSource {
  let size: Int
  /// For messages.
  let name: String
  private let descriptor: Int32
  private let bytes: [UInt8]

  init(path: String) throws {
    name = path
    descriptor = open(path, O_RDONLY)
    guard descriptor >= 0 else { throw Failure(.noInput, "no such file, or it cannot be read", file: path) }
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
      close(descriptor)
      throw Failure(.noInput, "is not a regular file", file: path)
    }
    size = Int(status.st_size)
    bytes = []
  }

  init(bytes: [UInt8], name: String) {
    self.name = name
    self.bytes = bytes
    size = bytes.count
    descriptor = -1
  }

  deinit { if descriptor >= 0 { close(descriptor) } }

  /// `count` bytes from `offset`; fails, naming `item`, where they are not all within.
  func read(_ offset: Int, _ count: Int, _ item: String) throws -> [UInt8] {
    guard offset >= 0, count >= 0, offset <= size, count <= size - offset else {
      throw Failure(.data, "the file ends before the end of this (it is cut short, or damaged)", file: name, item: item)
    }
    guard descriptor >= 0 else { return Array(bytes[offset..<offset + count]) }
    return try [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
      while filled < count {
        let got = pread(descriptor, buffer.baseAddress?.advanced(by: filled), count - filled, off_t(offset + filled))
        if got < 0, errno == EINTR { continue }
        guard got > 0 else { throw Failure(.io, "cannot read", file: name, item: item) }
        filled += got
      }
    }
  }
}

/// A little-endian unsigned integer of `count` (at most 8) bytes at `offset`; the caller has checked the bounds.
func littleEndian(_ bytes: [UInt8], _ offset: Int, _ count: Int) -> UInt64 {
  (0..<count).reduce(0) { $0 | UInt64(bytes[offset + $1]) << UInt64(8 * $1) }
}
