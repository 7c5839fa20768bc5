import Foundation
import Foundations
import Imaging
import LabelMasks
import TestSupport
import Testing

/// Files of a few pixels, written out byte by byte: (1,2,3) (40,50,60) (250,240,230) in a 2-bit palette, and so on.
private enum Fixture {
  static let palette2 =
    "iVBORw0KGgoAAAANSUhEUgAAAAMAAAABAgMAAABmjvwnAAAACVBMVEUBAgMoMjz68OaIsJsxAAAACklEQVR42mOQAAAAGgAZgACO"
    + "uwAAAABJRU5ErkJggg=="
  static let grey4 = "iVBORw0KGgoAAAANSUhEUgAAAAMAAAABBAAAAAD7e6ZpAAAAC0lEQVR42mOQbwAAAMEAoBHQ+HcAAAAASUVORK5CYII="
  static let grey1 = "iVBORw0KGgoAAAANSUhEUgAAAAMAAAABAQAAAAAzmykZAAAACklEQVR42mNYAAAAogChcQXLQQAAAABJRU5ErkJggg=="
  static let grey16 = "iVBORw0KGgoAAAANSUhEUgAAAAIAAAABEAAAAACB2fwVAAAADUlEQVR42mMQ+r+aAQAEoAG9jCgO0AAAAABJRU5ErkJggg=="
  static let rgb16 = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABEAIAAADA54+dAAAAD0lEQVR42mMQ+r+agbEBAAicAj5lWqVQAAAAAElFTkSuQmCC"
  static let greyAlpha =
    "iVBORw0KGgoAAAANSUhEUgAAAAIAAAABCAQAAABeK7cBAAAADUlEQVR42mPg+n+CAQAEugHSfk9NuAAAAABJRU5ErkJggg=="
  static let rgbAlpha =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNgZGJmBwAAHAAOmPyBzQAAAABJRU5ErkJggg=="
  /// A header that promises 40,000 x 2 pixels, and one of 20,000 x 20,000.
  static let wide = "iVBORw0KGgoAAAANSUhEUgAAnEAAAAACCAIAAAC0li59AAAACElEQVR4nAMAAAAAAUgGidIAAAAASUVORK5CYII="
  static let many = "iVBORw0KGgoAAAANSUhEUgAATiAAAE4gCAIAAABsEtFuAAAACElEQVR4nAMAAAAAAUgGidIAAAAASUVORK5CYII="
  /// 8 x 8 of the ink (30, 100, 200, 40), stored inverted as Adobe does.
  static let cmyk =
    "/9j/7gAOQWRvYmUAZAAAAAAA/9sAQwACAQEBAQECAQEBAgICAgIEAwICAgIFBAQDBAYFBgYGBQYGBgcJCAYHCQcGBggLCAkKCgoK"
    + "CgYICwwLCgwJCgoK/8AAFAgACAAIBEMR"
    + "AE0RAFkRAEsRAP/EABUAAQEAAAAAAAAAAAAAAAAAAAkH/8QAFBABAAAAAAAAAAAAAAAAAAAAAP/aAA4EQwBNAFkASwAAPwBhFsG2Vx//2Q=="
  static let greyJPEG =
    "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAAIBAQEBAQIBAQECAgICAgQDAgICAgUEBAMEBgUGBgYFBgYGBwkIBgcJBwYGCAsICQoK"
    + "CgoKBggLDAsKDAkKCgr/wAALCAAIAAgB"
    + "AREA/8QAFAABAAAAAAAAAAAAAAAAAAAACP/EABQQAQAAAAAAAAAAAAAAAAAAAAD/2gAIAQEAAD8AGb//2Q=="
}

