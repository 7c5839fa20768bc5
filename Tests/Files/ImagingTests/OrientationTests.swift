import Foundation
import Foundations
import Imaging
import TestSupport
import Testing

@Suite struct OrientationTests {
  /// Where the pixel shown at (x, y) is stored, in an image stored with `width` and `height`: the standard's table in
  /// its own words.
  private static func stored(_ orientation: Int, _ x: Int, _ y: Int, _ width: Int, _ height: Int) -> (x: Int, y: Int) {
    let (right, bottom) = (width - 1, height - 1)
    switch orientation {
    case 2: return (right - x, y)
    case 3: return (right - x, bottom - y)
    case 4: return (x, bottom - y)
    case 5: return (y, x)
    case 6: return (y, bottom - x)
    case 7: return (right - y, bottom - x)
    case 8: return (right - y, x)
    default: return (x, y)
    }
  }

  private static let image = noiseImage(5, 3, seed: 9)

  @Test(arguments: 1...8, [false, true]) func everyOrientationIsAppliedOrIgnored(orientation: Int, isBig: Bool) throws {
    let exif = EXIFBytes.exif(orientation, isBig: isBig)
    let files = [
      EXIFBytes.png(try Self.image.pngBytes(), exif, atEnd: false),
      EXIFBytes.png(try Self.image.pngBytes(), exif, atEnd: true),
      EXIFBytes.jpeg(try Self.image.jpegBytes(quality: 95), exif),
    ]
    for (index, file) in files.enumerated() {
      let plain = try RGBImage(encoded: file)
      #expect(index == 2 || plain == Self.image)
      let shown = try RGBImage(encoded: file, orientation: .apply)
      let (width, height) = orientation >= 5 ? (3, 5) : (5, 3)
      #expect(shown.width == width && shown.height == height)
      for y in 0..<shown.height {
        for x in 0..<shown.width {
          let from = Self.stored(orientation, x, y, 5, 3)
          #expect(shown[x, y] == plain[from.x, from.y])
        }
      }
    }
  }

  @Test func headersAndFilesTellIt() throws {
    let folder = try TemporaryFolder()
    let exif = EXIFBytes.exif(6, isBig: true)
    for (name, bytes) in [
      ("a.png", EXIFBytes.png(try Self.image.pngBytes(), exif, atEnd: true)),
      ("a.jpg", EXIFBytes.jpeg(try Self.image.jpegBytes(quality: 95), exif)),
    ] {
      try AtomicFile.write(bytes, to: folder.file(name))
      let header = try ImageHeader(contentsOf: folder.file(name))
      #expect(header.orientation == .clockwise && header.width == 5)
      #expect(OrientationPolicy.apply.size(of: header) == (3, 5) && OrientationPolicy.ignore.size(of: header) == (5, 3))
      #expect(try Orientation.read(from: folder.file(name)) == .clockwise)
    }
    try Self.image.writePNG(to: folder.file("plain.png"))
    #expect(try Orientation.read(from: folder.file("plain.png")) == .upright)
    try AtomicFile.write("no image", to: folder.file("text.jpg"))
    #expect(try Orientation.read(from: folder.file("text.jpg")) == .upright)
  }

  /// Values that are no orientation, and every cut and every changed byte of the EXIF data: read as some orientation,
  /// never worse.
  @Test func damagedDataDoNoHarm() throws {
    for wrong in [0, 9, 255, 65_535] {
      #expect(
        try RGBImage(
          encoded: EXIFBytes.png(try Self.image.pngBytes(), EXIFBytes.exif(wrong, isBig: false), atEnd: false),
          orientation: .apply)
          == Self.image)
    }
    let exif = EXIFBytes.exif(6, isBig: false)
    for length in 0..<exif.count {
      #expect(throws: Never.self) {
        try RGBImage(
          encoded: EXIFBytes.png(try Self.image.pngBytes(), Array(exif[..<length]), atEnd: false), orientation: .apply)
      }
      for byte in [UInt8(0), 1, 127, 255] {
        var changed = exif
        changed[length] = byte
        let shown = try RGBImage(
          encoded: EXIFBytes.png(try Self.image.pngBytes(), changed, atEnd: false), orientation: .apply)
        #expect(shown.pixels.count == Self.image.pixels.count)
      }
    }
  }
}

@Suite struct UnreadableFiles {
  @Test func aPipeDoesNotHang() throws {
    let folder = try TemporaryFolder()
    let path = folder.file("a.png")
    #expect(mkfifo(path, 0o600) == 0)
    #expect(
      failure { _ = try RGBImage(contentsOf: path) } == "\(path): expected a plain file as image, found a named pipe")
    #expect(
      failure { _ = try SHA256.hexadecimal(ofFile: path) }
        == "\(path): expected a plain file, found a folder, pipe or device")
  }

  @Test(arguments: [
    ("RIFF\u{1}\u{1}\u{1}\u{1}WEBPVP8 ", "WebP"), ("BM......", "BMP"), ("II*\0....", "TIFF"), ("MM\0*....", "TIFF"),
    ("\0\0\0 ftypheic", "HEIC"),
    ("\0\0\0 ftypavif", "AVIF"),
  ])
  func otherFormatsAreNamedWithARemedy(start: String, kind: String) {
    let message = failure { _ = try RGBImage(encoded: Array(start.utf8), file: "x") }
    #expect(
      message
        == "x: expected a PNG or JPEG image, found a \(kind) image; convert it to PNG, such as with ImageMagick: "
        + "magick OLD NEW.png"
    )
  }
}
