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
    let first = bytes.baseAddress?.assumingMemoryBound(to: UInt8.self)
    checksum = UInt32(truncatingIfNeeded: crc32_z(UInt(checksum), first, bytes.count))
  }
}