@Suite struct ReadingImages {
  @Test(arguments: [
    (Fixture.palette2, [1, 2, 3, 40, 50, 60, 250, 240, 230]),
    (Fixture.grey4, [17, 17, 17, 255, 255, 255, 136, 136, 136]),
    (Fixture.grey1, [255, 255, 255, 0, 0, 0, 255, 255, 255]), (Fixture.grey16, [0x12, 0x12, 0x12, 0xAB, 0xAB, 0xAB]),
    (Fixture.rgb16, [0x12, 0xAB, 0x01]), (Fixture.greyAlpha, [10, 10, 10, 200, 200, 200]),
    (Fixture.rgbAlpha, [1, 2, 3]),
  ])
  func everyKindOfPNGBecomesRGB(file: String, pixels: [Int]) throws {
    #expect(try RGBImage(encoded: bytes(file)).pixels == pixels.map { UInt8($0) })
  }

  @Test func everyKindOfJPEGBecomesRGB() throws {
    #expect(try RGBImage(encoded: bytes(Fixture.greyJPEG)) == RGBImage(width: 8, height: 8, colour: RGB(77, 77, 77)))
    #expect(try RGBImage(encoded: bytes(Fixture.cmyk)) == RGBImage(width: 8, height: 8, colour: RGB(190, 131, 46)))
  }

  @Test func pngRoundTripIsExact() throws {
    let image = noiseImage(37, 19)
    #expect(try RGBImage(encoded: image.pngBytes()) == image)
  }

  @Test(arguments: [75, 92]) func jpegRoundTripIsClose(quality: Int) throws {
    var image = RGBImage(width: 64, height: 48, colour: .black)
    for y in 0..<48 {
      for x in 0..<64 { image[x, y] = RGB(UInt8(2 * x), UInt8(3 * y), UInt8(x + y)) }
    }
    let again = try RGBImage(encoded: image.jpegBytes(quality: quality))
    #expect(again.width == 64 && again.height == 48)
    #expect(largestDifference(image, again) <= 16)
  }

  @Test func headerTellsWithoutDecoding() throws {
    let folder = try TemporaryFolder()
    try noiseImage(7, 5).writePNG(to: folder.file("a.png"), text: [("stage", "crf"), ("note", "Größe")])
    let header = try ImageHeader(contentsOf: folder.file("a.png"))
    #expect(header.width == 7 && header.height == 5 && header.kind == "RGB PNG of 8 bits a channel")
    #expect(header.text.map { "\($0.key)=\($0.value)" } == ["stage=crf", "note=Größe"])
  }
}

@Suite struct DamagedImages {
  @Test func truncatedJPEGIsAnErrorNotAGreyPicture() throws {
    let whole = try noiseImage(64, 64).jpegBytes()
    for share in [0.3, 0.6, 0.9, 0.99] {
      let cut = Array(whole.prefix(Int(Double(whole.count) * share)))
      let message = try #require(failure { _ = try RGBImage(encoded: cut, file: "a.jpg") })
      #expect(message.hasPrefix("a.jpg: damaged JPEG: "))
    }
    // Only the end marker is missing: libjpeg would supply it, yet the file is not whole.
    #expect(failure { _ = try RGBImage(encoded: Array(whole.dropLast(2))) } != nil)
  }

  @Test func truncatedPNGIsAnError() throws {
    let whole = try noiseImage(64, 64).pngBytes()
    for count in [8, 20, 40, whole.count / 2, whole.count - 20, whole.count - 5] {
      let message = try #require(failure { _ = try RGBImage(encoded: Array(whole.prefix(count)), file: "a.png") })
      // A cut inside another chunk than one of pixels is seen by the size that the chunk claims.
      let isSeenByItsSize = message.hasPrefix("a.png: damaged PNG: a chunk of 13 bytes in a file of ")
      #expect(isSeenByItsSize == (count == 20))
      #expect(isSeenByItsSize || message == "a.png: damaged PNG: the file is truncated")
    }
  }

  @Test func flippedBitsAreAnErrorOrAPictureAndNeverACrash() throws {
    var generator = SeededGenerator(seed: 3, "flips")
    for whole in [try noiseImage(24, 24).jpegBytes(), try noiseImage(24, 24).pngBytes(text: [("a", "b")])] {
      for _ in 0..<300 {
        var damaged = whole
        for _ in 0..<3 { damaged[generator.integer(0...whole.count - 1)] ^= UInt8(1 << generator.integer(0...7)) }
        let message = failure { _ = try RGBImage(encoded: damaged) }
        #expect(message?.hasPrefix("not a Failure") != true)
      }
    }
  }

