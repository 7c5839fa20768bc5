import Foundations

/// How stored pixels are to be turned for a viewer: the tag Orientation of EXIF. Cameras store what the sensor saw and
/// say here how they were held.
public enum Orientation: Int, Sendable, CaseIterable {
  /// As stored.
  case upright = 1
  /// Left and right exchanged.
  case mirrored = 2
  /// By half a turn.
  case upsideDown = 3
  /// Top and bottom exchanged.
  case flipped = 4
  /// Mirrored in the diagonal through the top left corner.
  case transposed = 5
  /// A quarter turn clockwise: what a phone held upright stores.
  case clockwise = 6
  /// Mirrored in the diagonal through the top right corner.
  case transversed = 7
  /// A quarter turn against the clock.
  case counterclockwise = 8

  /// Whether width and height change places.
  public var exchangesSides: Bool { rawValue >= 5 }

  /// The orientation that a file gives; `upright` where it gives none or is no image. Little more is read than it
  /// takes to tell.
  ///
  /// Throws a `Failure` where there is no such file or it cannot be read.
  public static func read(from path: String) throws -> Orientation {
    // EXIF is the first segment of most photographs.
    if let orientation = Codec.orientation(try InputFile.bytes(of: path, what: "image", first: 16 << 10)) {
      return orientation
    }
    return Codec.orientation(try Codec.contents(of: path)) ?? .upright
  }
}

/// What becomes of the EXIF orientation of photographs.
public enum OrientationPolicy: String, Sendable, CaseIterable {
  /// Pixels are turned as every viewer and labelling tool shows them.
  case apply
  /// Pixels are taken as stored: PASCAL VOC's masks lie over those.
  case ignore

  /// Width and height of the image that a header announces.
  public func size(of header: ImageHeader) -> (width: Int, height: Int) {
    self == .apply && header.orientation.exchangesSides ? (header.height, header.width) : (header.width, header.height)
  }
}

extension RGBImage {
  /// The image as it is to be shown that was stored with `orientation`.
  public func turned(_ orientation: Orientation) -> RGBImage {
    if orientation == .upright { return self }
    let (right, bottom) = (width - 1, height - 1)
    // The stored pixel of the top left corner shown, and the steps in stored pixels to the right and down.
    let (start, across, down): (Int, Int, Int) =
      switch orientation {
      case .upright: (0, 1, width)
      case .mirrored: (right, -1, width)
      case .upsideDown: (bottom * width + right, -1, -width)
      case .flipped: (bottom * width, 1, -width)
      case .transposed: (0, width, 1)
      case .clockwise: (bottom * width, -width, 1)
      case .transversed: (bottom * width + right, -width, -1)
      case .counterclockwise: (right, width, -1)
      }
    let (columns, rows) = orientation.exchangesSides ? (height, width) : (width, height)
    let turned = [UInt8](unsafeUninitializedCapacity: pixels.count) { out, count in
      pixels.withUnsafeBufferPointer { stored in
        for y in 0..<rows {
          for x in 0..<columns {
            let from = (start + y * down + x * across) * 3
            let to = (y * columns + x) * 3
            for c in 0..<3 { out[to + c] = stored[from + c] }
          }
        }
      }
      count = pixels.count
    }
    return RGBImage(width: columns, height: rows, pixels: turned)
  }
}
