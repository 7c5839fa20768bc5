import Imaging
import LabelMasks

/// Palette PNGs of which one value lets shine through what lies under them: a mask over its photograph, without a file
/// for each pair.
enum TransparentPNG {
  /// The mask as palette PNG with the pixels of `value` transparent.
  static func bytes(_ mask: LabelMask, palette: Palette, transparent value: UInt8) throws -> [UInt8] {
    let bytes = try mask.pngBytes(palette: palette)
    var alphas = [UInt8](repeating: 255, count: Int(value) + 1)
    alphas[Int(value)] = 0
    guard let place = endOfPalette(bytes) else { return bytes }
    return Array(bytes[..<place]) + chunk("tRNS", alphas) + Array(bytes[place...])
  }

  /// The place after the PLTE chunk; a PNG is a signature of 8 bytes and then chunks of length, name, content and
  /// check sum.
  private static func endOfPalette(_ bytes: [UInt8]) -> Int? {
    var place = 8
    while place + 12 <= bytes.count {
      let length = bytes[place..<place + 4].reduce(0) { $0 << 8 | Int($1) }
      let end = place + 12 + length
      if Array(bytes[place + 4..<place + 8]) == Array("PLTE".utf8) { return end <= bytes.count ? end : nil }
      place = end
    }
    return nil
  }

  private static func chunk(_ name: String, _ content: [UInt8]) -> [UInt8] {
    let body = Array(name.utf8) + content
    return bigEndian(UInt32(content.count)) + body + bigEndian(checkSum(body))
  }

  private static func bigEndian(_ value: UInt32) -> [UInt8] {
    [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: value >> $0) }
  }

  /// The CRC-32 of the PNG specification.
  private static func checkSum(_ bytes: [UInt8]) -> UInt32 {
    var sum: UInt32 = 0xffff_ffff
    for byte in bytes {
      sum ^= UInt32(byte)
      for _ in 0..<8 { sum = sum & 1 == 1 ? sum >> 1 ^ 0xedb8_8320 : sum >> 1 }
    }
    return ~sum
  }
}
