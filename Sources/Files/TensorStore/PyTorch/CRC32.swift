/// The checksum of zip archives (CRC-32 of ISO 3309, reflected polynomial 0xEDB88320), sixteen bytes at a time.
package struct CRC32 {
  private var state: UInt32 = 0xFFFF_FFFF

  package init() {}

  /// The checksum of everything that `update` was given; 0 of nothing.
  package var checksum: UInt32 { ~state }

  package static func checksum(_ bytes: UnsafeRawBufferPointer) -> UInt32 {
    var crc = CRC32()
    crc.update(bytes)
    return crc.checksum
  }

  package mutating func update(_ bytes: UnsafeRawBufferPointer) {
    state = Self.tables.withUnsafeBufferPointer { table in
      var crc = state
      var position = 0
      while bytes.count - position >= 16 {
        let low = bytes.loadUnaligned(fromByteOffset: position, as: UInt64.self).littleEndian ^ UInt64(crc)
        let high = bytes.loadUnaligned(fromByteOffset: position + 8, as: UInt64.self).littleEndian
        crc = 0
        for byte in 0..<8 {
          crc ^= table[(15 - byte) * 256 + Int(truncatingIfNeeded: (low >> (8 * UInt64(byte))) & 0xFF)]
          crc ^= table[(7 - byte) * 256 + Int(truncatingIfNeeded: (high >> (8 * UInt64(byte))) & 0xFF)]
        }
        position += 16
      }
      for index in position..<bytes.count { crc = crc >> 8 ^ table[Int((crc ^ UInt32(bytes[index])) & 0xFF)] }
      return crc
    }
  }

  /// Table k holds the checksum of each byte followed by k zero bytes.
  private static let tables: [UInt32] = {
    var tables = (0..<256).map { (0..<8).reduce(UInt32($0)) { crc, _ in crc >> 1 ^ (crc & 1 == 1 ? 0xEDB8_8320 : 0) } }
    for index in 256..<16 * 256 {
      let before = tables[index - 256]
      tables.append(before >> 8 ^ tables[Int(before & 0xFF)])
    }
    return tables
  }()
}
