import CImageCodecs
import Foundation
import Foundations
import LabelMasks

/// The seam to the C codecs: nothing else in the module sees their types.
enum Codec {
  /// What a file holds, told from its header.
  struct Header {
    let width: Int
    let height: Int
    let description: String
    let orientation: Orientation
    let text: [(String, String)]
  }

  static func keepMemory() { image_keep_freed_memory() }

  private typealias Reader = (UnsafePointer<UInt8>?, Int, UnsafeMutablePointer<image_decoded>?) -> image_status

  static func header(_ bytes: [UInt8], file: String?) throws -> Header {
    try decoding(bytes, file: file, expected: "an image", image_read_header) { decoded in
      Header(
        width: Int(decoded.width), height: Int(decoded.height), description: Self.description(decoded),
        orientation: Self.orientation(decoded),
        text: Self.text(decoded))
    }
  }

  /// The pixels as stored, and the orientation that they are meant to be shown in.
  static func rgb(_ bytes: [UInt8], file: String?) throws -> (image: RGBImage, orientation: Orientation) {
    try decoding(bytes, file: file, expected: "a PNG or JPEG image", image_read_rgb) { decoded in
      (
        RGBImage(width: Int(decoded.width), height: Int(decoded.height), pixels: Self.pixels(decoded)),
        Self.orientation(decoded)
      )
    }
  }

  /// The orientation that a file gives, of which these are the first bytes; nil where it takes more of them to tell.
  static func orientation(_ bytes: [UInt8]) -> Orientation? {
    Orientation(rawValue: Int(image_orientation(bytes, bytes.count)))
  }

  private static func orientation(_ decoded: image_decoded) -> Orientation {
    Orientation(rawValue: Int(decoded.orientation)) ?? .upright
  }

  static func labels(_ bytes: [UInt8], file: String?) throws -> (LabelMask, Palette?, [(String, String)]) {
    let expected = "a mask as palette PNG or grey PNG of at most 8 bits"
    return try decoding(bytes, file: file, expected: expected, image_read_labels) { decoded in
      let mask = LabelMask(width: Int(decoded.width), height: Int(decoded.height), labels: Self.pixels(decoded))
      let flat = withUnsafeBytes(of: decoded.palette) { Array($0.prefix(Int(decoded.palette_count) * 3)) }
      let colours = stride(from: 0, to: flat.count, by: 3).map { RGB(flat[$0], flat[$0 + 1], flat[$0 + 2]) }
      return (mask, colours.isEmpty ? nil : Palette(colours), Self.text(decoded))
    }
  }

  /// - Parameter palette: nil with three channels; with one channel nil writes a grey PNG.
  static func png(
    _ pixels: [UInt8], size: (width: Int, height: Int), channels: Int, palette: Palette?, text: [(String, String)],
    compression: Int, file: String?
  ) throws -> [UInt8] {
    let colours = palette.map { $0.colours.flatMap { [$0.red, $0.green, $0.blue] } } ?? []
    let pairs = try packed(text, file: file)
    return try encoding(file: file) { out in
      image_write_png(
        pixels, UInt32(size.width), UInt32(size.height), Int32(channels), colours, Int32(colours.count / 3), pairs,
        Int32(text.count), Int32(compression),
        out)
    }
  }

  static func jpeg(_ image: RGBImage, quality: Int, file: String?) throws -> [UInt8] {
    try encoding(file: file) { out in
      image_write_jpeg(image.pixels, UInt32(image.width), UInt32(image.height), Int32(quality), out)
    }
  }

  /// The bytes of a file; a failure tells what the system said.
  static func contents(of path: String) throws -> [UInt8] { try InputFile.bytes(of: path, what: "image") }

  private static func decoding<R>(
    _ bytes: [UInt8], file: String?, expected: String, _ read: Reader, _ use: (image_decoded) throws -> R
  ) throws -> R {
    var decoded = image_decoded()
    defer { image_release(&decoded) }
    let status = bytes.withUnsafeBufferPointer { read($0.baseAddress, $0.count, &decoded) }
    switch status {
    case IMAGE_OK: return try use(decoded)
    case IMAGE_UNSUPPORTED: throw Failure(.data, expected: expected, found: description(decoded), file: file)
    case IMAGE_NOT_RECOGNISED: throw Failure(.data, expected: expected, found: message(decoded), file: file)
    case IMAGE_NO_MEMORY: throw Failure(.io, message(decoded), file: file)
    default: throw Failure(.data, message(decoded), file: file)
    }
  }

  private static func encoding(file: String?, _ write: (UnsafeMutablePointer<image_bytes>) -> image_status) throws
    -> [UInt8]
  {
    var bytes = image_bytes()
    defer { image_release_bytes(&bytes) }
    let status = write(&bytes)
    guard status == IMAGE_OK else {
      throw Failure(status == IMAGE_NO_MEMORY ? .io : .data, "cannot encode: \(Self.string(bytes.message))", file: file)
    }
    return Array(UnsafeBufferPointer(start: bytes.data, count: bytes.length))
  }

  private static func pixels(_ decoded: image_decoded) -> [UInt8] {
    Array(
      UnsafeBufferPointer(
        start: decoded.pixels, count: Int(decoded.width) * Int(decoded.height) * Int(decoded.channels)))
  }

  private static func text(_ decoded: image_decoded) -> [(String, String)] {
    let raw = UnsafeRawBufferPointer(start: decoded.text, count: decoded.text_length)
    let parts = raw.split(separator: 0, omittingEmptySubsequences: false).dropLast().map {
      String(decoding: $0, as: UTF8.self)
    }
    return stride(from: 0, to: parts.count - 1, by: 2).map { (parts[$0], parts[$0 + 1]) }
  }

  /// Pairs as the C side takes them: each part ends in a zero byte.
  private static func packed(_ text: [(String, String)], file: String?) throws -> [CChar] {
    var all: [CChar] = []
    for (key, value) in text {
      let scalars = key.unicodeScalars
      guard (1...79).contains(scalars.count), scalars.allSatisfy({ (32..<127).contains($0.value) }) else {
        throw Failure(.usage, "a PNG text key has 1 to 79 printable ASCII characters, found \"\(key)\"", file: file)
      }
      guard !value.utf8.contains(0) else {
        throw Failure(.usage, "a PNG text value cannot hold a zero byte", file: file, item: key)
      }
      all += key.utf8CString + value.utf8CString
    }
    return all + [0]
  }

  private static func description(_ decoded: image_decoded) -> String {
    let format = decoded.format == IMAGE_FORMAT_JPEG ? "JPEG" : "PNG"
    let kind =
      switch decoded.kind {
      case IMAGE_KIND_GREY: "grey"
      case IMAGE_KIND_GREY_ALPHA: "grey and alpha"
      case IMAGE_KIND_PALETTE: "palette"
      case IMAGE_KIND_RGB: "RGB"
      case IMAGE_KIND_RGB_ALPHA: "RGB and alpha"
      default: "CMYK"
      }
    return "\(kind) \(format) of \(decoded.bits) bits a channel"
  }

  private static func message(_ decoded: image_decoded) -> String { string(decoded.message) }

  private static func string<Tuple>(_ message: Tuple) -> String {
    withUnsafeBytes(of: message) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
  }
}
