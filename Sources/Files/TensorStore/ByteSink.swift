import Foundation
import Foundations
import Tensors

/// Writes bytes one after another to a new file, which `body` of `AtomicFile.write` has been given.
final class ByteSink {
  /// Bytes written so far.
  private(set) var position = 0
  /// The final path, for messages.
  let path: String
  private let descriptor: Int32

  /// Makes a file at `path` from what `body` writes: whole or not at all.
  static func write(to path: String, _ body: (ByteSink) throws -> Void) throws {
    try AtomicFile.write(to: path) { temporary in try body(ByteSink(temporary, path: path)) }
  }

  private init(_ temporary: String, path: String) throws {
    self.path = path
    descriptor = open(temporary, O_WRONLY | O_CREAT | O_TRUNC, 0o644)
    guard descriptor >= 0 else { throw AtomicFile.failure("cannot create", path: path) }
  }

  deinit { close(descriptor) }

  func write(_ bytes: [UInt8]) throws { try bytes.withUnsafeBytes(write) }

  /// The elements as float32, little-endian as the machine.
  func write(_ tensor: Tensor) throws { try tensor.withUnsafeBufferPointer { try write(UnsafeRawBufferPointer($0)) } }

  private func write(_ bytes: UnsafeRawBufferPointer) throws {
    var written = 0
    while written < bytes.count {
      let count = Foundation.write(descriptor, bytes.baseAddress?.advanced(by: written), bytes.count - written)
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { throw AtomicFile.failure("cannot write", path: path) }
      written += count
    }
    position += written
  }
}

/// A little-endian integer in `count` (at most 8) bytes.
func littleEndianBytes(_ value: Int, _ count: Int) -> [UInt8] {
  (0..<count).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
}