  @Test func sizesBeyondTheLimitAreRefusedBeforeMemoryIsTaken() throws {
    let limits = "limits are 30000 a side and 256 million pixels"
    #expect(failure { _ = try RGBImage(encoded: bytes(Fixture.wide)) } == "the image is 40000 x 2, \(limits)")
    #expect(failure { _ = try RGBImage(encoded: bytes(Fixture.many)) } == "the image is 20000 x 20000, \(limits)")
    #expect(
      failure { _ = try LabelMask(width: 30001, height: 1).pngBytes(palette: nil) }
        == "cannot encode: the image is 30001 x 1, \(limits)")
  }

  @Test func otherFilesAreNamed() throws {
    let folder = try TemporaryFolder()
    let missing = folder.file("missing.jpg")
    #expect(failure { _ = try RGBImage(contentsOf: missing) } == "\(missing): there is no such image")
    #expect(
      failure { _ = try RGBImage(contentsOf: folder.path) }
        == "\(folder.path): expected a plain file as image, found a folder")
    let expected = "expected a PNG or JPEG image, found"
    #expect(
      failure { _ = try RGBImage(encoded: Array("GIF89a...".utf8), file: "a") }
        == "a: \(expected) a GIF image; convert it to PNG, such as with ImageMagick: magick OLD NEW.png")
    #expect(
      failure { _ = try RGBImage(encoded: Array("plain text".utf8), file: "a") }
        == "a: \(expected) neither PNG nor JPEG")
    #expect(failure { _ = try RGBImage(encoded: [], file: "a") } == "a: \(expected) the file is empty")
  }
}

@Suite struct Masks {
  @Test func valuesAreKeptAsStored() throws {
    #expect(try LabelMask(encoded: bytes(Fixture.palette2)).labels == [0, 1, 2])
    #expect(try LabelMask(encoded: bytes(Fixture.grey4)).labels == [1, 15, 8])
    #expect(try LabelMask(encoded: bytes(Fixture.grey1)).labels == [1, 0, 1])
  }

  @Test(arguments: [
    (Fixture.rgbAlpha, "RGB and alpha PNG of 8 bits a channel"), (Fixture.grey16, "grey PNG of 16 bits a channel"),
    (Fixture.greyAlpha, "grey and alpha PNG of 8 bits a channel"), (Fixture.greyJPEG, "grey JPEG of 8 bits a channel"),
  ])
  func otherKindsAreRefused(file: String, found: String) throws {
    let expected = "m.png: expected a mask as palette PNG or grey PNG of at most 8 bits, found "
    #expect(failure { _ = try LabelMask(encoded: bytes(file), file: "m.png") } == expected + found)
  }

  @Test func roundTripWithPaletteAndText() throws {
    let folder = try TemporaryFolder()
    let mask = LabelMask(width: 16, height: 16, labels: (0...255).map { UInt8($0) })
    try mask.write(
      to: folder.file("deep/m.png"), palette: .voc, text: [("stage", "crf"), ("seed", "7"), ("note", "œ")])
    let (again, palette, text) = try LabelMask.readAll(contentsOf: folder.file("deep/m.png"))
    #expect(again == mask)
    #expect(palette == .voc)
    #expect(text.map { "\($0.key)=\($0.value)" } == ["stage=crf", "seed=7", "note=œ"])
    try mask.write(to: folder.file("grey.png"), palette: nil)
    let grey = try LabelMask.readAll(contentsOf: folder.file("grey.png"))
    #expect(grey.mask == mask && grey.palette == nil && grey.text.isEmpty)
  }

  @Test func aShortPaletteIsFilledUp() throws {
    let short = Palette([.white, RGB(1, 2, 3)])
    let file = try LabelMask(width: 3, height: 1, labels: [0, 1, 5]).pngBytes(palette: short)
    #expect(try RGBImage(encoded: file).pixels == [255, 255, 255, 1, 2, 3, 0, 0, 0])
  }

