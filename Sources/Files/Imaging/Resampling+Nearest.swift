import LabelMasks

/// Nearest neighbour with OpenCV's coordinates: source index floor(i * source / target), not the centre of the cell.
enum Nearest {
  static func indices(from source: Int, to target: Int) -> [Int] {
    // The quotient is taken as OpenCV takes it: where i * source / target is a whole number, rounding may put it one
    // lower.
    let scale = 1 / (Double(target) / Double(source))
    return (0..<target).map { min(Int((Double($0) * scale).rounded(.down)), source - 1) }
  }

  static func resize<T>(_ source: [T], width: Int, height: Int, channels: Int, toWidth: Int, toHeight: Int) -> [T] {
    let columns = indices(from: width, to: toWidth)
    let rows = indices(from: height, to: toHeight)
    return [T](unsafeUninitializedCapacity: toWidth * toHeight * channels) { out, count in
      source.withUnsafeBufferPointer { source in
        var next = 0
        for row in rows {
          let start = row * width * channels
          for column in columns {
            for c in 0..<channels {
              out.initializeElement(at: next, to: source[start + column * channels + c])
              next += 1
            }
          }
        }
        count = next
      }
    }
  }
}

extension RGBImage {
  /// The image resampled to `width` x `height` by nearest neighbour, as OpenCV's INTER_NEAREST. Precondition: both
  /// sides are positive.
  public func resizedNearest(width: Int, height: Int) -> RGBImage {
    precondition(width > 0 && height > 0, "resizing to \(width) x \(height)")
    let pixels = Nearest.resize(
      self.pixels, width: self.width, height: self.height, channels: 3, toWidth: width, toHeight: height)
    return RGBImage(width: width, height: height, pixels: pixels)
  }
}

extension LabelMask {
  /// The mask resampled to `width` x `height` by nearest neighbour, as OpenCV's INTER_NEAREST. Precondition: both sides
  /// are positive.
  public func resizedNearest(width: Int, height: Int) -> LabelMask {
    precondition(width > 0 && height > 0, "resizing to \(width) x \(height)")
    let labels = Nearest.resize(
      self.labels, width: self.width, height: self.height, channels: 1, toWidth: width, toHeight: height)
    return LabelMask(width: width, height: height, labels: labels)
  }
}
