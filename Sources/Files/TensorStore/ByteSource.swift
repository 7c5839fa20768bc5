import Foundation
import Foundations
import Tensors

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
    try check(offset, count, item)
    return try [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
      try read(
        offset, into: UnsafeMutableRawBufferPointer(rebasing: UnsafeMutableRawBufferPointer(buffer)[..<count]), item)
      filled = count
    }
  }

  /// Elements that lie one behind the other in C order, as a tensor. Beside the tensor it takes at most 1 MiB.
  func tensor(_ shape: Shape, of type: ElementType, at offset: Int, _ item: String) throws -> Tensor {
    let (size, overflow) = shape.count.multipliedReportingOverflow(by: type.size)
    try check(offset, overflow ? .max : size, item)
    return try Tensor(shape) { target in
      if type == .float { return try read(offset, into: UnsafeMutableRawBufferPointer(target), item) }
      let most = (1 << 20) / type.size
      var done = 0
      while done < target.count {
        let piece = done..<min(target.count, done + most)
        let bytes = try read(offset + done * type.size, piece.count * type.size, item)
        bytes.withUnsafeBytes {
          type.widen(
            $0, into: UnsafeMutableBufferPointer(rebasing: target[piece]), at: ElementPositions(count: piece.count))
        }
        done = piece.upperBound
      }
    }
  }

  /// Fails, naming `item`, where `count` bytes from `offset` are not all within.
  func check(_ offset: Int, _ count: Int, _ item: String) throws {
    guard offset >= 0, count >= 0, offset <= size, count <= size - offset else {
      throw Failure(.data, "the file ends before the end of this (it is cut short, or damaged)", file: name, item: item)
    }
  }

  /// Fills `target` from `offset`. The bytes are taken as they are: float32 on the little-endian machines that this is
  /// for.
  private func read(_ offset: Int, into target: UnsafeMutableRawBufferPointer, _ item: String) throws {
    guard descriptor >= 0 else {
      return bytes.withUnsafeBytes {
        target.copyMemory(from: UnsafeRawBufferPointer(rebasing: $0[offset..<offset + target.count]))
      }
    }
    var filled = 0
    while filled < target.count {
      let got = pread(
        descriptor, target.baseAddress?.advanced(by: filled), target.count - filled, off_t(offset + filled))
      if got < 0, errno == EINTR { continue }
      guard got > 0 else { throw Failure(.io, "cannot read", file: name, item: item) }
      filled += got
    }
  }
}

/// A little-endian unsigned integer of `count` (at most 8) bytes at `offset`; the caller has checked the bounds.
func littleEndian(_ bytes: [UInt8], _ offset: Int, _ count: Int) -> UInt64 {
  (0..<count).reduce(0) { $0 | UInt64(bytes[offset + $1]) << UInt64(8 * $1) }
}
