// Bilinear resampling without antialiasing, with OpenCV's arithmetic: half-pixel centres, the edge repeated. 8-bit
// images use weights of 11 bits; shrinking to exactly half in both directions is the mean of 2 x 2 pixels.

/// Where one output coordinate falls between two source cells: `near` and `far` (equal at the edges) with weight
/// `fraction` on `far`.
struct LinearTaps {
  var near: [Int] = []
  var far: [Int] = []
  var fraction: [Float] = []
  /// Weights of near and far in units of 1/2048, each rounded to even.
  var nearWeight: [Int32] = []
  var farWeight: [Int32] = []

  /// - Parameter clamping: whether the fraction is set to 0 beyond the edges (columns); rows keep it and repeat the
  ///   edge row, which can differ in the last bit of fixed point.
  init(from source: Int, to target: Int, clamping: Bool) {
    let scale = 1 / (Double(target) / Double(source))
    for i in 0..<target {
      let position = Float((Double(i) + 0.5) * scale - 0.5)
      var cell = Int(position.rounded(.down))
      var fraction = position - Float(cell)
      if clamping, cell < 0 { (cell, fraction) = (0, 0) }
      if clamping, cell >= source - 1 { (cell, fraction) = (source - 1, 0) }
      near.append(min(max(cell, 0), source - 1))
      far.append(min(max(cell + 1, 0), source - 1))
      self.fraction.append(fraction)
      nearWeight.append(Int32(((1 - fraction) * 2048).rounded(.toNearestOrEven)))
      farWeight.append(Int32((fraction * 2048).rounded(.toNearestOrEven)))
    }
  }
}

enum Linear {
  static func resize(_ image: RGBImage, width: Int, height: Int) -> RGBImage {
    if width == image.width, height == image.height { return image }
    if width * 2 == image.width, height * 2 == image.height { return halved(image) }
    let columns = LinearTaps(from: image.width, to: width, clamping: true)
    let rows = LinearTaps(from: image.height, to: height, clamping: false)
    let bytes = width * 3
    let pixels = [UInt8](unsafeUninitializedCapacity: bytes * height) { out, count in
      image.pixels.withUnsafeBufferPointer { source in
        withUnsafeTemporaryAllocation(of: Int32.self, capacity: bytes * 2) { lines in
          var held = (-1, -1)
          for y in 0..<height {
            let wanted = (rows.near[y], rows.far[y])
            // Rows come in order, so the far row of one output row is often the near row of the next.
            let even = UnsafeMutableBufferPointer(rebasing: lines[0..<bytes])
            let odd = UnsafeMutableBufferPointer(rebasing: lines[bytes..<2 * bytes])
            for row in [wanted.0, wanted.1] {
              let line = row % 2 == 0 ? even : odd
              if row % 2 == 0 ? held.0 == row : held.1 == row { continue }
              stretch(source, row: row, width: image.width, taps: columns, into: line)
              if row % 2 == 0 { held.0 = row } else { held.1 = row }
            }
            blend(
              wanted.0 % 2 == 0 ? even : odd, rows.nearWeight[y], wanted.1 % 2 == 0 ? even : odd, rows.farWeight[y],
              into: UnsafeMutableBufferPointer(rebasing: out[y * bytes..<(y + 1) * bytes]))
          }
        }
      }
      count = bytes * height
    }
    return RGBImage(width: width, height: height, pixels: pixels)
  }

  /// One source row at the target width, in units of 1/2048 grey level.
  private static func stretch(
    _ source: UnsafeBufferPointer<UInt8>, row: Int, width: Int, taps: LinearTaps,
    into line: UnsafeMutableBufferPointer<Int32>
  ) {
    let start = row * width * 3
    for x in 0..<taps.near.count {
      let near = start + taps.near[x] * 3
      let far = start + taps.far[x] * 3
      let a = taps.nearWeight[x]
      let b = taps.farWeight[x]
      for c in 0..<3 { line[x * 3 + c] = Int32(source[near + c]) &* a &+ Int32(source[far + c]) &* b }
    }
  }

  /// Two stretched rows weighted. Four bits are dropped before the product and sixteen after it, each product by
  /// itself: that is how the reference keeps to 16-bit multiplications, and the rounding follows from it.
  private static func blend(
    _ near: UnsafeMutableBufferPointer<Int32>, _ a: Int32, _ far: UnsafeMutableBufferPointer<Int32>, _ b: Int32,
    into out: UnsafeMutableBufferPointer<UInt8>
  ) {
    for i in 0..<out.count {
      let sum = ((near[i] >> 4) &* a) >> 16 &+ ((far[i] >> 4) &* b) >> 16 &+ 2
      out[i] = UInt8(truncatingIfNeeded: min(max(sum >> 2, 0), 255))
    }
  }

  private static func halved(_ image: RGBImage) -> RGBImage {
    let width = image.width / 2
    let height = image.height / 2
    let pixels = [UInt8](unsafeUninitializedCapacity: width * height * 3) { out, count in
      image.pixels.withUnsafeBufferPointer { source in
        for y in 0..<height {
          let upper = 2 * y * image.width * 3
          let lower = upper + image.width * 3
          for x in 0..<width {
            for c in 0..<3 {
              let i = 6 * x + c
              let sum =
                UInt32(source[upper + i]) + UInt32(source[upper + i + 3]) + UInt32(source[lower + i])
                + UInt32(source[lower + i + 3])
              out[(y * width + x) * 3 + c] = UInt8(truncatingIfNeeded: (sum + 2) >> 2)
            }
          }
        }
      }
      count = width * height * 3
    }
    return RGBImage(width: width, height: height, pixels: pixels)
  }
}

