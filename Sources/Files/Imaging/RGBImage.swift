/// One colour, 8 bits a channel.
public struct RGB: Hashable, Sendable {
  public let red: UInt8
  public let green: UInt8
  public let blue: UInt8

  public init(_ red: UInt8, _ green: UInt8, _ blue: UInt8) {
    self.red = red
    self.green = green
    self.blue = blue
  }

  public static let black = RGB(0, 0, 0)
  public static let white = RGB(255, 255, 255)
}

/// An 8-bit RGB picture held in memory. A value: copies are independent.
///
/// `pixels` holds rows from the top, pixels from the left, R G B interleaved: channel c of (x, y) is `pixels[(y * width
/// + x) * 3 + c]`.
public struct RGBImage: Sendable, Equatable {
  public let width: Int
  public let height: Int
  public var pixels: [UInt8]

  /// Precondition: both sides are positive and `pixels` holds `width * height * 3` bytes.
  public init(width: Int, height: Int, pixels: [UInt8]) {
    precondition(width > 0 && height > 0, "an image of \(width) x \(height)")
    precondition(pixels.count == width * height * 3, "\(pixels.count) bytes for an RGB image of \(width) x \(height)")
    self.width = width
    self.height = height
    self.pixels = pixels
  }

  /// An image of one colour.
  public init(width: Int, height: Int, colour: RGB) {
    precondition(width > 0 && height > 0, "an image of \(width) x \(height)")
    let pixels = [UInt8](unsafeUninitializedCapacity: width * height * 3) { buffer, count in
      for i in 0..<width * height {
        buffer[3 * i] = colour.red
        buffer[3 * i + 1] = colour.green
        buffer[3 * i + 2] = colour.blue
      }
      count = width * height * 3
    }
    self.init(width: width, height: height, pixels: pixels)
  }

  /// The colour at column `x`, row `y`. For drawing and tests; loops over whole images work on `pixels`.
  public subscript(x: Int, y: Int) -> RGB {
    get {
      precondition(
        x >= 0 && x < width && y >= 0 && y < height, "pixel (\(x), \(y)) of an image of \(width) x \(height)")
      let i = (y * width + x) * 3
      return RGB(pixels[i], pixels[i + 1], pixels[i + 2])
    }
    set {
      precondition(
        x >= 0 && x < width && y >= 0 && y < height, "pixel (\(x), \(y)) of an image of \(width) x \(height)")
      let i = (y * width + x) * 3
      pixels[i] = newValue.red
      pixels[i + 1] = newValue.green
      pixels[i + 2] = newValue.blue
    }
  }
}
