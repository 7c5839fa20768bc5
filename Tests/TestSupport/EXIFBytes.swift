/// Photographs that say how they were held.
package enum EXIFBytes {
  /// EXIF data with a directory of two entries, the second of which is the orientation.
  package static func exif(_ orientation: Int, isBig: Bool) -> [UInt8] {
    func number(_ value: Int, _ bytes: Int) -> [UInt8] {
      let low = (0..<bytes).map { UInt8(value >> (8 * $0) & 255) }
      return isBig ? low.reversed() : low
    }
    let make = number(0x010F, 2) + number(2, 2) + number(2, 4) + [65, 0, 0, 0]
    let entry = number(0x0112, 2) + number(3, 2) + number(1, 4) + number(orientation, 2) + [0, 0]
    return Array((isBig ? "MM" : "II").utf8) + number(42, 2) + number(8, 4) + number(2, 2) + make + entry + number(0, 4)
  }

  /// A JPEG with a segment of EXIF data.
  package static func jpeg(_ file: [UInt8], _ exif: [UInt8]) -> [UInt8] {
    let content = Array("Exif\0\0".utf8) + exif
    let size = content.count + 2
    let segment: [UInt8] = [0xFF, 0xE1, UInt8(size >> 8), UInt8(size & 255)] + content
    return Array(file[..<2]) + segment + file[2...]
  }

  private static func chunk(_ type: String, _ content: [UInt8]) -> [UInt8] {
    func big(_ value: UInt32) -> [UInt8] { (0..<4).map { UInt8(truncatingIfNeeded: value >> (24 - 8 * UInt32($0))) } }
    let body = Array(type.utf8) + content
    var crc: UInt32 = 0xFFFF_FFFF
    for byte in body {
      crc ^= UInt32(byte)
      for _ in 0..<8 { crc = crc >> 1 ^ (crc & 1 == 1 ? 0xEDB8_8320 : 0) }
    }
    return big(UInt32(content.count)) + body + big(~crc)
  }

  /// A PNG with a chunk of EXIF data.
  ///
  /// - Parameter atEnd: put the chunk behind the pixels.
  package static func png(_ file: [UInt8], _ exif: [UInt8], atEnd: Bool = false) -> [UInt8] {
    // Signature and IHDR take 33 bytes, IEND takes 12.
    let place = atEnd ? file.count - 12 : 33
    return Array(file[..<place]) + chunk("eXIf", exif) + file[place...]
  }
}