  /// A mask of one value packs as well as deflate can.
  @Test func constantMasksOf12MegapixelsComeBack() throws {
    for label in [0, 255] as [UInt8] {
      let mask = LabelMask(width: 4000, height: 3000, label: label)
      #expect(try LabelMask(encoded: mask.pngBytes(palette: Palette.voc, text: [])) == mask)
    }
  }

  /// Pixels take memory only where the file is long enough to hold them.
  @Test func aShortFileThatClaimsManyPixelsIsRefused() throws {
    var bytes = try LabelMask(width: 4, height: 3).pngBytes(palette: nil, text: [])
    // The width and the height, 16000 each, and the checksum of the chunk that they are in.
    bytes.replaceSubrange(16..<24, with: [0, 0, 0x3E, 0x80, 0, 0, 0x3E, 0x80])
    let checksum = bytes[12..<29].reduce(~UInt32(0)) { crc, byte in
      (0..<8).reduce(crc ^ UInt32(byte)) { crc, _ in crc >> 1 ^ (crc & 1 == 1 ? 0xEDB8_8320 : 0) }
    }
    for index in 0..<4 { bytes[29 + index] = UInt8(truncatingIfNeeded: ~checksum >> UInt32(24 - 8 * index)) }
    let message = failure { _ = try LabelMask(encoded: bytes) }
    #expect(
      message?.contains("the file of \(bytes.count) bytes cannot hold 16000 x 16000 pixels") == true, "\(message ?? "")"
    )
  }

  /// The same of JPEG, whose blocks take a bit each at least: 625 bytes cannot hold 40 megapixels, and a photograph of
  /// the night of 12 megapixels is taken as before.
  @Test(arguments: [75, 92]) func aShortJPEGThatClaimsManyPixelsIsRefused(quality: Int) throws {
    let night = RGBImage(width: 4000, height: 3000, colour: .black)
    #expect(try RGBImage(encoded: night.jpegBytes(quality: quality)) == night)
    var bytes = try RGBImage(width: 8, height: 8, colour: .black).jpegBytes(quality: quality)
    let frame = try #require(bytes.indices.first { $0 + 8 < bytes.count && bytes[$0] == 0xFF && bytes[$0 + 1] == 0xC0 })
    // Height and width stand behind the marker, the length and the precision.
    bytes.replaceSubrange(frame + 5..<frame + 9, with: [0x13, 0x88, 0x1F, 0x40])
    let message = failure { _ = try RGBImage(encoded: bytes) }
    #expect(
      message?.contains("the file of \(bytes.count) bytes cannot hold 8000 x 5000 pixels") == true, "\(message ?? "")")
  }

  @Test func wrongTextIsRefused() throws {
    let mask = LabelMask(width: 1, height: 1)
    #expect(failure { _ = try mask.pngBytes(palette: nil, text: [("", "x")]) } != nil)
    #expect(failure { _ = try mask.pngBytes(palette: nil, text: [(String(repeating: "k", count: 80), "x")]) } != nil)
    #expect(failure { _ = try mask.pngBytes(palette: nil, text: [("k", "a\0b")]) } != nil)
  }

  @Test func sizeIsChecked() throws {
    let mask = LabelMask(width: 4, height: 3)
    #expect(failure { try mask.requireSize(width: 4, height: 3, of: "a.jpg") } == nil)
    #expect(
      failure { try mask.requireSize(width: 3, height: 5, of: "a.jpg", file: "m.png", item: "x") }
        == "m.png: x: the mask is 4 x 3, a.jpg is 3 x 5")
  }
}

@Suite struct FailingWrites {
  @Test func aFolderBelowAFileIsTold() throws {
    let folder = try TemporaryFolder()
    try AtomicFile.write("x", to: folder.file("plain"))
    let message = try #require(failure { try noiseImage(3, 3).writePNG(to: folder.file("plain/a.png")) })
    #expect(message.contains("cannot create the folder"))
  }
}
