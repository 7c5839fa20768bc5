import LabelMasks

/// Moving pixels without changing them, for one and three bytes per pixel.
enum Geometry {
  static func flipped(_ source: [UInt8], width: Int, height: Int, channels: Int) -> [UInt8] {
    [UInt8](unsafeUninitializedCapacity: source.count) { out, count in
      source.withUnsafeBufferPointer { source in
        for y in 0..<height {
          let row = y * width * channels
          for x in 0..<width {
            let from = row + x * channels
            let to = row + (width - 1 - x) * channels
            for c in 0..<channels { out[to + c] = source[from + c] }
          }
        }
      }
      count = source.count
    }
  }

  /// The window of `width` x `height` whose top left corner is (x, y) of the source; outside the source it holds
  /// `padding`.
  static func cropped(
    _ source: [UInt8], size: (width: Int, height: Int), at corner: (x: Int, y: Int), width: Int, height: Int,
    padding: [UInt8]
  ) -> [UInt8] {
    let (x, y) = corner
    precondition(width > 0 && height > 0, "a crop of \(width) x \(height)")
    let channels = padding.count
    let left = min(max(-x, 0), width)
    let right = max(min(size.width - x, width), left)
    return [UInt8](unsafeUninitializedCapacity: width * height * channels) { out, count in
      func pad(_ range: Range<Int>) {
        for i in range { for c in 0..<channels { out[i * channels + c] = padding[c] } }
      }
      source.withUnsafeBufferPointer { source in
        for row in 0..<height {
          let from = y + row
          guard from >= 0, from < size.height else {
            pad(row * width..<(row + 1) * width)
            continue
          }
          pad(row * width..<row * width + left)
          let start = (from * size.width + x + left) * channels
          let target = (row * width + left) * channels
          for i in 0..<(right - left) * channels { out[target + i] = source[start + i] }
          pad(row * width + right..<(row + 1) * width)
        }
      }
      count = width * height * channels
    }
  }
}

extension RGBImage {
  /// Left and right exchanged.
  public func flippedHorizontally() -> RGBImage {
    RGBImage(width: width, height: height, pixels: Geometry.flipped(pixels, width: width, height: height, channels: 3))
  }

  /// The window of `width` x `height` whose top left corner is at (x, y), which may lie outside; what is outside the
  /// image has `padding`.
  public func cropped(x: Int, y: Int, width: Int, height: Int, padding: RGB = .black) -> RGBImage {
    let colour = [padding.red, padding.green, padding.blue]
    let window = Geometry.cropped(
      pixels, size: (self.width, self.height), at: (x, y), width: width, height: height, padding: colour)
    return RGBImage(width: width, height: height, pixels: window)
  }
}

extension LabelMask {
  /// Left and right exchanged.
  public func flippedHorizontally() -> LabelMask {
    LabelMask(width: width, height: height, labels: Geometry.flipped(labels, width: width, height: height, channels: 1))
  }

  /// The window of `width` x `height` whose top left corner is at (x, y), which may lie outside; what is outside the
  /// mask is `padding`.
  public func cropped(x: Int, y: Int, width: Int, height: Int, padding: UInt8 = LabelMask.void) -> LabelMask {
    let window = Geometry.cropped(
      labels, size: (self.width, self.height), at: (x, y), width: width, height: height, padding: [padding])
    return LabelMask(width: width, height: height, labels: window)
  }
}
