import CZlib

/// The checksum of zip archives, by zlib.
package struct CRC32 {
  /// The checksum of everything that `update` was given; 0 of nothing.
  package private(set) var checksum: UInt32 = 0

  package init() {}

  package static func checksum(_ bytes: UnsafeRawBufferPointer) -> UInt32 {
    var crc = CRC32()
    crc.update(bytes)
    return crc.checksum
  }

  package mutating func update(_ bytes: UnsafeRawBufferPointer) {
    // zlib takes no address as the wish to start anew.
    guard let first = bytes.baseAddress, !bytes.isEmpty else { return }
    let next = crc32_z(UInt(checksum), first.assumingMemoryBound(to: UInt8.self), bytes.count)
    checksum = UInt32(truncatingIfNeeded: next)
  }
}
