import Foundations
import LabelMasks

/// What an image file's header says, read without decoding pixels.
public struct ImageHeader: Sendable {
  public let width: Int
  public let height: Int
  /// How the file says that it is to be shown; width and height are as stored.
  public let orientation: Orientation
  /// For messages: `RGB JPEG of 8 bits a channel`.
  public let kind: String
  /// Text chunks of a PNG that stand before its pixels, in file order; empty for a JPEG.
  public let text: [(key: String, value: String)]

  public init(contentsOf path: String) throws {
    let header = try Codec.header(try Codec.contents(of: path), file: path)
    (width, height, kind, orientation) = (header.width, header.height, header.description, header.orientation)
    text = header.text.map { (key: $0.0, value: $0.1) }
  }
}

/// Tells the process that many images are to be read one after another: the memory of one then serves the next. By
/// default it goes back to the system each time and is had again page by page.
public func keepImageMemory() { Codec.keepMemory() }

extension RGBImage {
  /// Reads a PNG or JPEG, told apart by its first bytes and not by its name.
  ///
  /// Grey is repeated over the channels, a palette applied, alpha dropped, 16 bits keep the high byte, CMYK is
  /// converted by the simple formula; colour profiles and gamma are ignored (as Pillow's `convert("RGB")`), the EXIF
  /// orientation as `policy` says. Throws a `Failure` for a missing, truncated, damaged or other file and for one over
  /// 30,000 pixels along a side or 256 million in all. A JPEG whose data end early is an error, not a half-grey
  /// picture.
  public init(contentsOf path: String, orientation policy: OrientationPolicy = .ignore) throws {
    try self.init(encoded: try Codec.contents(of: path), orientation: policy, file: path)
  }

  /// The same from bytes in memory. `file` only serves messages.
  public init(encoded bytes: [UInt8], orientation policy: OrientationPolicy = .ignore, file: String? = nil) throws {
    let (image, orientation) = try Codec.rgb(bytes, file: file)
    self = policy == .apply ? image.turned(orientation) : image
  }

  /// The image as PNG, lossless. Text pairs (keys: 1 to 79 printable ASCII characters) are stored before the pixels.
  public func pngBytes(text: [(String, String)] = [], compression: Int = 6, file: String? = nil) throws -> [UInt8] {
    try Codec.png(
      pixels, size: (width, height), channels: 3, palette: nil, text: text, compression: compression, file: file)
  }

  /// Writes a PNG atomically; creates the folder. Throws a `Failure` of kind `.io` on a full disk, and then leaves what
  /// was there.
  public func writePNG(to path: String, text: [(String, String)] = []) throws {
    try AtomicFile.write(try pngBytes(text: text, file: path), to: path)
  }

  /// The image as baseline JPEG of `quality` 1...100; colour is halved in both directions below 90.
  public func jpegBytes(quality: Int = 92, file: String? = nil) throws -> [UInt8] {
    try Codec.jpeg(self, quality: quality, file: file)
  }

  /// Writes a JPEG atomically; creates the folder.
  package func writeJPEG(to path: String, quality: Int = 92) throws {
    try AtomicFile.write(try jpegBytes(quality: quality, file: path), to: path)
  }
}

extension LabelMask {
  /// Reads the values of a palette PNG (indices) or a grey PNG of at most 8 bits, as stored: nothing is scaled or
  /// mapped. Throws a `Failure` for anything else, saying what was found: masks saved as RGB have lost their classes.
  public init(contentsOf path: String) throws { try self.init(encoded: try Codec.contents(of: path), file: path) }

  /// The same from bytes in memory. `file` only serves messages.
  public init(encoded bytes: [UInt8], file: String? = nil) throws { (self, _, _) = try Codec.labels(bytes, file: file) }

  /// A mask with the palette stored in it (nil for a grey PNG) and its text pairs.
  public static func readAll(contentsOf path: String) throws -> (
    mask: LabelMask, palette: Palette?, text: [(key: String, value: String)]
  ) {
    let (mask, palette, text) = try Codec.labels(try Codec.contents(of: path), file: path)
    return (mask, palette, text.map { (key: $0.0, value: $0.1) })
  }

  /// The mask as palette PNG, or as grey PNG where `palette` is nil.
  ///
  /// Viewers and some libraries refuse an index beyond the palette, so a short palette is filled with black up to the
  /// largest label.
  public func pngBytes(palette: Palette?, text: [(String, String)] = [], compression: Int = 6, file: String? = nil)
    throws -> [UInt8]
  {
    var complete = palette
    if let largest = labels.max(), let palette, palette.colours.count <= Int(largest) {
      complete = palette.setting(largest, to: .black)
    }
    return try Codec.png(
      labels, size: (width, height), channels: 1, palette: complete, text: text, compression: compression,
      file: file)
  }

  /// Writes the mask as palette PNG (grey where `palette` is nil), atomically; creates the folder.
  public func write(to path: String, palette: Palette?, text: [(String, String)] = []) throws {
    try AtomicFile.write(try pngBytes(palette: palette, text: text, file: path), to: path)
  }
}