/// Bilinear resampling of single precision maps, as OpenCV's INTER_LINEAR: half-pixel centres, the edge repeated, no
/// antialiasing.
public enum FloatResampling {
  /// `values` is (height, width, channels), C order; the result (toHeight, toWidth, channels).
  /// Precondition: positive sides and `values.count == height * width * channels`.
  public static func bilinear(
    interleaved values: [Float], height: Int, width: Int, channels: Int, toHeight: Int, toWidth: Int
  ) -> [Float] {
    check(values.count, height, width, channels, toHeight, toWidth)
    return [Float](unsafeUninitializedCapacity: toHeight * toWidth * channels) { out, count in
      values.withUnsafeBufferPointer { source in
        resize(
          source, height: height, width: width, channels: channels, into: out, toHeight: toHeight, toWidth: toWidth)
      }
      count = toHeight * toWidth * channels
    }
  }

  /// `values` is (count, height, width), C order; the result (count, toHeight, toWidth). The same numbers as
  /// `bilinear(interleaved:)`.
  public static func bilinear(
    planes values: [Float], count planes: Int, height: Int, width: Int, toHeight: Int, toWidth: Int
  ) -> [Float] {
    check(values.count, height, width, planes, toHeight, toWidth)
    return [Float](unsafeUninitializedCapacity: planes * toHeight * toWidth) { out, count in
      values.withUnsafeBufferPointer { source in
        bilinear(
          planes: source, count: planes, height: height, width: width, into: out, toHeight: toHeight, toWidth: toWidth)
      }
      count = planes * toHeight * toWidth
    }
  }

  /// The same between buffers that the caller owns, for code that writes into its own storage.
  package static func bilinear(
    planes source: UnsafeBufferPointer<Float>, count: Int, height: Int, width: Int,
    into out: UnsafeMutableBufferPointer<Float>, toHeight: Int,
    toWidth: Int
  ) {
    for plane in 0..<count {
      resize(
        UnsafeBufferPointer(rebasing: source[plane * height * width..<(plane + 1) * height * width]), height: height,
        width: width, channels: 1,
        into: UnsafeMutableBufferPointer(rebasing: out[plane * toHeight * toWidth..<(plane + 1) * toHeight * toWidth]),
        toHeight: toHeight,
        toWidth: toWidth)
    }
  }

  /// Nearest neighbour of (height, width, channels), as OpenCV's INTER_NEAREST.
  public static func nearest(
    interleaved values: [Float], height: Int, width: Int, channels: Int, toHeight: Int, toWidth: Int
  ) -> [Float] {
    check(values.count, height, width, channels, toHeight, toWidth)
    return Nearest.resize(
      values, width: width, height: height, channels: channels, toWidth: toWidth, toHeight: toHeight)
  }

  private static func check(_ found: Int, _ height: Int, _ width: Int, _ channels: Int, _ toHeight: Int, _ toWidth: Int)
  {
    precondition(found == height * width * channels, "\(found) values for (\(height), \(width)) x \(channels)")
    precondition(
      height > 0 && width > 0 && toHeight > 0 && toWidth > 0,
      "resizing (\(height), \(width)) to (\(toHeight), \(toWidth))")
  }

  private static func resize(
    _ source: UnsafeBufferPointer<Float>, height: Int, width: Int, channels: Int,
    into out: UnsafeMutableBufferPointer<Float>, toHeight: Int,
    toWidth: Int
  ) {
    let columns = LinearTaps(from: width, to: toWidth, clamping: true)
    let rows = LinearTaps(from: height, to: toHeight, clamping: false)
    let length = toWidth * channels
    withUnsafeTemporaryAllocation(of: Float.self, capacity: 2 * length) { lines in
      let even = UnsafeMutableBufferPointer(rebasing: lines[0..<length])
      let odd = UnsafeMutableBufferPointer(rebasing: lines[length..<2 * length])
      var held = (-1, -1)
      for y in 0..<toHeight {
        for row in [rows.near[y], rows.far[y]] where (row % 2 == 0 ? held.0 : held.1) != row {
          stretch(source, row: row, width: width, channels: channels, taps: columns, into: row % 2 == 0 ? even : odd)
          if row % 2 == 0 { held.0 = row } else { held.1 = row }
        }
        let near = rows.near[y] % 2 == 0 ? even : odd
        let far = rows.far[y] % 2 == 0 ? even : odd
        let b = rows.fraction[y]
        let a = 1 - b
        let start = y * length
        for i in 0..<length { out[start + i] = near[i] * a + far[i] * b }
      }
    }
  }

  private static func stretch(
    _ source: UnsafeBufferPointer<Float>, row: Int, width: Int, channels: Int, taps: LinearTaps,
    into line: UnsafeMutableBufferPointer<Float>
  ) {
    let start = row * width * channels
    for x in 0..<taps.near.count {
      let near = start + taps.near[x] * channels
      let far = start + taps.far[x] * channels
      let b = taps.fraction[x]
      let a = 1 - b
      for c in 0..<channels { line[x * channels + c] = source[near + c] * a + source[far + c] * b }
    }
  }
}

extension RGBImage {
  /// The image resampled to `width` x `height` by bilinear interpolation without antialiasing, as OpenCV's INTER_LINEAR
  /// on 8 bits. Precondition: both sides are positive.
  public func resizedBilinear(width: Int, height: Int) -> RGBImage {
    precondition(width > 0 && height > 0, "resizing to \(width) x \(height)")
    return Linear.resize(self, width: width, height: height)
  }
}
