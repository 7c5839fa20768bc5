/// The checksum of zip archives (CRC-32 of ISO 3309, reflected polynomial 0xEDB88320), eight bytes at a time.
enum CRC32 {
  static func checksum(_ bytes: UnsafeRawBufferPointer) -> UInt32 {
    tables.withUnsafeBufferPointer { table in
      var crc: UInt32 = 0xFFFF_FFFF
      var position = 0
      while bytes.count - position >= 8 {
        let word = bytes.loadUnaligned(fromByteOffset: position, as: UInt64.self).littleEndian ^ UInt64(crc)
        crc = 0
        for byte in 0..<8 { crc ^= table[(7 - byte) * 256 + Int(truncatingIfNeeded: (word >> (8 * UInt64(byte))) & 0xFF)] }
        position += 8
      }
      for index in position..<bytes.count { crc = crc >> 8 ^ table[Int((crc ^ UInt32(bytes[index])) & 0xFF)] }
      return ~crc
    }
  }

  /// Table k holds the checksum of each byte followed by k zero bytes.
  private static let tables: [UInt32] = {
    var tables = (0..<256).map { (0..<8).reduce(UInt32($0)) { crc, _ in crc >> 1 ^ (crc & 1 == 1 ? 0xEDB8_8320 : 0) } }
    for index in 256..<8 * 256 {
      let before = tables[index - 256]
      tables.append(before >> 8 ^ tables[Int(before & 0xFF)])
    }
    return tables
  }()
}
